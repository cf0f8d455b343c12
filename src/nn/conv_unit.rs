//! The first leaf: convolution, optional batch normalization, activation.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use fairbit_kernels::{ConvShape, train};
use serde::{Deserialize, Serialize};

use super::exact::numbers;
use super::norm::batch_norm;
use super::precision::{in_format_of, is_narrow};
use super::quantized::{self, Leaf, Product, after_floats};
use super::{Act, Flow, LeafQuant, PackedConv, Stopwatch, Watch, record};

/// What shifts a convolution's output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shift {
    /// Batch normalization (ε 1e-5, momentum 0.1); the convolution has no bias of its own.
    BatchNorm,
    /// The convolution's own bias, no normalization.
    Bias,
}

/// Configuration of a [`ConvUnit`] with a square kernel.
#[derive(Config, Debug)]
pub struct ConvUnitConfig {
    /// Input and output channels.
    pub channels: [usize; 2],
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    #[config(default = 1)]
    pub stride: usize,
    /// Zeros added on each side.
    #[config(default = 0)]
    pub padding: usize,
    /// Channel groups; equal to the channels in a depthwise convolution.
    #[config(default = 1)]
    pub groups: usize,
    /// Batch normalization or bias.
    #[config(default = "Shift::BatchNorm")]
    pub shift: Shift,
    /// Activation at the end.
    #[config(default = "Act::Identity")]
    pub act: Act,
}

/// Convolution → batch normalization (if any) → activation.
#[derive(Module, Debug)]
pub struct ConvUnit {
    /// The stock burn layer, weight `[out, in / groups, k, k]`.
    pub conv: Conv2d,
    /// Batch normalization over the output channels; `None` where the convolution has a bias.
    pub norm: Option<BatchNorm>,
    /// Activation at the end.
    #[module(skip)]
    pub act: Act,
    /// The grids of its activations, where quantization is simulated.
    pub quant: Option<LeafQuant>,
    /// What computes instead, with integers.
    #[module(skip)]
    pub packed: Option<PackedConv>,
    /// Who looks at what passes.
    #[module(skip)]
    pub watch: Option<Watch>,
    /// Who takes its time.
    #[module(skip)]
    pub stopwatch: Option<Stopwatch>,
}

impl ConvUnitConfig {
    /// Creates the leaf with burn's default initialization, drawn only when first read.
    ///
    /// # Panics
    /// If the channels are not divisible by the groups.
    pub fn init(&self, device: &Device) -> ConvUnit {
        let conv = Conv2dConfig::new(self.channels, [self.kernel; 2])
            .with_stride([self.stride; 2])
            .with_padding(PaddingConfig2d::Explicit(
                self.padding,
                self.padding,
                self.padding,
                self.padding,
            ))
            .with_groups(self.groups)
            .with_bias(self.shift == Shift::Bias)
            .init(device);
        let norm = match self.shift {
            Shift::BatchNorm => Some(BatchNormConfig::new(self.channels[1]).init(device)),
            Shift::Bias => None,
        };
        ConvUnit {
            conv,
            norm,
            act: self.act,
            quant: None,
            packed: None,
            watch: None,
            stopwatch: None,
        }
    }
}

impl ConvUnit {
    /// # Shapes
    /// - input `[B, H, W, C_in]`
    /// - output `[B, H', W', C_out]` with `H' = ⌊(H + 2·padding − kernel) / stride⌋ + 1`
    pub fn forward(&self, input: Flow<4>) -> Flow<4> {
        if let Flow::Symbol(x) = &input {
            return Flow::Symbol(record::conv(self, x));
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

    /// Its sizes for `[batch, height, width]`.
    pub fn shape(&self, [batch, height, width]: [usize; 3]) -> ConvShape {
        let conv = &self.conv;
        let [c_out, c_in_group, kh, kw] = conv.weight.lazy_shape().dims();
        ConvShape {
            batch,
            c_in: c_in_group * conv.groups,
            c_out,
            input: [height, width],
            kernel: [kh, kw],
            stride: conv.stride,
            padding: self.padding(),
            dilation: conv.dilation,
            groups: conv.groups,
        }
    }

    fn padding(&self) -> [usize; 2] {
        let PaddingConfig2d::Explicit(top, left, _, _) = self.conv.padding else {
            unreachable!("padding is always explicit here")
        };
        [top, left]
    }

    /// By our own kernels, with bias or normalization and the activation in one pass.
    fn on_host(&self, x: Tensor<4>, act: Act) -> Tensor<4> {
        let conv = &self.conv;
        let x = train::conv2d(
            x,
            conv.weight.val(),
            conv.stride,
            self.padding(),
            conv.dilation,
            conv.groups,
        );
        match (&self.norm, &conv.bias) {
            (Some(norm), _) => batch_norm(norm, x, act),
            (None, Some(bias)) => train::bias(x, bias.val(), act.curve()),
            (None, None) => act.apply(x),
        }
    }
}

impl Leaf<4> for ConvUnit {
    fn parts(&self) -> (Act, Option<&LeafQuant>, Option<&Watch>) {
        (self.act, self.quant.as_ref(), self.watch.as_ref())
    }

    fn compute(&self, x: Tensor<4>, act: Act) -> Tensor<4> {
        if train::runs_on(&x) && !is_narrow(&self.conv.weight) {
            return self.on_host(x, act);
        }
        let x = in_format_of(&self.conv.weight, x, |x| {
            let y = self.conv.forward(x.permute([0, 3, 1, 2])); // [B, C_out, H', W']
            y.permute([0, 2, 3, 1])
        });
        match &self.norm {
            Some(norm) => batch_norm(norm, x, act),
            None => act.apply(x),
        }
    }

    fn product(&self, [batch, height, width, _]: [usize; 4]) -> Option<Product<4>> {
        let weights = match self.norm {
            Some(_) => return None,
            None => quantized::weights(&self.conv.weight)?,
        };
        let shape = self.shape([batch, height, width]);
        let [h, w] = shape.output();
        Some(Product {
            output: [batch, h, w, shape.c_out],
            shape,
            weights,
            bias: self.conv.bias.as_ref().map(|bias| numbers(bias.val())),
        })
    }
}
