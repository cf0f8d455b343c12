//! Batch normalization folded into the convolution before it.
//!
//! In evaluation both are linear, so that γ (W x − μ) / √(σ² + ε) + β = W' x + b' with
//!
//! ```text
//! W' = W · γ / √(σ² + ε)      b' = β − μ · γ / √(σ² + ε)      per output channel
//! ```
//!
//! (Jacob et al., arXiv:1712.05877, §3.2). A folded model is what is quantized: its weights are those that
//! the integers multiply. It cannot be trained further as it was: the statistics are gone. Weights that lie on a
//! grid stay on it, code by code.

use burn::module::Param;
use burn::tensor::TensorData;

use super::rows::{Rows, change_conv, floats};
use crate::models::Model;
use crate::nn::{ConvUnit, UnitMut};

/// Folds every batch normalization; what has none stays as it is.
pub fn fold(mut model: Model) -> Model {
    model.units_mut(&mut |_, unit| {
        if let UnitMut::Conv(unit) = unit {
            fold_unit(unit);
        }
    });
    model
}

fn fold_unit(unit: &mut ConvUnit) {
    let Some(norm) = unit.norm.take() else {
        return;
    };
    let device = unit.conv.weight.val().device();
    let gamma = floats(norm.gamma.val());
    let beta = floats(norm.beta.val());
    let mean = floats(norm.running_mean.value_sync());
    let variance = floats(norm.running_var.value_sync());
    let bias = unit.conv.bias.as_ref().map(|bias| floats(bias.val()));
    // In f64, so that folding rounds once and not at every step.
    let factor: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(g, v)| f64::from(*g) / (f64::from(*v) + norm.epsilon).sqrt())
        .collect();
    change_conv(unit, |rows| match rows.grid {
        None => scale_rows(rows, &factor),
        Some(_) => scale_grid(rows, &factor),
    });
    let channels = factor.len();
    let shift: Vec<f32> = (0..channels)
        .map(|c| {
            let before = bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
            (f64::from(beta[c]) + (before - f64::from(mean[c])) * factor[c]) as f32
        })
        .collect();
    unit.conv.bias = Some(Param::from_data(
        TensorData::new(shift, [channels]),
        &device,
    ));
}

fn scale_rows(rows: &mut Rows, factor: &[f64]) {
    let k = rows.shape[1];
    for (row, factor) in rows.values.chunks_mut(k).zip(factor) {
        for w in row {
            *w = (f64::from(*w) * factor) as f32;
        }
    }
}

/// The factor goes into the scales, its sign into the codes, so that no code changes otherwise.
fn scale_grid(rows: &mut Rows, factor: &[f64]) {
    let mut codes = rows.codes().expect("there is a grid");
    for (row, factor) in codes.chunks_mut(rows.shape[1]).zip(factor) {
        for code in row {
            *code *= if *factor < 0.0 {
                -1
            } else {
                i8::from(*factor > 0.0)
            };
        }
    }
    let grid = rows.grid.as_mut().expect("there is a grid");
    let groups = grid.scales.len() / factor.len();
    for (scales, factor) in grid.scales.chunks_mut(groups).zip(factor) {
        for scale in scales {
            let scaled = (f64::from(*scale) * factor.abs()) as f32;
            // A channel that normalization switches off has codes 0 under any scale.
            *scale = if scaled.is_normal() && (1.0 / scaled).is_finite() {
                scaled
            } else {
                1.0
            };
        }
    }
    rows.set_codes(&codes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Architecture, ModelConfig, create};
    use burn::module::Module;
    use burn::tensor::{Device, Distribution, Tensor};

    #[test]
    fn a_folded_model_gives_the_same_logits() {
        for name in Architecture::ALL {
            let device = Device::flex().autodiff();
            device.seed(4);
            let model = create(&ModelConfig::new(name, 2, 32), 4, &device).unwrap();
            // A training step's forward pass moves the running statistics away from 0 and 1.
            let images = |device: &Device| {
                Tensor::<4>::random([6, 3, 32, 32], Distribution::Normal(0.3, 1.5), device)
            };
            for _ in 0..3 {
                model.forward(images(&device));
            }
            let model = model.valid();
            let x = images(&Device::flex());
            let before: Vec<f32> = floats(model.forward(x.clone()));
            let mut folded = fold(model);
            let mut norms = 0;
            folded.units_mut(&mut |_, unit| {
                if let UnitMut::Conv(unit) = unit {
                    norms += usize::from(unit.norm.is_some());
                    assert!(unit.conv.bias.is_some());
                }
            });
            assert_eq!(norms, 0);
            let after = floats(folded.forward(x));
            let largest = before.iter().fold(0f32, |most, l| most.max(l.abs()));
            for (a, b) in before.iter().zip(&after) {
                // Each of some 50 layers rounds a product of up to 4,608 terms in another order: 50 · √4608
                // roundings of 6e-8 are 2e-4 of the largest.
                assert!((a - b).abs() <= 2e-4 * largest, "{name:?}: {a} and {b}");
            }
        }
    }
}
