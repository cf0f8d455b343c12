//! Deterministic post-processing: thresholds that make a model fairer, or just more accurate, chosen on
//! a validation table (Hardt, Price & Srebro 2016, without their randomization).
//!
//! Every group has a curve: what it selects at each possible threshold. For many targets (a selection
//! rate for demographic parity, a point of the ROC plane for equalized odds) each group takes the
//! threshold that comes nearest; of all targets whose gap is within the tolerance the most accurate wins,
//! and where none is, the one with the smallest gap.

use std::collections::BTreeMap;

use crate::error::{Fault, Result};
use crate::fairness::measure::counts::Counts;
use crate::fairness::measure::decide::Thresholds;
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::groups::Grouping;
use crate::fairness::measure::ranges::Ranges;
use crate::fairness::table::predictions::Predictions;

/// What thresholds are fitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// One threshold for all: the most accurate.
    Accuracy,
    /// One for each group: equal selection rates.
    DemographicParity,
    /// One for each group: equal true and false positive rates.
    EqualizedOdds,
}

impl Criterion {
    /// The name on the command line: `accuracy`, `dp`, `eo`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::DemographicParity => "dp",
            Self::EqualizedOdds => "eo",
        }
    }

    /// The gap that is held small.
    pub fn gap(self) -> Option<Gap> {
        match self {
            Self::Accuracy => None,
            Self::DemographicParity => Some(Gap::Dp),
            Self::EqualizedOdds => Some(Gap::Eo),
        }
    }
}

/// Thresholds and what they do on the table that they were fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// What for.
    pub criterion: Criterion,
    /// Largest gap that was accepted.
    pub tolerance: f64,
    /// The thresholds.
    pub thresholds: Thresholds,
    /// Accuracy with them.
    pub accuracy: f64,
    /// Accuracy with one threshold of one half.
    pub accuracy_before: f64,
    /// The criterion's gap with them.
    pub gap: Option<f64>,
    /// The criterion's gap with one half.
    pub gap_before: Option<f64>,
}

/// Points of a curve that are kept: enough for a step of 1/1000.
const POINTS: usize = 1000;
/// Targets along one axis of the ROC plane, and of the selection rate.
const ROC_TARGETS: usize = 100;
const RATE_TARGETS: usize = 1000;

/// What a group selects from a threshold on.
#[derive(Debug, Clone, Copy)]
struct Point {
    threshold: f64,
    counts: Counts,
    right: u64,
}

/// Fits thresholds on a validation table; for [`Criterion::Accuracy`] the grouping does not matter, else
/// there is a threshold for each group of its primary frame that has images.
///
/// # Errors
/// Data error where the criterion cannot be estimated: a group without positive or negative labels for
/// equalized odds, or one group only.
pub fn fit(
    predictions: &Predictions,
    grouping: &Grouping,
    criterion: Criterion,
    tolerance: f64,
) -> Result<Fitted> {
    let frame = &grouping.frames[grouping.primary()];
    let groups = match criterion {
        Criterion::Accuracy => 1,
        _ => frame.groups.len(),
    };
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups];
    for (i, cell) in grouping.cell_of.iter().enumerate() {
        let group = match criterion {
            Criterion::Accuracy => 0,
            _ => frame.group_of_cell[*cell as usize],
        };
        members[group].push(i);
    }
    let there: Vec<usize> = (0..groups).filter(|g| !members[*g].is_empty()).collect();
    let curves: Vec<Vec<Point>> = there
        .iter()
        .map(|g| curve(predictions, &members[*g]))
        .collect();
    let half: Vec<Counts> = there
        .iter()
        .map(|g| {
            let of = |i: &usize| (predictions.label()[*i], predictions.score()[*i]);
            let (label, score): (Vec<u8>, Vec<f64>) = members[*g].iter().map(of).unzip();
            Counts::new(&label, &score, 0.5)
        })
        .collect();
    let gap_of = |counts: &[Counts]| {
        let gap = criterion.gap()?;
        Some(Ranges::of(counts).gap(gap).map(|attained| attained.value))
    };
    let before = match gap_of(&half) {
        None => None,
        Some(Ok(gap)) => Some(gap),
        Some(Err(undefined)) => {
            let group = undefined
                .group
                .map_or(frame.name.as_str(), |g| &frame.groups[there[g]]);
            return Err(Fault::plain(undefined.cause.to_string())
                .key(group)
                .expected(format!(
                    "a table on which {} can be estimated",
                    criterion.key()
                ))
                .next("fit on more images, or on another attribute with audit.primary")
                .data());
        }
    };
    let n = predictions.n() as f64;
    let mut best: Option<(Vec<Point>, f64, f64)> = None;
    for target in targets(criterion) {
        let chosen: Vec<Point> = curves
            .iter()
            .map(|c| nearest(c, criterion, target))
            .collect();
        let counts: Vec<Counts> = chosen.iter().map(|p| p.counts).collect();
        let gap = gap_of(&counts).map_or(0.0, |gap| gap.unwrap_or(f64::INFINITY));
        let accuracy = chosen.iter().map(|p| p.right).sum::<u64>() as f64 / n;
        // Within the tolerance only accuracy counts, beyond it the gap comes first.
        let rank = |gap: f64, accuracy: f64| (-(gap.max(tolerance)), accuracy);
        let better = best
            .as_ref()
            .is_none_or(|(_, known_gap, known)| rank(gap, accuracy) > rank(*known_gap, *known));
        if better {
            best = Some((chosen, gap, accuracy));
        }
    }
    let (chosen, gap, accuracy) = best.expect("there are targets");
    let thresholds = match criterion {
        Criterion::Accuracy => Thresholds::One(chosen[0].threshold),
        _ => Thresholds::PerGroup {
            frame: frame.name.clone(),
            of: there
                .iter()
                .zip(&chosen)
                .map(|(g, point)| (frame.groups[*g].clone(), point.threshold))
                .collect::<BTreeMap<_, _>>(),
        },
    };
    Ok(Fitted {
        criterion,
        tolerance,
        thresholds,
        accuracy,
        accuracy_before: half.iter().map(|c| c.of[0] + c.of[3]).sum::<u64>() as f64 / n,
        gap: criterion.gap().map(|_| gap),
        gap_before: before,
    })
}

