//! H3: balanced or bias-aware calibration helps, for free, by 3 to 5 points.

use rand::RngExt;

use super::Study;
use super::contrast::{Claim, Slice, judge};
use super::finding::{Finding, Number, Part, Verdict};
use crate::fairness::compare::family::romano_wolf;
use crate::fairness::replicate_rng;
use crate::fairness::resample::quantile::quantile;
use crate::study::analysis::metric::Metric;
use crate::study::analysis::side::Draw;

const CLAIM: &str = "Balanced or group-weighted (bias-aware) calibration makes a quantized model fairer, \"free 3–5 %\".";
const TEST: &str = "calibration draws: random against balanced and group-weighted, mean over models and observers; \
    labels permuted within a draw (10,000 times), simultaneous 95 % intervals and step-down p over both samplings and all \
    primary metrics";
const EFFECT: &str = "change of";

/// Permutations.
const PERMUTATIONS: u64 = 10_000;

/// Keeps the streams of these permutations apart from those of replicates.
const STREAMS: u64 = 3 << 60;

/// What the claim promises, points.
const PROMISED: [f64; 2] = [3.0, 5.0];

/// A difference between two samplings, draw by draw.
struct Series {
    sampling: &'static str,
    metric: Metric,
    differences: Vec<f64>,
}

/// The mean of a series, judged with others.
pub(super) struct Shifted {
    pub mean: f64,
    pub ci: Option<[f64; 2]>,
    pub p: [f64; 2],
}

/// Judges the means of paired differences together, by flipping the signs of whole draws: `series[j][d]`
/// is the difference j in draw d. Swapping the labels of a draw flips all of its differences at once,
/// because one draw of images serves all models.
pub(super) fn sign_flips(series: &[&[f64]], confidence: f64, seed: u64) -> Vec<Shifted> {
    let t = |values: &[f64], signs: &[f64], shift: f64| -> f64 {
        let n = values.len() as f64;
        let of = || values.iter().zip(signs).map(|(v, s)| s * (v - shift));
        let mean = of().sum::<f64>() / n;
        let variance = of().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let se = (variance / n).sqrt();
        match (mean.abs() < 1e-12, se > 1e-12) {
            (true, _) => 0.0,
            (false, true) => mean.abs() / se,
            (false, false) => f64::INFINITY,
        }
    };
    let draws = series.first().map_or(0, |s| s.len());
    let ones = vec![1.0; draws];
    let means: Vec<f64> = series
        .iter()
        .map(|s| s.iter().sum::<f64>() / draws as f64)
        .collect();
    let observed: Vec<f64> = series
        .iter()
        // A little less, so that flips that give the same t reach it whatever the rounding.
        .map(|s| t(s, &ones, 0.0) * (1.0 - 1e-9))
        .collect();
    let mut null: Vec<Vec<f64>> = vec![Vec::new(); series.len()];
    let mut largest = Vec::new();
    for r in 0..PERMUTATIONS {
        let mut rng = replicate_rng(seed, STREAMS | r);
        let signs: Vec<f64> = (0..draws)
            .map(|_| if rng.random_bool(0.5) { 1.0 } else { -1.0 })
            .collect();
        let mut most = 0.0f64;
        for (j, s) in series.iter().enumerate() {
            null[j].push(t(s, &signs, 0.0));
            let centred = t(s, &signs, means[j]);
            // All signs alike leave no spread, which is not evidence.
            most = most.max(if centred.is_finite() { centred } else { 0.0 });
        }
        largest.push(most);
    }
    largest.sort_unstable_by(f64::total_cmp);
    let critical = quantile(&largest, confidence);
    let columns: Vec<&[f64]> = null.iter().map(Vec::as_slice).collect();
    let adjusted = romano_wolf(&observed, &columns);
    (0..series.len())
        .map(|j| {
            let n = draws as f64;
            let variance = series[j]
                .iter()
                .map(|v| (v - means[j]).powi(2))
                .sum::<f64>()
                / (n - 1.0);
            let half = critical * (variance / n).sqrt();
            let reached = null[j].iter().filter(|x| **x >= observed[j]).count();
            Shifted {
                mean: means[j],
                ci: (half > 1e-12).then(|| [means[j] - half, means[j] + half]),
                p: [
                    (1 + reached) as f64 / (PERMUTATIONS + 1) as f64,
                    adjusted[j],
                ],
            }
        })
        .collect()
}

