//! Tests, intervals and adjustments against SciPy, statsmodels and published examples:
//! `tests/golden/stats.py` wrote the values.

use serde_json::Value;

use crate::fairness::compare::delong::{delong, standard_error, z};
use crate::fairness::compare::family::{benjamini_hochberg, holm, romano_wolf};
use crate::fairness::compare::mcnemar::{
    clopper_pearson, clustered_p, cohens_h, mid_p, odds_ratio,
};
use crate::fairness::resample::bands::bands;
use crate::fairness::resample::bca::{acceleration, bca};
use crate::fairness::resample::draw::Resampler;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/statistics.json")).unwrap()
}

fn cases<'a>(golden: &'a Value, key: &str) -> &'a [Value] {
    let cases = golden[key].as_array().unwrap();
    assert!(cases.len() > 1, "{key}");
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// `null` stands for an infinite number.
fn or_infinite(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::INFINITY)
}

#[track_caller]
fn close(found: f64, expected: f64, relative: f64, what: &str) {
    let same =
        found == expected || (found - expected).abs() <= relative * expected.abs().max(1e-12);
    assert!(same, "{what}: {found}, expected {expected}");
}

#[test]
fn mcnemar() {
    let golden = golden();
    for case in cases(&golden, "mcnemar") {
        let [b, c] = ["b", "c"].map(|key| case[key].as_u64().unwrap());
        // Binomial sums and their complements: the library's incomplete beta has 1e-10 or so.
        close(
            mid_p(b, c),
            number(&case["midp"]),
            1e-9,
            &format!("{b} {c}"),
        );
    }
    for case in cases(&golden, "mcnemar_clustered") {
        let both = numbers(&case["b"]).into_iter().zip(numbers(&case["c"]));
        let found = clustered_p(both.map(|(b, c)| (b - c) as i64));
        close(
            found,
            number(&case["p"]),
            1e-9,
            case["name"].as_str().unwrap(),
        );
    }
}

#[test]
fn exact_intervals_and_effect_sizes() {
    let golden = golden();
    for case in cases(&golden, "clopper_pearson") {
        let [k, n] = ["k", "n"].map(|key| case[key].as_u64().unwrap());
        let alpha = number(&case["alpha"]);
        let what = format!("{k} of {n} at {alpha}");
        let [low, high] = clopper_pearson(k, n, alpha / 2.0);
        close(low, number(&case["low"]), 1e-8, &what);
        close(high, number(&case["high"]), 1e-8, &what);
        let [low, high] = clopper_pearson(k, n, alpha);
        close(low, number(&case["lower"]), 1e-8, &what);
        close(high, number(&case["upper"]), 1e-8, &what);
    }
    for case in cases(&golden, "odds_ratio") {
        let [b, c] = ["b", "c"].map(|key| case[key].as_u64().unwrap());
        let (value, ci) = odds_ratio(b, c, number(&case["confidence"])).unwrap();
        close(value, or_infinite(&case["odds_ratio"]), 1e-12, "odds ratio");
        close(ci[0], number(&case["low"]), 1e-7, &format!("{b} {c}"));
        close(ci[1], or_infinite(&case["high"]), 1e-7, &format!("{b} {c}"));
    }
    for case in cases(&golden, "cohens_h") {
        let found = cohens_h(number(&case["p1"]), number(&case["p2"]));
        close(found, number(&case["h"]), 1e-12, "h");
    }
}

#[test]
fn auc_without_resampling() {
    let golden = golden();
    for case in cases(&golden, "delong") {
        let label: Vec<u8> = numbers(&case["label"]).iter().map(|y| *y as u8).collect();
        let scores = ["a", "b"].map(|key| numbers(&case[key]));
        let found = delong(&label, [&scores[0], &scores[1]]).unwrap();
        let what = case["name"].as_str().unwrap();
        for (model, key) in ["a", "b"].into_iter().enumerate() {
            close(
                found.auc[model],
                number(&case[format!("auc_{key}")]),
                1e-12,
                what,
            );
            close(
                found.variance[model],
                number(&case[format!("var_{key}")]),
                1e-10,
                what,
            );
            let (auc, se) = standard_error(&label, &scores[model]).unwrap();
            let ci = numbers(&case[format!("ci_{key}")]);
            close((auc - z(0.95) * se).max(0.0), ci[0], 1e-9, what);
            close((auc + z(0.95) * se).min(1.0), ci[1], 1e-9, what);
        }
        // Sums of products of numbers below 1, in another order.
        assert!(
            (found.covariance - number(&case["cov"])).abs() < 1e-14,
            "{what}"
        );
        close(found.p(), number(&case["p"]), 1e-8, what);
        close(
            found.change() / found.standard_error(),
            number(&case["z"]),
            1e-9,
            what,
        );
    }
    // Two models with the same ranks: no difference, and nothing to test it with.
    let same = delong(
        &[0, 1, 0, 1],
        [&[0.1, 0.2, 0.3, 0.4], &[0.2, 0.4, 0.6, 0.8]],
    )
    .unwrap();
    assert_eq!(
        (same.change(), same.standard_error(), same.p()),
        (0.0, 0.0, 1.0)
    );
}

