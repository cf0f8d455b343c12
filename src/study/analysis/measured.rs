//! One target measured: every configuration audited, and compared, on the same replicates of its images.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::configuration::{Configuration, Key, Status};
use super::metric::Metric;
use super::questions;
use super::scores::Scores;
use super::settings::{BASELINE, Settings};
use crate::error::{Fault, Result};
use crate::fairness::compare::mcnemar::clopper_pearson;
use crate::fairness::measure::ranked::{Ranked, sorted};
use crate::fairness::resample::bootstrap::percentile;
use crate::fairness::resample::draw::Resampler;
use crate::fairness::{
    Candidate, Comparison, FairnessReport, Grouping, Interval, Joint, Member, Pairing, Predictions,
    audit_drawn, exact_bound, replicate_rng,
};

/// A configuration with predictions.
pub struct Entry {
    /// Which one.
    pub key: Key,
    /// Its place among the study's configurations.
    pub at: usize,
    /// Its predictions and decisions.
    pub candidate: Candidate,
    /// Every metric of every group.
    pub report: FairnessReport,
    /// Interval of its AUC where identities are known, which the report has not.
    pub auc: Option<Interval>,
    /// The four numbers, in the order of [`Metric::ALL`].
    pub levels: [f64; 4],
    /// The same in each replicate.
    pub replicates: [Vec<f64>; 4],
}

/// The change of a number between two configurations.
#[derive(Debug, Clone)]
pub struct Delta {
    /// On the images.
    pub value: f64,
    /// In each replicate.
    pub replicates: Vec<f64>,
    /// An exact bound of |Δ| where next to no decision changed, so that the replicates say too little.
    pub bound: Option<f64>,
}

/// One target.
pub struct Measured {
    /// What is predicted.
    pub target: String,
    /// Groups of its images.
    pub grouping: Grouping,
    /// Labels and people of its images.
    pub table: Predictions,
    /// Configurations with predictions, in the order of tables.
    pub entries: Vec<Entry>,
    /// Comparisons by places among the entries: base, other.
    pub comparisons: BTreeMap<(usize, usize), Comparison>,
    group_of: Vec<usize>,
    groups: usize,
    confidence: f64,
}

impl Measured {
    /// Measures all finished configurations of a target.
    ///
    /// # Errors
    /// Data error naming the file and column where a finished configuration has no scores, or rows of
    /// `results.csv` are of other images; config error for replicates that memory would not hold.
    pub fn new(
        target: &str,
        scores: &Scores,
        configurations: &[Configuration],
        settings: &Settings,
        file: &str,
    ) -> Result<Option<Self>> {
        let done = configurations
            .iter()
            .enumerate()
            .filter(|(_, c)| c.key.target == target && c.status == Status::Done);
        let mut models: Vec<(usize, Key, Candidate)> = Vec::new();
        for (at, c) in done {
            let name = c.key.column(settings.seeds[0]);
            let Some(predictions) = scores.predictions(&name)? else {
                return Err(Fault::new(file, "no such column")
                    .key(name)
                    .expected("one for every row of results.csv that is done")
                    .next("the files are of two studies: take both from one")
                    .data());
            };
            if let Some(n) = c.n.filter(|n| *n != scores.n() as u64) {
                return Err(
                    Fault::new("results.csv", format!("n = {n} in the row of `{name}`"))
                        .expected(format!("{}, the rows of {file}", scores.n()))
                        .next("the files are of two data sets: take both from one study")
                        .data(),
                );
            }
            let threshold = c.threshold.unwrap_or(settings.threshold);
            let decisions = predictions
                .score()
                .iter()
                .map(|s| u8::from(*s >= threshold));
            let candidate = Candidate {
                decisions: decisions.collect(),
                name,
                predictions,
            };
            models.push((at, c.key.clone(), candidate));
        }
        let Some((_, _, first)) = models.first() else {
            return Ok(None);
        };
        let table = first.predictions.clone();
        let grouping = Grouping::new(table.attributes(), &settings.orders)?;
        let pairs = pairs(&models, configurations, settings);
        let candidates: Vec<Candidate> = models.iter().map(|(_, _, c)| c.clone()).collect();
        let compare = settings.compare();
        let joint = Joint::draw(&grouping, &candidates, &pairs, &compare)?;
        let frame = &grouping.frames[grouping.primary()];
        let auc = auc_intervals(&table, &grouping, &candidates, settings);
        let mut entries = Vec::with_capacity(models.len());
        let audit = settings.audit();
        for (m, (at, key, candidate)) in models.into_iter().enumerate() {
            let drawn = joint.counts(m);
            let measured: Vec<[f64; 4]> = drawn
                .par_iter()
                .map(|cells| Metric::measure(frame, cells))
                .collect();
            let report = audit_drawn(
                &candidate.predictions,
                &grouping,
                &candidate.decisions,
                &drawn,
                &audit,
            );
            let gap = |metric: Metric| -> f64 {
                let found = match metric.gap() {
                    None => report.accuracy().value(),
                    Some(gap) => {
                        (report.primary().and_then(|f| f.gap(gap))).and_then(|g| g.estimate.value())
                    }
                };
                found.unwrap_or(f64::NAN)
            };
            entries.push(Entry {
                levels: Metric::ALL.map(gap),
                replicates: [0, 1, 2, 3].map(|i| measured.iter().map(|row| row[i]).collect()),
                auc: auc.as_ref().map(|all| all[m].clone()),
                key,
                at,
                candidate,
                report,
            });
        }
        let compared = joint.compare();
        let comparisons = pairs
            .iter()
            .zip(compared)
            .map(|(p, c)| ((p.base, p.other), c))
            .collect();
        Ok(Some(Self {
            group_of: (grouping.cell_of.iter())
                .map(|cell| frame.group_of_cell[*cell as usize])
                .collect(),
            groups: frame.groups.len(),
            confidence: settings.confidence,
            target: target.into(),
            comparisons,
            table,
            entries,
            grouping,
        }))
    }

