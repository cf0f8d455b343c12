//! `groups.csv` and `comparisons.csv`: every group of every configuration, and methods against methods.

use std::path::Path;

use super::measured::{Measured, exact_accuracy};
use super::metric::Metric;
use super::questions;
use super::results::against_baseline;
use super::sheet::{cell, names, six, write_sheet};
use crate::error::Result;
use crate::fairness::compare::equivalence::SPARSE;
use crate::fairness::compare::family::holm;
use crate::fairness::measure::counts::GroupMetric;

/// Metrics of a group with intervals.
const RATES: [GroupMetric; 4] = [
    GroupMetric::Accuracy,
    GroupMetric::SelectionRate,
    GroupMetric::Tpr,
    GroupMetric::Fpr,
];

/// Writes `groups.csv`.
///
/// # Errors
/// Run error naming the path.
pub fn write(path: &Path, targets: &[Measured], confidence: f64) -> Result<()> {
    let mut header = names(&[
        "target",
        "model",
        "method",
        "seed",
        "attribute",
        "group",
        "n",
        "n_pos",
        "n_neg",
    ]);
    for rate in RATES {
        header.extend(["", "_lo", "_hi"].map(|end| format!("{}{end}", rate.key())));
    }
    header.extend(names(&[
        "auc",
        "ece",
        "right_to_wrong",
        "wrong_to_right",
        "d_accuracy",
        "d_accuracy_lo",
        "d_accuracy_hi",
        "mcnemar_p",
    ]));
    let mut rows = Vec::new();
    for m in targets {
        for (place, entry) in m.entries.iter().enumerate() {
            let against = against_baseline(m, place).map(|(_, c)| c);
            for (f, attribute) in entry.report.attributes.iter().enumerate() {
                for (g, group) in attribute.groups.iter().enumerate() {
                    let key = &entry.key;
                    let mut row = vec![
                        key.target.clone(),
                        key.model.clone(),
                        key.method.clone(),
                        key.seed.to_string(),
                        attribute.name.clone(),
                        group.name.clone(),
                        group.n.to_string(),
                        group.n_pos.to_string(),
                        group.n_neg.to_string(),
                    ];
                    let of = |metric| group.metric(metric).expect("every group has every metric");
                    for rate in RATES {
                        let ends = of(rate).interval();
                        row.extend([
                            cell(of(rate).value()),
                            cell(ends.map(|e| e.0)),
                            cell(ends.map(|e| e.1)),
                        ]);
                    }
                    row.extend(
                        [GroupMetric::Auc, GroupMetric::Ece].map(|metric| cell(of(metric).value())),
                    );
                    if let Some(comparison) = against {
                        let flips = &comparison.attributes[f].groups[g];
                        let (worse, better) = (flips.right_to_wrong, flips.wrong_to_right);
                        let ends = match (worse + better < SPARSE, flips.accuracy.value()) {
                            (_, None) => None,
                            (true, _) => Some(exact_accuracy(worse, better, flips.n, confidence)),
                            (false, _) => flips.accuracy.interval().map(|(lo, hi)| [lo, hi]),
                        };
                        row.extend([
                            worse.to_string(),
                            better.to_string(),
                            cell(flips.accuracy.value()),
                            cell(ends.map(|e| e[0])),
                            cell(ends.map(|e| e[1])),
                            six(flips.mcnemar_p),
                        ]);
                    }
                    row.resize(header.len(), String::new());
                    rows.push(row);
                }
            }
        }
    }
    write_sheet(path, &header, &rows)
}

/// Writes `comparisons.csv`: the comparisons that the hypotheses ask for, not with the baseline.
///
/// # Errors
/// Run error naming the path.
pub fn write_comparisons(path: &Path, targets: &[Measured], confidence: f64) -> Result<()> {
    let header = names(&[
        "question",
        "target",
        "model",
        "base",
        "method",
        "seed",
        "metric",
        "delta",
        "delta_lo",
        "delta_hi",
        "p",
        "p_holm",
        "p_sharp",
        "equivalent",
        "tost_p",
        "margin",
        "right_to_wrong",
        "wrong_to_right",
    ]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for m in targets {
        let mut questions: Vec<&str> = questions::ALL.iter().map(|q| q.question).collect();
        questions.dedup();
        let mut seeds: Vec<u64> = m.entries.iter().map(|e| e.key.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        for question in questions {
            for seed in &seeds {
                let from = rows.len();
                let mut p = Vec::new();
                for versus in questions::ALL.iter().filter(|q| q.question == question) {
                    for (other, entry) in m.entries.iter().enumerate() {
                        if entry.key.method == versus.other
                            && entry.key.seed == *seed
                            && let Some(base) = m.find(&entry.key.model, versus.base, *seed)
                        {
                            for metric in Metric::ALL {
                                let (row, own) =
                                    compared(m, [base, other], versus, metric, confidence);
                                rows.push(row);
                                p.push(own);
                            }
                        }
                    }
                }
                let known: Vec<f64> = p.iter().flatten().copied().collect();
                let mut held = holm(&known).into_iter();
                for (row, own) in rows[from..].iter_mut().zip(p) {
                    row[11] = cell(own.and_then(|_| held.next()));
                }
            }
        }
    }
    write_sheet(path, &header, &rows)
}

fn compared(
    m: &Measured,
    [base, other]: [usize; 2],
    versus: &questions::Versus,
    metric: Metric,
    confidence: f64,
) -> (Vec<String>, Option<f64>) {
    let comparison = &m.comparisons[&(base, other)];
    let key = &m.entries[other].key;
    let all = &comparison.overall;
    let primary = &comparison.attributes[m.grouping.primary()];
    let gap = metric
        .gap()
        .and_then(|gap| primary.gaps.iter().find(|g| g.gap == gap));
    let delta = match gap {
        Some(gap) => &gap.delta,
        None => &all.accuracy,
    };
    let bound = m.delta(base, other, metric, 1).and_then(|d| d.bound);
    let ends = match (delta.value(), bound) {
        (None, _) => None,
        (Some(_), Some(_)) if gap.is_none() => Some(exact_accuracy(
            all.right_to_wrong,
            all.wrong_to_right,
            all.n,
            confidence,
        )),
        (Some(_), Some(bound)) => Some([-bound, bound]),
        (Some(_), None) => delta.interval().map(|(lo, hi)| [lo, hi]),
    };
    let p = match gap {
        Some(gap) => gap.p,
        None => Some(all.mcnemar_p),
    };
    let equivalence = gap.and_then(|g| g.equivalence.as_ref().ok());
    let row = vec![
        versus.question.into(),
        key.target.clone(),
        key.model.clone(),
        versus.base.into(),
        versus.other.into(),
        key.seed.to_string(),
        metric.key().into(),
        cell(delta.value()),
        cell(ends.map(|e| e[0])),
        cell(ends.map(|e| e[1])),
        cell(p),
        String::new(),
        cell(gap.and_then(|g| g.p_sharp)),
        equivalence
            .map(|e| (e.p <= 0.05).to_string())
            .unwrap_or_default(),
        cell(equivalence.map(|e| e.p)),
        cell(equivalence.map(|e| e.attainable)),
        all.right_to_wrong.to_string(),
        all.wrong_to_right.to_string(),
    ];
    (row, p)
}