#[test]
fn bca_intervals() {
    let golden = golden();
    for case in cases(&golden, "bca") {
        let what = case["name"].as_str().unwrap();
        let samples: Vec<Vec<f64>> = case["jackknife"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        // Influence from the jackknife, (n − 1)/n · (mean − without i); each sample is a stratum.
        let mut influence = Vec::new();
        let mut stratum = Vec::new();
        for (s, without) in samples.iter().enumerate() {
            let n = without.len() as f64;
            let mean = without.iter().sum::<f64>() / n;
            influence.extend(without.iter().map(|x| (n - 1.0) / n * (mean - x)));
            stratum.extend(vec![s as u32; without.len()]);
        }
        let a = acceleration(&influence, &Resampler::stratified(&stratum, samples.len()));
        let mut replicates = numbers(&case["replicates"]);
        replicates.sort_by(f64::total_cmp);
        for expected in case["intervals"].as_array().unwrap() {
            let confidence = number(&expected["confidence"]);
            let [low, high] = bca(number(&case["theta"]), &replicates, a, confidence).unwrap();
            // The quantile of the normal distribution has about 1e-11 in statrs, times a density of
            // replicates that are some 1e-3 apart.
            close(low, number(&expected["low"]), 1e-8, what);
            close(high, number(&expected["high"]), 1e-8, what);
        }
    }
}

#[test]
fn adjusted_p_values() {
    let golden = golden();
    for case in cases(&golden, "adjust") {
        let p = numbers(&case["p"]);
        for (found, expected) in holm(&p).iter().zip(numbers(&case["holm"])) {
            close(*found, expected, 1e-12, "Holm");
        }
        for (found, expected) in benjamini_hochberg(&p).iter().zip(numbers(&case["bh"])) {
            close(*found, expected, 1e-12, "Benjamini–Hochberg");
        }
    }
    for case in cases(&golden, "romano_wolf") {
        let t: Vec<f64> = numbers(&case["t"]).iter().map(|t| t.abs()).collect();
        let rows: Vec<Vec<f64>> = case["replicates"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        let columns: Vec<Vec<f64>> = (0..t.len())
            .map(|j| rows.iter().map(|r| r[j]).collect())
            .collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let found = romano_wolf(&t, &columns);
        // Whole counts over B + 1.
        for (found, expected) in found.iter().zip(numbers(&case["p"])) {
            close(*found, expected, 1e-12, case["name"].as_str().unwrap());
        }
    }
}

#[test]
fn simultaneous_bands() {
    let golden = golden();
    for case in cases(&golden, "max_t") {
        let of = |key: &str| numbers(&case[key]);
        let rows: Vec<Vec<f64>> = case["replicates"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        // The file has the differences of all pairs; the first group's rate may as well be 0.
        let groups = if of("estimate").len() == 6 { 4 } else { 3 };
        let rates = |differences: &[f64]| -> Vec<f64> {
            let others = differences[..groups - 1].iter().map(|d| -d);
            std::iter::once(0.0).chain(others).collect()
        };
        let replicates: Vec<Vec<f64>> = rows.iter().map(|row| rates(row)).collect();
        let confidence = number(&case["confidence"]);
        let found = bands(
            &rates(&of("estimate")),
            rows.len(),
            |r| &replicates[r],
            confidence,
        );
        let what = case["name"].as_str().unwrap();
        assert_eq!(found.len(), of("estimate").len());
        for (j, contrast) in found.iter().enumerate() {
            // Differences of rates rounded to a few decimals.
            close(contrast.value, of("estimate")[j], 1e-9, what);
            close(contrast.se, of("se")[j], 1e-9, what);
            let band = numbers(&case["bands"][j]);
            close(contrast.band[0], band[0], 1e-9, what);
            close(contrast.band[1], band[1], 1e-9, what);
        }
    }
}
