//! Weights on their grid: symmetric codes in ±(2^(b−1) − 1), a scale for each output channel or for each
//! group of consecutive weights in one.
//!
//! The state lies beside the stored weight as burn's `Reparameterization`: the layer stays the stock one,
//! its effective weight is the rounded one, and optimizer and records see both the float weight and the
//! scale. Learned scales are LSQ's (arXiv:1902.08153): gradient eq. 3, scaled by 1 / √(N · Q) (sec. 2.2).

use burn::module::{Module, Param, Reparameterization, Reparameterizer};
use burn::tensor::{Device, Tensor};
use fairbit_kernels::arith::largest;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::fake::{fake_quant, scale_gradient};

/// Whether training moves the scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learn {
    /// They stay as they are.
    #[default]
    Fixed,
    /// Learned step size.
    Lsq,
}

/// How a scale is chosen from the weights under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleFit {
    /// The largest magnitude gets the largest code: nothing is clipped.
    MinMax,
    /// The least squared error of the rounded weights, among 61 scales from 0.4 to 1 of that.
    #[default]
    Mse,
}

/// Fake quantization of a weight: `[out, in, kh, kw]` of a convolution or `[in, out]` of a linear layer.
#[derive(Module, Debug)]
pub struct FakeWeight {
    /// `[rows · groups]`, the groups of a row beside each other.
    scale: Param<Tensor<1>>,
    #[module(skip)]
    bits: u32,
    #[module(skip)]
    group: Option<usize>,
    #[module(skip)]
    learn: Learn,
}

impl FakeWeight {
    /// `scales` as [`weight_scales`] gives them; `group` consecutive weights share one, or all of a row.
    pub fn new(
        scales: &[f32],
        bits: u32,
        group: Option<usize>,
        learn: Learn,
        device: &Device,
    ) -> Self {
        let scale = Param::from_tensor(Tensor::from_data(scales, device));
        Self {
            scale: scale.set_require_grad(learn == Learn::Lsq),
            bits,
            group,
            learn,
        }
    }

    /// Bits of a code.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The scales as they are trained.
    #[cfg(test)]
    pub(super) fn scale_value(&self) -> Tensor<1> {
        self.scale.val()
    }

    /// Consecutive weights under one scale; all of a row where there is none.
    pub fn group(&self) -> Option<usize> {
        self.group
    }

    /// Whether training moves the scales.
    pub fn learn(&self) -> Learn {
        self.learn
    }

    /// The scales on the host, `[rows, groups]`.
    pub fn scales(&self) -> Vec<f32> {
        let scales = self.scale.val().into_data();
        scales.iter::<f32>().map(positive).collect()
    }

    /// The scale of every weight, in a shape that broadcasts to the weight's.
    fn spread<const D: usize>(&self, scale: Tensor<1>, shape: [usize; D]) -> Tensor<D> {
        let kernel = D == 4;
        let rows = if kernel { shape[0] } else { shape[1] };
        let Some(size) = self.group else {
            let mut row = [1; D];
            row[if kernel { 0 } else { 1 }] = rows;
            return scale.reshape(row);
        };
        let k: usize = shape.iter().product::<usize>() / rows;
        let groups = k.div_ceil(size);
        let each = scale
            .reshape([rows, groups, 1])
            .expand([rows, groups, size]);
        let each: Tensor<2> = each.reshape([rows, groups * size]).narrow(1, 0, k); // [rows, K]
        if !kernel {
            return each.transpose().reshape(shape);
        }
        // K runs through (kernel row, kernel column, input channel).
        let each: Tensor<4> = each.reshape([rows, shape[2], shape[3], shape[1]]);
        each.permute([0, 3, 1, 2]).reshape(shape)
    }
}

impl Reparameterization for FakeWeight {
    const NAME: &'static str = "fake_weight";

    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let most = largest(self.bits);
        let mut scale = self.scale.val();
        if self.learn == Learn::Lsq {
            let per_scale = base.shape().num_elements() / scale.dims()[0];
            let factor = 1.0 / (per_scale as f32 * most as f32).sqrt();
            scale = scale_gradient(scale, factor)
                .abs()
                .clamp_min(f32::MIN_POSITIVE);
        }
        let scale = self.spread(scale, base.dims());
        fake_quant(base, scale, 0, [-most, most])
    }
}

/// Puts `state` beside the parameter `weight` of a stock layer.
pub fn attach<M: Module>(layer: M, state: FakeWeight) -> M {
    struct Attach(Option<FakeWeight>);
    impl Reparameterizer for Attach {
        type Reparam = FakeWeight;

        fn reparameterize<const D: usize>(
            &mut self,
            path: &str,
            param: Param<Tensor<D>>,
        ) -> (Param<Tensor<D>>, Option<FakeWeight>) {
            let state = (path == "weight").then(|| self.0.take()).flatten();
            (param, state)
        }
    }
    layer.apply_reparameterization(Attach(Some(state)))
}

/// What training made of a scale, brought to where scales can be: positive, with a reciprocal.
pub(super) fn positive(scale: f32) -> f32 {
    let scale = scale.abs().max(f32::MIN_POSITIVE);
    if (1.0 / scale).is_finite() {
        scale
    } else {
        1.0
    }
}

/// Scales for weights `[rows, k]`, row by row and group by group: `[rows, groups]`.
///
/// Weights that are all zero, or too small to have a scale with a reciprocal, get scale 1 and codes 0.
pub fn weight_scales(
    values: &[f32],
    k: usize,
    group: Option<usize>,
    bits: u32,
    fit: ScaleFit,
) -> Vec<f32> {
    let size = group.unwrap_or(k);
    values
        .par_chunks(k)
        .flat_map_iter(|row| {
            row.chunks(size)
                .map(|weights| one_scale(weights, bits, fit))
        })
        .collect()
}

fn one_scale(weights: &[f32], bits: u32, fit: ScaleFit) -> f32 {
    let most = largest(bits) as f32;
    let widest = weights.iter().fold(0f32, |m, w| m.max(w.abs())) / most;
    if !(widest.is_normal() && (1.0 / widest).is_finite()) {
        return 1.0;
    }
    if fit == ScaleFit::MinMax {
        return widest;
    }
    let error = |scale: f32| -> f32 {
        let inverse = 1.0 / scale;
        let of = |w: &f32| {
            let code = (w * inverse).round_ties_even().clamp(-most, most);
            (code * scale - w) * (code * scale - w)
        };
        weights.iter().map(of).sum()
    };
    let shares = (40..=100).rev().map(|percent| percent as f32 / 100.0);
    let candidates = shares.map(|share| (error(widest * share), widest * share));
    // The widest of equals.
    let best = candidates.reduce(|best, next| if next.0 < best.0 { next } else { best });
    let scale = best.map_or(widest, |(_, scale)| scale);
    if (1.0 / scale).is_finite() {
        scale
    } else {
        widest
    }
}

/// Codes of weights `[rows, k]` under `scales`, `[rows, groups]`.
pub fn weight_codes(
    values: &[f32],
    k: usize,
    group: Option<usize>,
    bits: u32,
    scales: &[f32],
) -> Vec<i8> {
    let size = group.unwrap_or(k);
    let most = largest(bits) as f32;
    let rows = values.chunks(k).zip(scales.chunks(k.div_ceil(size)));
    rows.flat_map(|(row, scales)| {
        row.chunks(size)
            .zip(scales)
            .flat_map(move |(weights, scale)| {
                let inverse = 1.0 / scale;
                let code = move |w: &f32| (w * inverse).round_ties_even().clamp(-most, most) as i8;
                weights.iter().map(code)
            })
    })
    .collect()
}
