//! An audit: predictions in, all metrics, gaps, intervals and noise floors out.

use super::assemble::Desk;
use super::bootstrap::{Replicates, Source};
use super::groups::{Frame, Grouping};
use super::metrics::GroupMetric;
use super::noise_floor::noise_floors;
use super::panel::{Panel, Sample};
use super::predictions::Predictions;
use super::report::{FairnessReport, Rank, Resampling};
use super::resample::Resampler;
use crate::error::{Fault, Result};

/// Replicates × statistics above this (4 GiB of numbers) are refused.
const MAX_NUMBERS: usize = 1 << 29;

/// Which statistics get intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intervals {
    /// All of them: every replicate resamples images, at a cost of O(n).
    All,
    /// Those of decisions only (not AUC and ECE). Without identities a replicate is then one
    /// multinomial draw per cell, at a cost that does not grow with n: for screening and large tables.
    Decisions,
}

/// How to audit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuditConfig {
    /// ŷ = 1 where score ≥ threshold; in [0, 1].
    pub threshold: f64,
    /// Bootstrap replicates, at least 2: 10,000 for headline numbers, 2,000 for screening.
    pub replicates: usize,
    /// Permutations of the group labels for the noise floors, at least 2.
    pub permutations: usize,
    /// Seed of both.
    pub seed: u64,
    /// Confidence of the intervals, between 0 and 1.
    pub confidence: f64,
    /// Which statistics get intervals.
    pub intervals: Intervals,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            replicates: 10_000,
            permutations: 2_000,
            seed: 0,
            confidence: 0.95,
            intervals: Intervals::All,
        }
    }
}

impl AuditConfig {
    fn check(&self) -> Result<()> {
        let fail = |key: &str, found: String, expected: &str| {
            Err(Fault::plain(found).key(key).expected(expected).config())
        };
        // Written so that NaN fails too.
        if !(0.0..=1.0).contains(&self.threshold) {
            return fail(
                "threshold",
                self.threshold.to_string(),
                "a number in [0, 1]",
            );
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return fail(
                "confidence",
                self.confidence.to_string(),
                "a number between 0 and 1, such as 0.95",
            );
        }
        for (key, found) in [
            ("replicates", self.replicates),
            ("permutations", self.permutations),
        ] {
            if found < 2 {
                return fail(key, found.to_string(), "at least 2");
            }
        }
        Ok(())
    }
}

/// Audits predictions: every metric for each attribute alone and for their intersection.
///
/// Deterministic for a seed, whatever the number of threads.
///
/// # Errors
/// Config error for a setting out of range (or replicates that would need more than 4 GiB), data error
/// when the attributes have too many combinations.
pub fn audit(predictions: &Predictions, config: &AuditConfig) -> Result<FairnessReport> {
    config.check()?;
    let grouping = Grouping::new(predictions.attributes())?;
    let panel = Panel::new(predictions, &grouping, config.threshold);
    let numbers = |count: usize| {
        count
            .checked_mul(panel.width())
            .is_some_and(|n| n <= MAX_NUMBERS)
    };
    for (key, count) in [
        ("replicates", config.replicates),
        ("permutations", config.permutations),
    ] {
        if !numbers(count) {
            return Err(Fault::plain(count.to_string())
                .key(key)
                .expected(format!(
                    "at most {}, for {} statistics",
                    MAX_NUMBERS / panel.width(),
                    panel.width()
                ))
                .config());
        }
    }

    let once = vec![1u32; predictions.n()];
    let cells = panel.count(&once);
    let points = panel.measure(Sample::Weights(&once));

    let identities: Option<Vec<&str>> = predictions
        .identity()
        .iter()
        .map(Option::as_deref)
        .collect();
    let resampler = match &identities {
        Some(names) => Resampler::clustered(names),
        None => Resampler::stratified(&grouping.cell_of, grouping.cells),
    };
    let source = match (config.intervals, &identities) {
        (Intervals::Decisions, None) => Source::Cells(&cells),
        (Intervals::Decisions, Some(_)) => Source::Decisions(&resampler),
        (Intervals::All, _) => Source::Images(&resampler),
    };
    let replicates = Replicates::draw(&panel, source, config.replicates, config.seed);
    let frames: Vec<&Frame> = panel.frames().collect();
    let floors = noise_floors(&cells, &frames[1..], config.permutations, config.seed);

    let resampling = match identities {
        Some(_) => Resampling::ByIdentity {
            identities: resampler.units(),
        },
        None => Resampling::Stratified,
    };
    let desk = Desk {
        panel: &panel,
        replicates: &replicates,
        config,
    };
    let whole = |metric| desk.metric(0, 0, metric, points[0].groups[0][metric], "all images");
    let attributes = (1..frames.len())
        .map(|f| {
            let rank = if f - 1 == grouping.primary() {
                Rank::Primary
            } else {
                Rank::Secondary
            };
            desk.attribute(f, frames[f], &points[f], &floors[f - 1], rank)
        })
        .collect();
    Ok(FairnessReport {
        n: predictions.n(),
        threshold: config.threshold,
        replicates: config.replicates,
        seed: config.seed,
        confidence: config.confidence,
        permutations: config.permutations,
        resampling,
        accuracy: whole(GroupMetric::Accuracy as usize),
        auc: whole(GroupMetric::Auc as usize),
        ece: whole(GroupMetric::Ece as usize),
        attributes,
        notes: notes(predictions, resampling),
    })
}

fn notes(predictions: &Predictions, resampling: Resampling) -> Vec<String> {
    let n = predictions.n();
    let known = predictions.identity().iter().flatten().count();
    let people = match resampling {
        Resampling::ByIdentity { identities } => {
            format!("Intervals resample whole identities ({identities} in {n} images).")
        }
        Resampling::Stratified => {
            let found = if known == 0 {
                "No identities are known".to_string()
            } else {
                format!("Identities are known for {known} of {n} images only and were not used")
            };
            format!(
                "{found}: the intervals ignore that images of one person are alike, and may be too narrow."
            )
        }
    };
    vec![
        people,
        "Intervals are over images of one trained model: training variance was not estimated.".into(),
        "A gap over groups is above 0 even when groups do not matter, and where groups nearly tie its interval can lie \
         above it: read it against its noise_floor, which permuted group labels pass in 5 % of cases."
            .into(),
        "Attributes and labels are taken from the table; in face data they are other people's perception of a \
         photograph, not what the person would say."
            .into(),
    ]
}
