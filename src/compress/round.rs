//! Weights of a model rounded to fit its activations, layer by layer in forward order: adaptive rounding
//! (AdaRound, arXiv:2004.10568) and bias correction (arXiv:1906.04721, sec. 4.2).
//!
//! A layer sees what the layers before, rounded already, give on calibration images, and should give what
//! the float layer gives on the float model's activations. Each image has the weight of the calibration
//! set, so that a group counts as much as it is to.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::layer_inputs::{Batches, LayerInputs};
use super::plan::Plan;
use super::rows::{Rows, floats};
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::UnitMut;
use crate::quant::rounding::{Adaptive, Layer, Targets, adaptive};

/// How weights are rounded, beyond to the nearest code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rounding {
    /// Adaptive rounding; to the nearest code where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<Adaptive>,
    /// Layers of at most so many bits are rounded adaptively; in wider ones nearest is near enough.
    pub up_to_bits: u32,
    /// Whether what rounding does to the mean of an output is taken out of the bias.
    pub correct_bias: bool,
    /// Calibration images used, the first of the set.
    pub images: usize,
    /// Samples of a layer's input, about.
    pub samples: usize,
    /// Seed of the order of batches.
    pub seed: u64,
}

impl Default for Rounding {
    fn default() -> Self {
        Self {
            adaptive: None,
            up_to_bits: 4,
            correct_bias: false,
            images: 256,
            samples: 2048,
            seed: 1,
        }
    }
}

impl Rounding {
    /// Whether anything is done at all.
    pub fn is_nearest(&self) -> bool {
        self.adaptive.is_none() && !self.correct_bias
    }
}

/// What adaptive rounding did to a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fitted {
    /// Path in the model.
    pub layer: String,
    /// Weighted mean over samples of the squared error of all outputs.
    pub error: f64,
    /// That of nearest rounding.
    pub nearest_error: f64,
}

/// Rounds a model on its grids; `float` is the same model without them.
///
/// # Errors
/// Model error naming the layer whose weights or inputs cannot be fitted.
pub fn round(
    float: &Model,
    on_grids: Model,
    plan: &Plan,
    batches: &Batches,
    how: &Rounding,
    progress: &dyn Fn(usize, usize),
) -> Result<(Model, Vec<Fitted>)> {
    let mut model = on_grids;
    let mut fitted = Vec::new();
    for (done, (path, layer)) in plan.layers.iter().enumerate() {
        progress(done, plan.layers.len());
        let Some(bits) = layer.weight.bits() else {
            continue;
        };
        let adaptive = how.adaptive.as_ref().filter(|_| bits <= how.up_to_bits);
        if adaptive.is_none() && !how.correct_bias {
            continue;
        }
        let inputs = LayerInputs::of(&model, path, batches, how.samples);
        let targets = LayerInputs::of(float, path, batches, how.samples);
        let mut outcome = Ok(());
        model.units_mut(&mut |at, unit| {
            if at != path {
                return;
            }
            let mut rows = match &unit {
                UnitMut::Conv(unit) => Rows::of_conv(&unit.conv),
                UnitMut::Linear(unit) => Rows::of_linear(&unit.linear),
                UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
            };
            let float = rows.values.clone();
            if let Some(adaptive) = adaptive {
                match fit(path, &mut rows, &inputs, &targets, adaptive, how.seed) {
                    Ok(report) => fitted.push(report),
                    Err(e) => {
                        outcome = Err(e);
                        return;
                    }
                }
            }
            let shift = how
                .correct_bias
                .then(|| shift(&float, &rows, &inputs, &targets));
            let bias = match unit {
                UnitMut::Conv(unit) => {
                    unit.conv = rows.into_conv(unit.conv.clone());
                    &mut unit.conv.bias
                }
                UnitMut::Linear(unit) => {
                    unit.linear = rows.into_linear(unit.linear.clone());
                    &mut unit.linear.bias
                }
                UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
            };
            if let (Some(shift), Some(bias)) = (shift, bias) {
                *bias = bias.clone().map(|bias: Tensor<1>| {
                    let device = bias.device();
                    let sum: Vec<f32> = floats(bias)
                        .iter()
                        .zip(&shift)
                        .map(|(b, s)| b + s)
                        .collect();
                    let n = sum.len();
                    Tensor::from_data(TensorData::new(sum, [n]), &device)
                });
            }
        });
        outcome?;
    }
    Ok((model, fitted))
}

fn fit(
    path: &str,
    rows: &mut Rows,
    inputs: &LayerInputs,
    targets: &LayerInputs,
    how: &Adaptive,
    seed: u64,
) -> Result<Fitted> {
    let fault = |found: String| Fault::plain(found).key(path);
    let grid = rows.grid.as_ref().expect("the plan gives it bits");
    if grid.group.is_some() {
        return Err(fault("a scale for each group of weights".into())
            .expected("granularity = \"channel\" with adaptive rounding")
            .config());
    }
    let layer = Layer {
        weights: &rows.values,
        scales: &grid.scales,
        bits: grid.bits,
        k: inputs.k,
        groups: inputs.groups,
        inputs: &inputs.values,
        targets: Targets::FloatInputs(&targets.values),
        sample_weights: &inputs.weights,
    };
    let rounded = adaptive(&layer, how, seed).map_err(|e| fault(e.to_string()).model())?;
    rows.set_codes(&rounded.codes);
    Ok(Fitted {
        layer: path.to_string(),
        error: rounded.error,
        nearest_error: rounded.nearest_error,
    })
}

/// What has to be added to the bias of each row: the mean of W x less that of Ŵ x̂.
fn shift(float: &[f32], rows: &Rows, inputs: &LayerInputs, targets: &LayerInputs) -> Vec<f32> {
    let [n, k] = rows.shape;
    let mut rounded = rows.clone();
    rounded.set_codes(&rows.codes().expect("the plan gives it bits"));
    let [seen, wanted] = [inputs, targets].map(LayerInputs::mean);
    let dot =
        |w: &[f32], x: &[f64]| -> f64 { w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum() };
    (0..n)
        .map(|row| {
            let group = row / (n / inputs.groups) * k;
            let of_row = row * k..(row + 1) * k;
            let wanted = dot(&float[of_row.clone()], &wanted[group..group + k]);
            (wanted - dot(&rounded.values[of_row], &seen[group..group + k])) as f32
        })
        .collect()
}
