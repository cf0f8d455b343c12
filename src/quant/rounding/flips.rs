//! Local search after learning: the one choice of a row whose reversal lowers its error most is reversed,
//! until none does. Not in the paper; as coordinate descent it is that of COMQ, arXiv:2403.07134.

use super::adaptive::Rows;
use super::objective::{Objective, Wanted};

/// Gains below this share of a choice's own curvature are rounding errors of sums in `f32`.
const LEAST: f32 = 1e-4;

/// Reverses choices of `codes` [rows, k]. Where the objective works by batches, nothing happens: there is
/// no matrix of second moments to keep the gradient up to date with.
pub(super) fn descend(codes: &mut [i8], weights: &Rows, objective: &Objective, wanted: &Wanted) {
    let Some(moments) = objective.moments() else {
        return;
    };
    let k = objective.k;
    let mut gradients = vec![0.0; codes.len()];
    objective.gradient(&weights.deltas(codes), wanted, &[], &mut gradients);
    for (row, (codes, gradient)) in codes.chunks_mut(k).zip(gradients.chunks_mut(k)).enumerate() {
        // As many as there are choices is far more than it takes, and an end for certain.
        for _ in 0..4 * k {
            let gain = |i: usize| {
                let reverse = weights.reverse(row * k + i, codes[i])?;
                let (step, curvature) = (f32::from(reverse - codes[i]), moments[i * k + i]);
                let change = step * gradient[i] + curvature;
                (change < -LEAST * curvature).then_some((change, i, reverse))
            };
            let best = (0..k).filter_map(gain).min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, i, reverse)) = best else {
                break;
            };
            let twice = 2.0 * f32::from(reverse - codes[i]);
            codes[i] = reverse;
            let column = &moments[i * k..][..k];
            gradient
                .iter_mut()
                .zip(column)
                .for_each(|(g, h)| *g += twice * h);
        }
    }
}
