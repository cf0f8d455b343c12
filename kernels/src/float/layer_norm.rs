//! Layer normalization over the last dimension: arXiv:1607.06450, eq. 3 and 4.

use rayon::prelude::*;

use super::arch::arch;
use super::share::written;

/// Partial sums of a row: as many as the widest vector has lanes, so that adding up is one order
/// everywhere and still runs in vectors.
const LANES: usize = 16;
/// Rows that one task takes; sums over rows are combined in the tasks' order.
const ROWS: usize = 32;

/// Σ over a row of `term(i)`.
#[inline(always)]
fn sum(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = len / LANES * LANES;
    for first in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(first + lane);
        }
    }
    let rest: f32 = (whole..len).map(&term).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Mean of a row and 1 / √(variance + ε).
#[inline(always)]
fn moments(x: &[f32], epsilon: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum(x.len(), |i| x[i]) / n;
    let variance = sum(x.len(), |i| (x[i] - mean) * (x[i] - mean)) / n;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// γ · (x − mean) / √(variance + ε) + β, row by row of `[rows, width]`.
///
/// # Panics
/// When γ and β have different lengths.
pub fn forward(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32) -> Vec<f32> {
    let width = gamma.len();
    assert_eq!(beta.len(), width, "scale and shift of one width");
    written(x.len(), |out| {
        let tasks = out
            .par_chunks_mut(ROWS * width)
            .zip(x.par_chunks(ROWS * width));
        tasks.for_each(|(out, x)| {
            arch().dispatch(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                        let (mean, inverse) = moments(x, epsilon);
                        let terms = out.iter_mut().zip(x).zip(gamma).zip(beta);
                        terms.for_each(|(((y, x), g), b)| *y = (x - mean) * inverse * g + b);
                    }
                },
            );
        });
    })
}

/// Gradients of x, γ and β from the gradient `g` of [`forward`].
///
/// # Panics
/// When lengths do not belong together.
pub fn backward(x: &[f32], gamma: &[f32], g: &[f32], epsilon: f32) -> [Vec<f32>; 3] {
    let width = gamma.len();
    assert_eq!(x.len(), g.len(), "gradient of another output");
    let mut sums: Vec<[Vec<f32>; 2]> = Vec::new();
    let dx = written(x.len(), |dx| {
        let rows = x.par_chunks(ROWS * width).zip(g.par_chunks(ROWS * width));
        let tasks = dx.par_chunks_mut(ROWS * width).zip(rows);
        sums = tasks
            .map(|(dx, (x, g))| {
                let [mut dgamma, mut dbeta] = [vec![0.0f32; width], vec![0.0f32; width]];
                arch().dispatch(
                    #[inline(always)]
                    || {
                        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
                        for (dx, (x, g)) in dx.chunks_exact_mut(width).zip(rows) {
                            let (mean, inverse) = moments(x, epsilon);
                            let n = width as f32;
                            let a = sum(width, |i| g[i] * gamma[i]) / n;
                            let b = sum(width, |i| g[i] * gamma[i] * (x[i] - mean)) * inverse / n;
                            for i in 0..width {
                                let hat = (x[i] - mean) * inverse;
                                dx[i] = inverse * (g[i] * gamma[i] - a - hat * b);
                                dgamma[i] += g[i] * hat;
                                dbeta[i] += g[i];
                            }
                        }
                    },
                );
                [dgamma, dbeta]
            })
            .collect();
    });
    let mut totals = [vec![0.0f64; width], vec![0.0f64; width]];
    for part in &sums {
        for (total, part) in totals.iter_mut().zip(part) {
            total
                .iter_mut()
                .zip(part)
                .for_each(|(t, &p)| *t += f64::from(p));
        }
    }
    let [dgamma, dbeta] = totals.map(|v| v.into_iter().map(|v| v as f32).collect());
    [dx, dgamma, dbeta]
}
