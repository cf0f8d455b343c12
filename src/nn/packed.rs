//! A leaf that computes with integers: packed weights, and what its sums become.
//!
//! ```text
//! codes of a quantizer ──▶ layer for that quantizer ──▶ codes of `output`, or floats
//! floats ────────────────▶ layer for `from_floats`  ──┘
//! ```
//!
//! Which quantizer the codes that come in belong to is known when they come: the leaf before decided it,
//! and a leaf does not know which one that is. The layer for it is built at the first call and kept.

use std::sync::{Arc, Mutex};

use burn::tensor::Tensor;
use fairbit_kernels::cpu::Input;
use fairbit_kernels::tensor::{
    Activations, Layout, QConv2d, QLinear, QTensor, qconv2d_channels_last, qlinear,
};
use fairbit_kernels::{ActQuant, ConvShape, Epilogue, KernelError, PackedWeights};

use super::Flow;

/// Red, green and blue.
const IMAGE_CHANNELS: usize = 3;

/// Everything of a packed layer but the quantizer of its input.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Weights, K-major.
    pub weights: PackedWeights,
    /// Bias, activation and what is stored.
    pub epilogue: Epilogue,
    /// What floats become before they are multiplied.
    pub from_floats: Input,
}

/// Layers of type `L` by the input that they were built for.
#[derive(Debug)]
struct Built<L>(Mutex<Vec<(Input, L)>>);

impl<L: Clone> Built<L> {
    /// With the layer for floats, which shows that the parts fit together.
    fn with(input: Input, layer: L) -> Self {
        Self(Mutex::new(vec![(input, layer)]))
    }

    fn get(&self, input: Input, build: impl FnOnce() -> Result<L, KernelError>) -> L {
        let mut layers = self.0.lock().expect("no panic while it is held");
        if let Some((_, layer)) = layers.iter().find(|(of, _)| *of == input) {
            return layer.clone();
        }
        let layer = build().expect("the same parts were built before");
        layers.push((input, layer.clone()));
        layer
    }
}

/// A packed convolution.
#[derive(Debug, Clone)]
pub struct PackedConv {
    parts: Arc<Parts>,
    shape: ConvShape,
    built: Arc<Built<QConv2d>>,
}

impl PackedConv {
    /// `shape` gives everything but batch and input size.
    ///
    /// # Errors
    /// As [`QConv2d::new`].
    pub fn new(parts: Parts, shape: ConvShape) -> Result<Self, KernelError> {
        let Parts {
            weights,
            epilogue,
            from_floats,
        } = parts.clone();
        let layer = QConv2d::new(weights, shape, from_floats, epilogue)?;
        Ok(Self {
            built: Arc::new(Built::with(from_floats, layer)),
            parts: Arc::new(parts),
            shape,
        })
    }

    /// Weights and epilogue.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) fn run(&self, x: Flow<4>) -> Flow<4> {
        let mut layout = Layout::ChannelsLast;
        let (x, input) = match x {
            Flow::Q8(x) => coded(x),
            x => {
                let mut x = x.into_float();
                // Either is right. Images are in memory with their channels first, all else with them last.
                if x.dims()[3] == IMAGE_CHANNELS {
                    (x, layout) = (x.permute([0, 3, 1, 2]), Layout::ChannelsFirst);
                }
                (x.into(), self.parts.from_floats)
            }
        };
        let layer = self.built.get(input, || {
            let parts = &self.parts;
            QConv2d::new(
                parts.weights.clone(),
                self.shape,
                input,
                parts.epilogue.clone(),
            )
        });
        match qconv2d_channels_last(x, layout, &layer) {
            Activations::Codes(y) => Flow::Q8(y),
            Activations::Floats(y) => Flow::F32(y),
        }
    }
}

/// A packed linear layer.
#[derive(Debug, Clone)]
pub struct PackedLinear {
    parts: Arc<Parts>,
    built: Arc<Built<QLinear>>,
}

impl PackedLinear {
    /// # Errors
    /// As [`QLinear::new`].
    pub fn new(parts: Parts) -> Result<Self, KernelError> {
        let Parts {
            weights,
            epilogue,
            from_floats,
        } = parts.clone();
        let layer = QLinear::new(weights, from_floats, epilogue)?;
        Ok(Self {
            built: Arc::new(Built::with(from_floats, layer)),
            parts: Arc::new(parts),
        })
    }

    /// Weights and epilogue.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) fn run<const D: usize>(&self, x: Flow<D>) -> Flow<D> {
        let (x, input) = match x {
            Flow::Q8(x) => coded(x),
            x => (x.into_float().into(), self.parts.from_floats),
        };
        let layer = self.built.get(input, || {
            let parts = &self.parts;
            QLinear::new(parts.weights.clone(), input, parts.epilogue.clone())
        });
        match qlinear(x, &layer) {
            Activations::Codes(y) => Flow::Q8(y),
            Activations::Floats(y) => Flow::F32(y),
        }
    }
}

fn coded<const D: usize>(x: QTensor<D>) -> (Activations<D>, Input) {
    let quant: ActQuant = x.quant();
    (x.into(), Input::Static(quant))
}

/// Floats as codes of `quant`, channels last.
pub(super) fn codes<const D: usize>(x: Tensor<D>, quant: ActQuant) -> QTensor<D> {
    fairbit_kernels::tensor::quantize_rows(x, quant)
}
