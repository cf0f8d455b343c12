//! Activations and their slopes, element by element, in loops that the compiler turns into vectors.

use rayon::prelude::*;

use super::arch::arch;
use super::share::written;
use crate::curves::{exp, normal, sigmoid};

/// Elements that one task takes.
const CHUNK: usize = 1 << 14;

/// An activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// x
    Identity,
    /// max(x, 0), slope 0 at 0
    Relu,
    /// min(max(x, 0), 6), slope 0 at both ends
    Relu6,
    /// x · σ(x)
    Silu,
    /// x · Φ(x)
    Gelu,
    /// σ(x)
    Sigmoid,
}

/// A loop that is compiled once for each curve.
pub(super) trait WithCurve {
    /// Runs with the curve and its slope.
    fn run(self, value: impl Fn(f32) -> f32, slope: impl Fn(f32) -> f32);
}

impl Curve {
    /// Runs `task` with this curve, compiled for the vectors of this processor.
    pub(super) fn with(self, task: impl WithCurve) {
        let arch = arch();
        match self {
            Self::Identity => arch.dispatch(
                #[inline(always)]
                || task.run(|x| x, |_| 1.0),
            ),
            Self::Relu => arch.dispatch(
                #[inline(always)]
                || {
                    task.run(
                        |x| if x > 0.0 { x } else { 0.0 },
                        |x| if x > 0.0 { 1.0 } else { 0.0 },
                    );
                },
            ),
            Self::Relu6 => arch.dispatch(
                #[inline(always)]
                || {
                    let inside = |x: f32| if (x > 0.0) & (x < 6.0) { 1.0 } else { 0.0 };
                    task.run(
                        |x| {
                            if x > 0.0 {
                                if x < 6.0 { x } else { 6.0 }
                            } else {
                                0.0
                            }
                        },
                        inside,
                    );
                },
            ),
            Self::Silu => arch.dispatch(
                #[inline(always)]
                || {
                    let slope = |x: f32| {
                        let s = sigmoid(x);
                        s * (1.0 + x * (1.0 - s))
                    };
                    task.run(|x| x * sigmoid(x), slope);
                },
            ),
            Self::Gelu => arch.dispatch(
                #[inline(always)]
                || {
                    let slope = |x: f32| {
                        const DENSITY: f32 = 0.398_942_3;
                        normal(x) + x * DENSITY * exp(-0.5 * x * x)
                    };
                    task.run(|x| x * normal(x), slope);
                },
            ),
            Self::Sigmoid => arch.dispatch(
                #[inline(always)]
                || {
                    let slope = |x: f32| {
                        let s = sigmoid(x);
                        s * (1.0 - s)
                    };
                    task.run(sigmoid, slope);
                },
            ),
        }
    }

    /// The curve of every element.
    pub fn forward(self, x: &[f32]) -> Vec<f32> {
        written(x.len(), |out| {
            out.par_chunks_mut(CHUNK)
                .zip(x.par_chunks(CHUNK))
                .for_each(|(out, x)| self.with(Values { out, x }));
        })
    }

    /// `g` times the slope at `x`.
    pub fn backward(self, x: &[f32], g: &[f32]) -> Vec<f32> {
        written(x.len(), |out| {
            let parts = out
                .par_chunks_mut(CHUNK)
                .zip(x.par_chunks(CHUNK).zip(g.par_chunks(CHUNK)));
            parts.for_each(|(out, (x, g))| self.with(Slopes { out, x, g }));
        })
    }
}

struct Values<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
}

impl WithCurve for Values<'_> {
    #[inline(always)]
    fn run(self, value: impl Fn(f32) -> f32, _slope: impl Fn(f32) -> f32) {
        self.out
            .iter_mut()
            .zip(self.x)
            .for_each(|(out, &x)| *out = value(x));
    }
}

struct Slopes<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    g: &'a [f32],
}

impl WithCurve for Slopes<'_> {
    #[inline(always)]
    fn run(self, _value: impl Fn(f32) -> f32, slope: impl Fn(f32) -> f32) {
        let terms = self.out.iter_mut().zip(self.x).zip(self.g);
        terms.for_each(|((out, &x), g)| *out = g * slope(x));
    }
}

/// Sum of two tensors of equal length and an activation that is known by its output: the identity or ReLU.
pub fn add(a: &[f32], b: &[f32], curve: Curve) -> Vec<f32> {
    written(a.len(), |out| {
        let parts = out
            .par_chunks_mut(CHUNK)
            .zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)));
        parts.for_each(|(out, (a, b))| curve.with(Sum { out, a, b }));
    })
}

struct Sum<'a> {
    out: &'a mut [f32],
    a: &'a [f32],
    b: &'a [f32],
}

impl WithCurve for Sum<'_> {
    #[inline(always)]
    fn run(self, value: impl Fn(f32) -> f32, _slope: impl Fn(f32) -> f32) {
        let terms = self.out.iter_mut().zip(self.a).zip(self.b);
        terms.for_each(|((out, a), b)| *out = value(a + b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_curves() {
        let x: Vec<f32> = (-60..60).map(|i| i as f32 * 0.11 + 0.017).collect();
        let ones = vec![1.0; x.len()];
        for curve in [
            Curve::Identity,
            Curve::Relu,
            Curve::Relu6,
            Curve::Silu,
            Curve::Gelu,
            Curve::Sigmoid,
        ] {
            let step = 2e-2;
            let shifted = |by: f32| curve.forward(&x.iter().map(|x| x + by).collect::<Vec<_>>());
            let (up, down) = (shifted(step), shifted(-step));
            for (i, slope) in curve.backward(&x, &ones).into_iter().enumerate() {
                let kink = x[i].abs() < step || (x[i] - 6.0).abs() < step;
                let numeric = (up[i] - down[i]) / (2.0 * step);
                // Central difference: h²/6 of the third derivative, at most 1 here, and rounding.
                assert!(
                    kink && curve != Curve::Silu || (slope - numeric).abs() < 2e-4,
                    "{curve:?} {}: {slope} {numeric}",
                    x[i]
                );
            }
        }
    }
}
