//! The second leaf: linear layer and activation.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use fairbit_kernels::train;

use super::precision::{in_format_of, is_narrow};
use super::{Act, Flow, PackedLinear, Watch, record};

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
        let x = input.into_float();
        if let Some(watch) = &self.watch {
            let plain = Self {
                act: Act::Identity,
                watch: None,
                ..self.clone()
            };
            return watch.around(x, self.act, |x| plain.forward(x));
        }
        if train::runs_on(&x) && !is_narrow(&self.linear.weight) {
            let y = train::linear(x, self.linear.weight.val());
            return Flow::F32(match &self.linear.bias {
                Some(bias) => train::bias(y, bias.val(), self.act.curve()),
                None => self.act.apply(y),
            });
        }
        let x = in_format_of(&self.linear.weight, x, |x| self.linear.forward(x));
        Flow::F32(self.act.apply(x))
    }
}
