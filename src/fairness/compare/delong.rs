//! AUC of one or two models on the same images without resampling (DeLong, DeLong & Clarke-Pearson
//! 1988).

use statrs::distribution::{ContinuousCDF, Normal};

use crate::fairness::measure::placements::{Placements, placements};

/// Two AUCs of the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeLong {
    /// AUC of each model.
    pub auc: [f64; 2],
    /// Variance of each, and their covariance.
    pub variance: [f64; 2],
    /// Covariance.
    pub covariance: f64,
}

/// Compares two scores of the same images; `None` unless both classes have at least two images.
///
/// # Panics
/// When a slice is shorter than `label`.
pub fn delong(label: &[u8], scores: [&[f64]; 2]) -> Option<DeLong> {
    let [a, b] = [placements(label, scores[0])?, placements(label, scores[1])?];
    if a.of.iter().any(|n| *n < 2) {
        return None;
    }
    Some(DeLong {
        auc: [a.auc, b.auc],
        variance: [covariance(label, &a, &a), covariance(label, &b, &b)],
        covariance: covariance(label, &a, &b),
    })
}

/// Standard error of one AUC; `None` unless both classes have at least two images.
pub fn standard_error(label: &[u8], score: &[f64]) -> Option<(f64, f64)> {
    let a = placements(label, score)?;
    let enough = a.of.iter().all(|n| *n >= 2);
    enough.then(|| (a.auc, covariance(label, &a, &a).sqrt()))
}

/// S₁₀ / n⁺ + S₀₁ / n⁻, S the covariances of the placements within the classes.
fn covariance(label: &[u8], a: &Placements, b: &Placements) -> f64 {
    let mut sums = [0.0; 2];
    for (i, y) in label.iter().enumerate() {
        sums[usize::from(*y)] += (a.value[i] - a.auc) * (b.value[i] - b.auc);
    }
    let [positives, negatives] = a.of.map(|n| n as f64);
    sums[1] / (positives - 1.0) / positives + sums[0] / (negatives - 1.0) / negatives
}

impl DeLong {
    /// AUC of the second minus that of the first.
    pub fn change(&self) -> f64 {
        self.auc[1] - self.auc[0]
    }

    /// Standard error of the change.
    pub fn standard_error(&self) -> f64 {
        let variance = self.variance[0] + self.variance[1] - 2.0 * self.covariance;
        // Equal scores leave rounding.
        if variance > 1e-18 {
            variance.sqrt()
        } else {
            0.0
        }
    }

    /// Two-sided p of equal AUCs; 1 where nothing varies.
    pub fn p(&self) -> f64 {
        match self.standard_error() {
            0.0 => 1.0,
            se => 2.0 * Normal::standard().sf((self.change() / se).abs()),
        }
    }

    /// Normal interval of the change.
    pub fn interval(&self, confidence: f64) -> [f64; 2] {
        let half = z(confidence) * self.standard_error();
        [self.change() - half, self.change() + half]
    }
}

/// Quantile of the standard normal for a two-sided interval.
pub fn z(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + confidence / 2.0)
}
