//! H5: INT8 is the sweet spot.

use super::Study;
use super::contrast::{Claim, Contrast, Outcome, Slice, Term, headline, judge, together};
use super::finding::{Finding, Number, Part, Verdict};
use crate::fairness::compare::equivalence::{ALPHA, SPARSE};
use crate::fairness::resample::quantile::{defined, quantile};
use crate::study::analysis::measured::exact_accuracy;
use crate::study::analysis::metric::Metric;
use crate::study::analysis::settings::BASELINE;

const CLAIM: &str = "INT8 is the sweet spot: it preserves accuracy and fairness of FP32, and INT4 is worse; INT6 lies between.";
const TEST: &str = "static PTQ. INT8 equivalent to FP32 within the margin on accuracy and every primary metric of every \
    architecture (two one-sided tests, intersection-union), and INT4 worse than INT8 on a mean over architectures \
    (simultaneous 95 % bootstrap intervals); both are needed";
const EFFECT: &str = "change of";

const INT8: &str = "ptq-static-int8";
const INT4: &str = "ptq-static-int4";
const INT6: &str = "int6";

/// What was found on one target and seed.
pub struct Sweet {
    /// Each architecture and metric: the smallest margin shown, and whether it is small enough.
    pub equivalence: Vec<Part>,
    /// INT8 shown to preserve all of them.
    pub preserved: Verdict,
    /// INT4 − INT8, mean over architectures.
    pub worse: Vec<Outcome>,
    /// Of them.
    pub is_worse: Verdict,
    /// Of both.
    pub verdict: Verdict,
}

/// Tests both halves on these metrics.
pub fn sweet_spot(slice: Slice, metrics: &[Metric], margin: f64) -> Sweet {
    let mut equivalence = Vec::new();
    let mut shown = Vec::new();
    let models = slice.models_with(&[BASELINE, INT8]);
    for model in &models {
        for metric in metrics {
            if let Some(part) = preserved(slice, model, *metric, margin) {
                shown.extend(part.verdict);
                equivalence.push(part);
            }
        }
    }
    // A change shown to be larger than the margin contradicts equivalence.
    let mut changes: Vec<Contrast> = Vec::new();
    for model in &models {
        for metric in metrics {
            let term = [Term {
                weight: 1.0,
                model,
                base: BASELINE,
                other: INT8,
            }];
            let among = models.len() * metrics.len();
            changes.extend(slice.contrast(*model, *metric, Claim::Nothing, &term, among));
        }
    }
    let beyond = judge(&changes, slice.confidence)
        .iter()
        .any(|o| o.ci[0] > margin || o.ci[1] < -margin);
    let preserved = match (shown.is_empty(), beyond) {
        (true, _) => Verdict::NotTestable,
        (_, true) => Verdict::Contradicted,
        _ => Verdict::all(&shown),
    };
    let contrasts: Vec<Contrast> = metrics
        .iter()
        .filter_map(|m| {
            let label = "INT4 − INT8, mean of architectures";
            slice.mean(label, *m, Claim::Worse, [INT8, INT4], metrics.len())
        })
        .collect();
    let worse = judge(&contrasts, slice.confidence);
    let is_worse = together(&worse);
    Sweet {
        verdict: Verdict::all(&[preserved, is_worse]),
        equivalence,
        preserved,
        worse,
        is_worse,
    }
}

