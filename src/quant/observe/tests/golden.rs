//! `tests/golden/observers.py` wrote the values.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::divergence::Bins;
use super::*;

#[derive(Deserialize)]
struct Golden {
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    seed: u64,
    checksum: u32,
    min_max: [f32; 2],
    moving_average: BTreeMap<String, [f32; 2]>,
    histogram_observer: TorchHistogram,
    percentile: BTreeMap<String, Binned>,
    entropy: Binned,
}

#[derive(Deserialize)]
struct TorchHistogram {
    range: [f32; 2],
    mse: f64,
}

#[derive(Deserialize)]
struct Binned {
    range: [f32; 2],
    width: f64,
}

/// Name, values and golden values of each tensor.
fn cases() -> impl Iterator<Item = (String, Vec<f32>, Case)> {
    let text = include_str!("../../../../tests/golden/observers.json");
    let golden: Golden = serde_json::from_str(text).unwrap();
    assert_eq!(golden.cases.len(), TENSORS.len());
    golden.cases.into_iter().map(|(name, case)| {
        let values = tensor(&name, case.seed);
        let bits = values.iter().map(|v| v.to_bits());
        assert_eq!(bits.fold(0, u32::wrapping_add), case.checksum, "{name}");
        (name, values, case)
    })
}

fn with_zero([low, high]: [f32; 2]) -> Range {
    Range::with_zero(low, high)
}

/// Whether both ends agree within `tolerance`.
fn agree(a: Range, b: Range, tolerance: f64) -> bool {
    let within = |a: f32, b: f32| (f64::from(a) - f64::from(b)).abs() <= tolerance;
    within(a.low, b.low) && within(a.high, b.high)
}

#[test]
fn min_max_and_moving_average_are_those_of_pytorch() {
    for (name, values, case) in cases() {
        let histogram = histogram(&values);
        let range = Observer::MinMax.range(&histogram, 8);
        assert_eq!(range, with_zero(case.min_max), "{name}");
        for (momentum, want) in &case.moving_average {
            let momentum = momentum.parse().unwrap();
            let range = Observer::MovingAverage { momentum }.range(&histogram, 8);
            // PyTorch multiplies by the constant as a double: half a unit in the last place an image.
            let tolerance = 8.0 * f64::from(range.high.max(-range.low)) * 2f64.powi(-24);
            assert!(
                agree(range, with_zero(*want), tolerance),
                "{name} {momentum}: {range:?}, {want:?}"
            );
        }
    }
}

#[test]
fn percentiles_are_those_of_onnx_runtime_within_both_bins() {
    for (name, values, case) in cases() {
        let histogram = histogram(&values);
        for (percentile, want) in &case.percentile {
            let percentile = percentile.parse().unwrap();
            let range = Observer::Percentile { percentile }.range(&histogram, 8);
            // It takes the edge of the bin that holds the quantile; here weight is even inside a bin.
            let tolerance = (want.width + histogram.width()) * (1.0 + 1e-6);
            assert!(
                agree(range, with_zero(want.range), tolerance),
                "{name} {percentile}: {range:?}, {:?}",
                want.range
            );
        }
    }
}

#[test]
fn the_squared_error_is_at_most_that_of_pytorch() {
    for (name, values, case) in cases() {
        let histogram = histogram(&values);
        let values = unweighted(&values);
        let ours = |bits| squared_error(&values, Observer::Mse.range(&histogram, bits), bits);
        // 1 %, of which 0.8 % are its 256 codes to our 255.
        let limit = case.histogram_observer.mse * 1.01;
        let eight = ours(8);
        println!("{name}: {eight:.4e} of {:.4e}", case.histogram_observer.mse);
        assert!(eight <= limit + 1e-14, "{name}: {eight:e}, {limit:e}");
        // It searches as for 8 bits, whatever the width.
        let theirs = squared_error(&values, with_zero(case.histogram_observer.range), 4);
        let four = ours(4);
        println!("    4 bits: {four:.4e} of {theirs:.4e}");
        assert!(
            four <= theirs * 1.0001,
            "{name}, 4 bits: {four:e}, {theirs:e}"
        );
    }
}

/// The algorithms differ where the head of `divergence.rs` says so. What must hold: with as many groups
/// as there, our threshold has by our measure at most the divergence of theirs, and both agree on what is
/// clipped at all: nothing of a bounded distribution, less than 2 % of the others.
#[test]
fn the_entropy_threshold_is_at_least_as_good_as_that_of_onnx_runtime() {
    for (name, values, case) in cases() {
        let histogram = histogram(&values);
        let ours = Observer::Entropy.range(&histogram, 8);
        let theirs = with_zero(case.entropy.range);
        println!("{name}: {ours:?} {theirs:?}");
        let bins = Bins::of(&histogram);
        let at = |range: Range| {
            let end = f64::from(range.high.max(-range.low));
            bins.divergence((end / histogram.width()).ceil() as usize, 255)
        };
        if let (Some(our), Some(their)) = (at(ours), at(theirs)) {
            println!("    {our:.5} {their:.5}");
            assert!(our <= their + 1e-12, "{name}: {our}, {their}");
        }
        for range in [ours, theirs] {
            let outside = |v: &&f32| **v < range.low || **v > range.high;
            let clipped = values.iter().filter(outside).count() as f64 / values.len() as f64;
            println!("    clips {clipped}");
            assert!(clipped < 0.02, "{name}: {clipped}");
        }
        if ["relu6", "constant", "zero"].contains(&name.as_str()) {
            assert_eq!(ours, with_zero(case.min_max), "{name}");
        }
    }
}
