//! EfficientNet-B0: "Rethinking Model Scaling for Convolutional Neural Networks", arXiv:1905.11946,
//! table 1; squeeze-and-excitation: arXiv:1709.01507, eq. 2–4.
//!
//! As torchvision's `efficientnet_b0`: stochastic depth grows linearly with the block's index.

use burn::module::Module;
use burn::tensor::Device;

use super::init::Law;
use super::registry::ModelConfig;
use crate::nn::{
    Act, ConvUnit, ConvUnitConfig, Flow, Granule, Joint, LinearUnit, LinearUnitConfig, RandomDrop,
    RandomDropConfig, Shift, UnitMut, Visit, join,
};

/// One row of table 1.
struct Stage {
    expansion: usize,
    kernel: usize,
    stride: usize,
    c_out: usize,
    blocks: usize,
}

const fn stage(
    expansion: usize,
    kernel: usize,
    stride: usize,
    c_out: usize,
    blocks: usize,
) -> Stage {
    Stage {
        expansion,
        kernel,
        stride,
        c_out,
        blocks,
    }
}

const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 16, 1),
    stage(6, 3, 2, 24, 2),
    stage(6, 5, 2, 40, 2),
    stage(6, 3, 2, 80, 3),
    stage(6, 5, 1, 112, 3),
    stage(6, 5, 2, 192, 4),
    stage(6, 3, 1, 320, 1),
];
const STEM: usize = 32;
const FEATURES: usize = 1280;

/// Gates each channel by what the whole image says: x · σ(W₂ silu(W₁ mean(x))).
#[derive(Module, Debug)]
pub struct SqueezeExcite {
    fc1: ConvUnit,
    fc2: ConvUnit,
    scale: Joint,
}

impl SqueezeExcite {
    fn new(channels: usize, squeezed: usize, device: &Device) -> Self {
        Self {
            fc1: ConvUnitConfig::new([channels, squeezed], 1)
                .with_shift(Shift::Bias)
                .with_act(Act::Silu)
                .init(device),
            fc2: ConvUnitConfig::new([squeezed, channels], 1)
                .with_shift(Shift::Bias)
                .with_act(Act::Sigmoid)
                .init(device),
            scale: Joint::new(Act::Identity),
        }
    }

    fn forward(&self, x: Flow<4>) -> Flow<4> {
        let gate = self.fc1.forward(x.clone().global_avg_pool()); // [B, 1, 1, squeezed]
        let gate = self.fc2.forward(gate); // [B, 1, 1, C]
        self.scale.scale(x, gate)
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "fc1"), UnitMut::Conv(&mut self.fc1));
        visit(&join(path, "fc2"), UnitMut::Conv(&mut self.fc2));
        visit(&join(path, "scale"), UnitMut::Joint(&mut self.scale));
    }
}

/// 1×1 expand → depthwise k×k → squeeze-excite → linear 1×1, added to the input where shapes allow.
#[derive(Module, Debug)]
pub struct MbConv {
    expand: Option<ConvUnit>,
    depthwise: ConvUnit,
    excite: SqueezeExcite,
    project: ConvUnit,
    depth_drop: RandomDrop,
    add: Option<Joint>,
}

impl MbConv {
    fn new(c_in: usize, stage: &Stage, stride: usize, drop_path: f64, device: &Device) -> Self {
        let hidden = c_in * stage.expansion;
        Self {
            expand: (stage.expansion != 1).then(|| {
                ConvUnitConfig::new([c_in, hidden], 1)
                    .with_act(Act::Silu)
                    .init(device)
            }),
            depthwise: ConvUnitConfig::new([hidden, hidden], stage.kernel)
                .with_stride(stride)
                .with_padding(stage.kernel / 2)
                .with_groups(hidden)
                .with_act(Act::Silu)
                .init(device),
            excite: SqueezeExcite::new(hidden, c_in / 4, device),
            project: ConvUnitConfig::new([hidden, stage.c_out], 1).init(device),
            depth_drop: RandomDropConfig::new(drop_path, Granule::Row).init(),
            add: (stride == 1 && c_in == stage.c_out).then(|| Joint::new(Act::Identity)),
        }
    }

