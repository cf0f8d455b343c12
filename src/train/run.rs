//! One training run in one process: epochs of steps between checkpoints, then the best weights
//! evaluated. Whatever stops it, the next process goes on from the last checkpoint and ends with the
//! same bytes: every random draw is keyed by (seed, epoch, step or image) and none is carried over.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::optim::ModuleOptimizer;

use super::checkpoint::{Checkpoints, State};
use super::config::Select;
use super::events::{Decoding, Event, Summary, peak_memory_bytes};
use super::fault::Staged;
use super::loss::Objective;
use super::metrics::{self, Sums};
use super::schedule::Schedule;
use super::setup::{cell_weights, fresh_model, optimizer, sampler};
use super::update::Updater;
use crate::config::RunConfig;
use crate::data::{Faces, Sampler, Split, epoch_order};
use crate::device::Selected;
use crate::error::{Fault, Result};
use crate::models::{self, Model, ModelMeta};
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

/// Trains until the end, or until `stop` is set; tells `emit` what happens.
///
/// # Errors
/// Configuration, data, model or run error. A device failure is a panic or worse, and the
/// supervisor's business.
pub fn run(job: &Job, stop: &AtomicBool, emit: &(dyn Fn(Event) + Sync)) -> Result<Outcome> {
    let faces = open_faces(job, emit)?;
    let mut training = Training::prepare(job, &faces, emit)?;
    while training.state.epoch < job.config.train.epochs && !training.state.stopped {
        if let Some(step) = training.epoch(stop, emit)? {
            return Ok(Outcome::Interrupted(step));
        }
    }
    training
        .finish(emit)
        .map(|summary| Outcome::Done(Box::new(summary)))
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

/// A run between two steps.
struct Training<'a> {
    job: &'a Job,
    faces: &'a Faces,
    records: Vec<usize>,
    sampler: Sampler,
    objective: Objective,
    schedule: Schedule,
    steps_per_epoch: usize,
    checkpoints: Checkpoints,
    updater: Updater,
    model: Model,
    optim: ModuleOptimizer,
    state: State,
    backend: String,
}

impl<'a> Training<'a> {
    fn prepare(job: &'a Job, faces: &'a Faces, emit: &(dyn Fn(Event) + Sync)) -> Result<Self> {
        let config = &job.config;
        let table = faces.table();
        let records = faces.split(Split::Train);
        let updater = Updater::new(
            &job.device.devices,
            config.train.batch,
            config.train.accumulate,
        );
        let steps_per_epoch = records.len() / updater.images_per_update();
        if steps_per_epoch == 0 {
            return Err(
                Fault::plain(format!("{} images per update", updater.images_per_update()))
                    .key("train.batch")
                    .expected(format!(
                        "at most the {} images of the training split",
                        records.len()
                    ))
                    .config(),
            );
        }
        let checkpoints = Checkpoints::open(&job.folder)?;
        let model = fresh_model(job, emit)?;
        let fresh = State {
            config_hash: train::config_hash(config),
            data_hash: faces.data_hash().to_string(),
            ..State::default()
        };
        let (model, optim, state) =
            match checkpoints.load(model.clone(), optimizer(&config.train))? {
                None => (model, optimizer(&config.train), fresh),
                Some(loaded) => {
                    same(job, "settings", &loaded.2.config_hash, &fresh.config_hash)?;
                    same(
                        job,
                        "images or labels",
                        &loaded.2.data_hash,
                        &fresh.data_hash,
                    )?;
                    loaded
                }
            };
        let training = Self {
            sampler: sampler(&config.train, table)?,
            objective: Objective {
                label_smoothing: config.train.label_smoothing,
                cell_weights: cell_weights(
                    &config.train.loss_weights,
                    table,
                    "train.loss_weights",
                )?,
            },
            schedule: Schedule::new(
                config.train.lr,
                config.train.final_lr,
                config.train.warmup,
                steps_per_epoch * config.train.epochs,
            ),
            job,
            faces,
            records,
            steps_per_epoch,
            checkpoints,
            updater,
            model,
            optim,
            state,
            backend: String::new(),
        };
        emit(Event::Start {
            step: training.steps_done(),
            steps: training.steps(),
            params: training.model.parameters(),
            data_hash: training.state.data_hash.clone(),
        });
        Ok(training)
    }

    fn steps(&self) -> usize {
        self.steps_per_epoch * self.job.config.train.epochs
    }

    fn steps_done(&self) -> usize {
        self.state.epoch * self.steps_per_epoch + self.state.step
    }

