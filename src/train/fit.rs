//! Fitting a model to the training split: epochs of steps between checkpoints, the best weights kept.
//! Whatever stops it, the next process goes on from the last checkpoint and ends with the same bytes: every
//! random draw is keyed by (seed, epoch, step or image) and none is carried over.

use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, Param};
use burn::optim::ModuleOptimizer;

use super::checkpoint::{Checkpoints, State};
use super::config::Select;
use super::events::Event;
use super::group_loss::Fairness;
use super::loss::{Distill, Objective};
use super::metrics::{self, Sums};
use super::run::Job;
use super::schedule::Schedule;
use super::setup::{cell_weights, in_precision, optimizer, sampler};
use super::update::Updater;
use crate::data::{Faces, Sampler, Split, epoch_order};
use crate::error::{Fault, Result};
use crate::evaluate;
use crate::models::Model;
use crate::nn::UnitMut;

/// What is trained, beside what the settings say.
#[derive(Debug)]
pub struct Trainee {
    /// On an autodiff device, in f32; the same in every process of a run.
    pub model: Model,
    /// Hash of everything but the images that decides what is learned.
    pub identity: String,
    /// Who is imitated, and how much.
    pub teacher: Option<(Arc<Model>, Distill)>,
    /// How groups enter the objective.
    pub fairness: Option<Fairness>,
    /// Share of all updates after which the statistics of batch normalization stay as they are.
    pub freeze: Option<f64>,
}

/// How fitting ended.
#[derive(Debug)]
pub enum Fit {
    /// At its end.
    Done(Box<Trained>),
    /// Stopped on request after so many updates, with a checkpoint.
    Interrupted(usize),
}

/// A fitted model and what it took.
#[derive(Debug)]
pub struct Trained {
    /// The best weights, for evaluation.
    pub model: Model,
    /// Images and seconds of training, all processes together.
    pub cost: Sums,
    /// Epoch whose weights were kept, counted from 1.
    pub best_epoch: usize,
    /// Epochs trained; fewer than asked for after early stopping.
    pub epochs: usize,
    /// Content hash of images and labels.
    pub data_hash: String,
}

/// Trains until the end, or until it is `stopping`; tells `emit` what happens.
///
/// # Errors
/// Configuration, data, model or run error. A device failure is a panic or worse.
pub fn fit(
    job: &Job,
    faces: &Faces,
    trainee: Trainee,
    stopping: &dyn Fn() -> bool,
    emit: &dyn Fn(Event),
) -> Result<Fit> {
    let mut training = Training::prepare(job, faces, trainee, emit)?;
    while training.state.epoch < job.config.train.epochs && !training.state.stopped {
        if let Some(step) = training.epoch(stopping, emit)? {
            return Ok(Fit::Interrupted(step));
        }
    }
    training
        .finish()
        .map(|trained| Fit::Done(Box::new(trained)))
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
    /// As it was before any training: what the best weights are put into. Under mixed precision the model
    /// that trains shows its weights cast.
    plain: Model,
    optim: ModuleOptimizer,
    state: State,
    /// Update from which on statistics stay as they are.
    freeze_at: usize,
    frozen: bool,
}

impl<'a> Training<'a> {
    fn prepare(
        job: &'a Job,
        faces: &'a Faces,
        trainee: Trainee,
        emit: &dyn Fn(Event),
    ) -> Result<Self> {
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
        let plain = trainee.model;
        let model = in_precision(plain.clone(), config.train.precision);
        let fresh = State {
            config_hash: trainee.identity,
            data_hash: faces.data_hash().to_string(),
            group_weights: match trainee.fairness {
                Some(Fairness::GroupDro { .. }) => {
                    vec![1.0 / table.cells() as f64; table.cells()]
                }
                _ => Vec::new(),
            },
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
                teacher: trainee.teacher,
                fairness: trainee.fairness,
                group_weights: Vec::new(),
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
            plain,
            optim,
            state,
            freeze_at: trainee.freeze.map_or(usize::MAX, |share| {
                (share * (steps_per_epoch * config.train.epochs) as f64).round() as usize
            }),
            frozen: false,
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
    fn epoch(
        &mut self,
        stopping: &dyn Fn() -> bool,
        emit: &dyn Fn(Event),
    ) -> Result<Option<usize>> {
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
            if global >= self.freeze_at && !self.frozen {
                freeze_statistics(&mut self.model);
                self.frozen = true;
            }
            self.objective.group_weights = self.state.group_weights.clone();
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
            self.state.group_weights = output.group_weights;
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
            let stop_now = stopping();
            if stop_now || saved.elapsed().as_secs_f64() >= config.checkpoint_seconds {
                self.checkpoints
                    .save(&self.model, &self.optim, &self.state)?;
                saved = Instant::now();
            }
            if stop_now {
                return Ok(Some(global + 1));
            }
        }
        drop(inputs);
        self.validate(emit)?;
        self.checkpoints
            .save(&self.model, &self.optim, &self.state)?;
        // Stopping here costs nothing, and evaluation may take long.
        Ok(stopping().then(|| self.steps_done()))
    }

    /// Ends the epoch: validation, rows, best weights, early stopping.
    fn validate(&mut self, emit: &dyn Fn(Event)) -> Result<()> {
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

    /// The best weights.
    fn finish(self) -> Result<Trained> {
        metrics::write(&self.job.folder.join("metrics.csv"), &self.state.rows)?;
        Ok(Trained {
            model: self.checkpoints.load_best(self.plain)?.valid(),
            cost: self.state.past,
            best_epoch: self.state.best.map_or(0, |(epoch, _)| epoch),
            epochs: self.state.epoch,
            data_hash: self.state.data_hash,
        })
    }
}

/// From here on batch normalization normalizes by its running statistics and leaves them alone; its scale
/// and shift go on learning.
fn freeze_statistics(model: &mut Model) {
    model.units_mut(&mut |_, unit| {
        if let UnitMut::Conv(unit) = unit
            && let Some(norm) = &mut unit.norm
        {
            norm.training = Param::from_bool(false);
        }
    });
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

#[cfg(test)]
mod tests;
