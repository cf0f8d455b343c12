//! The comparison of any number of models with one base.

use super::comparison::{Adjusted, Comparison, GapChange};
use super::family::{benjamini_hochberg, holm, romano_wolf};
use super::judge::{Judge, Subject, Tested};
use super::statistics::Statistics;
use super::votes::Votes;
use crate::error::{Fault, Result};
use crate::fairness::measure::groups::Grouping;
use crate::fairness::resample::draw::{Resampler, cells_of_strata};
use crate::fairness::table::predictions::Predictions;

/// Counts of a replicate above this many (8 GiB) are refused.
const MAX_COUNTS: usize = 1 << 31;

/// The model that others are compared with.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// Its predictions.
    pub predictions: &'a Predictions,
    /// Its decisions, 0 or 1 for each image.
    pub decisions: &'a [u8],
    /// Groups and strata.
    pub grouping: &'a Grouping,
}

/// A model that is compared.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What it is called.
    pub name: String,
    /// Its predictions of the same images, in the base's order.
    pub predictions: Predictions,
    /// Its decisions.
    pub decisions: Vec<u8>,
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompareConfig {
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Draws of the randomization test.
    pub draws: usize,
    /// Seed of both.
    pub seed: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Margin of equivalence δ.
    pub margin: f64,
}

impl Default for CompareConfig {
    fn default() -> Self {
        Self {
            replicates: 10_000,
            draws: 10_000,
            seed: 0,
            confidence: 0.95,
            margin: 0.01,
        }
    }
}

/// Compares each candidate with the base; all see the same replicates.
///
/// # Errors
/// Config error where the counts of all replicates would need more than 8 GiB.
pub fn compare(
    base: &Base,
    candidates: &[Candidate],
    config: &CompareConfig,
) -> Result<Vec<Comparison>> {
    let table = base.predictions;
    let others: Vec<Vec<u8>> = candidates.iter().map(|c| c.decisions.clone()).collect();
    let people = table.people().map(|_| Resampler::of(table, base.grouping));
    let votes = Votes::new(
        base.grouping,
        table.label(),
        base.decisions,
        &others,
        people.clone(),
    );
    fitting(config, &votes)?;
    let rows = votes.replicates(config.replicates, config.seed);
    let strata = cells_of_strata(base.grouping);
    let judge = Judge {
        label: table.label(),
        grouping: base.grouping,
        base: Subject {
            name: "base",
            score: table.score(),
            decisions: base.decisions,
        },
        config,
        people: table.people().zip(people.as_ref()),
        statistics: Statistics {
            grouping: base.grouping,
            strata: &strata,
            errors: people.is_none(),
        },
        family: 2 * candidates.len(),
    };
    let mut comparisons = Vec::with_capacity(candidates.len());
    let mut family = Vec::new();
    for (model, candidate) in candidates.iter().enumerate() {
        let (comparison, tested) =
            judge.comparison(votes.counted(&rows, model), subject(candidate));
        comparisons.push(comparison);
        family.extend(tested.into_iter().map(|(gap, tested)| (model, gap, tested)));
    }
    adjust(&mut comparisons, &family, base.grouping.primary());
    Ok(comparisons)
}

/// Refuses replicates that memory would not hold.
pub(super) fn fitting(config: &CompareConfig, votes: &Votes) -> Result<()> {
    let counts = config.replicates.checked_mul(votes.width());
    if counts.is_some_and(|n| n <= MAX_COUNTS) {
        return Ok(());
    }
    Err(Fault::plain(config.replicates.to_string())
        .key("audit.replicates")
        .expected(format!("at most {}", MAX_COUNTS / votes.width()))
        .next("or fewer attributes or files at once")
        .config())
}

pub(super) fn subject(candidate: &Candidate) -> Subject<'_> {
    Subject {
        name: &candidate.name,
        score: candidate.predictions.score(),
        decisions: &candidate.decisions,
    }
}

/// Fills in what depends on all hypotheses.
fn adjust(comparisons: &mut [Comparison], family: &[(usize, usize, Tested)], primary: usize) {
    let t: Vec<f64> = family.iter().map(|(_, _, tested)| tested.t).collect();
    let replicates: Vec<&[f64]> = family.iter().map(|f| f.2.replicates.as_slice()).collect();
    fill(comparisons, family, primary, romano_wolf(&t, &replicates));
}

/// Fills in step-down p-values, Holm's of the same family, and Benjamini and Hochberg's of everything.
pub(super) fn fill(
    comparisons: &mut [Comparison],
    family: &[(usize, usize, Tested)],
    primary: usize,
    stepped: Vec<f64>,
) {
    let held = holm(
        &family
            .iter()
            .map(|(_, _, tested)| tested.p)
            .collect::<Vec<_>>(),
    );
    for (((model, gap, _), romano_wolf), holm) in family.iter().zip(stepped).zip(held) {
        comparisons[*model].attributes[primary].gaps[*gap].adjusted =
            Some(Adjusted { romano_wolf, holm });
    }
    let mut all: Vec<&mut GapChange> = comparisons
        .iter_mut()
        .flat_map(|c| c.attributes.iter_mut().flat_map(|a| &mut a.gaps))
        .filter(|gap| gap.p.is_some())
        .collect();
    let p: Vec<f64> = all.iter().filter_map(|gap| gap.p).collect();
    for (gap, q) in all.iter_mut().zip(benjamini_hochberg(&p)) {
        gap.q = Some(q);
    }
}
