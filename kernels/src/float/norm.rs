//! Batch normalization and activation in one pass, channels-last: arXiv:1502.03167, algorithm 1.
//!
//! Rows are added in fixed chunks whose results are combined in order (Chan et al., "Updating formulae
//! and a pairwise algorithm for computing sample variances", 1979), so that no sum depends on threads.

use rayon::prelude::*;

use super::arch::arch;
use super::elementwise::Curve;
use super::share::written;

/// Elements of one chunk: about half of a first cache.
const CHUNK: usize = 4096;

/// Mean and biased variance of each channel of `x`, `[rows, channels]`.
///
/// # Panics
/// Without rows.
pub fn moments(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    assert!(x.len() >= channels, "at least one row");
    let chunk = rows_per_chunk(channels) * channels;
    let parts: Vec<(usize, Vec<f32>, Vec<f32>)> = x
        .par_chunks(chunk)
        .map(|x| {
            let n = x.len() / channels;
            let (mut mean, mut spread) = (vec![0.0f32; channels], vec![0.0f32; channels]);
            arch().dispatch(
                #[inline(always)]
                || {
                    for row in x.chunks_exact(channels) {
                        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
                    }
                    mean.iter_mut().for_each(|m| *m /= n as f32);
                    for row in x.chunks_exact(channels) {
                        let terms = spread.iter_mut().zip(&mean).zip(row);
                        terms.for_each(|((s, m), x)| *s += (x - m) * (x - m));
                    }
                },
            );
            (n, mean, spread)
        })
        .collect();
    let (mut count, mut mean, mut spread) = (0.0, vec![0.0f64; channels], vec![0.0f64; channels]);
    for (n, part_mean, part_spread) in parts {
        let n = n as f64;
        let total = count + n;
        for c in 0..channels {
            let step = f64::from(part_mean[c]) - mean[c];
            mean[c] += step * (n / total);
            spread[c] += f64::from(part_spread[c]) + step * step * (count * n / total);
        }
        count = total;
    }
    let narrow = |values: Vec<f64>, by: f64| values.into_iter().map(|v| (v / by) as f32).collect();
    (narrow(mean, 1.0), narrow(spread, count))
}

/// What the moments of a normalization are to its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// Functions of it.
    Batch,
    /// Constants.
    Given,
}

/// What a channel is multiplied by and shifted by, and where its values lie.
#[derive(Debug, Clone)]
pub struct Normalization {
    /// Mean of the batch.
    pub mean: Vec<f32>,
    /// 1 / √(variance + ε)
    pub inverse: Vec<f32>,
    /// Learned scale.
    pub gamma: Vec<f32>,
    /// Learned shift.
    pub beta: Vec<f32>,
}

impl Normalization {
    /// Normalization by given moments.
    pub fn new(mean: &[f32], variance: &[f32], epsilon: f32, gamma: &[f32], beta: &[f32]) -> Self {
        Self {
            mean: mean.to_vec(),
            inverse: variance
                .iter()
                .map(|v| 1.0 / (v + epsilon).sqrt())
                .collect(),
            gamma: gamma.to_vec(),
            beta: beta.to_vec(),
        }
    }

    /// y = curve(γ · (x − mean) · inverse + β), `[rows, channels]`.
    pub fn forward(&self, x: &[f32], curve: Curve) -> Vec<f32> {
        let channels = self.mean.len();
        let (scale, shift) = self.affine();
        written(x.len(), |out| {
            let chunk = rows_per_chunk(channels) * channels;
            out.par_chunks_mut(chunk)
                .zip(x.par_chunks(chunk))
                .for_each(|(out, x)| {
                    curve.with(Forward {
                        out,
                        x,
                        scale: &scale,
                        shift: &shift,
                    });
                });
        })
    }

