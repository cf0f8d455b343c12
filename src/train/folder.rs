//! The run folder: one process at a time, `run.json` always whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::error::{Fault, Result};
use crate::files;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process works on it, or was killed while it did.
    Running,
    /// Complete.
    Done,
    /// Ended by an error.
    Failed,
    /// Stopped on request, with a checkpoint.
    Interrupted,
}

/// A device failure that the run survived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fallback {
    /// The device that failed.
    pub from: String,
    /// The device that went on.
    pub to: String,
    /// What happened.
    pub reason: String,
    /// Updates that had been reported when it failed.
    pub at_step: usize,
    /// Complete epochs in the checkpoint from which the run went on.
    pub resumed_from_epoch: usize,
    /// Updates of the next epoch in that checkpoint.
    pub resumed_from_step: usize,
    /// Seconds since 1970-01-01 UTC.
    pub unix_time: u64,
}

/// `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunJson {
    /// How far the run has come.
    pub status: Status,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Architecture.
    pub model: String,
    /// Parameters of the model.
    pub params: usize,
    /// Device asked for and resolved: where the run ended.
    pub device: String,
    /// Device failures that the run survived.
    pub fallbacks: Vec<Fallback>,
    /// Backend read off an output tensor.
    pub backend: Option<String>,
    /// Our kernels that ran in a forward pass, first to last: one per layer that has one.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// Threads of the CPU backends.
    pub threads: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Hash of the configuration, without the devices.
    pub config_hash: String,
    /// Content hash of images and labels.
    pub data_hash: Option<String>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Training images per second.
    pub images_per_s: Option<f64>,
    /// Largest resident set of the training process.
    pub peak_memory_bytes: Option<u64>,
    /// Epoch whose weights were kept, counted from 1.
    pub best_epoch: Option<usize>,
    /// fairbit's version.
    pub version: String,
}

/// A run folder that this process holds.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Takes hold of `path`, creating it.
    ///
    /// # Errors
    /// Run error when it cannot be written or another process holds it.
    pub fn hold(path: &Path) -> Result<Self> {
        files::create_dir(path)?;
        let _lock = lock(&path.join(".lock"))?.ok_or_else(|| {
            Fault::new(path, "is in use by another process")
                .next("wait for it, or choose another --out")
                .run()
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            _lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// Run error when it cannot be written.
    pub fn write_run(&self, run: &RunJson) -> Result<()> {
        let json = serde_json::to_vec_pretty(run)
            .map_err(|e| Fault::new(&self.path, e.to_string()).run())?;
        files::write_bytes(&self.path.join("run.json"), &json)
    }
}

/// An exclusive lock on `path`, or `None` if another process has it.
///
/// # Errors
/// Run error when the file cannot be made.
pub fn lock(path: &Path) -> Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| {
            Fault::new(path, format!("cannot be written ({e})"))
                .next("choose another folder with --out")
                .run()
        })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => {
            Err(Fault::new(path, format!("cannot be locked ({e})")).run())
        }
    }
}

/// `run.json` of a folder.
///
/// # Errors
/// Data error when it is missing or not what a run writes.
pub fn read_run(run: &Path) -> Result<RunJson> {
    let path = run.join("run.json");
    let text = fs::read(&path).map_err(|e| {
        Fault::new(&path, format!("cannot be read ({e})"))
            .expected("the run folder of a `fairbit train`")
            .data()
    })?;
    serde_json::from_slice(&text).map_err(|e| Fault::new(&path, e.to_string()).data())
}

/// `config.toml` of a folder.
///
/// # Errors
/// Configuration error as [`RunConfig::load`].
pub fn read_config(run: &Path) -> Result<RunConfig> {
    RunConfig::load(Some(&run.join("config.toml")), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let held = RunFolder::hold(&dir.path().join("run")).unwrap();
        let second = RunFolder::hold(held.path()).unwrap_err();
        assert_eq!(second.exit_code(), 1);
        assert!(second.to_string().contains("another process"));
        let path = held.path().to_path_buf();
        drop(held);
        RunFolder::hold(&path).unwrap();
    }
}
