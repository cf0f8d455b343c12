//! Two-sided weighted quantiles of a histogram, cut as ONNX Runtime's percentile calibration cuts them.

use super::{Histogram, Range};

/// `percentile` per cent of all weight lies inside, and as much below as above. Inside a bin weight is
/// taken as evenly spread, so either end is wrong by at most one [`Histogram::width`].
pub(super) fn range(histogram: &Histogram, percentile: f64) -> Range {
    let cut = (100.0 - percentile) / 200.0 * histogram.total();
    let (negative, positive) = histogram.sides();
    let whole = histogram.min_max();
    // What a side holds beyond its quantile is `cut`; where it holds less in all, the quantile is on the
    // other side of 0, and the range ends at 0.
    let low = -quantile(negative, cut, histogram.width());
    let high = quantile(positive, cut, histogram.width());
    Range {
        low: (low as f32).max(whole.low),
        high: (high as f32).min(whole.high),
    }
}

/// How far from 0 the weight `cut` of one side's `bins` begins, counted from the far end; 0 if the side
/// holds no more than that.
fn quantile(bins: &[f64], cut: f64, width: f64) -> f64 {
    let mut beyond = 0.0;
    for (i, weight) in bins.iter().enumerate().rev() {
        if *weight > 0.0 && beyond + weight > cut {
            let share = (cut - beyond) / weight;
            return (i as f64 + 1.0 - share) * width;
        }
        beyond += weight;
    }
    0.0
}