    /// Gradients of x, γ and β from the gradient `g` of y.
    pub fn backward(&self, x: &[f32], g: &[f32], curve: Curve, moments: Moments) -> [Vec<f32>; 3] {
        let channels = self.mean.len();
        let (scale, shift) = self.affine();
        let chunk = rows_per_chunk(channels) * channels;
        // First pass: the gradient before the curve, and its sums.
        let mut sums: Vec<[Vec<f32>; 2]> = Vec::new();
        let mut dx = written(x.len(), |dz| {
            sums = dz
                .par_chunks_mut(chunk)
                .zip(x.par_chunks(chunk).zip(g.par_chunks(chunk)))
                .map(|(dz, (x, g))| {
                    let mut sums = [vec![0.0; channels], vec![0.0; channels]];
                    curve.with(Backward {
                        dz,
                        x,
                        g,
                        scale: &scale,
                        shift: &shift,
                        mean: &self.mean,
                        sums: &mut sums,
                    });
                    sums
                })
                .collect();
        });
        let mut totals = [vec![0.0f64; channels], vec![0.0f64; channels]];
        for part in &sums {
            for (total, part) in totals.iter_mut().zip(part) {
                total
                    .iter_mut()
                    .zip(part)
                    .for_each(|(t, &p)| *t += f64::from(p));
            }
        }
        let [dbeta, product] = totals;
        let dgamma: Vec<f64> = product
            .iter()
            .zip(&self.inverse)
            .map(|(p, &i)| p * f64::from(i))
            .collect();
        // Second pass: dx = γ · inverse · (dz − mean(dz) − x̂ · mean(dz · x̂)) as a·dz + b·x + c; the means are
        // what the moments, as functions of x, take back.
        let rows = (x.len() / channels) as f64;
        let (mut b, mut c) = (vec![0.0f32; channels], vec![0.0f32; channels]);
        let taken_back = match moments {
            Moments::Batch => channels,
            Moments::Given => 0,
        };
        for i in 0..taken_back {
            let (a, inverse) = (f64::from(scale[i]), f64::from(self.inverse[i]));
            let slope = -a * inverse * dgamma[i] / rows;
            b[i] = slope as f32;
            c[i] = (-a * dbeta[i] / rows - slope * f64::from(self.mean[i])) as f32;
        }
        dx.par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk))
            .for_each(|(dx, x)| {
                arch().dispatch(
                    #[inline(always)]
                    || {
                        for (dx, x) in dx.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                            let terms = dx.iter_mut().zip(x).zip(&scale).zip(&b).zip(&c);
                            terms.for_each(|((((dx, x), a), b), c)| *dx = *dx * a + (x * b + c));
                        }
                    },
                );
            });
        let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        [dx, narrow(dgamma), narrow(dbeta)]
    }

    /// γ · inverse and β − mean · γ · inverse.
    fn affine(&self) -> (Vec<f32>, Vec<f32>) {
        let scale: Vec<f32> = self
            .gamma
            .iter()
            .zip(&self.inverse)
            .map(|(g, i)| g * i)
            .collect();
        let terms = self.beta.iter().zip(&self.mean).zip(&scale);
        let shift = terms.map(|((b, m), s)| b - m * s).collect();
        (scale, shift)
    }
}

fn rows_per_chunk(channels: usize) -> usize {
    CHUNK.div_ceil(channels)
}

struct Forward<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
}

impl super::elementwise::WithCurve for Forward<'_> {
    #[inline(always)]
    fn run(self, value: impl Fn(f32) -> f32, _slope: impl Fn(f32) -> f32) {
        let channels = self.scale.len();
        for (out, x) in self
            .out
            .chunks_exact_mut(channels)
            .zip(self.x.chunks_exact(channels))
        {
            let terms = out.iter_mut().zip(x).zip(self.scale).zip(self.shift);
            terms.for_each(|(((out, x), scale), shift)| *out = value(x * scale + shift));
        }
    }
}

struct Backward<'a> {
    dz: &'a mut [f32],
    x: &'a [f32],
    g: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    mean: &'a [f32],
    /// Σ dz and Σ dz · (x − mean)
    sums: &'a mut [Vec<f32>; 2],
}

impl super::elementwise::WithCurve for Backward<'_> {
    #[inline(always)]
    fn run(self, _value: impl Fn(f32) -> f32, slope: impl Fn(f32) -> f32) {
        let channels = self.scale.len();
        let [first, second] = self.sums;
        let (first, second) = (&mut first[..channels], &mut second[..channels]);
        let (scale, shift, mean) = (
            &self.scale[..channels],
            &self.shift[..channels],
            &self.mean[..channels],
        );
        let rows = self
            .dz
            .chunks_exact_mut(channels)
            .zip(self.x.chunks_exact(channels));
        for ((dz, x), g) in rows.zip(self.g.chunks_exact(channels)) {
            for c in 0..channels {
                let d = g[c] * slope(x[c] * scale[c] + shift[c]);
                dz[c] = d;
                first[c] += d;
                second[c] += d * (x[c] - mean[c]);
            }
        }
    }
}

/// curve(x + bias), the bias along channels.
pub fn bias(x: &[f32], bias: &[f32], curve: Curve) -> Vec<f32> {
    let channels = bias.len();
    let ones = vec![1.0; channels];
    written(x.len(), |out| {
        let chunk = rows_per_chunk(channels) * channels;
        out.par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk))
            .for_each(|(out, x)| {
                curve.with(Forward {
                    out,
                    x,
                    scale: &ones,
                    shift: bias,
                });
            });
    })
}

/// Gradients of [`bias`]'s x and bias.
pub fn bias_backward(x: &[f32], bias: &[f32], g: &[f32], curve: Curve) -> [Vec<f32>; 2] {
    let channels = bias.len();
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    let chunk = rows_per_chunk(channels) * channels;
    let mut parts: Vec<[Vec<f32>; 2]> = Vec::new();
    let dx = written(x.len(), |dz| {
        parts = dz
            .par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk).zip(g.par_chunks(chunk)))
            .map(|(dz, (x, g))| {
                let mut sums = [zeros.clone(), zeros.clone()];
                curve.with(Backward {
                    dz,
                    x,
                    g,
                    scale: &ones,
                    shift: bias,
                    mean: &zeros,
                    sums: &mut sums,
                });
                sums
            })
            .collect();
    });
    let mut total = vec![0.0f64; channels];
    for [part, _] in &parts {
        total
            .iter_mut()
            .zip(part)
            .for_each(|(t, &p)| *t += f64::from(p));
    }
    [dx, total.into_iter().map(|t| t as f32).collect()]
}
