//! Accuracy, fairness, size and latency together.

use super::{Draft, Figure, Made, Sheet, caption, cell};
use crate::report::study::Study;
use crate::report::study::findings::ParetoPoint;
use crate::report::study::order::{model_title, models};
use crate::report::{Measured, TradeOff, TradePoint};

/// The front of all configurations of the matrix.
pub fn pareto(study: &Study) -> Figure {
    let draft = Draft {
        stem: "pareto",
        title: "Accuracy, fairness, size and latency",
    };
    let Some(found) = &study.pareto else {
        return draft.missing("pareto.json is missing");
    };
    let names = models(found.points.iter().map(|p| p.model.as_str()));
    let latency = found.points.iter().any(|p| p.latency_ms_batch32.is_some());
    let bounded = |value: f64, lo: Option<f64>, hi: Option<f64>| Measured {
        value,
        interval: lo.zip(hi),
    };
    let point = |p: &ParetoPoint| {
        Some(TradePoint {
            name: p.method.clone(),
            model: names.iter().position(|m| *m == p.model)?,
            accuracy: bounded(p.accuracy?, p.accuracy_lo, p.accuracy_hi),
            gap: p.eo_gap.map(|gap| bounded(gap, p.eo_gap_lo, p.eo_gap_hi)),
            size_bytes: p.size_bytes,
            cost: if latency {
                p.latency_ms_batch32
            } else {
                p.size_bytes.map(|b| b as f64 / 1e6)
            },
            on_front: p.on_front,
            frequency: p.frequency,
        })
    };
    let points: Vec<TradePoint> = found.points.iter().filter_map(point).collect();
    if points.is_empty() {
        return draft.missing("no configuration has an accuracy");
    }
    let mut csv = Sheet::new(
        "model,method,accuracy,accuracy_lo,accuracy_hi,eo_gap,eo_gap_lo,eo_gap_hi,size_bytes,latency_ms_batch32,\
         on_front,frequency",
    );
    for p in &found.points {
        let numbers = [
            p.accuracy,
            p.accuracy_lo,
            p.accuracy_hi,
            p.eo_gap,
            p.eo_gap_lo,
            p.eo_gap_hi,
        ];
        let size = p.size_bytes.map_or_else(String::new, |b| b.to_string());
        let rest = [
            size,
            cell(p.latency_ms_batch32),
            p.on_front.to_string(),
            cell(p.frequency),
        ];
        let names = [p.model.clone(), p.method.clone()];
        csv.row(names.into_iter().chain(numbers.map(cell)).chain(rest));
    }
    let words = |axis: &String| match axis.as_str() {
        "eo_gap" => "EO gap".to_string(),
        "size_bytes" => "bytes".to_string(),
        a if a.starts_with("latency") => "latency".to_string(),
        a => a.replace('_', " "),
    };
    let axes: Vec<String> = found.axes.iter().map(words).collect();
    let special = if latency {
        ""
    } else {
        "Latency was not measured: bytes stand on the right, too."
    };
    let caption = caption(study, special, Made::WithIntervals);
    let figure = TradeOff {
        subject: String::new(),
        n: study.n(),
        confidence: study.confidence(),
        models: names.iter().map(|m| model_title(m).to_string()).collect(),
        gap: "EO gap, percentage points".into(),
        cost: if latency {
            "latency per image at batch 32, ms".into()
        } else {
            "bytes on disk, MB".into()
        },
        least_accuracy: least(points.iter().map(|p| p.accuracy.value)),
        front_of: axes.join(", "),
        points,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}

/// What is far less accurate than the rest: below the first quartile by more than three times the distance of the
/// quartiles, and by more than 5 points.
fn least(accuracies: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = accuracies.filter(|a| a.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return 0.0;
    }
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64) as usize];
    (at(0.25) - (3.0 * (at(0.75) - at(0.25))).max(0.05)).max(0.0)
}
