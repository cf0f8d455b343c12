//! Any of the five models behind one type.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::registry::{Architecture, ModelConfig};
use super::slots::{Role, for_each_slot};
use super::trace;
use super::{EfficientNetB0, MobileNetV2, ResNet50, SqueezeNet11, VitSmall};
use crate::error::Result;
use crate::nn::graph::Graph;
use crate::nn::{Flow, Recorder, UnitMut, Visit};

/// A classifier.
#[derive(Module, Debug)]
pub enum Model {
    /// ResNet-50.
    ResNet50(ResNet50),
    /// MobileNetV2.
    MobileNetV2(MobileNetV2),
    /// EfficientNet-B0.
    EfficientNetB0(EfficientNetB0),
    /// ViT-Small/16.
    VitSmall(VitSmall),
    /// SqueezeNet 1.1.
    SqueezeNet11(SqueezeNet11),
}

/// Kind of a layer that quantization concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// Convolution of several input channels.
    Conv,
    /// Convolution with one input channel per group.
    Depthwise,
    /// Linear layer.
    Linear,
}

impl LayerKind {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Depthwise => "depthwise",
            Self::Linear => "linear",
        }
    }
}

/// One row of a model's layer listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Path, which is also the prefix of its tensors in a state dict.
    pub name: String,
    /// Kind.
    pub kind: LayerKind,
    /// Weights and biases; normalization not counted.
    pub params: usize,
    /// Position in forward order, from 0.
    pub depth: usize,
}

impl Model {
    /// Builds the model; weights are burn's defaults until [`create`](super::create) draws them.
    ///
    /// # Panics
    /// If the configuration does not pass [`ModelConfig::check`].
    pub(super) fn new(config: &ModelConfig, device: &Device) -> Self {
        match config.name {
            Architecture::ResNet50 => Self::ResNet50(ResNet50::new(config, device)),
            Architecture::MobileNetV2 => Self::MobileNetV2(MobileNetV2::new(config, device)),
            Architecture::EfficientNetB0 => {
                Self::EfficientNetB0(EfficientNetB0::new(config, device))
            }
            Architecture::VitSmallPatch16 => Self::VitSmall(VitSmall::new(config, device)),
            Architecture::SqueezeNet11 => Self::SqueezeNet11(SqueezeNet11::new(config, device)),
        }
    }

    /// Which of the five it is.
    pub fn architecture(&self) -> Architecture {
        match self {
            Self::ResNet50(_) => Architecture::ResNet50,
            Self::MobileNetV2(_) => Architecture::MobileNetV2,
            Self::EfficientNetB0(_) => Architecture::EfficientNetB0,
            Self::VitSmall(_) => Architecture::VitSmallPatch16,
            Self::SqueezeNet11(_) => Architecture::SqueezeNet11,
        }
    }

    /// Images `[B, 3, px, px]`, normalized by ImageNet's mean and deviation → logits `[B, classes]`.
    ///
    /// Dropout and batch statistics are used when the images are on an autodiff device.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.flow(Flow::from_images(images)).into_float()
    }

    /// From images to logits, whatever stands for them.
    fn flow(&self, images: Flow<4>) -> Flow<2> {
        match self {
            Self::ResNet50(m) => m.forward(images),
            Self::MobileNetV2(m) => m.forward(images),
            Self::EfficientNetB0(m) => m.forward(images),
            Self::VitSmall(m) => m.forward(images),
            Self::SqueezeNet11(m) => m.forward(images),
        }
    }

    /// The model as a graph from `images` `[B, 3, px, px]` to `logits` `[B, classes]`, recorded by running it.
    ///
    /// # Errors
    /// Model error naming the layer that is not in plain floats or whose batch normalization is not folded
    /// ([`fold`](crate::compress::fold::fold)).
    ///
    /// # Panics
    /// If a vision transformer is asked for another px than its own.
    pub fn trace(&self, px: usize) -> Result<Graph> {
        let paths = trace::paths(self)?;
        let (recorder, images) = Recorder::start("images", px, paths);
        match self.flow(Flow::Symbol(images)) {
            Flow::Symbol(logits) => Ok(recorder.finish(&logits, "logits")),
            _ => unreachable!("symbols in, symbols out"),
        }
    }

    /// Lends every part in forward order, under PyTorch's names.
    pub fn units_mut(&mut self, visit: &mut Visit<'_>) {
        match self {
            Self::ResNet50(m) => m.units_mut("", visit),
            Self::MobileNetV2(m) => m.units_mut("", visit),
            Self::EfficientNetB0(m) => m.units_mut("", visit),
            Self::VitSmall(m) => m.units_mut("", visit),
            Self::SqueezeNet11(m) => m.units_mut("", visit),
        }
    }

    /// Number of trained values, as PyTorch counts them; burn's `num_params` adds the running statistics.
    pub fn parameters(&self) -> usize {
        let mut count = 0;
        for_each_slot(&mut self.clone(), &mut |_, role, slot| {
            if !matches!(role, Role::RunningMean | Role::RunningVar) {
                count += slot.shape().iter().product::<usize>();
            }
        });
        count
    }

    /// The layers with weights, in forward order.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        // A clone shares the tensors; the seam only lends mutably.
        self.clone().units_mut(&mut |path, unit| {
            let (kind, params) = match unit {
                UnitMut::Conv(unit) => {
                    let kind = if unit.conv.groups > 1 {
                        LayerKind::Depthwise
                    } else {
                        LayerKind::Conv
                    };
                    (kind, unit.conv.num_params())
                }
                UnitMut::Linear(unit) => (LayerKind::Linear, unit.linear.num_params()),
                UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
            };
            layers.push(Layer {
                name: path.to_string(),
                kind,
                params,
                depth: layers.len(),
            });
        });
        layers
    }
}