/// Whether INT8 preserves one number of one architecture.
fn preserved(slice: Slice, model: &str, metric: Metric, margin: f64) -> Option<Part> {
    let [base, other] = [BASELINE, INT8].map(|m| slice.measured.find(model, m, slice.seed));
    let (base, other) = (base?, other?);
    let comparison = slice.measured.comparisons.get(&(base, other))?;
    let (reach, p, reason) = match metric.gap() {
        Some(gap) => {
            let primary = &comparison.attributes[slice.measured.grouping.primary()];
            let change = primary.gaps.iter().find(|g| g.gap == gap)?;
            match &change.equivalence {
                Ok(e) => (e.attainable, Some(e.p), None),
                Err(reason) => (f64::NAN, None, Some(reason.clone())),
            }
        }
        None => {
            let all = &comparison.overall;
            let [lo, hi] = match all.right_to_wrong + all.wrong_to_right < SPARSE {
                true => exact_accuracy(
                    all.right_to_wrong,
                    all.wrong_to_right,
                    all.n,
                    1.0 - 2.0 * ALPHA,
                ),
                false => {
                    let delta = slice.measured.delta(base, other, metric, 1)?;
                    let sorted = defined(delta.replicates.into_iter()).ok()?;
                    [quantile(&sorted, ALPHA), quantile(&sorted, 1.0 - ALPHA)]
                }
            };
            (lo.abs().max(hi.abs()), None, None)
        }
    };
    let verdict = match reach <= margin {
        true => Verdict::Supported,
        false => Verdict::Inconclusive,
    };
    Some(Part {
        label: format!("{model}, INT8 against FP32"),
        number: Number {
            p,
            reason,
            ..Number::plain(
                &format!("smallest margin shown for {}", metric.title()),
                100.0 * reach,
                "points",
            )
        },
        verdict: Some(verdict),
    })
}

/// The finding.
pub fn find(study: &Study) -> Finding {
    let Some(slice) = study.main() else {
        return Finding::not_testable(
            "H5",
            CLAIM,
            TEST,
            EFFECT,
            "no configuration has predictions",
        );
    };
    let margin = study.settings.margin;
    let found = sweet_spot(slice, &Metric::ALL, margin);
    let Some(best) = headline(&found.worse, Metric::Eo) else {
        let reason = "no architecture has FP32 with both static INT8 and static INT4";
        return Finding::not_testable("H5", CLAIM, TEST, EFFECT, reason);
    };
    let reach = |parts: &[Part]| {
        parts
            .iter()
            .filter_map(|p| p.number.value)
            .fold(0.0, f64::max)
    };
    let mut parts: Vec<Part> = found.worse.iter().map(|o| o.part(EFFECT)).collect();
    let mut notes = vec![
        format!(
            "INT8 preserves everything within {} points: {}. INT4 is worse than INT8: {}. The verdict needs both.",
            100.0 * margin,
            found.preserved.text(),
            found.is_worse.text()
        ),
        format!(
            "The smallest margin that these images show for every architecture and metric is {:.1} points; small groups set \
             it, in which one flip is more than a point.",
            reach(&found.equivalence)
        ),
    ];
    parts.extend(found.equivalence);
    let mut each = Vec::new();
    for model in slice.models_with(&[INT8, INT4]) {
        for metric in Metric::ALL {
            let term = [Term {
                weight: 1.0,
                model,
                base: INT8,
                other: INT4,
            }];
            let label = format!("{model}, INT4 − INT8");
            each.extend(slice.contrast(label, metric, Claim::Worse, &term, 20));
        }
    }
    parts.extend(
        judge(&each, slice.confidence)
            .iter()
            .map(|o| o.part(EFFECT)),
    );
    let between = between(slice);
    notes.push(match between.is_empty() {
        true => "INT6 has no predictions: whether it lies between was not tested.".into(),
        false => format!(
            "INT6 between INT8 and INT4 on each primary metric and accuracy: {}.",
            together(&between).text()
        ),
    });
    parts.extend(between.iter().map(|o| o.part(EFFECT)));
    Finding {
        id: "H5",
        claim: CLAIM,
        verdict: found.verdict,
        test: TEST.into(),
        effect: best.effect(EFFECT),
        parts,
        notes,
        not_allowed: vec!["more test images: a margin of one point takes several times as many in the smallest group".into()],
    }
}

/// INT6 no better than INT8, INT4 no better than INT6.
fn between(slice: Slice) -> Vec<Outcome> {
    let mut contrasts = Vec::new();
    for (label, pair) in [("INT6 − INT8", [INT8, INT6]), ("INT4 − INT6", [INT6, INT4])] {
        for metric in Metric::ALL {
            let label = format!("{label}, mean of architectures");
            contrasts.extend(slice.mean(label, metric, Claim::Worse, pair, 8));
        }
    }
    judge(&contrasts, slice.confidence)
}
