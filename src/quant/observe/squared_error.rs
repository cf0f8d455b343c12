//! The range of least expected squared error, rounding and clipping together.
//!
//! The error of a range is exact for the histogram, whose weight is taken as evenly spread inside each
//! bin: integrals of x⁰, x¹ and x² up to any point give the error of each code's cell in a few
//! operations. The minimum has many neighbours of nearly its height, because the zero point is a whole
//! number; hence a search over both ends at once, coarse and then fine, and not along a gradient.

use super::histogram::BINS;
use super::{Histogram, Range, largest_code};

/// Factors of the coarse search are 2^(−i/4), down to the width of a bin.
const COARSE: [i32; 2] = [4, 44];
/// The fine search ends with factors of 2^(±1/512).
const FINEST: f64 = 512.0;

/// The expected squared error, per unit of weight, of quantizing what `histogram` saw with codes in
/// ±(2^(bits−1) − 1) over `range`.
///
/// # Panics
/// If `bits` is not 2 to 8.
pub fn expected_squared_error(histogram: &Histogram, range: Range, bits: u32) -> f64 {
    let total = histogram.total();
    if total == 0.0 {
        return 0.0;
    }
    Moments::of(histogram).error(&Steps::of(range, bits)) / total
}

/// The range of least error, never one of more error than that of [`Histogram::min_max`].
///
/// Bins do not resolve where inside them a value lies. For a value and a step of `s`, which side of the
/// true place it is taken at changes the error by 2·(w/s) of its mean, as one standard deviation; of n
/// values, by 2·(w/s)/√n. A range is preferred to min-max only if it gains more than three times that,
/// with √2 for the difference of two errors.
pub(super) fn range(histogram: &Histogram, bits: u32) -> Range {
    let moments = Moments::of(histogram);
    let whole = histogram.min_max();
    let error = |range: Range| moments.error(&Steps::of(range, bits));
    let best = fine(coarse(whole, &error), whole, &error);
    let in_steps = histogram.width() / f64::from(Steps::of(best.range, bits).scale);
    let unresolved = 3.0 * 2f64.sqrt() * 2.0 * in_steps / histogram.effective_count().sqrt();
    if best.error < error(whole) * (1.0 - unresolved) {
        best.range
    } else {
        whole
    }
}

/// A range and its error.
#[derive(Clone, Copy)]
struct Found {
    range: Range,
    error: f64,
}

/// The best of a geometric grid over both ends.
fn coarse(whole: Range, error: &impl Fn(Range) -> f64) -> Found {
    let [per_octave, steps] = COARSE;
    let factors = |end: f32| {
        // An end at 0 stays there, whatever the factor.
        let steps = if end == 0.0 { 0 } else { steps };
        (0..=steps).map(move |i| end * 2f32.powf(-i as f32 / per_octave as f32))
    };
    let mut best = Found {
        range: whole,
        error: error(whole),
    };
    for low in factors(whole.low) {
        for high in factors(whole.high) {
            best = best.or(Range { low, high }, error);
        }
    }
    best
}

/// Walks to better neighbours, with smaller and smaller factors.
fn fine(mut best: Found, whole: Range, error: &impl Fn(Range) -> f64) -> Found {
    let mut part = 2.0 * f64::from(COARSE[0]);
    while part <= FINEST {
        let factor = 2f64.powf(1.0 / part) as f32;
        let factors = [1.0 / factor, 1.0, factor];
        let from = best;
        for a in factors {
            for b in factors {
                let range = Range {
                    low: (from.range.low * a).max(whole.low),
                    high: (from.range.high * b).min(whole.high),
                };
                best = best.or(range, error);
            }
        }
        if best.error >= from.error {
            part *= 2.0;
        }
    }
    best
}

impl Found {
    fn or(self, range: Range, error: &impl Fn(Range) -> f64) -> Self {
        let error = error(range);
        if error < self.error {
            Self { range, error }
        } else {
            self
        }
    }
}