/// Differences to random sampling, one per draw: the mean over the models and observers that have both
/// in every draw.
fn series(draws: &[Draw], sampling: &'static str, metric: Metric) -> Option<Series> {
    let mut numbers: Vec<u64> = draws.iter().map(|d| d.draw).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let value = |model: &str, observer: &str, sampling: &str, draw: u64| {
        let is = |d: &&Draw| {
            d.draw == draw && d.model == model && d.observer == observer && d.sampling == sampling
        };
        draws
            .iter()
            .find(is)
            .map(|d| d.levels[metric as usize])
            .filter(|v| !v.is_nan())
    };
    let mut cells: Vec<(&str, &str)> = draws
        .iter()
        .map(|d| (d.model.as_str(), d.observer.as_str()))
        .collect();
    cells.sort_unstable();
    cells.dedup();
    let difference = |(model, observer): &(&str, &str), draw: u64| {
        Some(value(model, observer, sampling, draw)? - value(model, observer, "random", draw)?)
    };
    let started = |cell: &&(&str, &str)| numbers.iter().any(|n| difference(cell, *n).is_some());
    let cells: Vec<&(&str, &str)> = cells.iter().filter(started).collect();
    let whole = numbers.iter().filter_map(|n| {
        let all = cells
            .iter()
            .map(|cell| difference(cell, *n))
            .collect::<Option<Vec<f64>>>()?;
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    });
    let differences: Vec<f64> = whole.collect();
    (differences.len() >= 3).then_some(Series {
        sampling,
        metric,
        differences,
    })
}

/// The finding.
pub fn find(study: &Study) -> Finding {
    let mut not_allowed = Vec::new();
    let matrix = study.main().map(in_the_matrix).unwrap_or_default();
    let Some(draws) = study.draws else {
        let reason = "calibration-draws.csv is missing: no calibration draws were made";
        let mut finding = Finding::not_testable("H3", CLAIM, TEST, EFFECT, reason);
        finding.parts = matrix;
        return finding;
    };
    let mut all = Vec::new();
    for sampling in ["balanced", "group-weighted"] {
        all.extend(
            Metric::PRIMARY
                .iter()
                .filter_map(|m| series(draws, sampling, *m)),
        );
    }
    // Draws that all series have: one permutation serves all.
    let shortest = all.iter().map(|s| s.differences.len()).min().unwrap_or(0);
    if all.is_empty() {
        let reason =
            "calibration-draws.csv has no three draws with both random and another sampling";
        return Finding::not_testable("H3", CLAIM, TEST, EFFECT, reason);
    }
    all.iter_mut()
        .for_each(|s| s.differences.truncate(shortest));
    let columns: Vec<&[f64]> = all.iter().map(|s| s.differences.as_slice()).collect();
    let judged = sign_flips(&columns, study.settings.confidence, study.settings.seed);
    let mut parts = Vec::new();
    let mut own = Vec::new();
    let mut promises = Vec::new();
    let mut effect = None;
    for (s, j) in all.iter().zip(&judged) {
        let verdict = j.ci.map_or(Verdict::Inconclusive, |ci| {
            Verdict::of(ci, s.metric.better())
        });
        own.push(verdict);
        let number = Number {
            ci: j.ci.map(|ci| ci.map(|end| 100.0 * end)),
            p: Some(j.p[0]),
            p_adjusted: Some(j.p[1]),
            reason: j
                .ci
                .is_none()
                .then(|| "all draws gave the same difference".into()),
            ..Number::plain(
                &format!("{EFFECT} {}", s.metric.title()),
                100.0 * j.mean,
                "points",
            )
        };
        if effect.is_none() || (s.sampling == "group-weighted" && s.metric == Metric::Eo) {
            effect = Some(Number {
                name: format!("{} − random, {EFFECT} {}", s.sampling, s.metric.title()),
                ..number.clone()
            });
        }
        parts.push(Part {
            label: format!("{} − random, {shortest} draws", s.sampling),
            number,
            verdict: Some(verdict),
        });
        promises.push(promise(s, j));
    }
    let kept: Vec<Verdict> = promises.iter().filter_map(|p| p.verdict).collect();
    // One metric that keeps the promise is enough; all have to break it.
    let promised = if kept.contains(&Verdict::Supported) {
        Verdict::Supported
    } else if kept.iter().all(|v| *v == Verdict::Contradicted) {
        Verdict::Contradicted
    } else {
        Verdict::Inconclusive
    };
    parts.extend(promises);
    parts.extend(matrix);
    if study
        .settings
        .draws
        .is_some_and(|planned| planned > shortest)
    {
        not_allowed.push(format!(
            "all planned calibration draws: {shortest} of {} are whole",
            study.settings.draws.unwrap_or(0)
        ));
    }
    not_allowed.push("calibration draws on the two large models".into());
    Finding {
        id: "H3",
        claim: CLAIM,
        verdict: Verdict::any(&own),
        test: TEST.into(),
        effect: effect.expect("there is a series"),
        parts,
        notes: vec![
            format!(
                "\"Free 3–5 %\", read as at least {} points on a primary metric: {}.",
                PROMISED[0],
                promised.text()
            ),
            "Intervals are over calibration draws on one set of test images and one training of each model.".into(),
            "Group-weighted calibration exists for the MSE observer only: min-max ignores weights.".into(),
            "Parts \"on the test images\" compare the matrix's bias-aware recipes with plain static PTQ, one draw each, \
             with intervals over images."
                .into(),
        ],
        not_allowed,
    }
}

