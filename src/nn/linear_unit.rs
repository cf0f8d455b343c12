//! The second leaf: linear layer and activation.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use fairbit_kernels::train;

use super::precision::{in_format_of, is_narrow};
use super::{Act, Flow};

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
}

impl LinearUnitConfig {
    /// Creates the leaf with burn's default initialization, drawn only when first read.
    pub fn init(&self, device: &Device) -> LinearUnit {
        LinearUnit {
            linear: LinearConfig::new(self.d_input, self.d_output).init(device),
            act: self.act,
        }
    }
}

impl LinearUnit {
    /// # Shapes
    /// - input `[..., d_input]`
    /// - output `[..., d_output]`
    pub fn forward<const D: usize>(&self, input: Flow<D>) -> Flow<D> {
        let x = input.into_float();
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
