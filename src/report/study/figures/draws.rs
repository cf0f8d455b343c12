//! Calibration draws: how much depends on which images ranges are taken from.

use super::{Draft, Figure, Made, Sheet, caption, cell};
use crate::report::study::Study;
use crate::report::study::details::Draw;
use crate::report::study::order::{model_title, models};
use crate::report::{Strip, StripBlock, Strips};

/// Name of a metric, and where it is in a draw.
type Metric = (&'static str, fn(&Draw) -> Option<f64>);

const METRICS: [Metric; 4] = [
    ("accuracy", |d| d.accuracy),
    ("DP gap", |d| d.dp_gap),
    ("EO gap", |d| d.eo_gap),
    ("worst-group accuracy", |d| d.worst_group_accuracy),
];

/// Distributions over draws for each model, sampling and observer.
pub fn draws(study: &Study) -> Figure {
    let draft = Draft {
        stem: "calibration-draws",
        title: "Calibration draws",
    };
    let rows = study.draws.as_deref().unwrap_or(&[]);
    if rows.is_empty() {
        return draft.missing("calibration-draws.csv is missing or empty");
    }
    let mut csv =
        Sheet::new("model,sampling,observer,draw,accuracy,dp_gap,eo_gap,worst_group_accuracy");
    for row in rows {
        let names = [&row.model, &row.sampling, &row.observer].map(String::clone);
        let numbers = METRICS.map(|(_, value)| cell(value(row)));
        csv.row(
            names
                .into_iter()
                .chain([row.draw.to_string()])
                .chain(numbers),
        );
    }
    let mut samplings: Vec<&str> = Vec::new();
    for row in rows {
        if !samplings.contains(&row.sampling.as_str()) {
            samplings.push(&row.sampling);
        }
    }
    let known = ["random", "balanced", "group-weighted"];
    samplings.sort_by_key(|s| known.iter().position(|k| k == s).unwrap_or(known.len()));
    let mut most = 0;
    let mut blocks = Vec::new();
    for model in models(rows.iter().map(|r| r.model.as_str())) {
        let mut strips = Vec::new();
        for observer in ["min-max", "mse"] {
            for (s, sampling) in samplings.iter().enumerate() {
                let same = |r: &&Draw| {
                    r.model == model && r.sampling == *sampling && r.observer == observer
                };
                let own: Vec<&Draw> = rows.iter().filter(same).collect();
                most = most.max(own.len());
                if own.is_empty() {
                    continue;
                }
                let of_metric = |(_, value): &Metric| own.iter().filter_map(|d| value(d)).collect();
                strips.push(Strip {
                    name: format!("{observer}, {sampling}"),
                    look: s,
                    values: METRICS.iter().map(of_metric).collect(),
                });
            }
        }
        blocks.push(StripBlock {
            name: model_title(model).into(),
            strips,
        });
    }
    let caption = caption(study, &format!("Up to {most} draws each."), Made::Measured);
    let figure = Strips {
        subject: String::new(),
        n: study.n(),
        metrics: METRICS.iter().map(|m| m.0.to_string()).collect(),
        blocks,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}
