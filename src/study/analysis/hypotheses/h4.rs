//! H4: mixed precision balances accuracy, fairness and size.

use super::Study;
use super::contrast::{Claim, Outcome, Slice, headline, judge, together};
use super::finding::{Finding, Number, Part, Verdict};
use crate::study::analysis::metric::Metric;

const CLAIM: &str = "Mixed precision by sensitivity balances: at equal bytes it keeps fairness better than uniform bits.";
const TEST: &str = "paired mixed-sensitivity − uniform INT6 and mixed-sensitivity − random allocation at equal bytes, \
    mean over architectures, all primary metrics with simultaneous 95 % bootstrap intervals; supported only against both";
const EFFECT: &str = "change of";

/// What it is compared with.
const AGAINST: [&str; 2] = ["int6", "random-allocation"];

/// Judged against both on one target and seed.
pub struct Balance {
    /// Contrasts of all comparisons.
    pub outcomes: Vec<Outcome>,
    /// Against each; what is not there is not testable.
    pub against: [Verdict; 2],
    /// Of both.
    pub verdict: Verdict,
}

/// Compares a mixed method with uniform bits and random allocation.
pub fn balance(slice: Slice, mixed: &str, metrics: &[Metric]) -> Balance {
    let mut contrasts = Vec::new();
    let mut sizes = [0; 2];
    for (size, base) in sizes.iter_mut().zip(AGAINST) {
        for metric in metrics {
            let label = format!("{mixed} − {base}, mean of architectures");
            let found = slice.mean(
                label,
                *metric,
                Claim::Better,
                [base, mixed],
                2 * metrics.len(),
            );
            *size += usize::from(found.is_some());
            contrasts.extend(found);
        }
    }
    let outcomes = judge(&contrasts, slice.confidence);
    let (uniform, random) = outcomes.split_at(sizes[0]);
    let against = [together(uniform), together(random)];
    Balance {
        verdict: Verdict::all(&against),
        against,
        outcomes,
    }
}

/// The finding.
pub fn find(study: &Study) -> Finding {
    let Some(slice) = study.main() else {
        return Finding::not_testable(
            "H4",
            CLAIM,
            TEST,
            EFFECT,
            "no configuration has predictions",
        );
    };
    let found = balance(slice, "mixed-sensitivity", &Metric::PRIMARY);
    let Some(best) = headline(&found.outcomes, Metric::Eo) else {
        let reason = "mixed-sensitivity, or both of its controls (int6, random-allocation), have no predictions";
        return Finding::not_testable("H4", CLAIM, TEST, EFFECT, reason);
    };
    let mut parts: Vec<Part> = found.outcomes.iter().map(|o| o.part(EFFECT)).collect();
    let mut notes = vec![format!(
        "Against uniform INT6: {}. Against random allocation: {}. The verdict needs both.",
        found.against[0].text(),
        found.against[1].text()
    )];
    let accuracy = balance(slice, "mixed-sensitivity", &[Metric::Accuracy]);
    parts.extend(accuracy.outcomes.iter().map(|o| o.part(EFFECT)));
    let fair = balance(slice, "fair-mixed", &Metric::ALL);
    if !fair.outcomes.is_empty() {
        notes.push("fair-mixed is judged by itself, on all four metrics together; the verdict is of mixed-sensitivity.".into());
    }
    parts.extend(fair.outcomes.iter().map(|o| o.part(EFFECT)));
    let (sizes, unequal) = bytes(study);
    parts.extend(sizes);
    notes.extend(unequal);
    for (base, verdict) in AGAINST.iter().zip(found.against) {
        if verdict == Verdict::NotTestable {
            notes.push(format!(
                "`{base}` has no predictions: the comparison with it could not be made."
            ));
        }
    }
    Finding {
        id: "H4",
        claim: CLAIM,
        verdict: found.verdict,
        test: TEST.into(),
        effect: best.effect(EFFECT),
        parts,
        notes,
        not_allowed: vec![
            "several random allocations for each architecture: one draw stands for all".into(),
            "several byte budgets: one of 75 % of the bytes at 8 bits was tried".into(),
        ],
    }
}

/// Bytes of the mixed methods over those of what they are compared with.
fn bytes(study: &Study) -> (Vec<Part>, Vec<String>) {
    let mut parts = Vec::new();
    let mut notes = Vec::new();
    for base in AGAINST {
        let mut largest = 0.0f64;
        for model in &study.settings.models {
            let size = |method: &str| study.find(model, method).and_then(|c| c.size_bytes);
            if let (Some(mixed), Some(other)) = (size("mixed-sensitivity"), size(base)) {
                let ratio = mixed as f64 / other as f64;
                largest = largest.max((ratio - 1.0).abs());
                parts.push(Part {
                    label: format!("{model}, mixed-sensitivity over {base}"),
                    number: Number::plain("bytes on disk", ratio, "times"),
                    verdict: None,
                });
            }
        }
        match base {
            "int6" if largest > 0.0 => notes.push(
                "INT6 codes are stored in a byte each, because the kernels have no 6-bit layout: on disk uniform INT6 is as \
                 large as INT8, and \"equal bytes\" means those that packed 6-bit codes would take."
                    .into(),
            ),
            _ if largest > 0.02 => notes.push(format!(
                "Bytes of mixed-sensitivity and {base} differ by up to {:.1} %.",
                100.0 * largest
            )),
            _ => {}
        }
    }
    (parts, notes)
}
