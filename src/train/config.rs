//! Settings of a training run, under `[train]` in TOML.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Fault, Result};

/// How a run is trained. Everything that is not said has the default named here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training split.
    pub epochs: usize,
    /// Images per step and device; the partial last batch of an epoch is dropped.
    pub batch: usize,
    /// Peak learning rate of AdamW, reached after warm-up.
    pub lr: f64,
    /// Share of all steps with a linear warm-up, in [0, 1].
    pub warmup: f64,
    /// Learning rate at the end of the cosine, as a share of `lr`.
    pub final_lr: f64,
    /// Decoupled weight decay (arXiv:1711.05101), on every parameter as PyTorch's AdamW does.
    pub weight_decay: f64,
    /// Label smoothing in [0, 1): the true class gets `1 − s + s/2` (arXiv:1512.00567).
    pub label_smoothing: f64,
    /// Largest norm of each parameter's gradient; 0 = no clipping.
    pub clip_norm: f64,
    /// Steps whose gradients are averaged before one update.
    pub accumulate: usize,
    /// Epochs without a better validation value before training stops; 0 = never.
    pub early_stopping: usize,
    /// Which epoch's weights are kept.
    pub select: Select,
    /// In which order and how often training images are drawn.
    pub sampler: SamplerName,
    /// Weight of each intersection cell, by name (`"male=0*young=1" = 2.0`), for the
    /// group-weighted sampler.
    pub sampler_weights: BTreeMap<String, f64>,
    /// Weight of each intersection cell's loss, by name; cells not named weigh 1.
    pub loss_weights: BTreeMap<String, f64>,
    /// Number format of the matrix products; weights and updates stay in f32.
    pub precision: Precision,
    /// Seconds between checkpoints inside an epoch; there is always one at its end.
    pub checkpoint_seconds: f64,
    /// Images per step in evaluation.
    pub eval_batch: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 8,
            batch: 64,
            lr: 1e-3,
            warmup: 0.1,
            final_lr: 0.01,
            weight_decay: 0.01,
            label_smoothing: 0.0,
            clip_norm: 0.0,
            accumulate: 1,
            early_stopping: 0,
            select: Select::Accuracy,
            sampler: SamplerName::Shuffled,
            sampler_weights: BTreeMap::new(),
            loss_weights: BTreeMap::new(),
            precision: Precision::F32,
            checkpoint_seconds: 120.0,
            eval_batch: 128,
        }
    }
}

/// Which epoch's weights a run keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The highest validation accuracy; the earliest of equal ones.
    Accuracy,
    /// The lowest validation loss; the earliest of equal ones.
    Loss,
    /// The last epoch.
    Last,
}

/// Samplers by the name they have in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerName {
    /// Every image once per epoch.
    Shuffled,
    /// Every intersection cell equally often.
    GroupBalanced,
    /// Cells in proportion to `sampler_weights`.
    GroupWeighted,
}

/// Number formats for the matrix products of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    F32,
    /// bfloat16 products, f32 weights, normalization and loss.
    Bf16,
}

impl TrainConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn check(&self) -> Result<()> {
        let positive = |key: &str, value: usize| match value {
            0 => bad(key, "0", "at least 1"),
            _ => Ok(()),
        };
        positive("train.epochs", self.epochs)?;
        positive("train.batch", self.batch)?;
        positive("train.accumulate", self.accumulate)?;
        positive("train.eval_batch", self.eval_batch)?;
        let within =
            |key: &str, value: f64, low: f64, high: f64| match (low..=high).contains(&value) {
                true => Ok(()),
                false => bad(key, &value.to_string(), &format!("{low} to {high}")),
            };
        within("train.lr", self.lr, f64::MIN_POSITIVE, 1e3)?;
        within("train.warmup", self.warmup, 0.0, 1.0)?;
        within("train.final_lr", self.final_lr, 0.0, 1.0)?;
        within("train.weight_decay", self.weight_decay, 0.0, 1e3)?;
        within("train.label_smoothing", self.label_smoothing, 0.0, 0.999)?;
        within("train.clip_norm", self.clip_norm, 0.0, f64::MAX)?;
        within(
            "train.checkpoint_seconds",
            self.checkpoint_seconds,
            0.0,
            f64::MAX,
        )?;
        for (table, weights) in [
            ("train.sampler_weights", &self.sampler_weights),
            ("train.loss_weights", &self.loss_weights),
        ] {
            for (cell, &weight) in weights {
                within(&format!("{table}.\"{cell}\""), weight, 0.0, f64::MAX)?;
            }
        }
        let weighted = self.sampler == SamplerName::GroupWeighted;
        if weighted && self.sampler_weights.is_empty() {
            return bad(
                "train.sampler_weights",
                "no weights",
                "one per cell, for sampler = \"group-weighted\"",
            );
        }
        if !weighted && !self.sampler_weights.is_empty() {
            return bad(
                "train.sampler_weights",
                "weights without their sampler",
                "sampler = \"group-weighted\"",
            );
        }
        Ok(())
    }
}

fn bad(key: &str, found: &str, expected: &str) -> Result<()> {
    Err(Fault::plain(found).key(key).expected(expected).config())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_range_values_are_named() {
        let broken = [
            TrainConfig {
                epochs: 0,
                ..TrainConfig::default()
            },
            TrainConfig {
                lr: f64::NAN,
                ..TrainConfig::default()
            },
            TrainConfig {
                warmup: 1.5,
                ..TrainConfig::default()
            },
            TrainConfig {
                sampler: SamplerName::GroupWeighted,
                ..TrainConfig::default()
            },
            TrainConfig {
                loss_weights: BTreeMap::from([("male=0".into(), -1.0)]),
                ..TrainConfig::default()
            },
        ];
        for config in broken {
            let e = config.check().unwrap_err();
            assert_eq!(e.exit_code(), 2);
            assert!(e.to_string().contains("train."), "{e}");
        }
        TrainConfig::default().check().unwrap();
    }
}
