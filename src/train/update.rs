//! One update: batches from every device, their gradients averaged. A single device steps in place;
//! several go through burn-train's data-parallel worker pool.

use std::sync::Arc;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Device;
use burn::train::TrainStep;
use burn::train::train::MultiDevicesTrainStep;

use super::fault::Fault as Strike;
use super::loss::Objective;
use super::step::{StepInput, StepOutput};
use crate::data::{Augment, Batch, Faces, loader};
use crate::error::{Fault, Result};
use crate::models::Model;

/// How an update is put together from devices and accumulated batches.
pub struct Updater {
    devices: Vec<Device>,
    batch: usize,
    accumulate: usize,
    pool: Option<MultiDevicesTrainStep<Model>>,
}

impl Updater {
    /// An update of `devices × accumulate` batches of `batch` images.
    pub fn new(devices: &[Device], batch: usize, accumulate: usize) -> Self {
        let devices: Vec<Device> = devices.iter().map(|d| d.clone().autodiff()).collect();
        let pool = (devices.len() > 1).then(|| MultiDevicesTrainStep::new(&devices));
        Self {
            devices,
            batch,
            accumulate,
            pool,
        }
    }

    /// Images that one update consumes.
    pub fn images_per_update(&self) -> usize {
        self.batch * self.devices.len() * self.accumulate
    }

    /// The batches of an epoch from update `from` on: consecutive batches of `order` go to the
    /// devices in turn.
    pub fn epoch(
        &self,
        faces: &Faces,
        order: &[usize],
        seed: u64,
        epoch: usize,
        from: usize,
    ) -> EpochBatches {
        let per_update = self.images_per_update();
        let whole = order.len() / per_update * per_update;
        let rest = &order[(from * per_update).min(whole)..whole];
        let augment = Augment::Flip {
            seed,
            epoch: epoch as u64,
        };
        let loaders = (0..self.devices.len())
            .map(|d| {
                let mine = rest
                    .chunks_exact(self.batch)
                    .skip(d)
                    .step_by(self.devices.len())
                    .flatten()
                    .copied()
                    .collect();
                loader(faces, mine, self.batch, augment, &self.devices[d])
            })
            .collect();
        EpochBatches {
            loaders,
            first: from * self.accumulate,
            seed,
            epoch,
        }
    }

    /// The mean gradient over one update's batches, and what the steps reported.
    ///
    /// # Errors
    /// Data error when a batch cannot be loaded.
    ///
    /// # Panics
    /// When a device fails, or when the epoch has no further update.
    pub fn gradients(
        &mut self,
        model: &Model,
        inputs: &mut [Inputs<'_>],
        objective: &Objective,
        strike: Option<Strike>,
    ) -> Result<(GradientsParams, StepOutput)> {
        let share = 1.0 / (self.devices.len() * self.accumulate) as f64;
        for input in inputs.iter_mut() {
            input.next = Some((objective.clone(), share, strike));
        }
        let mut sum = GradientsAccumulator::new();
        let mut report: Option<StepOutput> = None;
        for _ in 0..self.accumulate {
            for (grads, output) in self.step(model, inputs)? {
                sum.accumulate(model, grads);
                report = Some(match report {
                    None => output,
                    Some(before) => merge(before, output),
                });
            }
        }
        Ok((
            sum.grads(),
            report.expect("an update has at least one batch"),
        ))
    }

    fn step(
        &self,
        model: &Model,
        inputs: &mut [Inputs<'_>],
    ) -> Result<Vec<(GradientsParams, StepOutput)>> {
        let Some(pool) = &self.pool else {
            let input = inputs[0]
                .next()
                .expect("the epoch has a further batch")
                .map_err(data)?;
            let output = TrainStep::step(model, input);
            return Ok(vec![(output.grads, output.item)]);
        };
        let mut boxed: Vec<Box<dyn DataLoaderIterator<StepInput> + '_>> = inputs
            .iter_mut()
            .map(|i| Box::new(Borrowed(i)) as _)
            .collect();
        let (outputs, _) = match pool.step(&mut boxed, model) {
            Ok(done) => done,
            Err(burn::train::train::MultiDeviceStepError::Dataset(e)) => return Err(data(e)),
            // A worker that panicked is a device that failed: the supervisor's business.
            Err(failed) => panic!("{failed}"),
        };
        Ok(outputs
            .into_iter()
            .map(|o| {
                (
                    o.output.grads.to_device(&self.devices[0], model),
                    o.output.item,
                )
            })
            .collect())
    }
}

fn data(e: DatasetError) -> crate::error::Error {
    Fault::plain(e.to_string()).data()
}

fn merge(a: StepOutput, b: StepOutput) -> StepOutput {
    let images = a.images + b.images;
    StepOutput {
        loss: (a.loss * a.images as f64 + b.loss * b.images as f64) / images as f64,
        correct: a.correct + b.correct,
        images,
        group_weights: middle([&a, &b]),
        backend: a.backend,
    }
}

/// Group weights of several batches, each of which moved them by its own images.
fn middle(outputs: [&StepOutput; 2]) -> Vec<f64> {
    let [a, b] = outputs.map(|o| o.images as f64);
    let pairs = outputs[0]
        .group_weights
        .iter()
        .zip(&outputs[1].group_weights);
    pairs.map(|(q, r)| (q * a + r * b) / (a + b)).collect()
}

/// The loaders of an epoch, one per device.
pub struct EpochBatches {
    loaders: Vec<Arc<dyn DataLoader<Batch>>>,
    first: usize,
    seed: u64,
    epoch: usize,
}

impl EpochBatches {
    /// Iterators over them, one per device.
    pub fn inputs(&self) -> Vec<Inputs<'_>> {
        self.loaders
            .iter()
            .enumerate()
            .map(|(device, l)| Inputs {
                batches: l.iter(),
                index: self.first,
                key: mix(mix(self.seed) ^ mix(((self.epoch as u64) << 16) | device as u64)),
                next: None,
            })
            .collect()
    }
}

/// Batches of one device as step inputs; the seed of a step's dropout is keyed by
/// (seed, epoch, device, batch), so that it does not matter where a resume began.
pub struct Inputs<'a> {
    batches: Box<dyn DataLoaderIterator<Batch> + 'a>,
    index: usize,
    key: u64,
    next: Option<(Objective, f64, Option<Strike>)>,
}

