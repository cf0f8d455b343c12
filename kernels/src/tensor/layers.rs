//! Layers for burn tensors: the same as [`crate::cpu`]'s, arranged for a device when they first run there.

use super::ops;
use super::task::{Layout, Task};
use super::{Activations, QTensor};
use crate::arith::{ActQuant, Epilogue};
use crate::cpu::{self, Input, Isa};
use crate::error::Result;
use crate::packed::PackedWeights;
use crate::shape::ConvShape;
use burn::tensor::Device;
use std::sync::{Arc, OnceLock};

#[derive(Debug)]
struct Parts<L> {
    weights: PackedWeights,
    shape: ConvShape,
    input: Input,
    epilogue: Epilogue,
    cpu: OnceLock<L>,
    #[cfg(feature = "cube-burn")]
    uploads: super::cube::Uploads,
}

/// A packed convolution. Cloning shares it.
#[derive(Debug, Clone)]
pub struct QConv2d(Arc<Parts<cpu::QConv2d>>);

impl QConv2d {
    /// `shape` gives channels, kernel, stride, padding, dilation and groups; its batch and input size are
    /// those of each call instead.
    ///
    /// # Errors
    /// As [`cpu::QConv2d::new`].
    pub fn new(
        weights: PackedWeights,
        shape: ConvShape,
        input: Input,
        epilogue: Epilogue,
    ) -> Result<Self> {
        cpu::check(&weights, &shape, &epilogue)?;
        Ok(Self(Arc::new(Parts {
            weights,
            shape,
            input,
            epilogue,
            cpu: OnceLock::new(),
            #[cfg(feature = "cube-burn")]
            uploads: Default::default(),
        })))
    }

    /// The layer as the CPU runs it.
    pub fn on_cpu(&self) -> &cpu::QConv2d {
        self.0.cpu.get_or_init(|| {
            let parts = &*self.0;
            let isa = Isa::best();
            cpu::QConv2d::new(
                &parts.weights,
                parts.shape,
                parts.input,
                &parts.epilogue,
                isa,
            )
            .expect("checked when it was built")
        })
    }

    #[cfg(feature = "cube-burn")]
    pub(super) fn uploads(&self) -> &super::cube::Uploads {
        &self.0.uploads
    }

    /// Arranges the weights for `device` now instead of at the first call there.
    ///
    /// # Errors
    /// [`KernelError::Memory`](crate::KernelError::Memory) where the device is too small for them.
    pub fn prepare(&self, device: &Device) -> Result<()> {
        #[cfg(feature = "cube-burn")]
        if let Some(client) = super::cube::client_of(device) {
            return self.on_device(&client).map(drop);
        }
        let _ = device;
        self.on_cpu();
        Ok(())
    }

    /// Name of the kernel that runs on the CPU.
    pub fn kernel(&self) -> &'static str {
        self.on_cpu().kernel()
    }

    /// The weights.
    pub fn weights(&self) -> &PackedWeights {
        &self.0.weights
    }

    /// The sizes; batch and input as they were given.
    pub fn shape(&self) -> &ConvShape {
        &self.0.shape
    }

    /// How the input becomes codes.
    pub fn input(&self) -> Input {
        self.0.input
    }

    /// What happens to the sums.
    pub fn epilogue(&self) -> &Epilogue {
        &self.0.epilogue
    }
}

/// A packed linear layer. Cloning shares it.
#[derive(Debug, Clone)]
pub struct QLinear(Arc<Parts<cpu::QLinear>>);

impl QLinear {
    /// A layer from `weights.k()` features to `weights.rows()`.
    ///
    /// # Errors
    /// As [`cpu::QLinear::new`].
    pub fn new(weights: PackedWeights, input: Input, epilogue: Epilogue) -> Result<Self> {
        let shape = cpu::linear_shape(&weights);
        cpu::check(&weights, &shape, &epilogue)?;
        Ok(Self(Arc::new(Parts {
            weights,
            shape,
            input,
            epilogue,
            cpu: OnceLock::new(),
            #[cfg(feature = "cube-burn")]
            uploads: Default::default(),
        })))
    }

