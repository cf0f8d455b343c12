//! Do 95 % intervals cover the truth? A small simulation with fixed seeds.

use rand::RngExt;

use super::{Predictions, column, images};
use crate::fairness::{
    AuditConfig, Estimate, FairnessReport, Gap, Intervals, audit, replicate_rng,
};

/// Data sets per simulation: the standard error of a coverage of 0.95 is √(0.95 · 0.05 / 400) = 0.011.
const DATA_SETS: u64 = 400;

/// Share of data sets whose interval of the chosen estimate holds the truth.
fn coverage(
    truth: f64,
    simulate: impl Fn(u64) -> Predictions,
    of: impl Fn(&FairnessReport) -> Estimate,
) -> f64 {
    let config = |seed| AuditConfig {
        seed,
        replicates: 500,
        permutations: 2,
        intervals: Intervals::Decisions,
        ..Default::default()
    };
    let covered = (0..DATA_SETS).filter(|d| {
        let report = audit(&simulate(*d), &config(*d)).unwrap();
        let (lo, hi) = of(&report).interval().unwrap();
        lo <= truth && truth <= hi
    });
    covered.count() as f64 / DATA_SETS as f64
}

/// `people` with `images_each` of the same outcome; two groups of equal size whose selection rates are
/// 0.3 and 0.6; every label is 1, so that accuracy is the selection rate.
fn simulate(
    seed: u64,
    people: usize,
    images_each: usize,
    named: impl Fn(usize) -> Option<String>,
) -> Predictions {
    let mut rng = replicate_rng(1000 + seed, 0);
    let selected: Vec<bool> = (0..people)
        .map(|p| rng.random_bool(if p % 2 == 0 { 0.3 } else { 0.6 }))
        .collect();
    let n = people * images_each;
    let group: Vec<usize> = (0..n).map(|i| i / images_each % 2).collect();
    let score = (0..n)
        .map(|i| if selected[i / images_each] { 0.8 } else { 0.2 })
        .collect();
    let identity = (0..n).map(|i| named(i / images_each)).collect();
    Predictions::new(
        images(n),
        identity,
        vec![column("g", &group)],
        vec![1; n],
        score,
    )
    .unwrap()
}

fn dp(report: &FairnessReport) -> Estimate {
    report.attributes[0].gap(Gap::Dp).unwrap().estimate.clone()
}

/// 0.95 plus or minus 4 standard errors of the simulation, and one hundredth more below: percentile
/// intervals of a rate of 300 images are √(n / (n − 1)) too narrow and lie on a lattice.
fn is_nominal(coverage: f64) -> bool {
    (0.95 - 0.044 - 0.01..=0.95 + 0.044).contains(&coverage)
}

#[test]
fn independent_images_are_covered_at_the_nominal_rate() {
    let simulate = |seed| simulate(seed, 300, 1, |_| None);
    let accuracy = coverage(0.45, simulate, |r| r.accuracy().clone());
    let gap = coverage(0.3, simulate, dp);
    assert!(is_nominal(accuracy), "accuracy: {accuracy}");
    // The groups are 0.3 / √(0.24 / 150 + 0.21 / 150) = 5.5 standard errors apart: the gap is smooth here.
    assert!(is_nominal(gap), "dp_gap: {gap}");
}

#[test]
fn images_of_one_person_need_the_cluster_bootstrap() {
    let clustered = coverage(
        0.3,
        |seed| simulate(seed, 150, 4, |p| Some(p.to_string())),
        dp,
    );
    let plain = coverage(0.3, |seed| simulate(seed, 150, 4, |_| None), dp);
    assert!(is_nominal(clustered), "by identity: {clustered}");
    // Four equal images per person: intervals half as wide as they should be, 2 Φ(0.98) − 1 = 0.673.
    // Standard error of the simulation √(0.673 · 0.327 / 400) = 0.024.
    assert!((plain - 0.673).abs() < 4.0 * 0.024, "by image: {plain}");
}
