//! The part of a method that trains: quantization-aware training with a straight-through estimator, learned
//! step sizes, distillation and fairness terms, or the same in floats as a control.

use std::sync::Arc;

use burn::module::Module;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::carry_out::Surroundings;
use super::method::Method;
use crate::compress::attach::{Grids, attach};
use crate::compress::calibrate::Calibration;
use crate::compress::plan::Plan;
use crate::config::RunConfig;
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::quant::Learn;
use crate::train::fit::{Fit, Trained, Trainee, fit};
use crate::train::run::Job;
use crate::train::{Distill, Fairness, TrainConfig, hex};

/// Training after calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finetune {
    /// Whether the scales are learned (LSQ) or stay as calibration found them.
    #[serde(default = "lsq")]
    pub scales: Learn,
    /// Share of all updates after which the statistics of batch normalization stay as they are
    /// (arXiv:1806.08342, sec. 3.2.3).
    #[serde(default = "half")]
    pub freeze_statistics: f64,
    /// How long and how fast, and in which order images are drawn: every setting of `[train]`.
    pub train: TrainConfig,
    /// The float model as a teacher.
    pub distill: Option<Distill>,
    /// How groups enter the objective.
    pub fairness: Option<Fairness>,
}

fn lsq() -> Learn {
    Learn::Lsq
}

fn half() -> f64 {
    0.5
}

impl Finetune {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn check(&self) -> Result<()> {
        self.train.check()?;
        if !(0.0..=1.0).contains(&self.freeze_statistics) {
            return Err(Fault::plain(self.freeze_statistics.to_string())
                .key("finetune.freeze_statistics")
                .expected("0 to 1")
                .config());
        }
        if let Some(distill) = &self.distill {
            distill.check("finetune.distill")?;
        }
        match &self.fairness {
            Some(Fairness::GroupDro { .. }) if !self.train.loss_weights.is_empty() => {
                Err(Fault::plain("weights that group DRO would overwrite")
                    .key("finetune.train.loss_weights")
                    .expected("none with finetune.fairness.by = \"group-dro\"")
                    .config())
            }
            Some(fairness) => fairness.check("finetune.fairness"),
            None => Ok(()),
        }
    }
}

/// Trains the unfolded `model` on the grids of `plan` from the ranges `seen`, with `folded` as the teacher
/// where the method has one; the best weights, on their grids.
///
/// # Errors
/// Whatever training ends with; run error when it was interrupted, saying how to go on.
pub(super) fn finetune(
    model: &Model,
    folded: &Model,
    method: &Method,
    how: &Finetune,
    plan: &Plan,
    seen: &Calibration,
    around: &Surroundings,
) -> Result<Trained> {
    let grids = Grids {
        observer: method.calibration.range,
        scales: method.scales,
        learn: how.scales,
    };
    let trained_on = around.device.main().clone().autodiff();
    let model = model.clone().to_device(&trained_on).train();
    let trainee = Trainee {
        model: attach(&model, plan, seen, &grids)?,
        identity: identity(method, plan, around),
        teacher: how
            .distill
            .map(|distill| (Arc::new(folded.clone()), distill)),
        fairness: how.fairness,
        freeze: Some(how.freeze_statistics),
    };
    let job = Job {
        config: RunConfig {
            train: how.train.clone(),
            ..around.config.clone()
        },
        folder: around.folder.to_path_buf(),
        device: around.device.clone(),
        staged: None,
    };
    match fit(&job, around.faces, trainee, around.stopping, around.emit)? {
        Fit::Done(trained) => Ok(*trained),
        Fit::Interrupted(step) => Err(Fault::new(
            around.folder,
            format!("interrupted after step {step}; a checkpoint was saved"),
        )
        .next("the same command with --resume goes on")
        .run()),
    }
}

/// What decides the result beside the images: the method, the plan, the model it starts from, the seed.
fn identity(method: &Method, plan: &Plan, around: &Surroundings) -> String {
    let method = method.to_toml();
    let seed = around.config.seed;
    let all = format!("{method}\n{}\n{}\n{seed}", plan.to_toml(), around.source);
    hex(&Sha256::digest(all.as_bytes()))
}
