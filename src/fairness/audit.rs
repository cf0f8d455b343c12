//! An audit: predictions in, all metrics, gaps, intervals and noise floors out.

use super::measure::counts::{Counts, GroupMetric};
use super::measure::decide::Thresholds;
use super::measure::groups::{Frame, Grouping, Orders};
use super::measure::panel::{Panel, Sample};
use super::output::assemble::Desk;
use super::output::report::{FairnessReport, Rank, Resampling};
use super::resample::bootstrap::{Replicates, Source};
use super::resample::draw::{Resampler, cells_of_strata};
use super::resample::noise_floor::noise_floors;
use super::table::predictions::Predictions;
use crate::error::{Fault, Result};

/// Replicates × statistics above this (4 GiB of numbers) are refused.
const MAX_NUMBERS: usize = 1 << 29;

/// Which statistics get intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intervals {
    /// All of them: every replicate resamples images, at a cost of O(n).
    All,
    /// Those of decisions only: no bootstrap of AUC and ECE. Without identities a replicate is then one
    /// multinomial draw per stratum, at a cost that does not grow with n, and AUC has DeLong's interval.
    Decisions,
    /// [`All`](Self::All) up to [`AFFORDABLE`] images × replicates, [`Decisions`](Self::Decisions) beyond.
    Affordable,
}

/// Images × replicates up to which AUC and ECE are bootstrapped unless all intervals are asked for: two
/// minutes on two cores.
pub const AFFORDABLE: usize = 2_000_000_000;

/// How to audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditConfig {
    /// From which score on an image is selected.
    pub thresholds: Thresholds,
    /// Which intersections are looked at.
    pub orders: Orders,
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
            thresholds: Thresholds::One(0.5),
            orders: Orders::default(),
            replicates: 10_000,
            permutations: 2_000,
            seed: 0,
            confidence: 0.95,
            intervals: Intervals::Affordable,
        }
    }
}