    /// The layer as the CPU runs it.
    pub fn on_cpu(&self) -> &cpu::QLinear {
        self.0.cpu.get_or_init(|| {
            let parts = &*self.0;
            cpu::QLinear::new(&parts.weights, parts.input, &parts.epilogue, Isa::best())
                .expect("checked when it was built")
        })
    }

    #[cfg(feature = "cube-burn")]
    pub(super) fn uploads(&self) -> &super::cube::Uploads {
        &self.0.uploads
    }

    /// Arranges the weights for `device` now instead of at the first call there.
    ///
    /// # Errors
    /// [`KernelError::Memory`](crate::KernelError::Memory) where the device is too small for them.
    pub fn prepare(&self, device: &Device) -> Result<()> {
        #[cfg(feature = "cube-burn")]
        if let Some(client) = super::cube::client_of(device) {
            return self.on_device(&client).map(drop);
        }
        let _ = device;
        self.on_cpu();
        Ok(())
    }

    /// Name of the kernel that runs on the CPU.
    pub fn kernel(&self) -> &'static str {
        self.on_cpu().kernel()
    }

    /// The weights.
    pub fn weights(&self) -> &PackedWeights {
        &self.0.weights
    }

    /// How the input becomes codes.
    pub fn input(&self) -> Input {
        self.0.input
    }

    /// What happens to the sums.
    pub fn epilogue(&self) -> &Epilogue {
        &self.0.epilogue
    }
}

/// Convolves floats `[B, C, H, W]` or codes; the layer's output says which come out.
///
/// # Panics
/// If the channels are not the layer's, the kernel does not fit the image, or codes are given that the
/// layer's [`Input`] does not describe.
pub fn qconv2d(x: impl Into<Activations<4>>, layer: &QConv2d) -> Activations<4> {
    convolve(x.into(), layer, [Layout::ChannelsFirst; 2])
}

/// As [`qconv2d`], but floats that come out are `[B, H, W, C]`, and those that are given lie as `given` says.
///
/// # Panics
/// As [`qconv2d`].
pub fn qconv2d_channels_last(
    x: impl Into<Activations<4>>,
    given: Layout,
    layer: &QConv2d,
) -> Activations<4> {
    convolve(x.into(), layer, [given, Layout::ChannelsLast])
}

fn convolve(x: Activations<4>, layer: &QConv2d, layouts: [Layout; 2]) -> Activations<4> {
    let channels = layer.0.shape.c_out;
    run(
        x,
        layer.0.input,
        channels,
        &layer.0.epilogue,
        Task::Conv(layer.clone(), layouts),
    )
}

/// The product with rows of floats `[.., K]` or of codes; the layer's output says which come out. Each row
/// of the first dimension has a range of its own in a dynamic layer, which the tokens of an image
/// `[B, T, K]` share.
///
/// # Panics
/// If the features are not the layer's, or codes are given that the layer's [`Input`] does not describe.
pub fn qlinear<const D: usize>(x: impl Into<Activations<D>>, layer: &QLinear) -> Activations<D> {
    let features = layer.0.weights.rows();
    run(
        x.into(),
        layer.0.input,
        features,
        &layer.0.epilogue,
        Task::Linear(layer.clone()),
    )
}

fn run<const D: usize>(
    x: Activations<D>,
    input: Input,
    channels: usize,
    epilogue: &Epilogue,
    task: Task,
) -> Activations<D> {
    let after = epilogue.output.quant();
    let coded = |words, quant: ActQuant| QTensor::new(words, channels, quant).into();
    match (x, after) {
        (Activations::Floats(x), None) => ops::float_to_float(x, task).into(),
        (Activations::Floats(x), Some(quant)) => coded(ops::float_to_codes(x, task), quant),
        (Activations::Codes(x), after) => {
            let given = Input::Static(x.quant());
            assert_eq!(
                given, input,
                "codes for a layer whose input is something else"
            );
            match after {
                None => ops::codes_to_float(x.into_words(), task).into(),
                Some(quant) => coded(ops::codes_to_codes(x.into_words(), task), quant),
            }
        }
    }
}
