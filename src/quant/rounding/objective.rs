//! The squared error of a group's outputs, in steps, as a function of the errors of its weights.
//!
//! With δ the errors of a row's weights in steps and τ what its outputs should be corrected by, also in
//! steps, the objective is L(δ) = Σ ωₙ (xₙ·δ − τₙ)², Σ ω = 1. Few inputs: L = δᵀHδ − 2gᵀδ + c with
//! H = XᵀΩX, g = XᵀΩτ, c = Σ ωτ², whose gradient costs k² a row and uses all samples. Many inputs: the
//! gradient of a batch of m samples, which costs 2mk.

use std::ops::Range;

use rayon::prelude::*;

use super::product::{Matrix, multiply};
use super::{Layer, Targets};

/// Samples that go through one matrix product where all are needed.
const PANEL: usize = 1024;
/// Rows of H that one thread computes at a time.
const STRIP: usize = 128;

/// One group's inputs.
pub(super) struct Objective<'a> {
    /// [samples, k]
    inputs: &'a [f32],
    /// ω. [samples]
    importance: &'a [f32],
    pub(super) k: usize,
    /// XᵀΩX [k, k], where that is the cheaper way.
    moments: Option<Vec<f32>>,
    /// Mean square of the inputs, 0 if they are all 0.
    pub(super) power: f64,
    /// Which of the layer's groups, and which of its rows are that group's.
    group: usize,
}

/// What a block of rows is to give.
pub(super) enum Wanted {
    /// What the float weights give on the same inputs: τ = 0.
    Same,
    /// τ. [rows, samples]
    Samples(Vec<f32>),
    /// g [rows, k] and c [rows].
    Moments(Vec<f32>, Vec<f64>),
}

impl<'a> Objective<'a> {
    /// With second moments if the layer has at most `all_samples_up_to` inputs.
    pub(super) fn new(
        layer: &Layer<'a>,
        group: usize,
        importance: &'a [f32],
        all_samples_up_to: usize,
    ) -> Self {
        let (inputs, k) = (layer.of_group(layer.inputs, group), layer.k);
        let power = inputs
            .chunks(k)
            .zip(importance)
            .map(|(x, w)| f64::from(*w) * x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>())
            .sum::<f64>()
            / k as f64;
        let moments = (k <= all_samples_up_to).then(|| moments(inputs, importance, k));
        Self {
            inputs,
            importance,
            k,
            moments,
            power,
            group,
        }
    }

    /// H, where there is one. [k, k]
    pub(super) fn moments(&self) -> Option<&[f32]> {
        self.moments.as_deref()
    }

    /// Whether [`Objective::gradient`] needs batches.
    pub(super) fn samples_of_a_step(&self) -> Option<usize> {
        self.moments.is_none().then_some(self.importance.len())
    }

    /// What the layer's `rows` are to give.
    pub(super) fn wanted(&self, layer: &Layer, rows: Range<usize>) -> Wanted {
        let (k, n) = (self.k, self.importance.len());
        let weights = Matrix::new(&layer.weights[rows.start * k..rows.end * k], k);
        let mut tau = vec![0.0; rows.len() * n];
        match layer.targets {
            Targets::SameInputs => return Wanted::Same,
            Targets::FloatInputs(x) => {
                let x = layer.of_group(x, self.group);
                multiply(1.0, weights, Matrix::new(x, k).transposed(), 0.0, &mut tau);
            }
            Targets::Outputs(y) => {
                for (sample, y) in y.chunks(layer.rows()).enumerate() {
                    for (row, y) in y[rows.clone()].iter().enumerate() {
                        tau[row * n + sample] = *y;
                    }
                }
            }
        }
        let inputs = Matrix::new(self.inputs, k).transposed();
        multiply(-1.0, weights, inputs, 1.0, &mut tau);
        for (tau, scale) in tau.chunks_mut(n).zip(&layer.scales[rows]) {
            tau.iter_mut().for_each(|t| *t /= scale);
        }
        if self.moments.is_none() {
            return Wanted::Samples(tau);
        }
        let constants = tau.chunks(n).map(|tau| self.mean_square(tau, 0)).collect();
        for tau in tau.chunks_mut(n) {
            let weighted = tau.iter_mut().zip(self.importance);
            weighted.for_each(|(t, w)| *t *= w);
        }
        let mut g = vec![0.0; tau.len() / n * k];
        let inputs = Matrix::new(self.inputs, k);
        multiply(1.0, Matrix::new(&tau, n), inputs, 0.0, &mut g);
        Wanted::Moments(g, constants)
    }

