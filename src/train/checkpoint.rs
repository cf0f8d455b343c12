//! Checkpoints that a SIGKILL cannot spoil: a folder per checkpoint, renamed when complete, and a
//! pointer file that is replaced after it.
//!
//! ```text
//! checkpoint/latest              "step-0003-0000044", epochs done and steps into the next
//! checkpoint/step-0003-0000044/      model.bpk  optim.bpk  state.json
//! checkpoint/best.bpk            weights of the best epoch so far
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};

use super::metrics::{Row, Sums};
use crate::error::{Error, Fault, Result};
use crate::files;
use crate::models::Model;

/// Folder of the checkpoints in a run's folder.
pub const CHECKPOINTS: &str = "checkpoint";

/// Where a run stands between two updates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Hash of the configuration, without the devices.
    pub config_hash: String,
    /// Hash of images and labels.
    pub data_hash: String,
    /// Epoch to go on with, counted from 0.
    pub epoch: usize,
    /// Updates already made in it.
    pub step: usize,
    /// Sums over those updates.
    pub sums: Sums,
    /// Rows of the epochs before it.
    pub rows: Vec<Row>,
    /// Best epoch (counted from 1) and its validation value.
    pub best: Option<(usize, f64)>,
    /// Epochs since the best one.
    pub stale: usize,
    /// Whether early stopping has ended training.
    pub stopped: bool,
    /// Images trained on and the seconds that took, in the epochs before this one.
    pub past: Sums,
    /// Weights of the groups, where group DRO moves them.
    #[serde(default)]
    pub group_weights: Vec<f64>,
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    dir: PathBuf,
}

impl Checkpoints {
    /// The checkpoints under `run/checkpoint`, which is created.
    ///
    /// # Errors
    /// Run error when it cannot be.
    pub fn open(run: &Path) -> Result<Self> {
        let dir = run.join(CHECKPOINTS);
        files::create_dir(&dir)?;
        Ok(Self { dir })
    }

    /// Saves where the run stands, then removes the checkpoint before.
    ///
    /// # Errors
    /// Run error when the disk does not take it; the checkpoint before is still whole then.
    pub fn save(&self, model: &Model, optim: &ModuleOptimizer, state: &State) -> Result<()> {
        let name = format!("step-{:04}-{:07}", state.epoch, state.step);
        let target = self.dir.join(&name);
        let partial = self.dir.join(format!(".{name}.tmp"));
        // A killed process may have left either; both are dead by now.
        let _ = fs::remove_dir_all(&partial);
        files::create_dir(&partial)?;
        files::write_bytes(&partial.join("model.bpk"), &model_bytes(model)?)?;
        let optim = optim.into_bytes().map_err(|e| cannot_pack(&partial, &e))?;
        files::write_bytes(&partial.join("optim.bpk"), &optim)?;
        let json = serde_json::to_vec_pretty(state)
            .map_err(|e| Fault::new(&partial, e.to_string()).run())?;
        files::write_bytes(&partial.join("state.json"), &json)?;
        let _ = fs::remove_dir_all(&target);
        fs::rename(&partial, &target)
            .map_err(|e| Fault::new(&target, format!("cannot be written ({e})")).run())?;
        files::write_bytes(&self.dir.join("latest"), name.as_bytes())?;
        self.remove_others(&name);
        Ok(())
    }

    /// The last checkpoint applied to a fresh model and optimizer, or `None` if there is none yet.
    ///
    /// # Errors
    /// Model error when the checkpoint is of another model, or truncated.
    pub fn load(
        &self,
        model: Model,
        optim: ModuleOptimizer,
    ) -> Result<Option<(Model, ModuleOptimizer, State)>> {
        let Some(name) = self.latest() else {
            return Ok(None);
        };
        let dir = self.dir.join(name.trim());
        let state = self.state()?.unwrap_or_default();
        let model = apply(model, &dir.join("model.bpk"))?;
        let path = dir.join("optim.bpk");
        let optim = guarded(&path, || {
            optim
                .from_bytes(Bytes::from_bytes_vec(read(&path)?))
                .map_err(|e| broken(&path, &e))
        })?;
        Ok(Some((model, optim, state)))
    }

    /// Where the last checkpoint stands.
    ///
    /// # Errors
    /// Model error when it cannot be read.
    pub fn state(&self) -> Result<Option<State>> {
        let Some(name) = self.latest() else {
            return Ok(None);
        };
        let path = self.dir.join(name.trim()).join("state.json");
        serde_json::from_slice(&read(&path)?)
            .map(Some)
            .map_err(|e| broken(&path, &e))
    }

    /// Keeps these weights as the best so far.
    ///
    /// # Errors
    /// Run error when the disk does not take them.
    pub fn save_best(&self, model: &Model) -> Result<()> {
        files::write_bytes(&self.dir.join("best.bpk"), &model_bytes(model)?)
    }

    /// The best weights so far, applied to a fresh model.
    ///
    /// # Errors
    /// Model error when they cannot be read or are of another model.
    pub fn load_best(&self, model: Model) -> Result<Model> {
        apply(model, &self.dir.join("best.bpk"))
    }

    fn latest(&self) -> Option<String> {
        fs::read_to_string(self.dir.join("latest")).ok()
    }

    fn remove_others(&self, keep: &str) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.contains("step-") && name != keep {
                // What cannot be removed now is removed after the next checkpoint.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn model_bytes(model: &Model) -> Result<Bytes> {
    // `valid` first: it folds the last batch into the running statistics, which a plain record
    // leaves one update behind.
    model
        .valid()
        .into_record()
        .into_bytes()
        .map_err(|e| cannot_pack(Path::new("model"), &e))
}

fn apply(model: Model, path: &Path) -> Result<Model> {
    guarded(path, || {
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(read(path)?))
            .map_err(|e| broken(path, &e))?;
        model.try_load_record(record).map_err(|e| broken(path, &e))
    })
}

/// Turns a panic of the file reader into the error it should have been.
fn guarded<T>(path: &Path, load: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(load))
        .unwrap_or_else(|_| Err(broken(path, &"not a record")))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| broken(path, &e))
}

fn broken(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    let reason: String = reason
        .to_string()
        .replace('\n', " ")
        .chars()
        .take(300)
        .collect();
    Fault::new(
        path,
        format!("is not a checkpoint of this model ({reason})"),
    )
    .next("start the run again with another --out")
    .model()
}

fn cannot_pack(path: &Path, e: &RecordError) -> Error {
    Fault::new(path, format!("cannot be packed ({e})")).run()
}
