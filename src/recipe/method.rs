//! What a method file says.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::allocate::Allocate;
use super::finetune::Finetune;
use crate::compress::calibration_set::DrawBy;
use crate::compress::equalize::Equalize;
use crate::compress::plan::{Activation, Granularity, LayerInfo, LayerPlan, Plan, WeightBits};
use crate::compress::round::Rounding;
use crate::error::{Fault, Result};
use crate::quant::ScaleFit;
use crate::quant::observe::Observer;
use crate::toml_fault::toml_fault;

/// A method: how a float model becomes a small one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Its id in tables, such as `ptq-static-int8`.
    pub name: String,
    /// How small each layer becomes.
    pub plan: PlanBy,
    /// Whether channels are scaled to one range first.
    #[serde(default)]
    pub equalize: Equalize,
    /// On which images ranges are found, and how.
    #[serde(default)]
    pub calibration: Calibrate,
    /// How the scales of weights are chosen.
    #[serde(default)]
    pub scales: ScaleFit,
    /// What happens to weights beyond nearest rounding.
    #[serde(default)]
    pub rounding: Rounding,
    /// Training after that; none for post-training quantization.
    pub finetune: Option<Finetune>,
}

/// The precision of layers: the same for all but the first and the last, or widths that are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanBy {
    /// Width of weights; none where widths are computed.
    pub weight: Option<WeightBits>,
    /// Weights under one scale.
    #[serde(default = "channel")]
    pub granularity: Granularity,
    /// Activations.
    pub activation: Activation,
    /// Width of the first convolution's and the classifier's weights; their activations are 8 bits
    /// where others have fewer.
    pub ends: Option<WeightBits>,
    /// How widths are computed; then `ends` is the least that the first and the last layer get.
    pub allocate: Option<Allocate>,
}

fn channel() -> Granularity {
    Granularity::Channel
}

/// Calibration: images, weights of images, ranges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calibrate {
    /// Images drawn from the training split.
    pub images: usize,
    /// Images that pass at once.
    pub batch: usize,
    /// How they are drawn and weighted.
    pub draw: DrawBy,
    /// Seed of the draw.
    pub seed: u64,
    /// How a range is chosen from what was seen.
    pub range: Observer,
}

impl Default for Calibrate {
    fn default() -> Self {
        Self {
            images: 512,
            batch: 64,
            draw: DrawBy::Random,
            seed: 1,
            range: Observer::Mse,
        }
    }
}

impl Method {
    /// Reads a method file.
    ///
    /// # Errors
    /// Configuration error naming file and line: not there, not TOML, unknown keys or values (with the
    /// nearest valid one), settings that contradict each other.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| {
            Fault::new(file, format!("cannot be read ({e})"))
                .next("methods are in configs/methods/")
                .config()
        })?;
        Self::parse(file, &text)
    }

    /// Reads a method's text, which came from `file`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let method: Self = toml::from_str(text).map_err(|e| toml_fault(file, text, &e))?;
        let fault = |key: &str, found: String, expected: &str| {
            Err(Fault::new(file, found).key(key).expected(expected).config())
        };
        let Calibrate {
            images,
            batch,
            range,
            draw,
            ..
        } = &method.calibration;
        if *batch == 0 {
            return fault("calibration.batch", "0".into(), "at least 1");
        }
        if images < batch {
            return fault(
                "calibration.images",
                images.to_string(),
                "at least one batch, see calibration.batch",
            );
        }
        let Rounding {
            images: fitted,
            samples,
            ..
        } = method.rounding;
        if !method.rounding.is_nearest() && (fitted == 0 || fitted > *images) {
            return fault(
                "rounding.images",
                fitted.to_string(),
                "1 to calibration.images: they are the first of those",
            );
        }
        if samples == 0 {
            return fault("rounding.samples", "0".into(), "at least 1");
        }
        let ignores = matches!(range, Observer::MinMax | Observer::MovingAverage { .. });
        if ignores && *draw == DrawBy::GroupWeighted {
            return fault(
                "calibration.range",
                "one that ignores the weights of images".into(),
                "percentile, mse or entropy with draw = \"group-weighted\"",
            );
        }
        match (&method.plan.weight, &method.plan.allocate) {
            (Some(_), None) => {}
            (None, Some(allocate)) => allocate.check()?,
            (found, _) => {
                let found = if found.is_some() { "both" } else { "neither" };
                let expected = "one of plan.weight (the same for all layers) and plan.allocate";
                return fault("plan", found.into(), expected);
            }
        }
        if let Some(finetune) = &method.finetune {
            // Keys of its own settings are named as under [train].
            finetune.check()?;
            if !method.rounding.is_nearest() {
                return fault(
                    "rounding",
                    "codes fitted without training".into(),
                    "nearest rounding with [finetune], which moves the weights on",
                );
            }
        }
        Ok(method)
    }

    /// The method as TOML, every key spelled out.
    ///
    /// # Panics
    /// Never for a method that was read: all its types have a TOML form.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every method has a TOML form")
    }

    /// The plan for a model's layers, none where it has to be computed; `file` is where the method came from.
    ///
    /// # Errors
    /// As [`Plan::check`].
    pub fn plan(&self, file: &Path, layers: &[LayerInfo]) -> Result<Option<Plan>> {
        let PlanBy {
            weight,
            granularity,
            activation,
            ends,
            ..
        } = self.plan;
        let Some(weight) = weight else {
            return Ok(None);
        };
        let of = |weight, activation| match weight {
            WeightBits::Float => LayerPlan::FLOAT,
            _ => LayerPlan {
                weight,
                granularity,
                activation,
            },
        };
        let mut plan = Plan {
            default: Some(of(weight, activation)),
            layers: Vec::new(),
        };
        if let (Some(ends), [first, .., last]) = (ends, layers) {
            let activation = match activation {
                Activation::Static4 => Activation::Static8,
                other => other,
            };
            let ends = of(ends, activation);
            plan.layers = [first, last]
                .map(|layer| (layer.path.clone(), ends))
                .to_vec();
        }
        plan.check(file, layers).map(Some)
    }
}
