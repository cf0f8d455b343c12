//! `unit.json`, `timing.json` and `seed-<n>.failed.json`, as the study's engine writes them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Fault, Result};
use crate::study::analysis::settings::Settings;

/// A finished unit.
#[derive(Debug, Clone, Deserialize)]
pub struct Unit {
    /// Phase of the study.
    pub phase: Option<u64>,
    /// Where it ran.
    #[serde(default)]
    pub device: String,
    /// Where it was to run, if elsewhere.
    pub fell_back_from: Option<String>,
    /// Why it fell back.
    pub reason: Option<String>,
    /// Hash of the data.
    #[serde(default)]
    pub data_hash: String,
    /// Version that made it.
    #[serde(default)]
    pub version: String,
    /// What it took.
    #[serde(skip)]
    pub timing: Timing,
}

/// What a unit took; what was not measured is missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// All of it.
    pub seconds: Option<f64>,
    /// Evaluation on the test images.
    pub images_per_s: Option<f64>,
    /// Per image, one at a time.
    pub latency_ms_batch1: Option<f64>,
    /// Per image, 32 at a time.
    pub latency_ms_batch32: Option<f64>,
    /// Most memory at any moment.
    pub peak_memory_bytes: Option<f64>,
    /// Images that ranges were calibrated on.
    pub calibration_images: Option<f64>,
    /// Seconds of calibration.
    pub calibration_seconds: Option<f64>,
    /// Images seen in training, repetitions counted.
    pub training_images: Option<f64>,
    /// Seconds of training.
    pub training_seconds: Option<f64>,
    /// Units that ran at the same time.
    pub workers: Option<f64>,
}

/// A unit that failed.
#[derive(Debug, Clone, Deserialize)]
pub struct Failed {
    /// Phase of the study.
    pub phase: Option<u64>,
    /// Where it ran.
    #[serde(default)]
    pub device: String,
    /// Where it was to run, if elsewhere.
    pub fell_back_from: Option<String>,
    /// Hash of the data.
    #[serde(default)]
    pub data_hash: String,
    /// One line.
    #[serde(default)]
    pub error: String,
}

impl Unit {
    /// The unit of a folder; `None` where there is none.
    ///
    /// # Errors
    /// Data error naming the file that is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("unit.json");
        if !path.is_file() {
            return Ok(None);
        }
        let mut unit: Self = json(&path)?;
        let timing = folder.join("timing.json");
        if timing.is_file() {
            unit.timing = json(&timing)?;
        }
        Ok(Some(unit))
    }
}

impl Failed {
    /// What is said beside a folder that is not there; `None` where nothing is.
    ///
    /// # Errors
    /// Data error naming the file that is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let path = folder.with_file_name(format!("{name}.failed.json"));
        path.is_file().then(|| json(&path)).transpose()
    }
}

/// Units that are no configurations: sensitivities and calibration draws.
///
/// # Errors
/// As [`Unit::read`].
pub fn others(dir: &Path, settings: &Settings) -> Result<Vec<Unit>> {
    let mut found = Vec::new();
    for model in &settings.models {
        for folder in kinds(&dir.join("runs").join(model))? {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name != "sensitivity" && !name.starts_with("draws-") {
                continue;
            }
            for seed in &settings.seeds {
                found.extend(Unit::read(&folder.join(format!("seed-{seed}")))?);
            }
        }
    }
    Ok(found)
}

/// Folders in a folder, by name; none where it is missing.
///
/// # Errors
/// Data error naming the folder.
pub fn kinds(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = |e: std::io::Error| Fault::new(folder, format!("cannot be read ({e})")).data();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

/// A JSON file.
///
/// # Errors
/// Data error naming file and line.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Fault::new(path, format!("cannot be read ({e})")).data())?;
    serde_json::from_str(&text).map_err(|e| {
        Fault::new(path, e.to_string())
            .line(e.line())
            .next("it is damaged: remove this folder, and the study makes it again")
            .data()
    })
}