    /// L of each row. `deltas` is [rows, k].
    pub(super) fn errors(&self, deltas: &[f32], wanted: &Wanted) -> Vec<f64> {
        let k = self.k;
        let Some(moments) = &self.moments else {
            return self.errors_by_sample(deltas, wanted);
        };
        let mut half = vec![0.0; deltas.len()];
        let (d, h) = (Matrix::new(deltas, k), Matrix::new(moments, k));
        multiply(1.0, d, h, 0.0, &mut half);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b);
            products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        deltas
            .chunks(k)
            .zip(half.chunks(k))
            .enumerate()
            .map(|(row, (d, hd))| match wanted {
                Wanted::Moments(g, c) => dot(d, hd) - 2.0 * dot(d, &g[row * k..][..k]) + c[row],
                _ => dot(d, hd),
            })
            .collect()
    }

    fn errors_by_sample(&self, deltas: &[f32], wanted: &Wanted) -> Vec<f64> {
        let (k, n) = (self.k, self.importance.len());
        let rows = deltas.len() / k;
        let mut errors = vec![0.0; rows];
        let mut residual = vec![0.0; rows * PANEL.min(n)];
        for (panel, x) in self.inputs.chunks(PANEL * k).enumerate() {
            let (first, count) = (panel * PANEL, x.len() / k);
            let residual = &mut residual[..rows * count];
            let x = Matrix::new(x, k).transposed();
            multiply(1.0, Matrix::new(deltas, k), x, 0.0, residual);
            for (row, residual) in residual.chunks_mut(count).enumerate() {
                if let Wanted::Samples(tau) = wanted {
                    let tau = &tau[row * n + first..][..count];
                    residual.iter_mut().zip(tau).for_each(|(r, t)| *r -= t);
                }
                errors[row] += self.mean_square(residual, first);
            }
        }
        errors
    }

    /// Σ ω r² of samples from `first` on.
    fn mean_square(&self, residual: &[f32], first: usize) -> f64 {
        let weights = &self.importance[first..];
        let terms = residual.iter().zip(weights);
        terms
            .map(|(r, w)| f64::from(*w) * f64::from(*r).powi(2))
            .sum()
    }

    /// The gradient of L by `deltas` [rows, k], into `gradient` [rows, k]; of `batch` only, where there is
    /// one.
    pub(super) fn gradient(
        &self,
        deltas: &[f32],
        wanted: &Wanted,
        batch: &[u32],
        gradient: &mut [f32],
    ) {
        let deltas = Matrix::new(deltas, self.k);
        let Some(moments) = &self.moments else {
            return self.gradient_of_batch(deltas, wanted, batch, gradient);
        };
        let beta = match wanted {
            Wanted::Moments(g, _) => {
                gradient.copy_from_slice(g);
                -2.0
            }
            _ => 0.0,
        };
        multiply(2.0, deltas, Matrix::new(moments, self.k), beta, gradient);
    }

    fn gradient_of_batch(
        &self,
        deltas: Matrix,
        wanted: &Wanted,
        batch: &[u32],
        gradient: &mut [f32],
    ) {
        let (k, n, m) = (self.k, self.importance.len(), batch.len());
        let mut x = Vec::with_capacity(m * k);
        for &sample in batch {
            x.extend_from_slice(&self.inputs[sample as usize * k..][..k]);
        }
        let x = Matrix::new(&x, k);
        let rows = gradient.len() / k;
        let mut residual = vec![0.0; rows * m];
        multiply(1.0, deltas, x.transposed(), 0.0, &mut residual);
        // Of all samples the batch is m/n.
        let share = n as f32 / m as f32;
        for (row, residual) in residual.chunks_mut(m).enumerate() {
            for (r, &sample) in residual.iter_mut().zip(batch) {
                if let Wanted::Samples(tau) = wanted {
                    *r -= tau[row * n + sample as usize];
                }
                *r *= self.importance[sample as usize] * share;
            }
        }
        multiply(2.0, Matrix::new(&residual, m), x, 0.0, gradient);
    }
}

/// XᵀΩX. [k, k]
fn moments(inputs: &[f32], importance: &[f32], k: usize) -> Vec<f32> {
    let mut whole = vec![0.0; k * k];
    let strips = whole.par_chunks_mut(STRIP * k).enumerate();
    strips.for_each(|(strip, out)| {
        let (first, count) = (strip * STRIP, out.len() / k);
        let mut weighted = Vec::with_capacity(PANEL * count);
        for (x, w) in inputs.chunks(PANEL * k).zip(importance.chunks(PANEL)) {
            weighted.clear();
            for (x, w) in x.chunks(k).zip(w) {
                weighted.extend(x[first..first + count].iter().map(|x| x * w));
            }
            let strip = Matrix::new(&weighted, count).transposed();
            multiply(1.0, strip, Matrix::new(x, k), 1.0, out);
        }
    });
    whole
}
