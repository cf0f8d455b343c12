//! What is finished: each unit's folder says what it was made from and which bytes it holds. Anything
//! else that stands in its place is set aside, never deleted and never believed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::matrix::{Kind, Unit};
use crate::error::{Fault, Result};
use crate::files;
use crate::train::hex;

/// fairbit's version, part of every identity.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What says that a folder is finished.
const UNIT: &str = "unit.json";
/// Where damaged and outdated folders go.
const ASIDE: &str = "set-aside";

/// The head of `unit.json` and of `seed-N.failed.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// SHA-256 of all that determines the unit.
    pub identity: String,
    /// What it is.
    pub kind: Kind,
    /// Model.
    pub model: String,
    /// Method.
    pub method: String,
    /// Seed.
    pub seed: u64,
    /// Target.
    pub target: String,
    /// Phase.
    pub phase: u8,
    /// Whether it stands outside of the matrix.
    pub control: bool,
    /// Where it ended.
    pub device: String,
    /// The device that failed before.
    pub fell_back_from: Option<String>,
    /// How it failed.
    pub reason: Option<String>,
    /// Content hash of images and labels.
    pub data_hash: String,
    /// fairbit's version.
    pub version: String,
}

/// `unit.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// What it is and where it ran.
    #[serde(flatten)]
    pub head: Head,
    /// SHA-256 of every other file of the folder.
    pub files: BTreeMap<String, String>,
}

/// `seed-N.failed.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// What it is and where it ran.
    #[serde(flatten)]
    pub head: Head,
    /// Why, in one line.
    pub error: String,
    /// Exit code of the child process; none when it was killed or never started.
    pub exit_code: Option<i32>,
    /// Tells one attempt from another.
    pub attempt: String,
}

/// What a unit's place holds.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// The finished unit, every byte as it was written.
    Whole(Box<Finished>),
    /// The same unit made from something else: settings, data, another version.
    Outdated(Box<Finished>),
    /// Something that cannot be believed, and why.
    Damaged(String),
}

/// The finished units below a study's folder.
#[derive(Debug, Clone)]
pub struct Ledger {
    root: PathBuf,
}

impl Ledger {
    /// Of the study in `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// The study's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a unit stands when it is finished.
    pub fn place(&self, unit: &Unit) -> PathBuf {
        self.root.join(unit.folder())
    }

    /// Looks at a unit's place; every file is read.
    pub fn look(&self, unit: &Unit, identity: &str) -> Found {
        let place = self.place(unit);
        if fs::symlink_metadata(&place).is_err() {
            return Found::Nothing;
        }
        match whole(&place) {
            Err(reason) => Found::Damaged(reason),
            Ok(found) if found.head.identity == identity => Found::Whole(Box::new(found)),
            Ok(found) => Found::Outdated(Box::new(found)),
        }
    }

    /// Whether a unit is finished, without reading all of it: another shard looks often.
    pub fn is_there(&self, unit: &Unit, identity: &str) -> bool {
        read(&self.place(unit)).is_ok_and(|found| found.head.identity == identity)
    }

    /// Moves what stands in a unit's place out of the way; where it went.
    ///
    /// # Errors
    /// Run error when it cannot be moved.
    pub fn set_aside(&self, unit: &Unit) -> Result<PathBuf> {
        let aside = self.root.join(ASIDE);
        files::create_dir(&aside)?;
        let name = unit.id.replace('/', "_");
        let place = self.place(unit);
        let free = (1..).map(|n| aside.join(format!("{name}.{n}")));
        let to = free
            .into_iter()
            .find(|to| fs::symlink_metadata(to).is_err())
            .expect("there is always another number");
        fs::rename(&place, &to)
            .map_err(|e| Fault::new(&place, format!("cannot be set aside ({e})")).run())?;
        Ok(to)
    }

