//! Phase 4: from the units' folders, or from committed files alone, to everything that the study says.
//!
//! ```text
//! runs/ targets/ ─ collect ─► predictions.csv.gz, results.csv (static columns), timings.csv, sensitivity.csv,
//!                             calibration-draws.csv, allocations.csv, training.csv, provenance.json
//! those files alone ────────► measured: one bootstrap of the images for all configurations
//!                             ─► results.csv, groups.csv, comparisons.csv, hypotheses.json, pareto.json
//! ```
//!
//! Without `runs/` the collected files are taken as they are, so that a machine that has only them comes
//! to the same conclusions. Knows neither burn nor models.

mod collect;
mod configuration;
mod groups;
mod hypotheses;
mod measured;
mod metric;
mod outside;
mod pareto;
mod provenance;
mod questions;
mod results;
mod scores;
mod settings;
mod sheet;
mod side;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Fault, Result};
use configuration::{Configuration, Status};
use hypotheses::Study;
use measured::Measured;
use scores::{Scores, file_name};
use settings::Settings;

/// Analyses a study folder: collects what its units left, if they are there, and writes everything that
/// is computed from the collected files. The same files give the same bytes.
///
/// # Errors
/// Config error for `study.toml`; data error naming file, line and column of a collected file that is
/// missing, damaged or made from other data; run error for what cannot be written.
pub fn analyse(dir: &Path) -> Result<()> {
    let settings = Settings::read(&dir.join("study.toml"))?;
    let results = dir.join("results.csv");
    let (configurations, scores) = match dir.join("runs").is_dir() {
        true => {
            let found = collect::collect(dir, &settings)?;
            (found.configurations, found.scores)
        }
        false => {
            let configurations = results::read(&results)?;
            let scores = committed(dir, &settings, &configurations)?;
            (configurations, scores)
        }
    };
    if !configurations.iter().any(|c| c.status == Status::Done) {
        return Err(Fault::new(dir, "no configuration with predictions")
            .expected("at least one that is done")
            .next("run `fairbit study` first")
            .data());
    }
    let mut targets = Vec::new();
    for target in order(&configurations) {
        let file = file_name(&target, &settings.target);
        if let Some(scores) = scores.get(&target) {
            let file = dir.join(&file).display().to_string();
            targets.extend(Measured::new(
                &target,
                scores,
                &configurations,
                &settings,
                &file,
            )?);
        }
    }
    results::write(&results, &configurations, &targets, &settings)?;
    groups::write(&dir.join("groups.csv"), &targets, settings.confidence)?;
    groups::write_comparisons(&dir.join("comparisons.csv"), &targets, settings.confidence)?;
    let times = side::times(&dir.join("timings.csv"))?;
    let draws = side::draws(&dir.join("calibration-draws.csv"))?;
    let layers = side::layers(&dir.join("sensitivity.csv"))?;
    let study = Study {
        settings: &settings,
        configurations: &configurations,
        targets: &targets,
        times: times.as_deref(),
        draws: draws.as_deref(),
        layers: layers.as_deref(),
    };
    hypotheses::write(&dir.join("hypotheses.json"), &study)?;
    pareto::write(&dir.join("pareto.json"), &study)?;
    provenance::write(dir, &study)
}

/// Scores of every target that has a finished configuration.
fn committed(
    dir: &Path,
    settings: &Settings,
    configurations: &[Configuration],
) -> Result<BTreeMap<String, Scores>> {
    let mut all = BTreeMap::new();
    for c in configurations.iter().filter(|c| c.status == Status::Done) {
        if !all.contains_key(&c.key.target) {
            let path = dir.join(file_name(&c.key.target, &settings.target));
            all.insert(c.key.target.clone(), Scores::read(&path)?);
        }
    }
    Ok(all)
}

/// Targets in the order of the table.
fn order(configurations: &[Configuration]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for c in configurations {
        if !found.contains(&c.key.target) {
            found.push(c.key.target.clone());
        }
    }
    found
}