    /// Place of a configuration among the entries.
    pub fn find(&self, model: &str, method: &str, seed: u64) -> Option<usize> {
        let is = |e: &Entry| e.key.model == model && e.key.method == method && e.key.seed == seed;
        self.entries.iter().position(is)
    }

    /// What changed from one entry to another; `among` is how many such changes are judged together.
    /// `None` where the number is undefined for one of the two.
    pub fn delta(&self, base: usize, other: usize, metric: Metric, among: usize) -> Option<Delta> {
        let [a, b] = [base, other].map(|e| &self.entries[e]);
        let m = metric as usize;
        let value = b.levels[m] - a.levels[m];
        if value.is_nan() {
            return None;
        }
        let both = a.replicates[m].iter().zip(&b.replicates[m]);
        Some(Delta {
            value,
            replicates: both.map(|(a, b)| b - a).collect(),
            bound: self.bound(base, other, metric, among),
        })
    }

    fn bound(&self, base: usize, other: usize, metric: Metric, among: usize) -> Option<f64> {
        let decisions = [base, other].map(|e| self.entries[e].candidate.decisions.as_slice());
        let alpha = (1.0 - self.confidence) / 2.0 / among.max(1) as f64;
        let (label, people) = (self.table.label(), self.table.people());
        let everyone = vec![0; label.len()];
        match metric.gap() {
            Some(gap) => {
                let groups = (self.group_of.as_slice(), self.groups);
                exact_bound(gap, label, decisions, people, groups, alpha)
            }
            // All images as one group, whose accuracy is that of the worst.
            None => {
                let gap = crate::fairness::Gap::WorstGroupAccuracy;
                exact_bound(gap, label, decisions, people, (&everyone, 1), alpha)
            }
        }
    }

    /// Groups of the primary frame: one for each image, and how many there are.
    pub fn groups(&self) -> (&[usize], usize) {
        (&self.group_of, self.groups)
    }
}

/// Exact bounds of a change of accuracy from the images that got worse and better, each side wrong with
/// at most half of what the confidence leaves.
pub fn exact_accuracy(worse: u64, better: u64, n: u64, confidence: f64) -> [f64; 2] {
    let alpha = (1.0 - confidence) / 4.0;
    let [worse, better] = [worse, better].map(|k| clopper_pearson(k, n, alpha));
    [better[0] - worse[1], better[1] - worse[0]]
}

/// Everything with its baseline, then the questions.
fn pairs(
    models: &[(usize, Key, Candidate)],
    configurations: &[Configuration],
    settings: &Settings,
) -> Vec<Pairing> {
    let find = |like: &Key, method: &str| {
        models.iter().position(|(_, k, _)| {
            k.model == like.model && k.seed == like.seed && k.method == method
        })
    };
    let mut pairs = Vec::new();
    for (other, (at, key, _)) in models.iter().enumerate() {
        let of_matrix = key.target == settings.target
            && key.seed == settings.seeds[0]
            && !configurations[*at].control
            && settings.models.contains(&key.model)
            && settings.methods.contains(&key.method);
        if let Some(base) = find(key, BASELINE).filter(|base| *base != other) {
            pairs.push(Pairing {
                base,
                other,
                member: if of_matrix {
                    Member::Family
                } else {
                    Member::Outside
                },
            });
        }
    }
    for question in questions::ALL {
        for (other, (_, key, _)) in models.iter().enumerate() {
            if key.method == question.other
                && let Some(base) = find(key, question.base)
            {
                pairs.push(Pairing {
                    base,
                    other,
                    member: Member::Outside,
                });
            }
        }
    }
    pairs
}

/// Intervals of every model's AUC by the cluster bootstrap; `None` where no identities are known, so
/// that DeLong's serves.
fn auc_intervals(
    table: &Predictions,
    grouping: &Grouping,
    models: &[Candidate],
    settings: &Settings,
) -> Option<Vec<Interval>> {
    table.people()?;
    let resampler = Resampler::of(table, grouping);
    let ranked: Vec<Ranked> = models
        .iter()
        .map(|m| {
            Ranked::new(
                &sorted(m.predictions.score()),
                table.label(),
                m.predictions.score(),
            )
        })
        .collect();
    let one = |weight: &mut Vec<u32>, r: u64| -> Vec<f64> {
        weight.resize(table.n(), 0);
        resampler.draw(&mut replicate_rng(settings.seed, r), weight);
        ranked
            .iter()
            .map(|of| of.auc_ece(weight).0.unwrap_or(f64::NAN))
            .collect()
    };
    let replicates = (0..settings.replicates as u64).into_par_iter();
    let rows: Vec<Vec<f64>> = replicates.map_init(Vec::new, one).collect();
    let interval = |m: usize| percentile(rows.iter().map(|row| row[m]), settings.confidence);
    Some((0..models.len()).map(interval).collect())
}