/// The quantizer of a range, as `fairbit_kernels::ActQuant::from_range` computes it, in `f32` steps.
struct Steps {
    scale: f32,
    zero: i32,
    most: i32,
}

impl Steps {
    fn of(range: Range, bits: u32) -> Self {
        let most = largest_code(bits);
        let scale = (range.high * 0.5 - range.low * 0.5) / most as f32;
        if !(scale.is_normal() && (1.0 / scale).is_finite()) {
            let (scale, zero) = (1.0, 0);
            return Self { scale, zero, most };
        }
        let zero = (-range.low * (1.0 / scale)).round_ties_even() as i32 - most;
        let zero = zero.clamp(-most, most);
        Self { scale, zero, most }
    }
}

/// Integrals of x⁰, x¹ and x² over the weight of all bins from the far negative end on. Zeros are left
/// out: their error is 0 whatever the range.
struct Moments {
    /// [2 · BINS + 1], the last one of all bins.
    below: Vec<[f64; 3]>,
    /// Weight of each bin, from the far negative end on. [2 · BINS]
    weights: Vec<f64>,
    width: f64,
    /// Smallest and largest value.
    extremes: [f64; 2],
}

impl Moments {
    fn of(histogram: &Histogram) -> Self {
        let (negative, positive) = histogram.sides();
        let weights: Vec<f64> = negative.iter().rev().chain(positive).copied().collect();
        let mut moments = Self {
            below: vec![[0.0; 3]; weights.len() + 1],
            weights,
            width: histogram.width(),
            extremes: histogram.extremes().map(f64::from),
        };
        for bin in 0..moments.weights.len() {
            let [_, end] = moments.ends(bin);
            let inside = moments.part(bin, end);
            let below = moments.below[bin];
            moments.below[bin + 1] = std::array::from_fn(|i| below[i] + inside[i]);
        }
        moments
    }

    /// Where a bin's weight is spread: over all of it, but not beyond the smallest and largest value.
    /// Where a clamp piles weight up at the largest value, that is most of what decides.
    fn ends(&self, bin: usize) -> [f64; 2] {
        let start = (bin as f64 - BINS as f64) * self.width;
        let [low, high] = self.extremes;
        [start.max(low), (start + self.width).min(high)]
    }

    /// The integrals over one bin, up to `x`.
    fn part(&self, bin: usize, x: f64) -> [f64; 3] {
        let [a, b] = self.ends(bin);
        let weight = self.weights[bin];
        if weight == 0.0 || x < a {
            return [0.0; 3];
        }
        let x = x.min(b);
        let weight = if b > a {
            weight * (x - a) / (b - a)
        } else {
            weight
        };
        [
            weight,
            weight * 0.5 * (a + x),
            weight * (a * a + a * x + x * x) / 3.0,
        ]
    }

    /// The integrals over all weight up to `x`.
    fn up_to(&self, x: f64) -> [f64; 3] {
        let bin = (x / self.width).floor() + BINS as f64;
        if bin < 0.0 {
            return [0.0; 3];
        }
        let bin = bin as usize;
        if bin >= self.weights.len() {
            return self.below[self.weights.len()];
        }
        let (below, inside) = (self.below[bin], self.part(bin, x));
        std::array::from_fn(|i| below[i] + inside[i])
    }

    /// Σ weight · (x − q(x))².
    fn error(&self, steps: &Steps) -> f64 {
        let scale = f64::from(steps.scale);
        let mut error = 0.0;
        let mut from = [0.0; 3];
        for code in -steps.most..=steps.most {
            let place = f64::from(code - steps.zero);
            let to = if code == steps.most {
                self.below[self.weights.len()]
            } else {
                self.up_to(scale * (place + 0.5))
            };
            let real = scale * place;
            let [weight, first, second] = std::array::from_fn(|i| to[i] - from[i]);
            // Rounding may leave an empty or exact cell a little below 0.
            error += (second - 2.0 * real * first + real * real * weight).max(0.0);
            from = to;
        }
        error
    }
}
