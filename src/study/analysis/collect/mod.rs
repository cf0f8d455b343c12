//! From the folders of units to the files that everything else is computed from.

mod facts;
mod side;
mod unit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::configuration::{Configuration, Key, Part, Status, planned};
use super::provenance;
use super::scores::{Scores, file_name};
use super::settings::{BASELINE, Settings};
use crate::error::{Fault, Result};
use crate::fairness::Predictions;
use crate::fairness::table::shared::{Unshared, align};
use unit::Failed;
pub(super) use unit::Unit;

/// A finished configuration and its folder.
pub(super) struct Found {
    pub key: Key,
    pub dir: PathBuf,
    pub unit: Unit,
}

/// What the folders of the units hold.
pub struct Collected {
    /// Every configuration that ended, in the order of tables.
    pub configurations: Vec<Configuration>,
    /// Scores by target.
    pub scores: BTreeMap<String, Scores>,
}

/// Reads all units of `dir` and writes the collected files beside them, `results.csv` excepted.
///
/// # Errors
/// Data error naming the file of a unit that is damaged or made from other data; run error for what
/// cannot be written.
pub fn collect(dir: &Path, settings: &Settings) -> Result<Collected> {
    let mut found = Vec::new();
    let mut configurations = Vec::new();
    for (key, part) in planned(settings) {
        let folder = folder(
            dir,
            settings,
            &key.target,
            &key.model,
            &key.method,
            key.seed,
        );
        if let Some(unit) = Unit::read(&folder)? {
            let facts = facts::read(&folder, &key)?;
            configurations.push(configuration(&key, part, &unit, facts));
            found.push(Found {
                key,
                dir: folder,
                unit,
            });
        } else if let Some(failed) = Failed::read(&folder)? {
            configurations.push(failure(&key, part, failed));
        }
    }
    same_data(&found)?;
    let params: BTreeMap<String, u64> = configurations
        .iter()
        .filter(|c| c.key.method == BASELINE)
        .filter_map(|c| Some((c.key.model.clone(), c.params?)))
        .collect();
    for c in &mut configurations {
        c.params = c.params.or(params.get(&c.key.model).copied());
    }
    let scores = scores(&found, settings)?;
    for c in configurations
        .iter_mut()
        .filter(|c| c.status == Status::Done)
    {
        c.n = scores.get(&c.key.target).map(|s| s.n() as u64);
        c.threshold = Some(settings.threshold);
    }
    for (target, of) in &scores {
        of.write(&dir.join(file_name(target, &settings.target)))?;
    }
    side::write(dir, settings, &found)?;
    let others = unit::others(dir, settings)?;
    provenance::collect(dir, found.iter().map(|f| &f.unit).chain(&others))?;
    Ok(Collected {
        configurations,
        scores,
    })
}

/// Where a unit's folder is.
fn folder(
    dir: &Path,
    settings: &Settings,
    target: &str,
    model: &str,
    method: &str,
    seed: u64,
) -> PathBuf {
    let root = match target == settings.target {
        true => dir.join("runs"),
        false => dir.join("targets").join(target),
    };
    root.join(model).join(method).join(format!("seed-{seed}"))
}

fn configuration(key: &Key, part: Part, unit: &Unit, facts: facts::Facts) -> Configuration {
    Configuration {
        key: key.clone(),
        phase: unit.phase,
        control: part == Part::Control,
        status: Status::Done,
        reason: unit.reason.clone().unwrap_or_default(),
        weights: facts.weights,
        activations: facts.activations,
        params: facts.params,
        size_bytes: facts.size_bytes,
        compression: facts.compression,
        device: unit.device.clone(),
        fell_back_from: unit.fell_back_from.clone().unwrap_or_default(),
        data_hash: unit.data_hash.clone(),
        n: None,
        threshold: None,
    }
}

fn failure(key: &Key, part: Part, failed: Failed) -> Configuration {
    Configuration {
        key: key.clone(),
        phase: failed.phase,
        control: part == Part::Control,
        status: Status::Failed,
        reason: failed.error,
        weights: String::new(),
        activations: String::new(),
        params: None,
        size_bytes: None,
        compression: None,
        device: failed.device,
        fell_back_from: failed.fell_back_from.unwrap_or_default(),
        data_hash: failed.data_hash,
        n: None,
        threshold: None,
    }
}

/// Units of one target are made from one data set.
fn same_data(found: &[Found]) -> Result<()> {
    let mut first: BTreeMap<&str, &Found> = BTreeMap::new();
    for f in found {
        let known = first.entry(&f.key.target).or_insert(f);
        if known.unit.data_hash != f.unit.data_hash {
            return Err(
                Fault::new(f.dir.join("unit.json"), format!("{:?}", f.unit.data_hash))
                    .key("data_hash")
                    .expected(format!(
                        "{:?}, as {}",
                        known.unit.data_hash,
                        known.dir.display()
                    ))
                    .next("units of two data sets cannot be one study: run it in an empty folder")
                    .data(),
            );
        }
    }
    Ok(())
}

/// Scores of every configuration, on the images of the first of its target.
fn scores(found: &[Found], settings: &Settings) -> Result<BTreeMap<String, Scores>> {
    let mut all: BTreeMap<String, (Predictions, Scores)> = BTreeMap::new();
    for f in found {
        let path = f.dir.join("predictions-test.csv");
        let table = Predictions::read_csv(&path)?;
        let (base, scores) = all.entry(f.key.target.clone()).or_insert_with(|| {
            let scores = Scores::of(&table);
            (table.clone(), scores)
        });
        let name = path.display().to_string();
        let (_, mut same) = align(base, &[(name, table)], Unshared::Refused).map_err(|e| {
            let mut fault = e.fault().clone();
            fault.next =
                "units of two data sets cannot be one study: run it in an empty folder".into();
            fault.data()
        })?;
        scores.push(f.key.column(settings.seeds[0]), same.remove(0).score());
    }
    Ok(all
        .into_iter()
        .map(|(target, (_, scores))| (target, scores))
        .collect())
}
