//! ResNet-50: "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1.
//!
//! As torchvision's `resnet50`: the stride sits in the 3×3 convolution (version 1.5), and no
//! normalization starts at zero.

use burn::module::Module;
use burn::tensor::Device;

use super::init::Law;
use super::registry::ModelConfig;
use crate::nn::{
    Act, ConvUnit, ConvUnitConfig, Flow, Granule, Joint, LinearUnit, LinearUnitConfig, RandomDrop,
    RandomDropConfig, Rounding, UnitMut, Visit, Window, join,
};

/// Blocks and inner width of the four stages; each widens fourfold at its end.
const STAGES: [(usize, usize); 4] = [(3, 64), (4, 128), (6, 256), (3, 512)];
const FEATURES: usize = 2048;

/// 1×1 reduce → 3×3 → 1×1 expand, added to the input.
#[derive(Module, Debug)]
pub struct Bottleneck {
    conv1: ConvUnit,
    conv2: ConvUnit,
    conv3: ConvUnit,
    downsample: Option<ConvUnit>,
    add: Joint,
}

impl Bottleneck {
    fn new(c_in: usize, width: usize, stride: usize, device: &Device) -> Self {
        let c_out = 4 * width;
        Self {
            conv1: ConvUnitConfig::new([c_in, width], 1)
                .with_act(Act::Relu)
                .init(device),
            conv2: ConvUnitConfig::new([width, width], 3)
                .with_stride(stride)
                .with_padding(1)
                .with_act(Act::Relu)
                .init(device),
            conv3: ConvUnitConfig::new([width, c_out], 1).init(device),
            downsample: (c_in != c_out).then(|| {
                ConvUnitConfig::new([c_in, c_out], 1)
                    .with_stride(stride)
                    .init(device)
            }),
            add: Joint::new(Act::Relu),
        }
    }

    fn forward(&self, x: Flow<4>) -> Flow<4> {
        let y = self.conv1.forward(x.clone()); // [B, H, W, width]
        let y = self.conv2.forward(y); // [B, H / stride, W / stride, width]
        let y = self.conv3.forward(y); // [B, H / stride, W / stride, 4 · width]
        let shortcut = match &self.downsample {
            Some(down) => down.forward(x),
            None => x,
        };
        self.add.add(y, shortcut)
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "conv1"), UnitMut::Conv(&mut self.conv1));
        visit(&join(path, "conv2"), UnitMut::Conv(&mut self.conv2));
        visit(&join(path, "conv3"), UnitMut::Conv(&mut self.conv3));
        if let Some(down) = &mut self.downsample {
            visit(&join(path, "downsample.0"), UnitMut::Conv(down));
        }
        visit(&join(path, "add"), UnitMut::Joint(&mut self.add));
    }
}

/// ResNet-50.
#[derive(Module, Debug)]
pub struct ResNet50 {
    conv1: ConvUnit,
    layers: Vec<Vec<Bottleneck>>,
    dropout: RandomDrop,
    fc: LinearUnit,
}

impl ResNet50 {
    /// Builds the model; weights are burn's defaults until [`create`](super::create) draws them.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let mut c_in = 64;
        let mut layers = Vec::new();
        for (stage, (blocks, width)) in STAGES.into_iter().enumerate() {
            let mut layer = Vec::new();
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                layer.push(Bottleneck::new(c_in, width, stride, device));
                c_in = 4 * width;
            }
            layers.push(layer);
        }
        Self {
            conv1: ConvUnitConfig::new([3, 64], 7)
                .with_stride(2)
                .with_padding(3)
                .with_act(Act::Relu)
                .init(device),
            layers,
            dropout: RandomDropConfig::new(config.dropout_rate(), Granule::Element).init(),
            fc: LinearUnitConfig::new(FEATURES, config.classes).init(device),
        }
    }

    /// Images `[B, px, px, 3]` → logits `[B, classes]`.
    pub fn forward(&self, images: Flow<4>) -> Flow<2> {
        let x = self.conv1.forward(images); // [B, px / 2, px / 2, 64]
        let mut x = x.max_pool(Window {
            kernel: 3,
            stride: 2,
            padding: 1,
            rounding: Rounding::Floor,
        }); // [B, px / 4, px / 4, 64]
        for block in self.layers.iter().flatten() {
            x = block.forward(x);
        }
        let x = x.global_avg_pool().flatten(); // [B, 2048]
        self.fc.forward(self.dropout.forward(x))
    }

    /// Lends the parts under torchvision's names.
    pub fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "conv1"), UnitMut::Conv(&mut self.conv1));
        for (i, layer) in self.layers.iter_mut().enumerate() {
            for (j, block) in layer.iter_mut().enumerate() {
                block.units_mut(&join(path, format!("layer{}.{j}", i + 1)), visit);
            }
        }
        visit(&join(path, "fc"), UnitMut::Linear(&mut self.fc));
    }
}

/// torchvision: He initialization by fan-out for convolutions, PyTorch's default for the classifier.
pub(super) fn law(name: &str) -> Law {
    if name.starts_with("fc.") {
        Law::Uniform(1.0 / (FEATURES as f64).sqrt())
    } else {
        Law::HeNormalFanOut
    }
}
