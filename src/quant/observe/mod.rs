//! What range of an activation to quantize, from one streaming pass over a calibration set.
//!
//! One [`Histogram`] per site is filled image by image; any [`Observer`] then reads its range off it, so
//! that one pass serves all of them.

use serde::{Deserialize, Serialize};

mod divergence;
mod histogram;
mod moving_average;
mod percentile;
mod squared_error;

pub use histogram::Histogram;
pub use squared_error::expected_squared_error;

/// Smallest and largest number that has a code, 0 between them: what padding and ReLU give has to be
/// exact.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Range {
    /// Smallest, at most 0.
    pub low: f32,
    /// Largest, at least 0.
    pub high: f32,
}

impl Range {
    /// From `low` to `high`, widened to 0 where both have one sign.
    pub fn with_zero(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        Self { low, high }
    }
}

/// How a range is chosen. In TOML: `observer = "percentile"`, and beside it `percentile = 99.9`.
///
/// | observer | frequency of values | weights of images | order of images |
/// |---|---|---|---|
/// | `min-max` | ignored | ignored | ignored |
/// | `moving-average` | ignored | ignored | matters |
/// | `percentile`, `mse`, `entropy` | counts | count | ignored |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "observer", rename_all = "kebab-case", try_from = "Settings")]
pub enum Observer {
    /// From the smallest to the largest value ever seen. One outlier of one image decides, and the
    /// weight of an image changes nothing.
    MinMax,
    /// Exponential moving average of the smallest and of the largest value of each image, as PyTorch's
    /// MovingAverageMinMaxObserver has them. The order of images matters: the first one starts the
    /// average and the latest have the largest share. Weights change nothing.
    MovingAverage {
        /// Share of each new image, above 0 and at most 1.
        momentum: f32,
    },
    /// The weighted quantiles (100 − percentile)/2 % and 100 % less that, as ONNX Runtime cuts them.
    Percentile {
        /// Per cent of all values that lie inside, above 0 and at most 100.
        percentile: f64,
    },
    /// Least expected squared error of rounding and clipping; both ends are searched for.
    Mse,
    /// Least Kullback-Leibler divergence between the values and their quantized selves.
    Entropy,
}

impl Observer {
    /// The range for codes of `bits` bits. Nothing seen, or nothing but zeros: 0 to 0.
    ///
    /// # Panics
    /// If `bits` is not 2 to 8.
    pub fn range(&self, histogram: &Histogram, bits: u32) -> Range {
        match *self {
            Self::MinMax => histogram.min_max(),
            Self::MovingAverage { momentum } => moving_average::range(histogram.images(), momentum),
            Self::Percentile { percentile } => percentile::range(histogram, percentile),
            Self::Mse => squared_error::range(histogram, bits),
            Self::Entropy => divergence::range(histogram, bits),
        }
    }
}

/// Largest code of `bits` bits: 2^(bits−1) − 1.
///
/// # Panics
/// If `bits` is not 2 to 8.
fn largest_code(bits: u32) -> i32 {
    assert!((2..=8).contains(&bits), "codes have 2 to 8 bits");
    (1 << (bits - 1)) - 1
}

/// PyTorch's default.
fn default_momentum() -> f32 {
    0.01
}

/// 0.005 % cut at either end.
fn default_percentile() -> f64 {
    99.99
}

/// What a file may say of an observer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    observer: Name,
    momentum: Option<f32>,
    percentile: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    MinMax,
    MovingAverage,
    Percentile,
    Mse,
    Entropy,
}

impl TryFrom<Settings> for Observer {
    type Error = String;

    fn try_from(said: Settings) -> Result<Self, String> {
        let Settings {
            observer,
            momentum,
            percentile,
        } = said;
        let fault = |what: &str, expected: &str| Err(format!("{what}, expected {expected}"));
        if let (Some(momentum), false) = (momentum, matches!(observer, Name::MovingAverage)) {
            let what = format!("momentum = {momentum} for another observer");
            return fault(&what, "observer = \"moving-average\"");
        }
        if let (Some(percentile), false) = (percentile, matches!(observer, Name::Percentile)) {
            let what = format!("percentile = {percentile} for another observer");
            return fault(&what, "observer = \"percentile\"");
        }
        let momentum = momentum.unwrap_or_else(default_momentum);
        if !(momentum > 0.0 && momentum <= 1.0) {
            let what = format!("momentum = {momentum}");
            return fault(&what, "a number above 0 and at most 1");
        }
        let percentile = percentile.unwrap_or_else(default_percentile);
        if !(percentile > 0.0 && percentile <= 100.0) {
            let what = format!("percentile = {percentile}");
            return fault(&what, "a number above 0 and at most 100");
        }
        Ok(match observer {
            Name::MinMax => Self::MinMax,
            Name::MovingAverage => Self::MovingAverage { momentum },
            Name::Percentile => Self::Percentile { percentile },
            Name::Mse => Self::Mse,
            Name::Entropy => Self::Entropy,
        })
    }
}

#[cfg(test)]
mod tests;
