//! What a run starts from: model, optimizer, sampler and weights per cell, as the settings say.

use std::collections::BTreeMap;

use burn::module::ParamGroup;
use burn::optim::ModuleOptimizer;
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::tensor::{Device, FloatDType};

use super::adamw::{OnePassAdamW, RelativeAdam};
use super::config::{Precision, SamplerName, TrainConfig};
use super::events::Event;
use super::run::Job;
use crate::data::{Sampler, Table};
use crate::error::{Fault, Result};
use crate::models::{self, Model};
use crate::nn::compute_in;

/// A new model on the main device, from the seed or from the weights that the configuration names.
pub fn fresh_model(job: &Job, emit: &(dyn Fn(Event) + Sync)) -> Result<Model> {
    let config = &job.config;
    let device: Device = job.device.main().clone().autodiff();
    let mut model = models::create(&config.model_config(), config.seed, &device)?;
    if let Some(path) = &config.model.weights {
        let report;
        (model, report) = models::load_weights(model, path)?;
        emit(Event::Note {
            text: report.to_string(),
        });
    }
    Ok(model)
}

/// The model with its matrix products in another number format.
pub fn in_precision(model: Model, precision: Precision) -> Model {
    match precision {
        Precision::F32 => model,
        Precision::Bf16 => compute_in(model, FloatDType::BF16),
    }
}

/// Parameters that are scales of quantizers have this in their path, and no others.
pub(super) const QUANTIZER_SCALE: &str = ".scale";

/// AdamW with PyTorch's constants; scales of quantizers move in proportion to themselves.
pub fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    let clip =
        (config.clip_norm > 0.0).then_some(GradientClippingConfig::Norm(config.clip_norm as f32));
    let optimizer = ModuleOptimizer::from(OnePassAdamW::new(config.weight_decay as f32))
        .with_group(
            ParamGroup::from_predicate(QUANTIZER_SCALE),
            RelativeAdam::new(),
            None,
        );
    match clip {
        Some(clip) => optimizer.with_grad_clipping(clip.init()),
        None => optimizer,
    }
}

/// The order in which an epoch visits the training images.
///
/// # Errors
/// Configuration error for weights of cells that the table does not have.
pub fn sampler(config: &TrainConfig, table: &Table) -> Result<Sampler> {
    Ok(match config.sampler {
        SamplerName::Shuffled => Sampler::Shuffled,
        SamplerName::GroupBalanced => Sampler::GroupBalanced,
        SamplerName::GroupWeighted => Sampler::GroupWeighted(
            cell_weights(&config.sampler_weights, table, "train.sampler_weights")?
                .into_iter()
                .map(f64::from)
                .collect(),
        ),
    })
}

/// Weights by cell index from weights by cell name; empty if none are named.
pub fn cell_weights(named: &BTreeMap<String, f64>, table: &Table, key: &str) -> Result<Vec<f32>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let cells: Vec<String> = (0..table.cells())
        .map(|c| table.cell_name(c as u32))
        .collect();
    let mut weights = vec![1.0; cells.len()];
    for (name, &weight) in named {
        let Some(at) = cells.iter().position(|c| c == name) else {
            return Err(Fault::plain(format!("cell `{name}`"))
                .key(key)
                .expected(format!("one of {}", cells.join(", ")))
                .config());
        };
        weights[at] = weight as f32;
    }
    Ok(weights)
}
