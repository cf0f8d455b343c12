//! Numbers rounded to a grid of learned steps, x̂ = clamp(rne(x / s), low, high) · s, and the gradients that
//! training uses: straight through inside the grid (arXiv:1308.3432), of the step as LSQ has it
//! (arXiv:1902.08153, eq. 3).

use rayon::prelude::*;

use super::arch::arch;
use super::share::written;

/// Elements that one task takes, about.
const CHUNK: usize = 1 << 14;
/// Sums side by side, so that the compiler can keep them in a vector.
const LANES: usize = 16;

/// Which numbers share a step, and how many steps there are to each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Number i has the step i / `inner` mod `steps`.
    pub steps: usize,
    /// Consecutive numbers with the same step.
    pub inner: usize,
    /// Lowest and highest multiple of the step.
    pub range: [f32; 2],
}

impl Grid {
    /// x̂ of every number.
    ///
    /// # Panics
    /// If there are not `steps` steps.
    pub fn forward(&self, x: &[f32], steps: &[f32]) -> Vec<f32> {
        assert_eq!(steps.len(), self.steps, "a step for each channel");
        let [low, high] = self.range;
        written(x.len(), |out| {
            let chunk = self.chunk();
            let tasks = out.par_chunks_mut(chunk).zip(x.par_chunks(chunk));
            tasks.enumerate().for_each(|(task, (out, x))| {
                arch().dispatch(
                    #[inline(always)]
                    || {
                        let on = |x: f32, step: f32, inverse: f32| {
                            (x * inverse).round_ties_even().clamp(low, high) * step
                        };
                        if self.inner == 1 {
                            for (out, x) in out.chunks_mut(self.steps).zip(x.chunks(self.steps)) {
                                let terms = out.iter_mut().zip(x).zip(steps);
                                terms.for_each(|((out, &x), &s)| *out = on(x, s, 1.0 / s));
                            }
                            return;
                        }
                        let step = self.step(steps, task);
                        let inverse = 1.0 / step;
                        let terms = out.iter_mut().zip(x);
                        terms.for_each(|(out, &x)| *out = on(x, step, inverse));
                    },
                );
            });
        })
    }

    /// Gradients of x and of the steps from the gradient `g` of x̂.
    ///
    /// # Panics
    /// If there are not `steps` steps, or not a gradient for each number.
    pub fn backward(&self, x: &[f32], steps: &[f32], g: &[f32]) -> [Vec<f32>; 2] {
        assert_eq!(steps.len(), self.steps, "a step for each channel");
        assert_eq!(x.len(), g.len(), "a gradient for each number");
        let chunk = self.chunk();
        let mut parts: Vec<Vec<f64>> = Vec::new();
        let dx = written(x.len(), |dx| {
            let tasks = dx.par_chunks_mut(chunk);
            let tasks = tasks.zip(x.par_chunks(chunk).zip(g.par_chunks(chunk)));
            parts = tasks
                .enumerate()
                .map(|(task, (dx, (x, g)))| self.part(dx, x, g, steps, task))
                .collect();
        });
        // In the order of the numbers, whatever thread had them.
        let mut total = vec![0.0f64; self.steps];
        for (task, part) in parts.iter().enumerate() {
            match part[..] {
                [one] if self.inner > 1 => total[self.index(task)] += one,
                _ => total.iter_mut().zip(part).for_each(|(t, p)| *t += p),
            }
        }
        [dx, total.into_iter().map(|t| t as f32).collect()]
    }

