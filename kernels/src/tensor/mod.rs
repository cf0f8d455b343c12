//! The layers on burn tensors, on whatever device was chosen when the program runs.
//!
//! ```text
//! Tensor<4> [B, C, H, W]  ── quantize_images ──▶  QTensor<4>  words [B, H, W, ⌈C/4⌉] of DType::U32
//!        │                                           │   ▲
//!        │ qconv2d (static, dynamic, weight-only)    │   │ qconv2d, q_add, q_scale, q_concat, q_max_pool2d
//!        ▼                                           ▼   │
//! Activations<4>: floats [B, C, H, W] (or [B, H, W, C]: `_channels_last`), or codes again ───┘── dequantize_images ──▶ Tensor<4>
//!
//! Tensor<D> [.., K]  ── quantize_rows ──▶  QTensor<D>  words [.., ⌈K/4⌉]  ── qlinear ──▶ Activations<D>
//! ```
//!
//! All of it is inference: nothing here records a gradient, and an autodiff tensor comes out detached. A
//! network that trains with fake quantization uses its float layers.
//!
//! A layer's weights are arranged for a device when it first runs there. Tensors of burn-flex are read in
//! place where they are contiguous; those of burn-ndarray travel through `TensorData`.

#[cfg(feature = "cube-burn")]
mod cube;
mod joints;
mod layers;
mod ops;
mod task;

pub use joints::{q_add, q_concat, q_global_mean, q_lookup, q_max_pool2d, q_scale};
pub use layers::{QConv2d, QLinear, qconv2d, qconv2d_channels_last, qlinear};
pub use ops::QuantizedOps;
pub use task::{Given, Layout, Task};

use crate::arith::ActQuant;
use burn::tensor::{Int, Tensor};

/// Codes of activations on a device, channels last, with what they mean.
#[derive(Debug, Clone)]
pub struct QTensor<const D: usize> {
    words: Tensor<D, Int>,
    channels: usize,
    quant: ActQuant,
}

impl<const D: usize> QTensor<D> {
    /// Takes `words`, `[.., ⌈channels/4⌉]` of `DType::U32`.
    ///
    /// # Panics
    /// If the last dimension does not belong to `channels`.
    pub fn new(words: Tensor<D, Int>, channels: usize, quant: ActQuant) -> Self {
        let last = words.dims()[D - 1];
        assert_eq!(last, channels.div_ceil(4), "words of {channels} channels");
        Self {
            words,
            channels,
            quant,
        }
    }

    /// Four codes each, the first channel in the lowest byte.
    pub fn words(&self) -> &Tensor<D, Int> {
        &self.words
    }

    /// The words alone.
    pub fn into_words(self) -> Tensor<D, Int> {
        self.words
    }

    /// Channels, without the padding.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// What the codes mean.
    pub fn quant(&self) -> ActQuant {
        self.quant
    }

    /// Sizes with the channels last, `[.., channels]`.
    pub fn dims(&self) -> [usize; D] {
        let mut dims = self.words.dims();
        dims[D - 1] = self.channels;
        dims
    }
}

/// What flows between layers: floats as burn has them, or codes.
#[derive(Debug, Clone)]
pub enum Activations<const D: usize> {
    /// `[B, C, H, W]`, or `[.., K]`.
    Floats(Tensor<D>),
    /// Channels last.
    Codes(QTensor<D>),
}

impl<const D: usize> Activations<D> {
    /// The floats.
    ///
    /// # Panics
    /// If these are codes.
    pub fn floats(self) -> Tensor<D> {
        match self {
            Self::Floats(x) => x,
            Self::Codes(_) => panic!("codes where floats were expected"),
        }
    }

    /// The codes.
    ///
    /// # Panics
    /// If these are floats.
    pub fn codes(self) -> QTensor<D> {
        match self {
            Self::Codes(x) => x,
            Self::Floats(_) => panic!("floats where codes were expected"),
        }
    }
}

impl<const D: usize> From<Tensor<D>> for Activations<D> {
    fn from(x: Tensor<D>) -> Self {
        Self::Floats(x)
    }
}

impl<const D: usize> From<QTensor<D>> for Activations<D> {
    fn from(x: QTensor<D>) -> Self {
        Self::Codes(x)
    }
}

/// Codes of images `[B, C, H, W]`.
pub fn quantize_images(x: Tensor<4>, quant: ActQuant) -> QTensor<4> {
    let channels = x.dims()[1];
    QTensor::new(
        ops::float_to_codes(x, Task::QuantizeImages(quant)),
        channels,
        quant,
    )
}

/// Codes of rows `[.., K]`.
pub fn quantize_rows<const D: usize>(x: Tensor<D>, quant: ActQuant) -> QTensor<D> {
    let channels = x.dims()[D - 1];
    QTensor::new(
        ops::float_to_codes(x, Task::QuantizeRows(quant)),
        channels,
        quant,
    )
}

/// Images `[B, C, H, W]` of codes.
pub fn dequantize_images(x: QTensor<4>) -> Tensor<4> {
    let task = Task::DequantizeImages(x.channels, x.quant);
    ops::codes_to_float(x.words, task)
}

/// Rows `[.., K]` of codes.
pub fn dequantize_rows<const D: usize>(x: QTensor<D>) -> Tensor<D> {
    let task = Task::DequantizeRows(x.channels, x.quant);
    ops::codes_to_float(x.words, task)
}
