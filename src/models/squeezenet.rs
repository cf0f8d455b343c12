//! SqueezeNet 1.1: "AlexNet-level accuracy with 50x fewer parameters", arXiv:1602.07360; version 1.1
//! is the authors' cheaper variant (github.com/DeepScale/SqueezeNet).
//!
//! As torchvision's `squeezenet1_1`.

use burn::module::Module;
use burn::tensor::Device;

use super::init::Law;
use super::registry::ModelConfig;
use crate::nn::{
    Act, ConvUnit, ConvUnitConfig, Flow, Granule, Joint, RandomDrop, RandomDropConfig, Rounding,
    Shift, UnitMut, Visit, Window, join,
};

/// Torch index, squeezed and expanded channels of each fire module.
const FIRES: [(usize, usize, usize); 8] = [
    (3, 16, 64),
    (4, 16, 64),
    (6, 32, 128),
    (7, 32, 128),
    (9, 48, 192),
    (10, 48, 192),
    (11, 64, 256),
    (12, 64, 256),
];
const STEM: usize = 64;
const FEATURES: usize = 512;
const POOL: Window = Window {
    kernel: 3,
    stride: 2,
    padding: 0,
    rounding: Rounding::Ceil,
};

/// Whether a fire module reads the previous output pooled: true where torch's indices leave a gap.
fn pools_before(fire: usize) -> bool {
    fire == 0 || FIRES[fire].0 != FIRES[fire - 1].0 + 1
}

/// 1×1 squeeze → 1×1 and 3×3 expand side by side.
#[derive(Module, Debug)]
pub struct Fire {
    squeeze: ConvUnit,
    expand1x1: ConvUnit,
    expand3x3: ConvUnit,
    concat: Joint,
}

impl Fire {
    fn new(c_in: usize, squeezed: usize, expanded: usize, device: &Device) -> Self {
        let unit = |c_in, c_out, kernel| {
            ConvUnitConfig::new([c_in, c_out], kernel)
                .with_padding(kernel / 2)
                .with_shift(Shift::Bias)
                .with_act(Act::Relu)
                .init(device)
        };
        Self {
            squeeze: unit(c_in, squeezed, 1),
            expand1x1: unit(squeezed, expanded, 1),
            expand3x3: unit(squeezed, expanded, 3),
            concat: Joint::new(Act::Identity),
        }
    }

    fn forward(&self, x: Flow<4>) -> Flow<4> {
        let x = self.squeeze.forward(x); // [B, H, W, squeezed]
        let one = self.expand1x1.forward(x.clone()); // [B, H, W, expanded]
        let three = self.expand3x3.forward(x); // [B, H, W, expanded]
        self.concat.concat(one, three) // [B, H, W, 2 · expanded]
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "squeeze"), UnitMut::Conv(&mut self.squeeze));
        visit(&join(path, "expand1x1"), UnitMut::Conv(&mut self.expand1x1));
        visit(&join(path, "expand3x3"), UnitMut::Conv(&mut self.expand3x3));
        visit(&join(path, "concat"), UnitMut::Joint(&mut self.concat));
    }
}

/// SqueezeNet 1.1.
#[derive(Module, Debug)]
pub struct SqueezeNet11 {
    stem: ConvUnit,
    fires: Vec<Fire>,
    dropout: RandomDrop,
    classifier: ConvUnit,
}

impl SqueezeNet11 {
    /// Builds the model; weights are burn's defaults until [`create`](super::create) draws them.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let mut c_in = STEM;
        let mut fires = Vec::new();
        for (_, squeezed, expanded) in FIRES {
            fires.push(Fire::new(c_in, squeezed, expanded, device));
            c_in = 2 * expanded;
        }
        let unit = |c_out, kernel, stride, c_in| {
            ConvUnitConfig::new([c_in, c_out], kernel)
                .with_stride(stride)
                .with_shift(Shift::Bias)
                .with_act(Act::Relu)
                .init(device)
        };
        Self {
            stem: unit(STEM, 3, 2, 3),
            fires,
            dropout: RandomDropConfig::new(config.dropout_rate(), Granule::Element).init(),
            classifier: unit(config.classes, 1, 1, FEATURES),
        }
    }

    /// Images `[B, px, px, 3]` → logits `[B, classes]`, none negative: a ReLU precedes the pooling.
    pub fn forward(&self, images: Flow<4>) -> Flow<2> {
        let mut x = self.stem.forward(images); // [B, (px − 1) / 2, (px − 1) / 2, 64]
        for (i, fire) in self.fires.iter().enumerate() {
            if pools_before(i) {
                x = x.max_pool(POOL);
            }
            x = fire.forward(x);
        }
        // [B, ~px / 16, ~px / 16, 512] → [B, classes, ~px / 16, ~px / 16] → [B, classes]
        let x = self.classifier.forward(self.dropout.forward(x));
        x.global_avg_pool().flatten()
    }

    /// Lends the parts under torchvision's names.
    pub fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "features.0"), UnitMut::Conv(&mut self.stem));
        for (fire, (index, _, _)) in self.fires.iter_mut().zip(FIRES) {
            fire.units_mut(&join(path, format!("features.{index}")), visit);
        }
        visit(
            &join(path, "classifier.1"),
            UnitMut::Conv(&mut self.classifier),
        );
    }
}

/// torchvision: He initialization by fan-in, uniform, N(0, 0.01²) for the classifier, zero biases.
///
/// One departure: the classifier's bias starts at 1. Its ReLU comes after it, and with zero bias an
/// adaptive optimizer's first steps often push every logit below zero, where no gradient is left and
/// every score stays one half for ever. A common shift of all logits changes no probability.
pub(super) fn law(name: &str) -> Law {
    if name == "classifier.1.bias" {
        Law::Constant(1.0)
    } else if name.ends_with(".bias") {
        Law::Constant(0.0)
    } else if name == "classifier.1.weight" {
        Law::Normal(0.01)
    } else {
        Law::HeUniformFanIn
    }
}