impl AuditConfig {
    fn check(&self) -> Result<()> {
        let fail = |key: &str, found: String, expected: &str| {
            Err(Fault::plain(found).key(key).expected(expected).config())
        };
        // Written so that NaN fails too.
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

/// Audits predictions: every metric for each attribute alone and for their intersections.
///
/// Deterministic for a seed, whatever the number of threads. Memory: 8 bytes × replicates × statistics,
/// and some 60 bytes an image; with AUC and ECE in the bootstrap 24 bytes more for each image and frame.
///
/// # Errors
/// Config error for a setting out of range (or replicates that would need more than 4 GiB), data error
/// when the attributes have too many combinations.
pub fn audit(predictions: &Predictions, config: &AuditConfig) -> Result<FairnessReport> {
    config.check()?;
    let grouping = Grouping::new(predictions.attributes(), &config.orders)?;
    let decisions = config.thresholds.decide(predictions.score(), &grouping)?;
    let scores = match config.intervals {
        Intervals::All => true,
        Intervals::Decisions => false,
        Intervals::Affordable => predictions.n().saturating_mul(config.replicates) <= AFFORDABLE,
    };
    let panel = Panel::new(predictions, &grouping, &decisions);
    let panel = if scores { panel.with_ranks() } else { panel };
    fits(config, panel.width())?;
    let resampler = Resampler::of(predictions, &grouping);
    let cells = panel.count(&vec![1u32; predictions.n()]);
    let strata = cells_of_strata(&grouping);
    let source = match (scores, predictions.people().is_some()) {
        (false, false) => Source::Cells(&cells, &strata),
        (false, true) => Source::Decisions(&resampler),
        (true, _) => Source::Images(&resampler),
    };
    let replicates = Replicates::draw(&panel, source, config.replicates, config.seed);
    Ok(report(
        predictions,
        &grouping,
        &decisions,
        &panel,
        &replicates,
        &resampler,
        config,
    ))
}

/// The audit of a model whose replicates were drawn elsewhere, as counts per cell: so that many models
/// share them. AUC has DeLong's interval, or none where identities are known; ECE has none.
///
/// # Panics
/// When there is not one decision for each image, or no replicate.
pub fn audit_drawn(
    predictions: &Predictions,
    grouping: &Grouping,
    decisions: &[u8],
    drawn: &[Vec<Counts>],
    config: &AuditConfig,
) -> FairnessReport {
    let panel = Panel::new(predictions, grouping, decisions);
    let source = Source::Drawn(drawn);
    let replicates = Replicates::draw(&panel, source, drawn.len(), config.seed);
    let resampler = Resampler::of(predictions, grouping);
    report(
        predictions,
        grouping,
        decisions,
        &panel,
        &replicates,
        &resampler,
        &AuditConfig {
            replicates: drawn.len(),
            ..config.clone()
        },
    )
}

/// Puts a report together from replicates.
fn report(
    predictions: &Predictions,
    grouping: &Grouping,
    decisions: &[u8],
    panel: &Panel,
    replicates: &Replicates,
    resampler: &Resampler,
    config: &AuditConfig,
) -> FairnessReport {
    let scores = panel.has_ranks();
    let once = vec![1u32; predictions.n()];
    let cells = panel.count(&once);
    let mut points = panel.measure(Sample::Cells(&cells));
    for (f, points) in points.iter_mut().enumerate() {
        for (group, (auc, ece)) in points.groups.iter_mut().zip(panel.scores(f)) {
            (
                group[GroupMetric::Auc as usize],
                group[GroupMetric::Ece as usize],
            ) = (auc, ece);
        }
    }

    let by_identity = predictions.people().is_some();
    let frames: Vec<&Frame> = panel.frames().collect();
    let floors = noise_floors(&cells, &frames[1..], config.permutations, config.seed);

    let resampling = match by_identity {
        true => Resampling::ByIdentity {
            identities: resampler.units(),
        },
        false => Resampling::Stratified {
            strata: grouping.frames[grouping.primary()].name.clone(),
        },
    };
    let desk = Desk {
        predictions,
        decisions,
        grouping,
        panel,
        replicates,
        resampler,
        scores,
        by_identity,
        confidence: config.confidence,
    };
    let everyone = desk.group(0, 0, frames[0], &points[0]);
    let attributes = (1..frames.len())
        .map(|f| {
            let rank = match f - 1 == grouping.primary() {
                true => Rank::Primary,
                false => Rank::Secondary,
            };
            desk.attribute(f, frames[f], &points[f], &floors[f - 1], rank)
        })
        .collect();
    FairnessReport {
        n: predictions.n(),
        thresholds: config.thresholds.clone(),
        replicates: config.replicates,
        seed: config.seed,
        confidence: config.confidence,
        permutations: config.permutations,
        notes: notes(predictions, &resampling, scores),
        resampling,
        everyone,
        attributes,
    }
}

/// Refuses replicates that memory would not hold.
fn fits(config: &AuditConfig, width: usize) -> Result<()> {
    for (key, count) in [
        ("audit.replicates", config.replicates),
        ("audit.permutations", config.permutations),
    ] {
        if count.checked_mul(width).is_none_or(|n| n > MAX_NUMBERS) {
            return Err(Fault::plain(count.to_string())
                .key(key)
                .expected(format!(
                    "at most {}, for {width} statistics",
                    MAX_NUMBERS / width
                ))
                .config());
        }
    }
    Ok(())
}

fn notes(predictions: &Predictions, resampling: &Resampling, scores: bool) -> Vec<String> {
    let n = predictions.n();
    let known = (0..n)
        .filter(|i| predictions.identity().get(*i).is_some())
        .count();
    let people = match resampling {
        Resampling::ByIdentity { identities } => {
            format!("Intervals resample whole identities ({identities} in {n} images).")
        }
        Resampling::Stratified { .. } => {
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
    let mut notes = vec![
        people,
        "Intervals are over images of one trained model: training variance was not estimated.".into(),
        "A gap over groups is above 0 even when groups do not matter, and where groups nearly tie its interval can lie \
         above it: read it against its noise_floor, which permuted group labels pass in 5 % of cases."
            .into(),
        "Attributes and labels are taken from the table; in face data they are other people's perception of a \
         photograph, not what the person would say."
            .into(),
    ];
    if !scores {
        notes.push(
            "AUC and ECE were not resampled: AUC has DeLong's interval where no identities are known, ECE none."
                .into(),
        );
    }
    notes
}