impl Iterator for Inputs<'_> {
    type Item = std::result::Result<StepInput, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (objective, share, fault) = self.next.clone()?;
        let loaded = self.batches.next()?;
        let rng_seed = mix(self.key ^ mix(self.index as u64));
        self.index += 1;
        Some(loaded.map(|batch| StepInput {
            batch,
            rng_seed,
            objective,
            share,
            fault,
        }))
    }
}

/// The worker pool takes boxed iterators; this one gives them back.
struct Borrowed<'a, 'b>(&'a mut Inputs<'b>);

impl Iterator for Borrowed<'_, '_> {
    type Item = std::result::Result<StepInput, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl DataLoaderIterator<StepInput> for Borrowed<'_, '_> {
    fn progress(&self) -> Progress {
        self.0.batches.progress()
    }
}

/// SplitMix64's finalizer (Steele et al. 2014): neighbouring keys give unrelated seeds.
fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Module;

    use crate::data::{DataConfig, Split, synth};
    use crate::models::{self, Architecture, ModelConfig};

    fn faces() -> (tempfile::TempDir, Faces) {
        let dir = tempfile::tempdir().unwrap();
        let config = synth::SynthConfig {
            images: 100,
            ..synth::SynthConfig::default()
        };
        synth::generate(&config, &dir.path().join("faces"), &|_| ()).unwrap();
        let data = DataConfig {
            dir: Some(dir.path().join("faces")),
            px: 32,
            ..DataConfig::default()
        };
        let faces = Faces::open_in(&dir.path().join("cache"), &data, &()).unwrap();
        (dir, faces)
    }

    /// Gradient of the first weight and the loss of update `from`, with 16 images per update.
    fn first_gradient(
        faces: &Faces,
        devices: usize,
        accumulate: usize,
        from: usize,
    ) -> (Vec<f32>, StepOutput) {
        let device = Device::flex();
        let batch = 16 / devices / accumulate;
        let mut updater = Updater::new(&vec![device.clone(); devices], batch, accumulate);
        assert_eq!(updater.images_per_update(), 16);
        let config = ModelConfig {
            dropout: Some(0.0),
            ..ModelConfig::new(Architecture::SqueezeNet11, 2, 32)
        };
        let model = models::create(&config, 1, &device.autodiff()).unwrap();
        let order = faces.split(Split::Train);
        let epoch = updater.epoch(faces, &order, 5, 0, from);
        let objective = Objective::default();
        let (grads, output) = updater
            .gradients(&model, &mut epoch.inputs(), &objective, None)
            .unwrap();
        (flat(&model, &grads), output)
    }

    /// All gradients, in the order of the module.
    fn flat(model: &Model, grads: &GradientsParams) -> Vec<f32> {
        struct Collect<'a>(&'a GradientsParams, Vec<f32>);
        impl burn::module::ModuleVisitor for Collect<'_> {
            fn visit_float<const D: usize>(
                &mut self,
                param: &burn::module::Param<burn::tensor::Tensor<D>>,
            ) {
                if let Some(grad) = self.0.get::<D>(param.id) {
                    self.1.extend(grad.into_data().iter::<f32>());
                }
            }
        }
        let mut collect = Collect(grads, Vec::new());
        model.visit(&mut collect);
        collect.1
    }

    #[test]
    fn devices_and_accumulation_average_to_the_gradient_of_one_large_batch() {
        let (_dir, faces) = faces();
        let (whole, report) = first_gradient(&faces, 1, 1, 1);
        let largest = whole.iter().fold(0f32, |m, g| m.max(g.abs()));
        assert!(largest > 0.0);
        for (devices, accumulate) in [(1, 2), (2, 1), (2, 2)] {
            let (parts, merged) = first_gradient(&faces, devices, accumulate, 1);
            assert_eq!(merged.images, report.images);
            assert!(
                (merged.loss - report.loss).abs() < 1e-5,
                "{} {}",
                merged.loss,
                report.loss
            );
            assert_eq!(parts.len(), whole.len());
            let worst = parts
                .iter()
                .zip(&whole)
                .fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            // Sums of 16 images in another order: a few units in the last place of the largest terms.
            assert!(
                worst <= 1e-4 * largest,
                "{devices} devices, {accumulate} batches: {worst} of {largest}"
            );
        }
    }

    #[test]
    fn a_resumed_epoch_sees_the_batches_and_seeds_of_the_whole_one() {
        let (_dir, faces) = faces();
        let order = faces.split(Split::Train);
        let updater = Updater::new(&[Device::flex()], 8, 1);
        let whole = updater.epoch(&faces, &order, 5, 3, 0);
        let rest = updater.epoch(&faces, &order, 5, 3, 2);
        let objective = Objective::default();
        let take = |batches: &EpochBatches, n: usize| {
            let mut inputs = batches.inputs();
            inputs[0].next = Some((objective.clone(), 1.0, None));
            inputs[0]
                .by_ref()
                .take(n)
                .map(|i| i.unwrap())
                .map(|i| (i.rng_seed, i.batch.indices))
                .collect::<Vec<_>>()
        };
        assert_eq!(take(&whole, 5)[2..], take(&rest, 3)[..]);
    }
}