    /// Completes `part` with its `unit.json` and puts it into the unit's place, synced.
    ///
    /// # Errors
    /// Run error when something cannot be read or written; `part` is still there then.
    pub fn publish(&self, unit: &Unit, part: &Path, head: Head) -> Result<()> {
        let cannot = |path: &Path, e: std::io::Error| {
            Fault::new(path, format!("cannot be finished ({e})"))
                .next("free some space; the same command goes on")
                .run()
        };
        let mut digests = BTreeMap::new();
        digest(part, "", &mut digests)?;
        let finished = Finished {
            head,
            files: digests,
        };
        let json = serde_json::to_vec_pretty(&finished).expect("plain data");
        files::write_bytes(&part.join(UNIT), &json)?;
        sync(part).map_err(|e| cannot(part, e))?;
        let place = self.place(unit);
        fs::rename(part, &place).map_err(|e| cannot(&place, e))?;
        if let Some(parent) = place.parent() {
            sync_folder(parent).map_err(|e| cannot(parent, e))?;
        }
        self.forget_failure(unit);
        Ok(())
    }

    /// Where a unit's failure is recorded.
    pub fn failure(&self, unit: &Unit) -> PathBuf {
        self.place(unit)
            .with_file_name(format!("seed-{}.failed.json", unit.seed))
    }

    /// The failure of a unit, if one is recorded and readable.
    pub fn failed(&self, unit: &Unit) -> Option<Failed> {
        serde_json::from_slice(&fs::read(self.failure(unit)).ok()?).ok()
    }

    /// Records a failure.
    ///
    /// # Errors
    /// Run error when it cannot be written.
    pub fn record_failure(&self, unit: &Unit, failed: &Failed) -> Result<()> {
        let path = self.failure(unit);
        if let Some(parent) = path.parent() {
            files::create_dir(parent)?;
        }
        let json = serde_json::to_vec_pretty(failed).expect("plain data");
        files::write_bytes(&path, &json)
    }

    /// Removes the record of a failure.
    pub fn forget_failure(&self, unit: &Unit) {
        // None is the usual case.
        let _ = fs::remove_file(self.failure(unit));
    }
}

/// The identity of a unit: everything that determines what it computes. `settings` is the text of all
/// settings that concern it, `base` the identity of the unit that it starts from.
pub fn identity(unit: &Unit, data_hash: &str, settings: &str, base: Option<&str>) -> String {
    let mut hash = Sha256::new();
    let kind = format!("{:?}", unit.kind);
    let seed = unit.seed.to_string();
    for field in [
        "fairbit unit 1",
        VERSION,
        &kind,
        unit.model.name(),
        &unit.method,
        &unit.target,
        &seed,
        data_hash,
        unit.method_text.as_deref().unwrap_or(""),
        settings,
        base.unwrap_or(""),
    ] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    hex(&hash.finalize())
}

fn read(place: &Path) -> std::result::Result<Finished, String> {
    let text = fs::read(place.join(UNIT)).map_err(|e| format!("{UNIT}: {e}"))?;
    serde_json::from_slice(&text).map_err(|e| format!("{UNIT}: {e}"))
}

/// What a finished folder says of itself, if it is true.
fn whole(place: &Path) -> std::result::Result<Finished, String> {
    let said = read(place)?;
    let mut found = BTreeMap::new();
    digest(place, "", &mut found).map_err(|e| e.to_string())?;
    for (name, digest) in &said.files {
        match found.get(name) {
            None => return Err(format!("{name} is missing")),
            Some(other) if other != digest => return Err(format!("{name} was changed")),
            Some(_) => {}
        }
    }
    // Others may have added files of their own, such as a second opinion on the predictions.
    Ok(said)
}

/// SHA-256 of every file below `dir` but `unit.json` and hidden ones, by name with forward slashes.
fn digest(dir: &Path, prefix: &str, into: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in entries(dir)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || (prefix.is_empty() && name == UNIT) {
            continue;
        }
        match entry.path().is_dir() {
            true => digest(&entry.path(), &format!("{prefix}{name}/"), into)?,
            false => {
                into.insert(format!("{prefix}{name}"), files::sha256(&entry.path())?);
            }
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<fs::DirEntry>> {
    let unreadable = |e: std::io::Error| Fault::new(dir, format!("cannot be read ({e})")).data();
    let listed: std::io::Result<Vec<_>> = fs::read_dir(dir).map_err(unreadable)?.collect();
    listed.map_err(unreadable)
}

fn sync(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => sync(&path)?,
            false => File::open(&path)?.sync_all()?,
        }
    }
    sync_folder(dir)
}

fn sync_folder(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