    /// Writes the gradients of one task's numbers; the sums of its one step, or of all.
    fn part(&self, dx: &mut [f32], x: &[f32], g: &[f32], steps: &[f32], task: usize) -> Vec<f64> {
        let [low, high] = self.range;
        // Gradient of x and of the step for one number.
        let both = |x: f32, g: f32, inverse: f32| {
            let place = x * inverse;
            let near = place.round_ties_even();
            let inside = (near >= low) & (near <= high);
            let slope = if inside {
                near - place
            } else {
                near.clamp(low, high)
            };
            (if inside { g } else { 0.0 }, g * slope)
        };
        let mut sums = vec![0.0f64; if self.inner == 1 { self.steps } else { 1 }];
        arch().dispatch(
            #[inline(always)]
            || {
                if self.inner == 1 {
                    let mut short = vec![0.0f32; self.steps];
                    let rows = dx.chunks_mut(self.steps).zip(x.chunks(self.steps));
                    for ((dx, x), g) in rows.zip(g.chunks(self.steps)) {
                        let terms = dx.iter_mut().zip(x).zip(g).zip(steps).zip(&mut short);
                        for ((((dx, &x), &g), &step), sum) in terms {
                            let (passed, slope) = both(x, g, 1.0 / step);
                            *dx = passed;
                            *sum += slope;
                        }
                    }
                    let terms = sums.iter_mut().zip(short);
                    return terms.for_each(|(sum, part)| *sum = f64::from(part));
                }
                let inverse = 1.0 / self.step(steps, task);
                let mut lanes = [0.0f32; LANES];
                let blocks = dx.chunks_mut(LANES).zip(x.chunks(LANES));
                for ((dx, x), g) in blocks.zip(g.chunks(LANES)) {
                    let terms = dx.iter_mut().zip(x).zip(g).zip(&mut lanes);
                    for (((dx, &x), &g), sum) in terms {
                        let (passed, slope) = both(x, g, inverse);
                        *dx = passed;
                        *sum += slope;
                    }
                }
                sums[0] = lanes.iter().map(|&lane| f64::from(lane)).sum();
            },
        );
        sums
    }

    /// Numbers of one task: all under one step, or whole rows of steps.
    fn chunk(&self) -> usize {
        match (self.inner, self.steps) {
            (1, steps) => steps * (CHUNK / steps).max(1),
            (_, 1) => CHUNK,
            (inner, _) => inner,
        }
    }

    /// Which step a task is under, where it is one.
    fn index(&self, task: usize) -> usize {
        task % self.steps
    }

    fn step(&self, steps: &[f32], task: usize) -> f32 {
        steps[self.index(task)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number by itself, as the formulas say.
    fn twin(grid: &Grid, x: &[f32], steps: &[f32], g: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f64>) {
        let [low, high] = grid.range;
        let (mut y, mut dx) = (Vec::new(), Vec::new());
        let mut ds = vec![0.0; steps.len()];
        for (i, (&x, &g)) in x.iter().zip(g).enumerate() {
            let at = i / grid.inner % grid.steps;
            let place = x * (1.0 / steps[at]);
            let near = place.round_ties_even();
            let code = near.max(low).min(high);
            y.push(code * steps[at]);
            let inside = near == code;
            dx.push(if inside { g } else { 0.0 });
            ds[at] += f64::from(g) * f64::from(if inside { near - place } else { code });
        }
        (y, dx, ds)
    }

    #[test]
    fn it_is_the_formula_on_odd_shapes() {
        // [outer, steps, inner]: activations, convolutions, depthwise ones, linear layers.
        for [outer, steps, inner] in [
            [1, 1, 1],
            [1, 1, 40_001],
            [1, 7, 9],
            [1, 5, 20_000],
            [300, 77, 1],
            [3, 1, 1],
        ] {
            let n = outer * steps * inner;
            let wave = |i: usize, by: f32| (i as f32 * by).sin();
            let x: Vec<f32> = (0..n).map(|i| 9.0 * wave(i, 0.37)).collect();
            let g: Vec<f32> = (0..n).map(|i| wave(i, 1.13) + 0.2).collect();
            let step: Vec<f32> = (0..steps).map(|i| 0.05 + 0.013 * i as f32).collect();
            for range in [[-127.0, 127.0], [-7.0, 7.0], [0.0, 14.0], [-1.0, 1.0]] {
                let grid = Grid {
                    steps,
                    inner,
                    range,
                };
                let (y, dx, ds) = twin(&grid, &x, &step, &g);
                assert_eq!(grid.forward(&x, &step), y, "{grid:?}");
                let [found_x, found_s] = grid.backward(&x, &step, &g);
                assert_eq!(found_x, dx, "{grid:?}");
                for (f, e) in found_s.iter().zip(ds) {
                    // 300 to 20,000 terms of up to 127, summed in chunks: √n roundings of the largest sum.
                    let most = range[1].max(1.0) as f64 * (outer * inner) as f64;
                    assert!(
                        (f64::from(*f) - e).abs() <= 1e-6 * most,
                        "{grid:?}: {f} {e}"
                    );
                }
            }
        }
    }
}
