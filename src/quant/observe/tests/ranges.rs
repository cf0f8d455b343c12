//! Ranges against their definitions, and what holds for all of them.

use super::*;

const ALL: [Observer; 5] = [
    Observer::MinMax,
    Observer::MovingAverage { momentum: 0.01 },
    Observer::Percentile { percentile: 99.99 },
    Observer::Mse,
    Observer::Entropy,
];

#[test]
fn zero_is_inside_and_nothing_is_wider_than_min_max() {
    for name in TENSORS {
        let values = tensor(name, 11);
        let mirrored: Vec<f32> = values.iter().map(|v| -v).collect();
        for values in [values, mirrored] {
            let histogram = histogram(&values);
            let whole = histogram.min_max();
            for observer in ALL {
                for bits in [2, 4, 8] {
                    let range = observer.range(&histogram, bits);
                    let place = format!("{name} {observer:?} {bits}: {range:?} in {whole:?}");
                    assert!(whole.low <= range.low && range.low <= 0.0, "{place}");
                    assert!(0.0 <= range.high && range.high <= whole.high, "{place}");
                }
            }
        }
    }
    for observer in ALL {
        assert_eq!(observer.range(&Histogram::default(), 8), Range::default());
    }
}

#[test]
fn a_constant_and_zeros_keep_their_range() {
    for (value, want) in [
        (3.7, Range::with_zero(0.0, 3.7)),
        (-3.7, Range::with_zero(-3.7, 0.0)),
        (0.0, Range::default()),
    ] {
        let histogram = histogram(&vec![value; 3 * IMAGE]);
        for observer in ALL {
            assert_eq!(observer.range(&histogram, 8), want, "{observer:?} {value}");
        }
    }
}

#[test]
fn the_expected_error_is_the_true_one_within_what_bins_resolve() {
    for name in TENSORS.into_iter().filter(|name| *name != "zero") {
        let values = tensor(name, 5);
        let histogram = histogram(&values);
        let whole = histogram.min_max();
        for bits in [2, 4, 8] {
            for share in [1.0, 0.7, 0.3] {
                let range = Range::with_zero(whole.low * share, whole.high * share);
                let expected = expected_squared_error(&histogram, range, bits);
                let actual = squared_error(&unweighted(&values), range, bits);
                // Five standard deviations of 2·(w/s)/√n, see `squared_error::range`, and what a density
                // that varies inside a bin adds: that of z³ is infinite at 0.
                let step = f64::from(range.high - range.low) / f64::from((1 << bits) - 2);
                let n = histogram.effective_count().max(1.0);
                let uneven = if name == "cubes" { 1e-2 } else { 1e-3 };
                let tolerance = actual * (10.0 * histogram.width() / step / n.sqrt() + uneven);
                assert!(
                    (expected - actual).abs() <= tolerance + 1e-12,
                    "{name} {bits} {share}: {expected:e}, {actual:e}"
                );
            }
        }
    }
}

#[test]
fn the_least_error_is_never_above_that_of_min_max() {
    let mut uniforms = Uniforms(17);
    let mut gained = 0;
    for round in 0..144 {
        let name = TENSORS[round % 6];
        let count = [40, 300, 2000, 30_000][round / 6 % 4];
        let values = tensor(name, round as u64 + 100);
        let values = &values[..count];
        let weight = [1.0, 1.0 + 9.0 * uniforms.draw()];
        let mut histogram = Histogram::default();
        let mut weighted = Vec::new();
        for (image, weight) in values.chunks(count / 2).zip(weight) {
            histogram.add(image, weight);
            weighted.extend(image.iter().map(|v| (*v, weight)));
        }
        for bits in [3, 4, 8] {
            let range = Observer::Mse.range(&histogram, bits);
            let [found, whole] =
                [range, histogram.min_max()].map(|r| squared_error(&weighted, r, bits));
            assert!(
                found <= whole * (1.0 + 1e-6),
                "{name} {round} {count} {bits}: {found:e}, min-max {whole:e}"
            );
            gained += usize::from(found < 0.9 * whole);
        }
    }
    assert!(gained > 150, "{gained}");
}

