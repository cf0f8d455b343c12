//! The second leaf: linear layer and activation.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use fairbit_kernels::train;

use super::precision::{in_format_of, is_narrow};
use super::{Act, Flow, LeafQuant, PackedLinear, Site, Watch, record};

/// Configuration of a [`LinearUnit`]; it always has a bias.
#[derive(Config, Debug)]
pub struct LinearUnitConfig {
    /// Input features.
    pub d_input: usize,
    /// Output features.
    pub d_output: usize,
    /// Activation at the end.
    #[config(default = "Act::Identity")]
    pub act: Act,
}

/// Linear layer → activation.
#[derive(Module, Debug)]
pub struct LinearUnit {
    /// The stock burn layer, weight `[in, out]` (PyTorch stores the transpose).
    pub linear: Linear,
    /// Activation at the end.
    #[module(skip)]
    pub act: Act,
    /// The grids of its activations, where quantization is simulated.
    pub quant: Option<LeafQuant>,
    /// What computes instead, with integers.
    #[module(skip)]
    pub packed: Option<PackedLinear>,
    /// Who looks at what passes.
    #[module(skip)]
    pub watch: Option<Watch>,
}

impl LinearUnitConfig {
    /// Creates the leaf with burn's default initialization, drawn only when first read.
    pub fn init(&self, device: &Device) -> LinearUnit {
        LinearUnit {
            linear: LinearConfig::new(self.d_input, self.d_output).init(device),
            act: self.act,
            quant: None,
            packed: None,
            watch: None,
        }
    }
}

impl LinearUnit {
    /// # Shapes
    /// - input `[..., d_input]`
    /// - output `[..., d_output]`
    pub fn forward<const D: usize>(&self, input: Flow<D>) -> Flow<D> {
        if let Flow::Symbol(x) = &input {
            return Flow::Symbol(record::linear(self, x));
        }
        if let Some(packed) = &self.packed {
            return packed.run(input);
        }
        if let Some(quant) = &self.quant {
            let x = quant.enter(input);
            if let Some(watch) = &self.watch {
                watch.see(Site::Input, &x);
            }
            return quant.leave(self.compute(x, Act::Identity), self.act);
        }
        let x = input.into_float();
        Flow::F32(match &self.watch {
            Some(watch) => watch.around(x, self.act, |x| self.compute(x, Act::Identity)),
            None => self.compute(x, self.act),
        })
    }

    /// Product, bias, then `act`, in floats.
    fn compute<const D: usize>(&self, x: Tensor<D>, act: Act) -> Tensor<D> {
        if train::runs_on(&x) && !is_narrow(&self.linear.weight) {
            let y = train::linear(x, self.linear.weight.val());
            return match &self.linear.bias {
                Some(bias) => train::bias(y, bias.val(), act.curve()),
                None => act.apply(y),
            };
        }
        let x = in_format_of(&self.linear.weight, x, |x| self.linear.forward(x));
        act.apply(x)
    }
}
