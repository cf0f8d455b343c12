//! `[audit]`: how predictions are judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Fault, Result};
use crate::fairness::{AuditConfig, Bins, CompareConfig, Intervals, Orders, Reading, Thresholds};

/// How predictions are judged, under `[audit]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// A face counts as positive from this score on.
    pub threshold: f64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Permutations of the group labels behind the noise floors.
    pub permutations: usize,
    /// Draws of the randomization test of a comparison.
    pub draws: usize,
    /// Seed of all of them, apart from the seed of training.
    pub seed: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Intersections of up to so many attributes.
    pub order: usize,
    /// The attribute or intersection of the primary metrics, `male*young`; without one, the intersection
    /// of the first attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// The attribute columns to audit, all where none is named.
    pub attributes: Vec<String>,
    /// Columns of numbers that are cut into bins, by the first number of each bin but the lowest.
    pub bins: BTreeMap<String, Vec<f64>>,
    /// Margin within which a gap counts as unchanged.
    pub margin: f64,
    /// Largest gap that fitted thresholds may leave on the validation table.
    pub tolerance: f64,
}

impl Default for AuditSection {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            replicates: 10_000,
            permutations: 2_000,
            draws: 10_000,
            seed: 1,
            confidence: 0.95,
            order: 2,
            primary: None,
            attributes: Vec::new(),
            bins: BTreeMap::new(),
            margin: 0.01,
            tolerance: 0.01,
        }
    }
}

impl AuditSection {
    /// Which columns of a table are read.
    ///
    /// # Errors
    /// Config error for bins that are none.
    pub fn reading(&self) -> Result<Reading> {
        Ok(Reading {
            attributes: self.attributes.clone(),
            bins: Bins::new(&self.bins)?,
        })
    }

    /// Settings of an audit with thresholds of its own.
    pub fn audit(&self, thresholds: Thresholds) -> AuditConfig {
        AuditConfig {
            thresholds,
            orders: self.orders(),
            replicates: self.replicates,
            permutations: self.permutations,
            seed: self.seed,
            confidence: self.confidence,
            intervals: Intervals::Affordable,
        }
    }

    /// Which intersections are looked at.
    pub fn orders(&self) -> Orders {
        Orders {
            order: self.order,
            primary: self.primary.clone(),
        }
    }

    /// Settings of a comparison.
    pub fn compare(&self) -> CompareConfig {
        CompareConfig {
            replicates: self.replicates,
            draws: self.draws,
            seed: self.seed,
            confidence: self.confidence,
            margin: self.margin,
        }
    }

    /// # Errors
    /// Config error naming the key of a value out of range.
    pub fn check(&self) -> Result<()> {
        let fail = |key: &str, found: String, expected: &str| {
            let key = format!("audit.{key}");
            Err(Fault::plain(found).key(key).expected(expected).config())
        };
        // Written so that NaN fails too.
        if !(0.0..=1.0).contains(&self.threshold) {
            return fail("threshold", self.threshold.to_string(), "0 to 1");
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return fail(
                "confidence",
                self.confidence.to_string(),
                "between 0 and 1, such as 0.95",
            );
        }
        for (key, found) in [("margin", self.margin), ("tolerance", self.tolerance)] {
            if !(found > 0.0 && found <= 1.0) {
                return fail(key, found.to_string(), "above 0, up to 1");
            }
        }
        for (key, found) in [
            ("replicates", self.replicates),
            ("permutations", self.permutations),
            ("draws", self.draws),
        ] {
            if found < 2 {
                return fail(key, found.to_string(), "at least 2");
            }
        }
        if self.order == 0 {
            return fail("order", "0".into(), "at least 1: each attribute alone");
        }
        self.reading().map(|_| ())
    }
}
