//! H2: quantization-aware training is better than quantizing afterwards, but expensive.

use super::Study;
use super::contrast::{Claim, Slice, Term, headline, judge, together};
use super::finding::{Finding, Number, Part, Verdict};
use crate::fairness::seeds::t_half_width;
use crate::study::analysis::metric::Metric;
use crate::study::analysis::settings::BASELINE;

const CLAIM: &str = "Quantization-aware training (QAT) keeps fairness better than post-training quantization (PTQ) at \
    equal bits, but is expensive.";
const TEST: &str = "paired QAT − static PTQ at equal bits, mean over architectures, two-sided, for all primary metrics \
    at both widths with simultaneous 95 % bootstrap intervals; cost: t-interval of the log cost ratio over architectures; \
    control: FP32 trained for as many extra steps";
const EFFECT: &str = "QAT − PTQ, change of";

/// Widths with the methods compared.
const WIDTHS: [(&str, &str, &str); 2] = [
    ("INT8", "ptq-static-int8", "qat-int8"),
    ("INT4", "ptq-static-int4", "qat-int4"),
];

/// The control.
const EXTRA: &str = "fp32-finetune";

/// The finding.
pub fn find(study: &Study) -> Finding {
    let Some(slice) = study.main() else {
        return Finding::not_testable(
            "H2",
            CLAIM,
            TEST,
            EFFECT,
            "no configuration has predictions",
        );
    };
    let mut contrasts = Vec::new();
    for (width, ptq, qat) in WIDTHS {
        for metric in Metric::PRIMARY {
            let label = format!("mean of architectures, {width}");
            contrasts.extend(slice.mean(label, metric, Claim::Better, [ptq, qat], 6));
        }
    }
    if contrasts.is_empty() {
        let reason = "no architecture has both a static PTQ and a QAT configuration at equal bits";
        return Finding::not_testable("H2", CLAIM, TEST, EFFECT, reason);
    }
    let outcomes = judge(&contrasts, slice.confidence);
    let better = together(&outcomes);
    let mut parts: Vec<Part> = outcomes.iter().map(|o| o.part(EFFECT)).collect();
    parts.extend(accuracy(slice));
    parts.extend(each_architecture(slice));
    let (control, mut notes) = control(slice);
    parts.extend(control);
    let (cost, expensive) = cost(study);
    parts.extend(cost);
    let verdict = match (better, expensive) {
        (Verdict::Contradicted, _) => Verdict::Contradicted,
        (_, Verdict::NotTestable) => {
            notes.push("The cost was not measured (timings.csv is missing or has no times of both): only the first half was judged.".into());
            if better == Verdict::Supported {
                Verdict::Inconclusive
            } else {
                better
            }
        }
        (better, expensive) => Verdict::all(&[better, expensive]),
    };
    notes.insert(
        0,
        format!(
            "Better: {}. Expensive: {}. The verdict needs both.",
            better.text(),
            expensive.text()
        ),
    );
    let best = headline(&outcomes, Metric::Eo).expect("there is an outcome");
    Finding {
        id: "H2",
        claim: CLAIM,
        verdict,
        test: TEST.into(),
        effect: best.effect(EFFECT),
        parts,
        notes,
        not_allowed: vec!["several trainings of each configuration: what another seed of QAT would give is not in the intervals".into()],
    }
}

fn accuracy(slice: Slice) -> Vec<Part> {
    let contrasts: Vec<_> = WIDTHS
        .iter()
        .filter_map(|(width, ptq, qat)| {
            let label = format!("mean of architectures, {width}");
            slice.mean(label, Metric::Accuracy, Claim::Better, [ptq, qat], 2)
        })
        .collect();
    judge(&contrasts, slice.confidence)
        .iter()
        .map(|o| o.part(EFFECT))
        .collect()
}

/// Each architecture by itself, all judged together.
fn each_architecture(slice: Slice) -> Vec<Part> {
    let mut contrasts = Vec::new();
    for (width, base, other) in WIDTHS {
        for model in slice.models_with(&[base, other]) {
            for metric in Metric::ALL {
                let term = [Term {
                    weight: 1.0,
                    model,
                    base,
                    other,
                }];
                let label = format!("{model}, {width}");
                contrasts.extend(slice.contrast(label, metric, Claim::Better, &term, 40));
            }
        }
    }
    judge(&contrasts, slice.confidence)
        .iter()
        .map(|o| o.part(EFFECT))
        .collect()
}

/// QAT − PTQ less what the same training does to the float model.
fn control(slice: Slice) -> (Vec<Part>, Vec<String>) {
    let mut contrasts = Vec::new();
    for (width, ptq, qat) in WIDTHS {
        let models = slice.models_with(&[BASELINE, EXTRA, ptq, qat]);
        let weight = 1.0 / models.len().max(1) as f64;
        let terms: Vec<Term> = models
            .iter()
            .flat_map(|model| {
                [
                    Term {
                        weight,
                        model,
                        base: ptq,
                        other: qat,
                    },
                    Term {
                        weight: -weight,
                        model,
                        base: BASELINE,
                        other: EXTRA,
                    },
                ]
            })
            .collect();
        for metric in Metric::ALL {
            let label = format!("mean of architectures, {width}, less the FP32 fine-tune's");
            contrasts.extend(slice.contrast(label, metric, Claim::Better, &terms, 8));
        }
    }
    let outcomes = judge(&contrasts, slice.confidence);
    let parts = outcomes.iter().map(|o| o.part(EFFECT)).collect();
    let note = match outcomes.is_empty() {
        true => "The control (FP32 trained for as many extra steps) has no predictions: an advantage of QAT may be that of more training.".to_string(),
        false => "Parts \"less the FP32 fine-tune's\" subtract what as many extra steps do to the float model: what is left is not merely more training.".to_string(),
    };
    (parts, vec![note])
}

/// log10 of what QAT takes over what PTQ takes, per width.
fn cost(study: &Study) -> (Vec<Part>, Verdict) {
    let mut parts = Vec::new();
    let mut own = Vec::new();
    for (width, ptq, qat) in WIDTHS {
        let mut logs = Vec::new();
        for model in &study.settings.models {
            if let (Some(cheap), Some(dear)) = (
                study.cost_seconds(model, ptq),
                study.cost_seconds(model, qat),
            ) && cheap > 0.0
                && dear > 0.0
            {
                logs.push((dear / cheap).log10());
                parts.push(Part {
                    label: format!("{model}, {width}"),
                    number: Number::plain("cost of QAT over PTQ", dear / cheap, "times"),
                    verdict: None,
                });
            }
        }
        if logs.is_empty() {
            continue;
        }
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let half = t_half_width(&logs, study.settings.confidence);
        let verdict = match half {
            Some(half) => Verdict::of([mean - half, mean + half], 1.0),
            None => Verdict::Inconclusive,
        };
        own.push(verdict);
        parts.push(Part {
            label: format!("geometric mean of architectures, {width}"),
            number: Number {
                ci: half.map(|h| [10f64.powf(mean - h), 10f64.powf(mean + h)]),
                reason: half
                    .is_none()
                    .then(|| "an interval takes three architectures".into()),
                ..Number::plain(
                    "cost of QAT over PTQ (seconds of calibration and training)",
                    10f64.powf(mean),
                    "times",
                )
            },
            verdict: Some(verdict),
        });
    }
    (
        parts,
        if own.is_empty() {
            Verdict::NotTestable
        } else {
            Verdict::all(&own)
        },
    )
}
