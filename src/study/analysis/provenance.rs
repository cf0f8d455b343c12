//! `provenance.json`: what the numbers come from, and what the budget did not allow.
//!
//! What only the machine that ran the units knows is kept from the file itself; the rest is put together
//! anew from the other files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::collect::Unit;
use super::configuration::{Configuration, Part, Status, planned};
use super::hypotheses::Study;
use super::hypotheses::finding::number;
use crate::error::{Fault, Result};
use crate::fairness::seeds::FEWEST;
use crate::files::write_atomic;

/// The file.
pub const FILE: &str = "provenance.json";

/// What the units say, into the file.
///
/// # Errors
/// Run error naming the path; data error for a damaged `data.json`.
pub fn collect<'a>(dir: &Path, units: impl Iterator<Item = &'a Unit>) -> Result<()> {
    let mut seconds = 0.0;
    let mut versions = Vec::new();
    for unit in units {
        seconds += unit.timing.seconds.unwrap_or(0.0);
        if !unit.version.is_empty() && !versions.contains(&unit.version) {
            versions.push(unit.version.clone());
        }
    }
    versions.sort();
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_string())
        });
    let threads = std::thread::available_parallelism().ok().map(usize::from);
    let data = read(&dir.join("data.json"))?;
    put(
        &dir.join(FILE),
        &json!({
            "data": data.map_or_else(|| json!({}), Value::Object),
            "seconds": number(Some(seconds)),
            "cpu": cpu,
            "threads": threads,
            "versions": versions,
        }),
    )
}

/// Completes the file.
///
/// # Errors
/// Data error where the file that is there is damaged; run error naming the path.
pub fn write(dir: &Path, study: &Study) -> Result<()> {
    let path = dir.join(FILE);
    let known = read(&path)?.unwrap_or_default();
    let settings = study.settings;
    let of_matrix: Vec<&Configuration> = study
        .configurations
        .iter()
        .filter(|c| {
            c.key.target == settings.target && c.key.seed == settings.seeds[0] && !c.control
        })
        .collect();
    let count = |status| of_matrix.iter().filter(|c| c.status == status).count();
    let all = planned(settings);
    let matrix = all.iter().filter(|(_, part)| *part == Part::Matrix).count();
    let beside = study.configurations.len() - of_matrix.len();
    let mut devices: BTreeMap<&str, usize> = BTreeMap::new();
    for c in study
        .configurations
        .iter()
        .filter(|c| c.status == Status::Done)
    {
        *devices.entry(&c.device).or_default() += 1;
    }
    let table = study.main().map(|slice| &slice.measured.table);
    let hash = of_matrix
        .iter()
        .map(|c| c.data_hash.as_str())
        .find(|hash| !hash.is_empty());
    let of_data = |key: &str| {
        known
            .get("data")
            .and_then(|d| d.get(key))
            .cloned()
            .unwrap_or(Value::Null)
    };
    let kept = |key: &str| known.get(key).cloned().unwrap_or(Value::Null);
    let file = json!({
        "fairbit": env!("CARGO_PKG_VERSION"),
        "versions": kept("versions"),
        "study": settings.name,
        "data": {
            "hash": hash.unwrap_or_default(),
            "train": of_data("train"),
            "val": of_data("val"),
            "test": table.map(|t| t.n()),
            "px": settings.px,
            "dir_kind": settings.dir_kind,
            "identities": table.is_some_and(|t| t.people().is_some()),
        },
        "target": settings.target,
        "devices": devices,
        "seconds": kept("seconds"),
        "cpu": kept("cpu"),
        "threads": kept("threads"),
        "configurations": {
            "planned": matrix,
            "done": count(Status::Done),
            "failed": count(Status::Failed),
            "beside_planned": all.len() - matrix,
            "beside_ended": beside,
        },
        "replicates": settings.replicates,
        "budget": budget(study, matrix, count(Status::Done)),
    });
    put(&path, &file)
}

/// What the budget did not allow, one sentence each.
fn budget(study: &Study, planned: usize, done: usize) -> Vec<String> {
    let settings = study.settings;
    let mut said = Vec::new();
    if done < planned {
        said.push(format!(
            "{} of {planned} configurations have no predictions.",
            planned - done
        ));
    }
    let seeds = |model: &str, method: &str| {
        let of = study.configurations.iter().filter(|c| {
            c.status == Status::Done
                && c.key.target == settings.target
                && c.key.model == model
                && c.key.method == method
        });
        of.count()
    };
    let most = settings.models.iter().flat_map(|model| {
        settings
            .methods
            .iter()
            .map(move |method| seeds(model, method))
    });
    let most = most.max().unwrap_or(0);
    if most < FEWEST {
        said.push(format!(
            "Training seeds per configuration: {most} at most. Training variance was not estimated (that takes {FEWEST}), and \
             intervals are over test images only."
        ));
    }
    let table = study.main().map(|slice| &slice.measured.table);
    if table.is_some_and(|t| t.people().is_none()) {
        said.push("No identities are known: images of one person are taken as independent, and intervals may be too narrow.".into());
    }
    if let Some(px) = settings.px.filter(|px| *px < 224) {
        said.push(format!(
            "Images of {px} pixels instead of the 224 of the study that is reproduced."
        ));
    }
    if settings.replicates < 10_000 {
        said.push(format!(
            "{} bootstrap replicates (screening) instead of 10,000.",
            settings.replicates
        ));
    }
    if study.targets.len() < 2 {
        said.push("One target only: how verdicts change with the target was not tested.".into());
    }
    if study.draws.is_none() {
        said.push("No calibration draws: H3 was not tested.".into());
    }
    if study.layers.is_none() {
        said.push(
            "No sensitivities of layers: what goes with depth and function was not tested.".into(),
        );
    }
    if study.times.is_none() {
        said.push("No times: cost and latency were not measured.".into());
    }
    said
}

fn read(path: &Path) -> Result<Option<Map<String, Value>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| Fault::new(path, format!("cannot be read ({e})")).data())?;
    let value = serde_json::from_str(&text).map_err(|e| {
        Fault::new(path, e.to_string())
            .line(e.line())
            .expected("a JSON object")
            .data()
    })?;
    Ok(Some(value))
}

fn put(path: &Path, value: &Value) -> Result<()> {
    write_atomic(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        writeln!(out)
    })
}
