//! One training step: forward, loss, backward. burn-train's `TrainStep`, so that its data-parallel
//! worker pool runs the same step on several devices.

use burn::module::Module;
use burn::tensor::{ExecutionError, Tensor};

use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};

use super::fault::Fault;
use super::loss::{Judged, Objective};
use crate::data::Batch;
use crate::device::backend_of;
use crate::models::Model;

/// What one device works on in one step.
#[derive(Debug, Clone)]
pub struct StepInput {
    /// Images, labels and groups, on an autodiff device.
    pub batch: Batch,
    /// Seed of this step's dropout and stochastic depth.
    pub rng_seed: u64,
    /// What is minimized.
    pub objective: Objective,
    /// Share of this batch in the update: one over devices × accumulated steps.
    pub share: f64,
    /// A failure to stage inside this step; tests only.
    pub fault: Option<Fault>,
}

/// What a step reports.
#[derive(Debug, Clone)]
pub struct StepOutput {
    /// Mean loss of the batch.
    pub loss: f64,
    /// Images whose highest logit is their label.
    pub correct: usize,
    /// Images in the batch.
    pub images: usize,
    /// Where the logits live, read off the tensor.
    pub backend: String,
    /// Weights of the groups after the step; empty but for group DRO.
    pub group_weights: Vec<f64>,
}

impl ItemLazy for StepOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(self)
    }
}

impl TrainStep for Model {
    type Input = StepInput;
    type Output = StepOutput;

    fn step(&self, item: StepInput) -> TrainOutput<StepOutput> {
        let StepInput {
            batch,
            rng_seed,
            objective,
            share,
            fault,
        } = item;
        batch.images.device().seed(rng_seed);
        if let Some(fault) = fault {
            fault.strike(&batch.images);
        }
        let teacher = objective
            .teacher
            .as_ref()
            .map(|(teacher, _)| taught(teacher, &batch.images));
        let logits = self.forward(batch.images); // [B, K]
        let backend = backend_of(&logits);
        let correct = count_correct(logits.clone(), &batch.label_list);
        let (loss, group_weights) = objective.loss(Judged {
            logits,
            teacher,
            labels: batch.labels,
            label_list: &batch.label_list,
            cells: &batch.cells,
        });
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let grads = loss.mul_scalar(share).backward();
        let output = StepOutput {
            loss: value,
            correct,
            images: batch.label_list.len(),
            backend,
            group_weights,
        };
        TrainOutput::new(self, grads, output)
    }
}

impl InferenceStep for Model {
    type Input = Batch;
    type Output = StepOutput;

    fn step(&self, batch: Batch) -> StepOutput {
        let logits = self.forward(batch.images);
        let backend = backend_of(&logits);
        let correct = count_correct(logits.clone(), &batch.label_list);
        let (loss, group_weights) = Objective::default().loss(Judged {
            logits,
            teacher: None,
            labels: batch.labels,
            label_list: &batch.label_list,
            cells: &batch.cells,
        });
        StepOutput {
            loss: f64::from(loss.into_scalar::<f32>()),
            correct,
            images: batch.label_list.len(),
            backend,
            group_weights,
        }
    }
}

/// What the teacher says of images on an autodiff device, `[B, K]`, without a gradient.
fn taught(teacher: &Model, images: &Tensor<4>) -> Tensor<2> {
    let images = images.clone().inner();
    let there = teacher.clone().to_device(&images.device());
    Tensor::from_inner(there.forward(images))
}

/// Images whose label has the highest logit; the lower class wins a tie.
fn count_correct(logits: Tensor<2>, labels: &[u8]) -> usize {
    let classes = logits.dims()[1];
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    logits
        .chunks_exact(classes)
        .zip(labels)
        .filter(|(row, label)| {
            let best = (0..classes).fold(0, |best, k| if row[k] > row[best] { k } else { best });
            best == usize::from(**label)
        })
        .count()
}
