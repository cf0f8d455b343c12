//! The second leaf: linear layer and activation.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use fairbit_kernels::train;

use super::exact::{matrix, numbers};
use super::precision::{in_format_of, is_narrow};
use super::quantized::{self, Leaf, Product, after_floats};
use super::{Act, Flow, LeafQuant, PackedLinear, Stopwatch, Watch, record};

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
    /// Who takes its time.
    #[module(skip)]
    pub stopwatch: Option<Stopwatch>,
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
            stopwatch: None,
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
        let work = |input| match &self.packed {
            Some(packed) => after_floats(packed.run(input), self.act),
            None => quantized::forward(self, input),
        };
        match &self.stopwatch {
            Some(watch) => watch.around(input, work),
            None => work(input),
        }
    }
}

impl<const D: usize> Leaf<D> for LinearUnit {
    fn parts(&self) -> (Act, Option<&LeafQuant>, Option<&Watch>) {
        (self.act, self.quant.as_ref(), self.watch.as_ref())
    }

    fn compute(&self, x: Tensor<D>, act: Act) -> Tensor<D> {
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

    fn product(&self, input: [usize; D]) -> Option<Product<D>> {
        let weights = quantized::weights(&self.linear.weight)?;
        let [k, rows] = self.linear.weight.lazy_shape().dims();
        let mut output = input;
        output[D - 1] = rows;
        // Of the first dimension each has a range of its own.
        let count = input[1..D - 1].iter().product();
        Some(Product {
            shape: matrix([input[0], count], [k, rows]),
            output,
            weights,
            bias: self.linear.bias.as_ref().map(|bias| numbers(bias.val())),
        })
    }
}