    fn forward(&self, x: Flow<4>) -> Flow<4> {
        let y = match &self.expand {
            Some(expand) => expand.forward(x.clone()), // [B, H, W, t · C_in]
            None => x.clone(),
        };
        let y = self.depthwise.forward(y); // [B, H / stride, W / stride, t · C_in]
        let y = self.project.forward(self.excite.forward(y)); // [B, H / stride, W / stride, C_out]
        match &self.add {
            Some(add) => add.add(self.depth_drop.forward(y), x),
            None => y,
        }
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        let block = join(path, "block");
        let mut index = 0;
        if let Some(expand) = &mut self.expand {
            visit(&join(&block, "0.0"), UnitMut::Conv(expand));
            index = 1;
        }
        visit(
            &join(&block, format!("{index}.0")),
            UnitMut::Conv(&mut self.depthwise),
        );
        self.excite.units_mut(&join(&block, index + 1), visit);
        visit(
            &join(&block, format!("{}.0", index + 2)),
            UnitMut::Conv(&mut self.project),
        );
        if let Some(add) = &mut self.add {
            visit(&join(path, "add"), UnitMut::Joint(add));
        }
    }
}

/// EfficientNet-B0.
#[derive(Module, Debug)]
pub struct EfficientNetB0 {
    stem: ConvUnit,
    stages: Vec<Vec<MbConv>>,
    head: ConvUnit,
    dropout: RandomDrop,
    classifier: LinearUnit,
}

impl EfficientNetB0 {
    /// Builds the model; weights are burn's defaults until [`create`](super::create) draws them.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let total: usize = STAGES.iter().map(|s| s.blocks).sum();
        let (mut c_in, mut index) = (STEM, 0);
        let mut stages = Vec::new();
        for stage in &STAGES {
            let mut blocks = Vec::new();
            for block in 0..stage.blocks {
                let stride = if block == 0 { stage.stride } else { 1 };
                let drop_path = config.drop_path_rate() * index as f64 / total as f64;
                blocks.push(MbConv::new(c_in, stage, stride, drop_path, device));
                c_in = stage.c_out;
                index += 1;
            }
            stages.push(blocks);
        }
        Self {
            stem: ConvUnitConfig::new([3, STEM], 3)
                .with_stride(2)
                .with_padding(1)
                .with_act(Act::Silu)
                .init(device),
            stages,
            head: ConvUnitConfig::new([c_in, FEATURES], 1)
                .with_act(Act::Silu)
                .init(device),
            dropout: RandomDropConfig::new(config.dropout_rate(), Granule::Element).init(),
            classifier: LinearUnitConfig::new(FEATURES, config.classes).init(device),
        }
    }

    /// Images `[B, px, px, 3]` → logits `[B, classes]`.
    pub fn forward(&self, images: Flow<4>) -> Flow<2> {
        let mut x = self.stem.forward(images); // [B, px / 2, px / 2, 32]
        for block in self.stages.iter().flatten() {
            x = block.forward(x);
        }
        let x = self.head.forward(x); // [B, px / 32, px / 32, 1280]
        let x = x.global_avg_pool().flatten(); // [B, 1280]
        self.classifier.forward(self.dropout.forward(x))
    }

    /// Lends the parts under torchvision's names.
    pub fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "features.0.0"), UnitMut::Conv(&mut self.stem));
        for (i, blocks) in self.stages.iter_mut().enumerate() {
            for (j, block) in blocks.iter_mut().enumerate() {
                block.units_mut(&join(path, format!("features.{}.{j}", i + 1)), visit);
            }
        }
        let last = self.stages.len() + 1;
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

/// torchvision: He initialization by fan-out for convolutions, U(±1/√classes) for the classifier, zero biases.
pub(super) fn law(name: &str, shape: &[usize]) -> Law {
    if name == "classifier.1.weight" {
        Law::Uniform(1.0 / (shape[0] as f64).sqrt())
    } else if name.ends_with(".bias") {
        Law::Constant(0.0)
    } else {
        Law::HeNormalFanOut
    }
}
