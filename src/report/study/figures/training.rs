//! Training: curves, and what it costs against what it gains.

use super::{Draft, Figure, Made, Sheet, caption, cell, cells};
use crate::report::study::Study;
use crate::report::study::details::Epoch;
use crate::report::study::order::{BASELINE, methods, model_title, models};
use crate::report::{Benefit, BenefitPanel, CostBenefit, CurveColumn, CurveName, Curves, Measured};

/// Which rows become a curve: method and split.
struct Source<'a> {
    method: &'a str,
    split: &'static str,
}

/// Loss and accuracy of every epoch; of what is trained further on validation images only.
pub fn curves(study: &Study) -> Figure {
    let draft = Draft {
        stem: "training",
        title: "Training curves",
    };
    let rows = study
        .training
        .iter()
        .flatten()
        .filter(|r| r.seed == study.seed);
    let rows: Vec<&Epoch> = rows.collect();
    if rows.is_empty() {
        return draft.missing("training.csv is missing or empty");
    }
    let mut csv = Sheet::new("model,method,epoch,split,loss,accuracy");
    for row in &rows {
        let names = [
            row.model.clone(),
            row.method.clone(),
            row.epoch.to_string(),
            row.split.clone(),
        ];
        csv.row(
            names
                .into_iter()
                .chain([cell(row.loss), cell(row.accuracy)]),
        );
    }
    let trained = methods(rows.iter().map(|r| r.method.as_str()));
    let mut sources = Vec::new();
    let mut names = Vec::new();
    for (color, method) in trained.iter().enumerate() {
        let splits: &[&'static str] = if *method == BASELINE {
            &["train", "val"]
        } else {
            &["val"]
        };
        for split in splits {
            let what = if *split == "train" {
                "training"
            } else {
                "validation"
            };
            sources.push(Source { method, split });
            names.push(CurveName {
                name: format!("{method}, {what}"),
                color,
                dashed: *split == "train",
            });
        }
    }
    let column = |model: &str| {
        let own: Vec<&Epoch> = rows.iter().copied().filter(|r| r.model == model).collect();
        let last = |baseline: bool| {
            let same = |r: &&&Epoch| (r.method == BASELINE) == baseline;
            own.iter().filter(same).map(|r| r.epoch).max()
        };
        let end = last(true).unwrap_or(0);
        let points = |value: fn(&Epoch) -> Option<f64>| -> Vec<Vec<(f64, f64)>> {
            let of = |s: &Source| {
                let own = own
                    .iter()
                    .filter(|r| r.method == s.method && r.split == s.split);
                // What is trained further goes on where the baseline is done.
                let from = if s.method == BASELINE { 0 } else { end };
                own.filter_map(|r| Some(((r.epoch + from) as f64, value(r)?)))
                    .collect()
            };
            sources.iter().map(of).collect()
        };
        CurveColumn {
            name: model_title(model).into(),
            baseline_ends: (end > 0 && last(false).is_some()).then_some(end as f64),
            points: vec![
                points(|r| r.loss),
                points(|r| r.accuracy.map(|a| 100.0 * a)),
            ],
        }
    };
    let found = models(rows.iter().map(|r| r.model.as_str()));
    let caption = caption(
        study,
        "Training curves are taken while weights move, on augmented images, with weights and penalties of the recipe in \
         the loss; validation is plain cross entropy.",
        Made::Elsewhere,
    );
    let figure = Curves {
        subject: study.target.clone(),
        quantities: vec!["loss, nats".into(), "accuracy, percent".into()],
        curves: names,
        columns: found.into_iter().map(column).collect(),
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}

/// What is trained, and what it is compared with.
const TRAINED: [(&str, &str, &str); 3] = [
    ("qat-int8", "ptq-static-int8", "QAT − static PTQ, INT8"),
    ("qat-int4", "ptq-static-int4", "QAT − static PTQ, INT4"),
    (
        "fp32-finetune",
        BASELINE,
        "control: FP32 trained as long − FP32",
    ),
];

/// Seconds of training by change of accuracy and EO gap against what needs none.
pub fn cost(study: &Study) -> Figure {
    let draft = Draft {
        stem: "qat-cost",
        title: "Cost and benefit of quantization-aware training",
    };
    if study.timings.is_none() {
        return draft.missing("timings.csv is missing");
    }
    let names = study.models();
    let mut csv = Sheet::new("model,method,base,seconds,metric,delta,delta_lo,delta_hi");
    let mut bare = false;
    let mut panel = |metric: &str, name: &str| {
        let mut points = Vec::new();
        for (kind, (method, base, _)) in TRAINED.iter().enumerate() {
            for (m, model) in names.iter().enumerate() {
                let seconds = study
                    .timing(model, method)
                    .and_then(|t| t.training_seconds.or(t.seconds));
                let Some((seconds, change)) =
                    seconds.zip(change(study, model, (method, base), metric))
                else {
                    continue;
                };
                bare |= change.interval.is_none();
                let words = [model, method, base].map(|w| w.to_string());
                let place = [cell(Some(seconds)), metric.to_string()];
                csv.row(words.into_iter().chain(place).chain(cells(Some(change))));
                points.push(Benefit {
                    model: m,
                    kind,
                    seconds,
                    change,
                });
            }
        }
        BenefitPanel {
            name: name.into(),
            points,
        }
    };
    let panels = vec![
        panel("accuracy", "Δ accuracy, percentage points"),
        panel("eo_gap", "Δ EO gap, percentage points"),
    ];
    if panels.iter().all(|p| p.points.is_empty()) {
        return draft.missing(
            "no configuration trained by quantization has both times and a static counterpart",
        );
    }
    let special = if bare {
        "Where there is no line the interval is not known (comparisons.csv)."
    } else {
        ""
    };
    let caption = caption(study, special, Made::WithIntervals);
    let figure = CostBenefit {
        subject: String::new(),
        n: study.n(),
        confidence: study.confidence(),
        models: names.iter().map(|m| model_title(m).to_string()).collect(),
        kinds: TRAINED.iter().map(|t| t.2.to_string()).collect(),
        cost: "seconds of further training".into(),
        panels,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}

/// Method − base on the same images: as compared, else as the difference of their changes to the baseline, without an
/// interval.
fn change(
    study: &Study,
    model: &str,
    (method, base): (&str, &str),
    metric: &str,
) -> Option<Measured> {
    let of = |method: &str| {
        study
            .configuration(model, method)?
            .change(metric)
            .map(|c| c.delta)
    };
    if base == BASELINE {
        return of(method);
    }
    let compared = study.comparisons.iter().flatten().find(|v| {
        v.target == study.target
            && v.seed == study.seed
            && v.model == model
            && v.method == method
            && v.base == base
            && v.metric == metric
    });
    match compared {
        Some(found) => found.delta,
        None => Some(Measured::point(of(method)?.value - of(base)?.value)),
    }
}