#[test]
fn the_search_finds_the_best_of_an_exhaustive_one() {
    for name in ["normal", "lognormal", "silu", "cubes", "relu6"] {
        let values = tensor(name, 23);
        let histogram = histogram(&values);
        let whole = histogram.min_max();
        for bits in [3, 4] {
            let error = |r| expected_squared_error(&histogram, r, bits);
            let found = error(Observer::Mse.range(&histogram, bits));
            let part = |i: i32| i as f32 / 64.0;
            let ends = (0..=64).flat_map(|l| (1..=64).map(move |h| (part(l), part(h))));
            let best = ends
                .map(|(l, h)| error(Range::with_zero(whole.low * l, whole.high * h)))
                .fold(f64::INFINITY, f64::min);
            assert!(found <= best * 1.005, "{name} {bits}: {found:e}, {best:e}");
        }
    }
}

/// The value at which more than `cut` has been seen.
fn quantile<'a>(mut sorted: impl Iterator<Item = &'a (f32, f64)>, cut: f64) -> f32 {
    let mut seen = 0.0;
    let found = sorted.find(|(_, weight)| {
        seen += weight;
        seen > cut
    });
    found.unwrap().0
}

#[test]
fn percentiles_are_weighted_quantiles() {
    for name in ["normal", "lognormal", "silu", "relu", "cubes"] {
        let values = tensor(name, 31);
        let mut histogram = Histogram::default();
        let mut weighted = Vec::new();
        for (i, image) in values.chunks(IMAGE).enumerate() {
            let weight = 1.0 + i as f64;
            histogram.add(image, weight);
            weighted.extend(image.iter().map(|v| (*v, weight)));
        }
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = weighted.iter().map(|(_, w)| w).sum();
        for percentile in [50.0, 90.0, 99.0, 99.99] {
            let cut = (100.0 - percentile) / 200.0 * total;
            let low = quantile(weighted.iter(), cut).min(0.0);
            let high = quantile(weighted.iter().rev(), cut).max(0.0);
            let range = Observer::Percentile { percentile }.range(&histogram, 8);
            let width = histogram.width() * (1.0 + 1e-6);
            assert!(
                f64::from((range.low - low).abs()) <= width
                    && f64::from((range.high - high).abs()) <= width,
                "{name} {percentile}: {range:?}, {low} to {high}"
            );
        }
    }
}

#[test]
fn weights_move_what_counts_frequency_and_nothing_else() {
    let (narrow, wide) = (tensor("normal", 41), tensor("cubes", 42));
    let weigh = |weight| {
        let mut histogram = Histogram::default();
        histogram.add(&narrow, 1.0);
        histogram.add(&wide, weight);
        histogram
    };
    let (light, heavy) = (weigh(0.01), weigh(100.0));
    for observer in ALL {
        let [a, b] = [&light, &heavy].map(|h| observer.range(h, 4));
        match observer {
            Observer::MinMax | Observer::MovingAverage { .. } => assert_eq!(a, b),
            _ => assert!(
                a.high < b.high && a.low > b.low,
                "{observer:?}: {a:?}, {b:?}"
            ),
        }
    }
}

#[test]
fn an_observer_is_written_as_one_key_and_its_number_beside_it() {
    for (text, want) in [
        ("observer = 'min-max'", ALL[0]),
        ("observer = 'moving-average'", ALL[1]),
        ("observer = 'percentile'", ALL[2]),
        ("observer = 'mse'", ALL[3]),
        ("observer = 'entropy'", ALL[4]),
        (
            "observer = 'percentile'\npercentile = 99.9",
            Observer::Percentile { percentile: 99.9 },
        ),
        (
            "observer = 'moving-average'\nmomentum = 0.5",
            Observer::MovingAverage { momentum: 0.5 },
        ),
    ] {
        let read: Observer = toml::from_str(text).unwrap();
        assert_eq!(read, want, "{text}");
        let again: Observer = toml::from_str(&toml::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, want, "{text}");
    }
    for (text, part) in [
        ("observer = 'max'", "unknown variant `max`"),
        (
            "observer = 'percentile'\npercentile = 0.0",
            "above 0 and at most 100",
        ),
        (
            "observer = 'percentile'\npercentile = nan",
            "above 0 and at most 100",
        ),
        (
            "observer = 'moving-average'\nmomentum = 1.5",
            "above 0 and at most 1",
        ),
    ] {
        let error = toml::from_str::<Observer>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
