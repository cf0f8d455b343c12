//! One training run in one process: a fresh model is fitted, then the best weights are evaluated.

use std::path::PathBuf;

use super::events::{Decoding, Event, Summary, peak_memory_bytes};
use super::fault::Staged;
use super::fit::{Fit, Trained, Trainee, fit};
use super::setup::fresh_model;
use crate::config::RunConfig;
use crate::data::{Faces, Split};
use crate::device::Selected;
use crate::error::Result;
use crate::models::{self, ModelMeta};
use crate::{evaluate, train};

/// What a training process is given.
#[derive(Debug)]
pub struct Job {
    /// The resolved configuration.
    pub config: RunConfig,
    /// The run folder, held by the supervisor.
    pub folder: PathBuf,
    /// Where to train.
    pub device: Selected,
    /// A failure to stage; tests only.
    pub staged: Option<Staged>,
}

/// How a process ended that did not fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Model and predictions are written.
    Done(Box<Summary>),
    /// Stopped on request after so many updates.
    Interrupted(usize),
}

/// Trains until the end, or until it is `stopping`; tells `emit` what happens.
///
/// # Errors
/// Configuration, data, model or run error. A device failure is a panic or worse, and the
/// supervisor's business.
pub fn run(
    job: &Job,
    stopping: &dyn Fn() -> bool,
    emit: &(dyn Fn(Event) + Sync),
) -> Result<Outcome> {
    let faces = open_faces(job, emit)?;
    let trainee = Trainee {
        model: fresh_model(job, emit)?,
        identity: train::config_hash(&job.config),
        teacher: None,
        fairness: None,
        freeze: None,
    };
    match fit(job, &faces, trainee, stopping, emit)? {
        Fit::Interrupted(step) => Ok(Outcome::Interrupted(step)),
        Fit::Done(trained) => {
            let summary = finish(job, &faces, *trained, emit)?;
            Ok(Outcome::Done(Box::new(summary)))
        }
    }
}

fn open_faces(job: &Job, emit: &(dyn Fn(Event) + Sync)) -> Result<Faces> {
    let faces = Faces::open(&job.config.data, &Decoding::new(emit))?;
    for split in [Split::Train, Split::Val, Split::Test] {
        faces.table().require_complete(split)?;
    }
    if let Some(first) = faces.bad().first() {
        let image = &faces.table().records[first.record].image;
        let text = format!(
            "{} images left out, the first: {image} ({})",
            faces.bad().len(),
            first.reason
        );
        emit(Event::Note { text });
    }
    Ok(faces)
}

/// Writes `model.safetensors` and `predictions-test.csv`.
fn finish(
    job: &Job,
    faces: &Faces,
    trained: Trained,
    emit: &(dyn Fn(Event) + Sync),
) -> Result<Summary> {
    let config = &job.config;
    let Trained { model, cost, .. } = trained;
    let meta = ModelMeta::new(&config.model_config(), config.data.target.as_str());
    models::save(&model, &meta, &job.folder.join("model.safetensors"))?;
    let total = faces.split(Split::Test).len();
    let (predictions, scored) = evaluate::predict(
        &model,
        faces,
        Split::Test,
        config.train.eval_batch,
        job.device.main(),
        &|done| emit(Event::Score { done, total }),
    )?;
    predictions.write_csv(&job.folder.join("predictions-test.csv"))?;
    Ok(Summary {
        backend: scored.backend,
        kernels: scored.kernels,
        seconds: cost.seconds,
        images_per_s: cost.images_per_s(),
        peak_memory_bytes: peak_memory_bytes(),
        best_epoch: trained.best_epoch,
        epochs: trained.epochs,
        data_hash: trained.data_hash,
    })
}
