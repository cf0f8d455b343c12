//! A streaming weighted histogram whose bins do not depend on the order of what it saw.
//!
//! Bins are multiples of a power of two, so that halving their number is an exact merge of pairs: a
//! magnitude that does not fit doubles the width until it does, and the result is the one that the final
//! width would have given from the start.

use super::Range;

/// Bins on each side of 0.
pub(super) const BINS: usize = 2048;
/// log2 of [`BINS`].
const BINS_LOG2: i32 = 11;
/// The finest histogram covers ±2^−100, so that the reciprocal of its bin width is still a number.
const FINEST: i32 = -100;
/// Values whose bins are computed together, which vectorizes, before they are counted, which does not.
const TOGETHER: usize = 256;

/// Weighted counts of the values of one site, see the file's head.
///
/// Bin i of the positive side holds [i·w, (i+1)·w), that of the negative side (−(i+1)·w, −i·w], and
/// zeros are counted apart: they are exact in every quantizer, and after a ReLU they are many.
#[derive(Debug, Clone)]
pub struct Histogram {
    /// The bins cover ±2^exponent.
    exponent: i32,
    /// Negative side, outwards from 0. [BINS]
    negative: Vec<f64>,
    /// Positive side, outwards from 0. [BINS]
    positive: Vec<f64>,
    /// Weight of exact zeros.
    zeros: f64,
    /// Σ weight² over all values but zeros.
    squares: f64,
    not_finite: u64,
    /// Smallest and largest finite value of each image, in the order they came.
    images: Vec<[f32; 2]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            exponent: FINEST,
            negative: vec![0.0; BINS],
            positive: vec![0.0; BINS],
            zeros: 0.0,
            squares: 0.0,
            not_finite: 0,
            images: Vec::new(),
        }
    }
}

impl Histogram {
    /// Counts each of one image's `values` with `weight`. Without values, or with weight 0, nothing
    /// happens. What is not finite goes to [`Histogram::not_finite`] and nowhere else.
    ///
    /// # Panics
    /// If `weight` is negative or not finite.
    pub fn add(&mut self, values: &[f32], weight: f64) {
        assert!(weight >= 0.0 && weight.is_finite(), "weight {weight}");
        if weight == 0.0 {
            return;
        }
        let seen = Summary::of(values);
        if seen.not_finite > 0 {
            self.not_finite += seen.not_finite as u64;
            let finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
            return self.add(&finite, weight);
        }
        if values.is_empty() {
            return;
        }
        self.images.push([seen.low, seen.high]);
        self.widen(exponent_over(seen.high.max(-seen.low)));
        let mut counts = count(values, self.exponent);
        counts[0] -= seen.zeros as u64;
        let (positive, negative) = counts.split_at(BINS);
        for (side, counts) in [
            (&mut self.positive, positive),
            (&mut self.negative, negative),
        ] {
            for (bin, count) in side.iter_mut().zip(counts) {
                *bin += *count as f64 * weight;
            }
        }
        self.zeros += seen.zeros as f64 * weight;
        self.squares += (values.len() - seen.zeros) as f64 * weight * weight;
    }

    /// As if what `other` saw had been added here after what is here.
    pub fn merge(&mut self, other: &Self) {
        self.widen(other.exponent);
        let shift = self.exponent - other.exponent;
        let sides = [
            (&mut self.positive, &other.positive),
            (&mut self.negative, &other.negative),
        ];
        for (mine, theirs) in sides {
            for (i, weight) in theirs.iter().enumerate() {
                mine[narrow(i, shift)] += weight;
            }
        }
        self.zeros += other.zeros;
        self.squares += other.squares;
        self.not_finite += other.not_finite;
        self.images.extend_from_slice(&other.images);
    }

    /// How many values were infinite or not a number. A caller refuses a site where this is not 0: the
    /// other values alone do not say what the model computes there.
    pub fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// From the smallest to the largest value, whatever their weights, 0 included.
    pub fn min_max(&self) -> Range {
        let [low, high] = self.extremes();
        Range::with_zero(low, high)
    }

