//! The range of least Kullback-Leibler divergence: Migacz, "8-bit inference with TensorRT", GTC 2017,
//! slides 24 to 38.
//!
//! P is the histogram inside a threshold, with what lies outside added to its two end bins; Q is the
//! histogram inside, merged into as many groups as there are codes and spread over the bins of each group
//! that are not empty in P. Where this differs from ONNX Runtime's entropy calibration:
//!
//! - as many groups as codes (255 for 8 bits; there 128 for any width), because more codes lose less;
//! - thresholds that lie beyond all values of one side do not waste groups there: the quantizer is affine;
//! - bins are shared out among groups as evenly as they go, as NVIDIA's pytorch-quantization does; there
//!   the last group takes all that is left over;
//! - exact zeros are left out: they are exact in Q's quantizer as well, and a ReLU's zeros would else be
//!   smeared over their group and pull the threshold in;
//! - a threshold whose end bin holds nothing but outliers, in a group with no values at all, is passed
//!   over, its divergence being infinite; there Q is smoothed.

use super::{Histogram, Range, largest_code};

/// The range from −t to t, cut to the smallest and largest value, of least divergence over all t that
/// are edges of bins; min-max where there are fewer bins with values than codes.
pub(super) fn range(histogram: &Histogram, bits: u32) -> Range {
    let whole = histogram.min_max();
    let bins = Bins::of(histogram);
    let levels = 2 * largest_code(bits) as usize + 1;
    let mut best = (f64::INFINITY, None);
    for threshold in 1..=bins.most() {
        match bins.divergence(threshold, levels) {
            // Of equal ones the widest, which clips least.
            Some(divergence) if divergence <= best.0 => best = (divergence, Some(threshold)),
            _ => {}
        }
    }
    let Some(threshold) = best.1 else {
        return whole;
    };
    let end = (threshold as f64 * histogram.width()) as f32;
    Range {
        low: whole.low.max(-end),
        high: whole.high.min(end),
    }
}

/// Sums over the bins that hold values, from the far negative one on.
pub(super) struct Bins {
    weights: Vec<f64>,
    /// Bins below 0.
    negative: usize,
    /// Σ weight up to each bin. [bins + 1]
    weight: Vec<f64>,
    /// Σ weight · ln weight. [bins + 1]
    entropy: Vec<f64>,
    /// Bins that are not empty. [bins + 1]
    filled: Vec<usize>,
}

impl Bins {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let (negative, positive) = histogram.sides();
        let used = |side: &[f64]| side.iter().rposition(|w| *w > 0.0).map_or(0, |i| i + 1);
        let (below, above) = (used(negative), used(positive));
        let weights: Vec<f64> = negative[..below]
            .iter()
            .rev()
            .chain(&positive[..above])
            .copied()
            .collect();
        let mut bins = Self {
            negative: below,
            weight: vec![0.0],
            entropy: vec![0.0],
            filled: vec![0],
            weights: Vec::new(),
        };
        for (i, w) in weights.iter().enumerate() {
            bins.weight.push(bins.weight[i] + w);
            bins.entropy.push(bins.entropy[i] + times_ln(*w));
            bins.filled.push(bins.filled[i] + usize::from(*w > 0.0));
        }
        bins.weights = weights;
        bins
    }

    /// Bins on the longer side.
    fn most(&self) -> usize {
        self.negative.max(self.weights.len() - self.negative)
    }

    /// KL(P ‖ Q) for a threshold of so many bins on either side, in nats; `None` where it is infinite,
    /// or where there are fewer bins inside than `levels`.
    ///
    /// Inside a group Q is constant, so that a threshold costs one logarithm a group.
    pub(super) fn divergence(&self, threshold: usize, levels: usize) -> Option<f64> {
        let from = self.negative.saturating_sub(threshold);
        let to = (self.negative + threshold).min(self.weights.len());
        let count = to - from;
        if count < levels {
            return None;
        }
        let all = self.weight[self.weights.len()];
        let inside = self.weight[to] - self.weight[from];
        if inside <= 0.0 {
            return None;
        }
        let outside = [self.weight[from], all - self.weight[to]];
        let ends = [from, to - 1].map(|bin| self.weights[bin]);
        let mut entropy = self.entropy[to] - self.entropy[from];
        for (end, outside) in ends.into_iter().zip(outside) {
            entropy += times_ln(end + outside) - times_ln(end);
        }
        let mut cross = 0.0;
        for group in 0..levels {
            let start = from + group * count / levels;
            let stop = from + (group + 1) * count / levels;
            let q = self.weight[stop] - self.weight[start];
            let mut p = q;
            let mut filled = self.filled[stop] - self.filled[start];
            for (end, outlier) in [(0, group == 0), (1, group == levels - 1)] {
                if outlier && outside[end] > 0.0 {
                    p += outside[end];
                    filled += usize::from(ends[end] == 0.0);
                }
            }
            if p <= 0.0 {
                continue;
            }
            if q <= 0.0 {
                return None;
            }
            cross += p * (q / filled as f64).ln();
        }
        Some((entropy - cross) / all + (inside / all).ln())
    }
}

/// x · ln x, and 0 for 0.
fn times_ln(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}