    /// Trains the rest of the current epoch and validates; `Some(step)` when stopped on request.
    fn epoch(&mut self, stop: &AtomicBool, emit: &(dyn Fn(Event) + Sync)) -> Result<Option<usize>> {
        let job = self.job;
        let config = &job.config.train;
        let epoch = self.state.epoch;
        let seed = job.config.seed;
        let order = epoch_order(
            self.faces.table(),
            &self.records,
            &self.sampler,
            seed,
            epoch as u64,
        )?;
        let updates = self
            .updater
            .epoch(self.faces, &order, seed, epoch, self.state.step);
        let mut inputs = updates.inputs();
        let mut saved = Instant::now();
        for step in self.state.step..self.steps_per_epoch {
            let started = Instant::now();
            let global = epoch * self.steps_per_epoch + step;
            let staged = job.staged.and_then(|s| s.at(global));
            let (grads, output) =
                self.updater
                    .gradients(&self.model, &mut inputs, &self.objective, staged)?;
            if !output.loss.is_finite() {
                return Err(
                    Fault::plain(format!("the loss of step {global} is {}", output.loss))
                        .next("lower train.lr, or lengthen train.warmup")
                        .run(),
                );
            }
            let lr = self.schedule.at(global);
            self.model = self.optim.step(lr, self.model.clone(), grads);
            self.backend = output.backend;
            self.state
                .sums
                .add(output.loss, output.correct, output.images);
            self.state.sums.seconds += started.elapsed().as_secs_f64();
            self.state.step = step + 1;
            emit(Event::Step {
                step: global + 1,
                steps: self.steps(),
                epoch: epoch + 1,
                loss: output.loss,
                images_per_s: self.state.sums.images_per_s(),
            });
            let stopping = stop.load(Ordering::Relaxed);
            if stopping || saved.elapsed().as_secs_f64() >= config.checkpoint_seconds {
                self.checkpoints
                    .save(&self.model, &self.optim, &self.state)?;
                saved = Instant::now();
            }
            if stopping {
                return Ok(Some(global + 1));
            }
        }
        drop(inputs);
        self.validate(emit)?;
        self.checkpoints
            .save(&self.model, &self.optim, &self.state)?;
        // Stopping here costs nothing, and evaluation may take long.
        Ok(stop.load(Ordering::Relaxed).then(|| self.steps_done()))
    }

    /// Ends the epoch: validation, rows, best weights, early stopping.
    fn validate(&mut self, emit: &(dyn Fn(Event) + Sync)) -> Result<()> {
        let config = &self.job.config.train;
        let records = self.faces.split(Split::Val);
        let total = records.len();
        let scored = evaluate::score(
            &self.model.valid(),
            self.faces,
            records,
            config.eval_batch,
            self.job.device.main(),
            &|done| emit(Event::Score { done, total }),
        )?;
        let epoch = self.state.epoch + 1;
        let lr = self.schedule.at(epoch * self.steps_per_epoch - 1);
        let train = self.state.sums.row(epoch, "train", lr);
        let val = Sums {
            loss: scored.loss * total as f64,
            correct: scored.correct,
            images: total,
            seconds: scored.seconds,
        }
        .row(epoch, "val", lr);
        let value = match config.select {
            Select::Accuracy => val.accuracy,
            Select::Loss => -val.loss,
            Select::Last => epoch as f64,
        };
        let best = self.state.best.is_none_or(|(_, before)| value > before);
        if best {
            self.checkpoints.save_best(&self.model)?;
            self.state.best = Some((epoch, value));
            self.state.stale = 0;
        } else {
            self.state.stale += 1;
        }
        let past = &mut self.state.past;
        past.images += self.state.sums.images;
        past.seconds += self.state.sums.seconds;
        self.state.rows.extend([train.clone(), val.clone()]);
        self.state.stopped = config.early_stopping > 0 && self.state.stale >= config.early_stopping;
        self.state.epoch += 1;
        self.state.step = 0;
        self.state.sums = Sums::default();
        metrics::write(&self.job.folder.join("metrics.csv"), &self.state.rows)?;
        emit(Event::Epoch {
            train,
            val,
            epochs: config.epochs,
            best,
        });
        Ok(())
    }

    /// Writes `model.safetensors` and `predictions-test.csv` from the best weights.
    fn finish(mut self, emit: &(dyn Fn(Event) + Sync)) -> Result<Summary> {
        let config = &self.job.config;
        metrics::write(&self.job.folder.join("metrics.csv"), &self.state.rows)?;
        // Into a plain model: under mixed precision the one that trained shows its weights cast.
        let device = self.job.device.main().clone().autodiff();
        let plain = models::create(&config.model_config(), config.seed, &device)?;
        let model = self.checkpoints.load_best(plain)?.valid();
        let meta = ModelMeta::new(&config.model_config(), config.data.target.as_str());
        models::save(&model, &meta, &self.job.folder.join("model.safetensors"))?;
        let total = self.faces.split(Split::Test).len();
        let (predictions, scored) = evaluate::predict(
            &model,
            self.faces,
            Split::Test,
            config.train.eval_batch,
            self.job.device.main(),
            &|done| emit(Event::Score { done, total }),
        )?;
        predictions.write_csv(&self.job.folder.join("predictions-test.csv"))?;
        self.backend = scored.backend;
        Ok(Summary {
            backend: self.backend,
            kernels: scored.kernels,
            seconds: self.state.past.seconds,
            images_per_s: self.state.past.images_per_s(),
            peak_memory_bytes: peak_memory_bytes(),
            best_epoch: self.state.best.map_or(0, |(epoch, _)| epoch),
            epochs: self.state.epoch,
            data_hash: self.state.data_hash,
        })
    }
}

fn same(job: &Job, what: &str, found: &str, expected: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Fault::new(
        job.folder.join("checkpoint"),
        format!("a checkpoint of other {what}"),
    )
    .expected("those of this run")
    .next("resume with what the run was started with, or choose another --out")
    .config())
}
