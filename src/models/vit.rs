//! ViT-Small/16: "An Image is Worth 16x16 Words", arXiv:2010.11929; the small size is DeiT's,
//! arXiv:2012.12877, table 1. Stochastic depth: arXiv:1603.09382.
//!
//! As timm's `vit_small_patch16_224`: pre-norm blocks, fused qkv, class token, learned positions.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};

use super::init::Law;
use super::registry::ModelConfig;
use crate::nn::{
    self, Act, ConvUnit, ConvUnitConfig, Flow, Granule, Joint, LinearUnit, LinearUnitConfig,
    RandomDrop, RandomDropConfig, Shift, UnitMut, Visit, join,
};

/// Side of a patch in pixels.
pub(super) const PATCH: usize = 16;
const WIDTH: usize = 384;
const DEPTH: usize = 12;
const HEADS: usize = 6;
const HIDDEN: usize = 4 * WIDTH;

/// As timm's.
const EPSILON: f64 = 1e-6;

fn layer_norm(device: &Device) -> LayerNorm {
    LayerNormConfig::new(WIDTH)
        .with_epsilon(EPSILON)
        .init(device)
}

fn normalized<const D: usize>(norm: &LayerNorm, x: Flow<D>) -> Flow<D> {
    nn::layer_norm(norm, EPSILON, x)
}

/// Multi-head self-attention: softmax(Q Kᵀ / √d) V per head.
#[derive(Module, Debug)]
pub struct Attention {
    qkv: LinearUnit,
    proj: LinearUnit,
}

impl Attention {
    fn new(device: &Device) -> Self {
        Self {
            qkv: LinearUnitConfig::new(WIDTH, 3 * WIDTH).init(device),
            proj: LinearUnitConfig::new(WIDTH, WIDTH).init(device),
        }
    }

    fn forward(&self, x: Flow<3>) -> Flow<3> {
        let qkv = self.qkv.forward(x); // [B, N, 3 · 384]
        self.proj.forward(nn::self_attention(qkv, HEADS))
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "qkv"), UnitMut::Linear(&mut self.qkv));
        visit(&join(path, "proj"), UnitMut::Linear(&mut self.proj));
    }
}

/// x + attention(norm(x)), then x + mlp(norm(x)).
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: Attention,
    add1: Joint,
    norm2: LayerNorm,
    fc1: LinearUnit,
    fc2: LinearUnit,
    add2: Joint,
    depth_drop: RandomDrop,
}

impl Block {
    fn new(drop_path: f64, device: &Device) -> Self {
        Self {
            norm1: layer_norm(device),
            attn: Attention::new(device),
            add1: Joint::new(Act::Identity),
            norm2: layer_norm(device),
            fc1: LinearUnitConfig::new(WIDTH, HIDDEN)
                .with_act(Act::Gelu)
                .init(device),
            fc2: LinearUnitConfig::new(HIDDEN, WIDTH).init(device),
            add2: Joint::new(Act::Identity),
            depth_drop: RandomDropConfig::new(drop_path, Granule::Row).init(),
        }
    }

    fn forward(&self, x: Flow<3>) -> Flow<3> {
        let y = self.attn.forward(normalized(&self.norm1, x.clone())); // [B, N, 384]
        let x = self.add1.add(x, self.depth_drop.forward(y));
        let y = self.fc1.forward(normalized(&self.norm2, x.clone())); // [B, N, 1536]
        let y = self.fc2.forward(y); // [B, N, 384]
        self.add2.add(x, self.depth_drop.forward(y))
    }

    fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(&join(path, "norm1"), UnitMut::Norm(&mut self.norm1));
        self.attn.units_mut(&join(path, "attn"), visit);
        visit(&join(path, "add1"), UnitMut::Joint(&mut self.add1));
        visit(&join(path, "norm2"), UnitMut::Norm(&mut self.norm2));
        visit(&join(path, "mlp.fc1"), UnitMut::Linear(&mut self.fc1));
        visit(&join(path, "mlp.fc2"), UnitMut::Linear(&mut self.fc2));
        visit(&join(path, "add2"), UnitMut::Joint(&mut self.add2));
    }
}

/// ViT-Small with patches of 16 × 16 pixels.
#[derive(Module, Debug)]
pub struct VitSmall {
    cls_token: Param<Tensor<3>>,
    pos_embed: Param<Tensor<3>>,
    patch_embed: ConvUnit,
    blocks: Vec<Block>,
    norm: LayerNorm,
    dropout: RandomDrop,
    head: LinearUnit,
}

impl VitSmall {
    /// Builds the model; weights are burn's defaults until [`create`](super::create) draws them.
    ///
    /// # Panics
    /// If px is not divisible by 16, which [`ModelConfig::check`] refuses.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        assert!(
            config.px.is_multiple_of(PATCH),
            "px has to be divisible by {PATCH}"
        );
        let side = config.px / PATCH;
        let drop_path = |i: usize| config.drop_path_rate() * i as f64 / (DEPTH - 1) as f64;
        Self {
            cls_token: Param::from_tensor(Tensor::zeros([1, 1, WIDTH], device)),
            pos_embed: Param::from_tensor(Tensor::zeros([1, 1 + side * side, WIDTH], device)),
            patch_embed: ConvUnitConfig::new([3, WIDTH], PATCH)
                .with_stride(PATCH)
                .with_shift(Shift::Bias)
                .init(device),
            blocks: (0..DEPTH)
                .map(|i| Block::new(drop_path(i), device))
                .collect(),
            norm: layer_norm(device),
            dropout: RandomDropConfig::new(config.dropout_rate(), Granule::Element).init(),
            head: LinearUnitConfig::new(WIDTH, config.classes).init(device),
        }
    }

    /// Images `[B, px, px, 3]` → logits `[B, classes]`.
    ///
    /// # Panics
    /// If the images have another px than the configuration.
    pub fn forward(&self, images: Flow<4>) -> Flow<2> {
        let x = self.patch_embed.forward(images); // [B, px / 16, px / 16, 384]
        let x = x.into_tokens(); // [B, (px / 16)², 384]
        let mut x = nn::with_class_and_positions(x, &self.cls_token, &self.pos_embed); // [B, N, 384]
        for block in &self.blocks {
            x = block.forward(x);
        }
        let x = nn::first_token(normalized(&self.norm, x)); // [B, 384]
        self.head.forward(self.dropout.forward(x))
    }

    /// Lends the parts under timm's names.
    pub fn units_mut(&mut self, path: &str, visit: &mut Visit<'_>) {
        visit(
            &join(path, "patch_embed.proj"),
            UnitMut::Conv(&mut self.patch_embed),
        );
        visit(
            &join(path, "cls_token"),
            UnitMut::Token(&mut self.cls_token),
        );
        visit(
            &join(path, "pos_embed"),
            UnitMut::Token(&mut self.pos_embed),
        );
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.units_mut(&join(path, format!("blocks.{i}")), visit);
        }
        visit(&join(path, "norm"), UnitMut::Norm(&mut self.norm));
        visit(&join(path, "head"), UnitMut::Linear(&mut self.head));
    }
}

/// timm: N(0, 0.02²) truncated at ±2 (a hundred deviations, hence never), zero biases, PyTorch's default
/// for the patches.
pub(super) fn law(name: &str) -> Law {
    if name.starts_with("patch_embed.") {
        Law::Uniform(1.0 / ((3 * PATCH * PATCH) as f64).sqrt())
    } else if name == "cls_token" {
        Law::Normal(1e-6)
    } else if name.ends_with(".bias") {
        Law::Constant(0.0)
    } else {
        Law::Normal(0.02)
    }
}
