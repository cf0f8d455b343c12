//! The smaller collected tables: times, sensitivities, calibration draws, allocations, training curves.

use std::path::{Path, PathBuf};

use super::Found;
use super::facts::Quantized;
use super::unit::{json, kinds};
use crate::error::{Fault, Result};
use crate::study::analysis::settings::Settings;
use crate::study::analysis::sheet::{Sheet, cell, names, write_sheet};

/// Columns of `sensitivity.csv`, after `model`.
const SENSITIVITY: [&str; 11] = [
    "layer",
    "kind",
    "depth",
    "params",
    "bits",
    "group",
    "first_order",
    "fisher",
    "direct",
    "sqnr_db",
    "gauss_newton",
];

/// Columns of a unit of draws.
const DRAWS: [&str; 7] = [
    "draw",
    "sampling",
    "observer",
    "accuracy",
    "dp_gap",
    "eo_gap",
    "worst_group_accuracy",
];

/// Columns of `timings.csv`.
const TIMINGS: [&str; 15] = [
    "target",
    "model",
    "method",
    "seed",
    "device",
    "seconds",
    "images_per_s",
    "latency_ms_batch1",
    "latency_ms_batch32",
    "peak_memory_bytes",
    "calibration_images",
    "calibration_seconds",
    "training_images",
    "training_seconds",
    "workers",
];

/// Writes all of them; a table without rows is not written.
///
/// # Errors
/// Data error naming the file of a unit that is damaged; run error for what cannot be written.
pub fn write(dir: &Path, settings: &Settings, found: &[Found]) -> Result<()> {
    let timings = found.iter().map(|f| {
        let t = &f.unit.timing;
        let mut row = vec![
            f.key.target.clone(),
            f.key.model.clone(),
            f.key.method.clone(),
            f.key.seed.to_string(),
            f.unit.device.clone(),
        ];
        let numbers = [
            t.seconds,
            t.images_per_s,
            t.latency_ms_batch1,
            t.latency_ms_batch32,
            t.peak_memory_bytes,
            t.calibration_images,
            t.calibration_seconds,
            t.training_images,
            t.training_seconds,
            t.workers,
        ];
        // Exact: bytes have more than six digits.
        row.extend(numbers.map(|n| n.map(|n| n.to_string()).unwrap_or_default()));
        row
    });
    put(dir, "timings.csv", &names(&TIMINGS), timings.collect())?;

    let mut rows = Vec::new();
    for (model, file) in files(
        dir,
        settings,
        |kind| kind == "sensitivity",
        "sensitivity.csv",
    )? {
        rows.extend(with_model(&model, &file, &SENSITIVITY)?);
    }
    put(
        dir,
        "sensitivity.csv",
        &with(&["model"], &SENSITIVITY),
        rows,
    )?;

    let mut rows = Vec::new();
    for (model, file) in files(
        dir,
        settings,
        |kind| kind.starts_with("draws-"),
        "draws.csv",
    )? {
        for mut row in with_model(&model, &file, &DRAWS)? {
            // draw, sampling, observer → sampling, observer, draw.
            row[1..4].rotate_left(1);
            rows.push(row);
        }
    }
    let columns = ["model", "sampling", "observer", "draw"];
    put(
        dir,
        "calibration-draws.csv",
        &with(&columns, &DRAWS[3..]),
        rows,
    )?;

    let mut rows = Vec::new();
    for f in found.iter().filter(|f| first(f, settings)) {
        let path = f.dir.join("quantize.json");
        if !path.is_file() {
            continue;
        }
        let plan: Quantized = json(&path)?;
        if plan.allocation.is_none() {
            continue;
        }
        for (depth, layer) in plan.layers.iter().enumerate() {
            rows.push(vec![
                f.key.model.clone(),
                f.key.method.clone(),
                layer.layer.clone(),
                depth.to_string(),
                layer.weight(),
                layer.activation(),
                layer.bytes.to_string(),
            ]);
        }
    }
    let columns = [
        "model",
        "method",
        "layer",
        "depth",
        "weight",
        "activation",
        "bytes",
    ];
    put(dir, "allocations.csv", &names(&columns), rows)?;

    let mut rows = Vec::new();
    for f in found.iter().filter(|f| f.key.target == settings.target) {
        let path = f.dir.join("metrics.csv");
        if !path.is_file() {
            continue;
        }
        let sheet = Sheet::read(&path)?;
        let columns = ["epoch", "split", "loss", "accuracy", "lr"].map(|c| sheet.column(c));
        let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
        for r in 0..sheet.len() {
            let mut row = vec![
                f.key.model.clone(),
                f.key.method.clone(),
                f.key.seed.to_string(),
            ];
            for (i, c) in columns.iter().enumerate() {
                row.push(match i < 2 {
                    true => sheet.text(r, *c).to_string(),
                    false => cell(sheet.number(r, *c)?),
                });
            }
            rows.push(row);
        }
    }
    let columns = [
        "model", "method", "seed", "epoch", "split", "loss", "accuracy", "lr",
    ];
    put(dir, "training.csv", &names(&columns), rows)
}

fn first(f: &Found, settings: &Settings) -> bool {
    f.key.target == settings.target && f.key.seed == settings.seeds[0]
}

fn with(first: &[&str], rest: &[&str]) -> Vec<String> {
    names(&[first, rest].concat())
}

fn put(dir: &Path, name: &str, header: &[String], rows: Vec<Vec<String>>) -> Result<()> {
    let path = dir.join(name);
    if !rows.is_empty() {
        return write_sheet(&path, header, &rows);
    }
    // What an earlier run left would not be of these units.
    match path.is_file() {
        true => std::fs::remove_file(&path)
            .map_err(|e| Fault::new(&path, format!("cannot be removed ({e})")).run()),
        false => Ok(()),
    }
}

/// Files of units that are no configurations, with their models.
fn files(
    dir: &Path,
    settings: &Settings,
    kind: impl Fn(&str) -> bool,
    file: &str,
) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for model in &settings.models {
        for folder in kinds(&dir.join("runs").join(model))? {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let unit = folder.join(format!("seed-{}", settings.seeds[0]));
            if kind(&name) && unit.join("unit.json").is_file() {
                found.push((model.clone(), unit.join(file)));
            }
        }
    }
    Ok(found)
}

/// Rows of a file, these columns, behind a model.
fn with_model(model: &str, path: &Path, columns: &[&str]) -> Result<Vec<Vec<String>>> {
    let sheet = Sheet::read(path)?;
    let places: Vec<usize> = columns
        .iter()
        .map(|c| sheet.column(c))
        .collect::<Result<_>>()?;
    let row = |r: usize| {
        let fields = places.iter().map(|c| sheet.text(r, *c).to_string());
        std::iter::once(model.to_string()).chain(fields).collect()
    };
    Ok((0..sheet.len()).map(row).collect())
}
