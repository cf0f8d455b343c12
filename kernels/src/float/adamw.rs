//! One step of AdamW in one pass: arXiv:1711.05101, algorithm 2.

use rayon::prelude::*;

use super::arch::arch;
use super::share::{Shared, written};

/// Elements that one task takes.
const CHUNK: usize = 1 << 14;

/// What one step needs beside the tensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first and second moment.
    pub betas: [f32; 2],
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Share of the parameter that is taken off, times the learning rate.
    pub weight_decay: f32,
    /// Steps so far, this one included.
    pub time: u32,
}

impl Step {
    /// New parameters, first and second moments from the parameters `p`, their gradient `g` and the
    /// moments so far.
    ///
    /// # Panics
    /// When lengths differ.
    pub fn apply(&self, p: &[f32], g: &[f32], m: &[f32], v: &[f32]) -> [Vec<f32>; 3] {
        let n = p.len();
        assert!(
            g.len() == n && m.len() == n && v.len() == n,
            "tensors of one length"
        );
        let time = self.time as i32;
        let [b1, b2] = self.betas;
        // In f64: 1 − 0.999 and its powers lose three digits in f32.
        let correct = |beta: f32| 1.0 - f64::from(beta).powi(time);
        let rate = (f64::from(self.lr) / correct(b1)) as f32;
        let inverse = (1.0 / correct(b2).sqrt()) as f32;
        let keep = 1.0 - self.lr * self.weight_decay;
        let epsilon = self.epsilon;
        let (mut new_m, mut new_v) = (Vec::new(), Vec::new());
        let new_p = written(n, |new_p| {
            new_m = written(n, |new_m| {
                new_v = written(n, |new_v| {
                    let [new_p, new_m, new_v] = [new_p, new_m, new_v].map(Shared::new);
                    (0..n.div_ceil(CHUNK)).into_par_iter().for_each(|chunk| {
                        let from = chunk * CHUNK;
                        let len = CHUNK.min(n - from);
                        let part = from..from + len;
                        let (p, g, m, v) = (
                            &p[part.clone()],
                            &g[part.clone()],
                            &m[part.clone()],
                            &v[part],
                        );
                        // SAFETY: chunks do not overlap.
                        let (new_p, new_m, new_v) = unsafe {
                            (
                                new_p.part(from, len),
                                new_m.part(from, len),
                                new_v.part(from, len),
                            )
                        };
                        arch().dispatch(
                            #[inline(always)]
                            || {
                                for i in 0..len {
                                    let first = b1 * m[i] + (1.0 - b1) * g[i];
                                    let second = b2 * v[i] + (1.0 - b2) * (g[i] * g[i]);
                                    new_m[i] = first;
                                    new_v[i] = second;
                                    new_p[i] = keep * p[i]
                                        - rate * first / (second.sqrt() * inverse + epsilon);
                                }
                            },
                        );
                    });
                })
            })
        });
        [new_p, new_m, new_v]
    }
}