/// Whether an improvement reaches what is promised.
fn promise(s: &Series, j: &Shifted) -> Part {
    let better = s.metric.better() * 100.0;
    let ci = j.ci.map(|[lo, hi]| match better > 0.0 {
        true => [better * lo, better * hi],
        false => [better * hi, better * lo],
    });
    let verdict = match ci {
        Some([lo, _]) if lo >= PROMISED[0] => Verdict::Supported,
        Some([_, hi]) if hi < PROMISED[0] => Verdict::Contradicted,
        _ => Verdict::Inconclusive,
    };
    Part {
        label: format!("\"free 3–5 %\", {}", s.sampling),
        number: Number {
            ci,
            ..Number::plain(
                &format!("improvement of {}", s.metric.title()),
                better * j.mean + 0.0,
                "points",
            )
        },
        verdict: Some(verdict),
    }
}

/// The matrix's bias-aware recipes against plain static PTQ.
fn in_the_matrix(slice: Slice) -> Vec<Part> {
    let mut contrasts = Vec::new();
    for (width, base, other) in [
        ("INT8", "ptq-static-int8", "bias-aware-int8"),
        ("INT4", "ptq-static-int4", "bias-aware-int4"),
    ] {
        for metric in Metric::ALL {
            let label = format!(
                "bias-aware − static PTQ, {width}, mean of architectures on the test images"
            );
            contrasts.extend(slice.mean(label, metric, Claim::Better, [base, other], 8));
        }
    }
    judge(&contrasts, slice.confidence)
        .iter()
        .map(|o| o.part(EFFECT))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::analysis::tests::{golden, numbers};

    #[test]
    fn sign_flips_have_their_exact_distribution() {
        for case in golden("sign_flips") {
            let values = numbers(&case["values"]);
            let found = &sign_flips(&[&values], 0.95, 1)[0];
            let exact = case["p"].as_f64().unwrap();
            // Four standard errors of 10,000 draws.
            let error = 4.0 * (exact * (1.0 - exact) / 10_000.0).sqrt() + 1e-4;
            assert!(
                (found.p[0] - exact).abs() < error,
                "{:?}, exactly {exact}",
                found.p
            );
            assert_eq!(found.p[0], found.p[1]);
        }
    }

    #[test]
    fn equal_draws_have_no_interval_and_no_effect() {
        let found = &sign_flips(&[&[0.0; 6], &[0.1, 0.2, 0.1, 0.2, 0.1, 0.2]], 0.95, 1);
        assert_eq!((found[0].ci, found[0].p), (None, [1.0, 1.0]));
        assert!(
            found[1].ci.unwrap()[0] > 0.0 && found[1].p[0] < 0.05,
            "{:?}",
            found[1].p
        );
    }
}
