//! Noise floors against the exact permutation distribution.

use crate::fairness::resample::noise_floor::noise_floors;
use crate::fairness::{Counts, Gap, Grouping, Orders};

use super::column;

/// P(X ≤ x) for X selected among `drawn` of `n` images, of which `selected` are selected.
fn hypergeometric_cdf(n: u64, selected: u64, drawn: u64, x: u64) -> f64 {
    let ln_choose = |n: u64, k: u64| {
        (0..k)
            .map(|i| ((n - i) as f64 / (i + 1) as f64).ln())
            .sum::<f64>()
    };
    let pmf = |k: u64| {
        (ln_choose(selected, k) + ln_choose(n - selected, drawn - k) - ln_choose(n, drawn)).exp()
    };
    (0..=x).map(pmf).sum()
}

#[test]
fn the_floor_is_the_95th_percentile_of_the_exact_distribution() {
    // 25 and 75 images, 40 selected: X of the first group is hypergeometric, the gap |X/25 − (40 − X)/75|.
    let cells = [Counts { of: [15, 10, 0, 0] }, Counts { of: [45, 30, 0, 0] }];
    let group: Vec<usize> = [vec![0; 25], vec![1; 75]].concat();
    let grouping = Grouping::new(&[column("g", &group)], &Orders::default()).unwrap();
    let frames: Vec<_> = grouping.frames.iter().collect();
    let floors = noise_floors(&cells, &frames, 20_000, 9);

    let gap = |x: u64| (x as f64 / 25.0 - (40 - x) as f64 / 75.0).abs();
    let at_most = |bound: f64| {
        let inside = (0..=25).filter(|x| gap(*x) <= bound + 1e-12);
        let cdf = |x: u64| hypergeometric_cdf(100, 40, 25, x);
        inside
            .map(|x| cdf(x) - if x == 0 { 0.0 } else { cdf(x - 1) })
            .sum::<f64>()
    };
    let mut gaps: Vec<f64> = (0..=25).map(gap).collect();
    gaps.sort_by(f64::total_cmp);
    let exact = gaps.iter().position(|g| at_most(*g) >= 0.95).unwrap();
    // The exact percentile is unmistakable: 0.95 is far from the distribution's steps on both sides,
    // by more than 5 standard errors, 5 · √(0.95 · 0.05 / 20000) = 0.008.
    assert!(at_most(gaps[exact]) > 0.958 && at_most(gaps[exact - 1]) < 0.942);
    let floor = |g: Gap| floors[0][Gap::ALL.iter().position(|x| *x == g).unwrap()];
    assert!((floor(Gap::Dp).unwrap() - gaps[exact]).abs() < 1e-12);
    // No image has a positive label: a gap in TPR has no floor, and predictive equality is all of DP.
    assert_eq!(floor(Gap::Eopp), None);
    assert_eq!(floor(Gap::Pe), floor(Gap::Dp));
    // The ratio is unfair on its low side.
    assert!(floor(Gap::Di).unwrap() < 0.8);
    assert!(floor(Gap::WorstGroupAccuracy).unwrap() < 0.6);
}

#[test]
fn all_frames_see_the_same_permutations() {
    let male: Vec<usize> = (0..60).map(|i| i % 2).collect();
    let copy = [column("male", &male), column("again", &male)];
    let grouping = Grouping::new(&copy, &Orders::default()).unwrap();
    // Only the combinations (0, 0) and (1, 1) occur.
    let cells = [[10, 5, 5, 10], [10, 10, 5, 5]].map(|of| Counts { of });
    let frames: Vec<_> = grouping.frames[..2].iter().collect();
    let floors = noise_floors(&cells, &frames, 500, 1);
    assert_eq!(floors[0], floors[1]);
}
