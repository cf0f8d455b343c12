//! Depthwise convolution: one kernel per channel, `[channels, kernel height, kernel width]`.
//!
//! Vectors run along channels. A strip of channels keeps its taps at hand while it moves along a row of
//! positions, so each tap costs one load and one multiply-add.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::arch::arch;
use super::gather::Gather;
use super::share::{Shared, written};
use crate::shape::ConvShape;

/// Rows that one task takes.
const CHUNK: usize = 64;

pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    over_rows(&Gather::forward(shape), shape, x, weights, bias)
}

pub(super) fn backward_input(shape: &ConvShape, g: &[f32], weights: &[f32]) -> Vec<f32> {
    over_rows(&Gather::backward(shape), shape, g, weights, None)
}

/// out[target] = bias + Σ over taps of x[source] · w[tap], channel by channel.
fn over_rows(
    gather: &Gather,
    shape: &ConvShape,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let channels = shape.c_in;
    let rows = shape.batch * gather.positions;
    assert_eq!(
        x.len(),
        shape.batch * gather.sources * channels,
        "as many input rows"
    );
    let taps = by_tap(weights, channels);
    written(rows * channels, |out| {
        let shared = Shared::new(out);
        (0..rows.div_ceil(CHUNK)).into_par_iter().for_each(|chunk| {
            arch().dispatch(RowTask {
                gather,
                rows: chunk * CHUNK..rows.min((chunk + 1) * CHUNK),
                x,
                taps: &taps,
                bias,
                channels,
                out: shared,
            });
        });
    })
}

/// `[channels, taps]` → `[taps, channels]`
fn by_tap(weights: &[f32], channels: usize) -> Vec<f32> {
    let taps = weights.len() / channels;
    (0..taps)
        .flat_map(|tap| (0..channels).map(move |c| weights[c * taps + tap]))
        .collect()
}

struct RowTask<'a> {
    gather: &'a Gather,
    rows: std::ops::Range<usize>,
    x: &'a [f32],
    taps: &'a [f32],
    bias: Option<&'a [f32]>,
    channels: usize,
    out: Shared<'a>,
}

impl WithSimd for RowTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let c = self.channels;
        let mut sources = Vec::with_capacity(self.gather.taps);
        for row in self.rows {
            sources.clear();
            let place = self.gather.place(row);
            for tap in 0..self.gather.taps {
                if let Some(source) = self.gather.source(place, tap) {
                    let x = &self.x[source * c..(source + 1) * c];
                    sources.push((x, &self.taps[tap * c..(tap + 1) * c]));
                }
            }
            // SAFETY: each target row is written once.
            let out = unsafe { self.out.part(self.gather.target(row) * c, c) };
            let mut at = 0;
            while c - at >= 4 * S::F32_LANES {
                strip::<S, 4>(simd, &sources, self.bias, out, at);
                at += 4 * S::F32_LANES;
            }
            while c - at >= S::F32_LANES {
                strip::<S, 1>(simd, &sources, self.bias, out, at);
                at += S::F32_LANES;
            }
            for at in at..c {
                let start = self.bias.map_or(0.0, |bias| bias[at]);
                out[at] = sources
                    .iter()
                    .fold(start, |sum, (x, w)| sum + x[at] * w[at]);
            }
        }
    }
}

/// `V` vectors of channels from `at` on.
#[inline(always)]
fn strip<S: Simd, const V: usize>(
    simd: S,
    sources: &[(&[f32], &[f32])],
    bias: Option<&[f32]>,
    out: &mut [f32],
    at: usize,
) {
    let to = at + V * S::F32_LANES;
    let mut sums = [simd.splat_f32s(0.0); V];
    if let Some(bias) = bias {
        sums.copy_from_slice(S::as_simd_f32s(&bias[at..to]).0);
    }
    for (x, w) in sources {
        let (x, w) = (S::as_simd_f32s(&x[at..to]).0, S::as_simd_f32s(&w[at..to]).0);
        for v in 0..V {
            sums[v] = simd.mul_add_e_f32s(x[v], w[v], sums[v]);
        }
    }
    S::as_mut_simd_f32s(&mut out[at..to])
        .0
        .copy_from_slice(&sums);
}

/// Gradient of the weights: rows are added chunk by chunk, the chunks in order.
pub(super) fn backward_weights(shape: &ConvShape, x: &[f32], g: &[f32]) -> Vec<f32> {
    /// Rows of one sum; more of them would cost accuracy and parallelism, fewer memory.
    const ROWS: usize = 2048;
    let gather = Gather::forward(shape);
    let (channels, taps) = (shape.c_in, gather.taps);
    let rows = shape.batch * gather.positions;
    let sums: Vec<Vec<f32>> = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|chunk| {
            let mut sums = vec![0.0; taps * channels];
            arch().dispatch(
                #[inline(always)]
                || {
                    for row in chunk * ROWS..rows.min((chunk + 1) * ROWS) {
                        let g = &g[row * channels..(row + 1) * channels];
                        let place = gather.place(row);
                        for (tap, sums) in sums.chunks_exact_mut(channels).enumerate() {
                            if let Some(source) = gather.source(place, tap) {
                                let x = &x[source * channels..(source + 1) * channels];
                                for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
                                    *sum += x * g;
                                }
                            }
                        }
                    }
                },
            );
            sums
        })
        .collect();
    let mut weights = vec![0.0; channels * taps];
    for sums in sums {
        for (i, sum) in sums.into_iter().enumerate() {
            weights[i % channels * taps + i / channels] += sum;
        }
    }
    weights
}
