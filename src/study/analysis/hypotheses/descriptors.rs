//! What is known of an architecture before it is compressed.
//!
//! Layers with weights, the share of depthwise weights among all weights of layers: counted on
//! torchvision 0.24's `resnet50`, `mobilenet_v2`, `efficientnet_b0`, `squeezenet1_1` with two classes
//! (convolutions and linear layers; those with groups are depthwise), which this crate's models equal
//! weight by weight, and for ViT-Small/16 by hand: the patches, four linear layers in each of twelve
//! blocks, the classifier. Activations as the models' files have them.

/// Numbers of an architecture beside its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descriptors {
    /// Layers with weights.
    pub depth: f64,
    /// Share of the weights that are depthwise.
    pub depthwise: f64,
    /// 1 with attention (a Transformer), else 0.
    pub attention: f64,
    /// 1 with a smooth activation (SiLU, GELU), 0 with ReLU or ReLU6.
    pub smooth: f64,
}

/// Those of the five architectures; `None` for another.
pub fn of(model: &str) -> Option<Descriptors> {
    let (depth, depthwise, attention, smooth) = match model {
        "resnet50" => (54.0, 0.0, 0.0, 0.0),
        "mobilenet_v2" => (53.0, 64_224.0 / 2_192_320.0, 0.0, 0.0),
        "efficientnet_b0" => (82.0, 182_016.0 / 3_958_752.0, 0.0, 1.0),
        "vit_small_patch16" => (50.0, 0.0, 1.0, 1.0),
        "squeezenet1_1" => (26.0, 0.0, 0.0, 0.0),
        _ => return None,
    };
    Some(Descriptors {
        depth,
        depthwise,
        attention,
        smooth,
    })
}

impl Descriptors {
    /// As a row, with log10 of the parameters first.
    pub fn row(&self, params: u64) -> Vec<f64> {
        vec![
            (params as f64).log10(),
            self.depth,
            self.depthwise,
            self.attention,
            self.smooth,
        ]
    }
}
