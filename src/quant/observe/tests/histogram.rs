//! Counting: exact, and whatever the order.

use super::super::histogram::BINS;
use super::*;

/// Where `value` is counted, by the definition.
fn place(value: f32, width: f64) -> usize {
    (f64::from(value).abs() / width).floor() as usize
}

#[test]
fn bins_hold_what_their_definition_says() {
    for name in TENSORS {
        let values = tensor(name, 7);
        let histogram = histogram(&values);
        let mut sides = [vec![0.0; BINS], vec![0.0; BINS]];
        let mut zeros = 0.0;
        for &v in &values {
            if v == 0.0 {
                zeros += 1.0;
            } else {
                sides[usize::from(v > 0.0)][place(v, histogram.width())] += 1.0;
            }
        }
        let (negative, positive) = histogram.sides();
        assert_eq!(
            (negative, positive),
            (&sides[0][..], &sides[1][..]),
            "{name}"
        );
        assert_eq!(histogram.zeros(), zeros, "{name}");
        assert_eq!(histogram.total(), values.len() as f64, "{name}");
    }
}

#[test]
fn the_order_of_images_and_how_they_are_merged_change_nothing() {
    let mut uniforms = Uniforms(3);
    // Magnitudes from 2^-140 to 2^127, so that nearly every image widens the bins.
    let images: Vec<Vec<f32>> = (0..60)
        .map(|i| {
            let magnitude = 2f64.powi((i * 89) % 268 - 140);
            (0..500)
                .map(|_| (uniforms.normal() / 6.0 * magnitude) as f32)
                .chain([0.0, -0.0, magnitude as f32, -magnitude as f32])
                .collect()
        })
        .collect();
    let fill = |order: &mut dyn Iterator<Item = &Vec<f32>>| {
        let mut histogram = Histogram::default();
        order.for_each(|image| histogram.add(image, 0.25));
        histogram
    };
    let forwards = fill(&mut images.iter());
    let backwards = fill(&mut images.iter().rev());
    let mut merged = fill(&mut images[..20].iter());
    merged.merge(&fill(&mut images[20..].iter()));
    for other in [&backwards, &merged] {
        assert_eq!(forwards.sides(), other.sides());
        assert_eq!(forwards.min_max(), other.min_max());
        assert_eq!(forwards.zeros(), other.zeros());
        assert_eq!(forwards.effective_count(), other.effective_count());
    }
    assert_eq!(forwards.images(), merged.images());
    assert_eq!(forwards.total(), 60.0 * 504.0 * 0.25);
}

#[test]
fn what_is_not_finite_is_reported_and_weight_0_is_nothing() {
    let mut histogram = Histogram::default();
    histogram.add(
        &[1.0, f32::NAN, -2.0, f32::INFINITY, f32::NEG_INFINITY],
        2.0,
    );
    assert_eq!((histogram.not_finite(), histogram.total()), (3, 4.0));
    assert_eq!(histogram.min_max(), Range::with_zero(-2.0, 1.0));
    histogram.add(&[f32::NAN], 1.0);
    histogram.add(&[], 1.0);
    histogram.add(&[100.0, f32::NAN], 0.0);
    assert_eq!((histogram.not_finite(), histogram.images().len()), (4, 1));
    assert_eq!(histogram.min_max(), Range::with_zero(-2.0, 1.0));
}

#[test]
fn the_largest_and_smallest_numbers_have_bins() {
    let mut histogram = Histogram::default();
    histogram.add(&[f32::MIN_POSITIVE, -1e-45, f32::MAX, f32::MIN], 1.0);
    let (negative, positive) = histogram.sides();
    for side in [negative, positive] {
        assert_eq!((side[0], side[BINS - 1]), (1.0, 1.0));
    }
    for observer in [Observer::MinMax, Observer::Mse, Observer::Entropy] {
        let range = observer.range(&histogram, 8);
        assert!(range.low.is_finite() && range.high.is_finite(), "{range:?}");
    }
}