    /// Smallest and largest value; ∞ and −∞ before there are any.
    pub(super) fn extremes(&self) -> [f32; 2] {
        let none = [f32::INFINITY, f32::NEG_INFINITY];
        let wider = |a: [f32; 2], b: &[f32; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        self.images.iter().fold(none, wider)
    }

    /// Smallest and largest value of each image, in the order of [`Histogram::add`].
    pub fn images(&self) -> &[[f32; 2]] {
        &self.images
    }

    /// Width of a bin: what a range read off the histogram can be wrong by.
    pub fn width(&self) -> f64 {
        2f64.powi(self.exponent - BINS_LOG2)
    }

    /// Weight of all values.
    pub fn total(&self) -> f64 {
        self.zeros + self.negative.iter().sum::<f64>() + self.positive.iter().sum::<f64>()
    }

    /// Weight of exact zeros.
    pub fn zeros(&self) -> f64 {
        self.zeros
    }

    /// (Σ weight)² / Σ weight² of all values but zeros: how many equally weighted values would vary as
    /// much (Kish's effective sample size).
    pub(super) fn effective_count(&self) -> f64 {
        let weight = self.total() - self.zeros;
        weight * weight / self.squares.max(f64::MIN_POSITIVE)
    }

    /// Weights of the bins of both sides, outwards from 0, zeros left out.
    pub(super) fn sides(&self) -> (&[f64], &[f64]) {
        (&self.negative, &self.positive)
    }

    /// Doubles the width until ±2^exponent fits.
    fn widen(&mut self, exponent: i32) {
        let shift = exponent - self.exponent;
        if shift <= 0 {
            return;
        }
        for side in [&mut self.negative, &mut self.positive] {
            for i in 1..BINS {
                let weight = std::mem::take(&mut side[i]);
                side[narrow(i, shift)] += weight;
            }
        }
        self.exponent = exponent;
    }
}

/// Where bin `i` lands when the width doubles `shift` times.
fn narrow(i: usize, shift: i32) -> usize {
    i >> shift.min(BINS_LOG2)
}

/// Smallest exponent, not below [`FINEST`], with `magnitude` < 2^exponent.
fn exponent_over(magnitude: f32) -> i32 {
    ((magnitude.to_bits() >> 23) as i32 - 126).max(FINEST)
}

/// What one vectorized pass over an image says.
struct Summary {
    low: f32,
    high: f32,
    zeros: usize,
    not_finite: usize,
}

impl Summary {
    fn of(values: &[f32]) -> Self {
        // Lanes, because a compiler may not reorder comparisons of floats by itself.
        const LANES: usize = 16;
        let mut low = [f32::INFINITY; LANES];
        let mut high = [f32::NEG_INFINITY; LANES];
        let (mut zeros, mut not_finite) = (0, 0);
        for block in values.chunks(1 << 20) {
            let mut counts = [[0u32; LANES]; 2];
            for lanes in block.chunks(LANES) {
                for (lane, &v) in lanes.iter().enumerate() {
                    low[lane] = if v < low[lane] { v } else { low[lane] };
                    high[lane] = if v > high[lane] { v } else { high[lane] };
                    counts[0][lane] += u32::from(v == 0.0);
                    counts[1][lane] += u32::from(!v.is_finite());
                }
            }
            zeros += counts[0].iter().sum::<u32>() as usize;
            not_finite += counts[1].iter().sum::<u32>() as usize;
        }
        Self {
            low: low.into_iter().fold(f32::INFINITY, f32::min),
            high: high.into_iter().fold(f32::NEG_INFINITY, f32::max),
            zeros,
            not_finite,
        }
    }
}

/// How many values each bin holds, the positive side first, zeros in its first bin. [2 · BINS]
fn count(values: &[f32], exponent: i32) -> Vec<u64> {
    let per_value = 2f32.powi(BINS_LOG2 - exponent);
    let mut counts = vec![0; 2 * BINS];
    let mut bins = [0u32; TOGETHER];
    for block in values.chunks(TOGETHER) {
        for (bin, v) in bins.iter_mut().zip(block) {
            // A power of two: the product is exact, or so small that it belongs to the first bin anyway.
            let steps = (v.abs() * per_value) as i32;
            *bin = steps as u32 | (u32::from(*v < 0.0) << BINS_LOG2);
        }
        for bin in &bins[..block.len()] {
            counts[*bin as usize % (2 * BINS)] += 1;
        }
    }
    counts
}
