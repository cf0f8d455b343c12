//! What is measured: baselines, efficiency, and beside what was reported.

use super::{NOTHING, number, percent, source};
use crate::report::study::Study;
use crate::report::study::order::{BASELINE, model_title};
use crate::report::study::reported::{CAUTION, REPORTED, SOURCE};
use crate::report::text::fixed;
use crate::report::{Column, Row, Table};

const MEGABYTE: f64 = 1e6;

/// Every baseline with its primary metrics.
pub fn baselines(study: &Study) -> Table {
    let columns = ["accuracy", "AUC", "ECE", "DP gap", "EO gap", "worst group"];
    let rows = study.models().into_iter().map(|model| {
        let found = study.configuration(model, BASELINE);
        let estimate = |column: &str| found.and_then(|c| c.estimate(column));
        let params = found.and_then(|c| c.params).map(|p| p as f64 / 1e6);
        let plain = |column: &str| number(estimate(column).map(|m| m.value), 3);
        Row::cells([
            model_title(model).to_string(),
            number(params, 2),
            percent(estimate("accuracy")),
            plain("auc"),
            plain("ece"),
            percent(estimate("dp_gap")),
            percent(estimate("eo_gap")),
            percent(estimate("worst_group_accuracy")),
        ])
    });
    let floors = ["dp_gap", "eo_gap"].map(|gap| {
        let found = study
            .models()
            .into_iter()
            .filter_map(|m| study.configuration(m, BASELINE)?.noise_floor(gap));
        found.reduce(f64::max)
    });
    let mut notes = vec![format!(
        "Percent; parameters in millions. {}",
        source(study)
    )];
    if let [Some(dp), Some(eo)] = floors {
        notes.push(format!(
            "Were groups drawn at random, 95 % of gaps would be below {} (DP) and {} (EO).",
            fixed(100.0 * dp, 1),
            fixed(100.0 * eo, 1)
        ));
    }
    let titles = std::iter::once("parameters")
        .chain(columns)
        .map(Column::right);
    Table {
        caption: "Baselines: accuracy and fairness over the intersection of the attributes.".into(),
        label: "tab:baselines".into(),
        columns: std::iter::once(Column::left("model"))
            .chain(titles)
            .collect(),
        rows: rows.collect(),
        notes,
    }
}

/// Bytes, latency, memory and time of every configuration, controls too.
pub fn efficiency(study: &Study) -> Table {
    let titles = [
        "MB",
        "compression",
        "ms, batch 1",
        "ms, batch 32",
        "peak MB",
        "calibration s",
        "training s",
        "device",
    ];
    let mut rows = Vec::new();
    for model in study.models() {
        rows.push(Row::Heading(model_title(model).into()));
        for found in study.primary().filter(|c| c.model == model) {
            let time = study.timing(model, &found.method);
            let name = if found.control {
                format!("{} (control)", found.method)
            } else {
                found.method.clone()
            };
            let device = match (&found.fell_back_from, found.device.as_str()) {
                _ if !found.done => "failed".into(),
                (_, "") => NOTHING.into(),
                (Some(from), device) => format!("{device} (after {from})"),
                (None, device) => device.to_string(),
            };
            rows.push(Row::cells([
                name,
                number(found.size_bytes.map(|b| b as f64 / MEGABYTE), 2),
                number(found.compression, 1),
                number(time.and_then(|t| t.latency_ms_batch1), 2),
                number(time.and_then(|t| t.latency_ms_batch32), 2),
                number(
                    time.and_then(|t| t.peak_memory_bytes)
                        .map(|b| b as f64 / MEGABYTE),
                    0,
                ),
                number(time.and_then(|t| t.calibration_seconds), 1),
                number(time.and_then(|t| t.training_seconds), 0),
                device,
            ]));
        }
    }
    let mut note = "Bytes are those of the file; compression is against the float model's; latency is per image.".to_string();
    if let Some(found) = &study.provenance {
        let threads = found
            .threads
            .map_or_else(String::new, |t| format!(", {t} threads"));
        let cpu = found.cpu.as_deref().unwrap_or("an unnamed processor");
        note.push_str(&format!(" Measured on {cpu}{threads}."));
    }
    let mut notes = vec![note];
    if study.timings.is_none() {
        notes.push("Not measured: times (timings.csv is missing).".into());
    }
    Table {
        caption: "What each configuration takes.".into(),
        label: "tab:efficiency".into(),
        columns: std::iter::once(Column::left("method"))
            .chain(titles.map(Column::right))
            .collect(),
        rows,
        notes,
    }
}

/// The reported numbers beside those measured here.
pub fn reported(study: &Study) -> Table {
    let mut rows = Vec::new();
    let mut last = "";
    for told in &REPORTED {
        if told.model != last {
            rows.push(Row::Heading(model_title(told.model).into()));
            last = told.model;
        }
        let found = study.configuration(told.model, told.method);
        let estimate = |column: &str| percent(found.and_then(|c| c.estimate(column)));
        rows.push(Row::cells([
            told.method.to_string(),
            fixed(told.accuracy_percent, 2),
            estimate("accuracy"),
            fixed(100.0 * told.dp_gap, 1),
            estimate("dp_gap"),
            number(told.eo_gap.map(|g| 100.0 * g), 1),
            estimate("eo_gap"),
            number(told.size_mb, 2),
            number(
                found
                    .and_then(|c| c.size_bytes)
                    .map(|b| b as f64 / MEGABYTE),
                2,
            ),
        ]));
    }
    let titles = [
        "accuracy, rep.",
        "accuracy",
        "DP gap, rep.",
        "DP gap",
        "EO gap, rep.",
        "EO gap",
        "MB, rep.",
        "MB",
    ];
    Table {
        caption: "What was reported (rep.) beside what is measured here; the reported numbers are no target.".into(),
        label: "tab:reported".into(),
        columns: std::iter::once(Column::left("method")).chain(titles.map(Column::right)).collect(),
        rows,
        notes: vec![
            format!("Percent. Reported: {SOURCE}."),
            CAUTION.to_string(),
            format!("Measured: {}", source(study)),
        ],
    }
}