/// Points that groups try to come near to.
fn targets(criterion: Criterion) -> Vec<[f64; 2]> {
    let steps = |n: usize| (0..=n).map(move |k| k as f64 / n as f64);
    match criterion {
        Criterion::Accuracy => vec![[0.0; 2]],
        Criterion::DemographicParity => steps(RATE_TARGETS).map(|rate| [rate, rate]).collect(),
        // A ROC curve below the diagonal is no target.
        Criterion::EqualizedOdds => steps(ROC_TARGETS)
            .flat_map(|f| {
                steps(ROC_TARGETS)
                    .filter(move |t| *t >= f)
                    .map(move |t| [f, t])
            })
            .collect(),
    }
}

/// The point of a curve nearest to a target; the more accurate where two are as near.
fn nearest(curve: &[Point], criterion: Criterion, [f, t]: [f64; 2]) -> Point {
    let distance = |point: &Point| match criterion {
        Criterion::Accuracy => 0.0,
        Criterion::DemographicParity => (point.counts.selection_rate().unwrap_or(0.0) - f).abs(),
        Criterion::EqualizedOdds => {
            let x = (point.counts.fpr().unwrap_or(0.0) - f).abs();
            x.max((point.counts.tpr().unwrap_or(0.0) - t).abs())
        }
    };
    let mut best = (curve[0], distance(&curve[0]));
    for point in &curve[1..] {
        let d = distance(point);
        if d < best.1 || (d == best.1 && point.right > best.0.right) {
            best = (*point, d);
        }
    }
    best.0
}

