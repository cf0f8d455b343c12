//! Pooling and gating, channels-last.

use rayon::prelude::*;

use super::arch::arch;
use super::share::written;

/// Sizes of a maximum over windows, `[height, width]` where two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Input size.
    pub input: [usize; 2],
    /// Output size; windows may reach over the right and bottom edge.
    pub output: [usize; 2],
    /// Window size.
    pub kernel: [usize; 2],
    /// Step.
    pub stride: [usize; 2],
    /// Positions added on each side, never the maximum.
    pub padding: [usize; 2],
}

impl Pool {
    /// `[B, H', W', C]`
    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.output[0], self.output[1], self.channels]
    }

    /// Input rows of the window at output position `at` of one image.
    fn window(&self, at: usize) -> impl Iterator<Item = usize> {
        let span = |axis: usize, at: usize| {
            let from = at * self.stride[axis];
            let to = (from + self.kernel[axis]).saturating_sub(self.padding[axis]);
            from.saturating_sub(self.padding[axis])..to.min(self.input[axis])
        };
        let columns = span(1, at % self.output[1]);
        let width = self.input[1];
        span(0, at / self.output[1])
            .flat_map(move |row| columns.clone().map(move |col| row * width + col))
    }

    /// Maximum of each window.
    ///
    /// # Panics
    /// When `x` has another length, or a window holds nothing but padding.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let c = self.channels;
        let (positions, sources) = (
            self.output[0] * self.output[1],
            self.input[0] * self.input[1],
        );
        written(self.batch * positions * c, |out| {
            out.par_chunks_mut(positions * c)
                .zip(x.par_chunks(sources * c))
                .for_each(|(out, x)| {
                    arch().dispatch(
                        #[inline(always)]
                        || {
                            for (at, out) in out.chunks_exact_mut(c).enumerate() {
                                let mut window =
                                    self.window(at).map(|row| &x[row * c..(row + 1) * c]);
                                out.copy_from_slice(
                                    window.next().expect("a window within the image"),
                                );
                                for row in window {
                                    let pairs = out.iter_mut().zip(row);
                                    pairs.for_each(|(m, &v)| *m = if v > *m { v } else { *m });
                                }
                            }
                        },
                    );
                });
        })
    }

    /// The gradient of each window goes to its first maximum, as in PyTorch.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward(&self, x: &[f32], g: &[f32]) -> Vec<f32> {
        let c = self.channels;
        let (positions, sources) = (
            self.output[0] * self.output[1],
            self.input[0] * self.input[1],
        );
        let mut dx = vec![0.0; x.len()];
        let images = dx
            .par_chunks_mut(sources * c)
            .zip(x.par_chunks(sources * c));
        images
            .zip(g.par_chunks(positions * c))
            .for_each(|((dx, x), g)| {
                let (mut best, mut at_best) = (vec![0.0f32; c], vec![0usize; c]);
                for (at, g) in g.chunks_exact(c).enumerate() {
                    best.fill(f32::NEG_INFINITY);
                    let first = self.window(at).next().expect("a window within the image");
                    at_best.fill(first);
                    for row in self.window(at) {
                        let values = x[row * c..(row + 1) * c].iter();
                        for ((best, at_best), &v) in best.iter_mut().zip(&mut at_best).zip(values) {
                            if v > *best {
                                (*best, *at_best) = (v, row);
                            }
                        }
                    }
                    for (i, (row, g)) in at_best.iter().zip(g).enumerate() {
                        dx[row * c + i] += g;
                    }
                }
            });
        dx
    }
}

/// Mean over positions: `[b, positions, c]` → `[b, c]`.
pub fn mean(x: &[f32], [b, positions, c]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; b * c];
    out.par_chunks_mut(c)
        .zip(x.par_chunks(positions * c))
        .for_each(|(out, x)| {
            arch().dispatch(
                #[inline(always)]
                || {
                    for row in x.chunks_exact(c) {
                        out.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                    }
                    out.iter_mut().for_each(|sum| *sum /= positions as f32);
                },
            );
        });
    out
}

/// Gradient of [`mean`]: `[b, c]` → `[b, positions, c]`.
pub fn mean_backward(g: &[f32], [b, positions, c]: [usize; 3]) -> Vec<f32> {
    written(b * positions * c, |out| {
        out.par_chunks_mut(positions * c)
            .zip(g.par_chunks(c))
            .for_each(|(out, g)| {
                let share: Vec<f32> = g.iter().map(|g| g / positions as f32).collect();
                out.chunks_exact_mut(c)
                    .for_each(|row| row.copy_from_slice(&share));
            });
    })
}

/// Each channel times its gate: `[b, positions, c]` · `[b, c]`.
pub fn gate(x: &[f32], gate: &[f32], [b, positions, c]: [usize; 3]) -> Vec<f32> {
    written(b * positions * c, |out| {
        let images = out
            .par_chunks_mut(positions * c)
            .zip(x.par_chunks(positions * c));
        images.zip(gate.par_chunks(c)).for_each(|((out, x), gate)| {
            arch().dispatch(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                        out.iter_mut()
                            .zip(x)
                            .zip(gate)
                            .for_each(|((out, x), gate)| *out = x * gate);
                    }
                },
            );
        });
    })
}

/// Gradient of [`gate`]'s gates: Σ over positions of x · g.
pub fn gate_backward(x: &[f32], g: &[f32], [b, positions, c]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; b * c];
    let images = out.par_chunks_mut(c).zip(x.par_chunks(positions * c));
    images
        .zip(g.par_chunks(positions * c))
        .for_each(|((out, x), g)| {
            arch().dispatch(
                #[inline(always)]
                || {
                    for (x, g) in x.chunks_exact(c).zip(g.chunks_exact(c)) {
                        out.iter_mut()
                            .zip(x)
                            .zip(g)
                            .for_each(|((sum, x), g)| *sum += x * g);
                    }
                },
            );
        });
    out
}
