//! MobileNetV2: "Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2.
//!
//! As torchvision's `mobilenet_v2` at width 1.

use burn::module::Module;
use burn::tensor::Device;

use super::init::Law;
use super::registry::ModelConfig;
use crate::nn::{
    Act, ConvUnit, ConvUnitConfig, Flow, Granule, Joint, LinearUnit, LinearUnitConfig, RandomDrop,
    RandomDropConfig, UnitMut, Visit, join,
};

/// Expansion, output channels, blocks, stride of the first block.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
const STEM: usize = 32;
const FEATURES: usize = 1280;

/// 1×1 expand → depthwise 3×3 → linear 1×1, added to the input where shapes allow.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    expand: Option<ConvUnit>,
    depthwise: ConvUnit,
    project: ConvUnit,
    add: Option<Joint>,
}

impl InvertedResidual {
    fn new(c_in: usize, c_out: usize, stride: usize, expansion: usize, device: &Device) -> Self {
        let hidden = c_in * expansion;
        Self {
            expand: (expansion != 1).then(|| {
                ConvUnitConfig::new([c_in, hidden], 1)
                    .with_act(Act::Relu6)
                    .init(device)
            }),
            depthwise: ConvUnitConfig::new([hidden, hidden], 3)
                .with_stride(stride)
                .with_padding(1)
                .with_groups(hidden)
                .with_act(Act::Relu6)
                .init(device),
            project: ConvUnitConfig::new([hidden, c_out], 1).init(device),
            add: (stride == 1 && c_in == c_out).then(|| Joint::new(Act::Identity)),
        }
    }

    fn forward(&self, x: Flow<4>) -> Flow<4> {
        let y = match &self.expand {
            Some(expand) => expand.forward(x.clone()), // [B, H, W, t · C_in]
            None => x.clone(),
        };
        let y = self.depthwise.forward(y); // [B, H / stride, W / stride, t · C_in]
        let y = self.project.forward(y); // [B, H / stride, W / stride, C_out]
        match &self.add {
            Some(add) => add.add(x, y),
            None => y,
        }
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        let mut index = 0;
        if let Some(expand) = &mut self.expand {
            visit(&join(path, "conv.0.0"), UnitMut::Conv(expand));
            index = 1;
        }
        visit(
            &join(path, format!("conv.{index}.0")),
            UnitMut::Conv(&mut self.depthwise),
        );
        visit(
            &join(path, format!("conv.{}", index + 1)),
            UnitMut::Conv(&mut self.project),
        );
        if let Some(add) = &mut self.add {
            visit(&join(path, "add"), UnitMut::Joint(add));
        }
    }
}

/// MobileNetV2.
#[derive(Module, Debug)]
pub struct MobileNetV2 {
    stem: ConvUnit,
    blocks: Vec<InvertedResidual>,
    head: ConvUnit,
    dropout: RandomDrop,
    classifier: LinearUnit,
}

impl MobileNetV2 {
    /// Builds the model; weights are burn's defaults until [`create`](super::create) draws them.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let mut c_in = STEM;
        let mut blocks = Vec::new();
        for (expansion, c_out, count, first_stride) in STAGES {
            for block in 0..count {
                let stride = if block == 0 { first_stride } else { 1 };
                blocks.push(InvertedResidual::new(
                    c_in, c_out, stride, expansion, device,
                ));
                c_in = c_out;
            }
        }
        Self {
            stem: ConvUnitConfig::new([3, STEM], 3)
                .with_stride(2)
                .with_padding(1)
                .with_act(Act::Relu6)
                .init(device),
            blocks,
            head: ConvUnitConfig::new([c_in, FEATURES], 1)
                .with_act(Act::Relu6)
                .init(device),
            dropout: RandomDropConfig::new(config.dropout_rate(), Granule::Element).init(),
            classifier: LinearUnitConfig::new(FEATURES, config.classes).init(device),
        }
    }

    /// Images `[B, px, px, 3]` → logits `[B, classes]`.
    pub fn forward(&self, images: Flow<4>) -> Flow<2> {
        let mut x = self.stem.forward(images); // [B, px / 2, px / 2, 32]
        for block in &self.blocks {
            x = block.forward(x);
        }
        let x = self.head.forward(x); // [B, px / 32, px / 32, 1280]
        let x = x.global_avg_pool().flatten(); // [B, 1280]
        self.classifier.forward(self.dropout.forward(x))
    }

    /// Lends the parts under torchvision's names.
    pub fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "features.0.0"), UnitMut::Conv(&mut self.stem));
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.units_mut(&join(path, format!("features.{}", i + 1)), visit);
        }
        let last = self.blocks.len() + 1;
        visit(
            &join(path, format!("features.{last}.0")),
            UnitMut::Conv(&mut self.head),
        );
        visit(
            &join(path, "classifier.1"),
            UnitMut::Linear(&mut self.classifier),
        );
    }
}

/// torchvision: He initialization by fan-out for convolutions, N(0, 0.01²) for the classifier, no biases.
pub(super) fn law(name: &str) -> Law {
    match name {
        "classifier.1.weight" => Law::Normal(0.01),
        "classifier.1.bias" => Law::Constant(0.0),
        _ => Law::HeNormalFanOut,
    }
}