/// What some images select at each threshold, from "everyone" to "nobody", at most [`POINTS`] points.
fn curve(predictions: &Predictions, members: &[usize]) -> Vec<Point> {
    let mut order: Vec<(f64, u8)> = members
        .iter()
        .map(|i| (predictions.score()[*i], predictions.label()[*i]))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = order.iter().filter(|(_, y)| *y == 1).count() as u64;
    let mut counts = Counts {
        of: [0, order.len() as u64 - positives, 0, positives],
    };
    let point = |threshold: f64, counts: Counts| Point {
        threshold,
        counts,
        right: counts.of[0] + counts.of[3],
    };
    let mut all = vec![point(0.0, counts)];
    let runs: Vec<&[(f64, u8)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
    for (i, run) in runs.iter().enumerate() {
        for (_, y) in *run {
            let y = usize::from(*y);
            counts.of[2 * y + 1] -= 1;
            counts.of[2 * y] += 1;
        }
        // Halfway to the next score, so that a score near by on another table is decided alike.
        let threshold = match runs.get(i + 1) {
            Some(next) => (run[0].0 + next[0].0) / 2.0,
            None if run[0].0 < 1.0 => (run[0].0 + 1.0) / 2.0,
            None => 2.0,
        };
        all.push(point(threshold, counts));
    }
    let step = all.len().div_ceil(POINTS);
    let most_accurate = (0..all.len())
        .max_by_key(|i| (all[*i].right, *i))
        .unwrap_or(0);
    let last = all.len() - 1;
    let kept = all.into_iter().enumerate();
    kept.filter(|(i, _)| i % step == 0 || *i == most_accurate || *i == last)
        .map(|(_, point)| point)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::measure::groups::Orders;
    use crate::fairness::resample::draw::replicate_rng;
    use crate::fairness::table::attribute::AttributeColumn;
    use rand::RngExt;

    /// Two groups of unlike base rates; the scores are the true probabilities.
    fn table(n: usize, seed: u64) -> Predictions {
        let mut rng = replicate_rng(seed, 0);
        let group: Vec<&str> = (0..n)
            .map(|_| if rng.random_bool(0.4) { "a" } else { "b" })
            .collect();
        let score: Vec<f64> = group
            .iter()
            .map(|g| {
                let x: f64 = rng.random_range(0.0..1.0);
                if *g == "a" { x * x } else { x.sqrt() }
            })
            .collect();
        let label = score.iter().map(|s| rng.random_bool(*s).into()).collect();
        Predictions::new(
            (0..n).map(|i| i.to_string()).collect(),
            vec![None; n],
            vec![AttributeColumn::new("g", &group).unwrap()],
            label,
            score,
        )
        .unwrap()
    }

    fn counts(table: &Predictions, thresholds: &Thresholds) -> Vec<Counts> {
        let grouping = Grouping::new(table.attributes(), &Orders::default()).unwrap();
        let decisions = thresholds.decide(table.score(), &grouping).unwrap();
        let mut counts = vec![Counts::default(); 2];
        for (i, d) in decisions.iter().enumerate() {
            let g = grouping.cell_of[i] as usize;
            counts[g].of[usize::from(2 * table.label()[i] + d)] += 1;
        }
        counts
    }

    #[test]
    fn the_criterion_holds_on_new_images_at_a_price() {
        let (validation, test) = (table(8000, 1), table(8000, 2));
        let grouping = Grouping::new(validation.attributes(), &Orders::default()).unwrap();
        for criterion in [Criterion::DemographicParity, Criterion::EqualizedOdds] {
            let fitted = fit(&validation, &grouping, criterion, 0.01).unwrap();
            let gap = criterion.gap().unwrap();
            let of = |t: &Thresholds| Ranges::of(&counts(&test, t)).gap(gap).unwrap().value;
            let before = of(&Thresholds::One(0.5));
            let after = of(&fitted.thresholds);
            assert!(fitted.gap.unwrap() <= 0.01, "{fitted:?}");
            assert!(before > 0.2, "{criterion:?}: {before}");
            // Rates of 3,200 and 4,800 images: a standard error of about 0.012 on each table.
            assert!(after < 0.06, "{criterion:?}: {after}");
            assert!(fitted.accuracy < fitted.accuracy_before, "{fitted:?}");
            // The same thresholds from the same table.
            assert_eq!(
                fit(&validation, &grouping, criterion, 0.01).unwrap(),
                fitted
            );
        }
    }

    #[test]
    fn one_threshold_for_accuracy_is_the_best_there_is() {
        let table = table(500, 3);
        let grouping = Grouping::new(table.attributes(), &Orders::default()).unwrap();
        let fitted = fit(&table, &grouping, Criterion::Accuracy, 0.01).unwrap();
        let right = |threshold: f64| {
            let of = table.label().iter().zip(table.score());
            of.filter(|(y, s)| (**s >= threshold) == (**y == 1)).count()
        };
        let best = table.score().iter().map(|s| right(*s)).max().unwrap();
        let Thresholds::One(found) = fitted.thresholds else {
            panic!("one threshold");
        };
        assert_eq!(right(found), best);
        assert_eq!(fitted.accuracy, best as f64 / 500.0);
    }

    #[test]
    fn what_cannot_be_estimated_is_refused() {
        let label = vec![1, 1, 1, 0];
        let table = Predictions::new(
            ["a", "b", "c", "d"].map(String::from).into(),
            vec![None; 4],
            vec![AttributeColumn::new("g", &["0", "0", "1", "1"]).unwrap()],
            label,
            vec![0.1, 0.9, 0.8, 0.3],
        )
        .unwrap();
        let grouping = Grouping::new(table.attributes(), &Orders::default()).unwrap();
        let error = fit(&table, &grouping, Criterion::EqualizedOdds, 0.01).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`g=0`: found no negative labels"),
            "{error}"
        );
    }
}
