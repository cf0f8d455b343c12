//! Batch normalization folded into the convolution before it.
//!
//! In evaluation both are linear, so that γ (W x − μ) / √(σ² + ε) + β = W' x + b' with
//!
//! ```text
//! W' = W · γ / √(σ² + ε)      b' = β − μ · γ / √(σ² + ε)      per output channel
//! ```
//!
//! (Jacob et al., arXiv:1712.05877, §3.2). A folded model is what is quantized: its weights are those that
//! the integers multiply. It cannot be trained further as it was: the statistics are gone.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

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
    let host = |x: Tensor<1>| floats(x.into_data());
    let gamma = host(norm.gamma.val());
    let beta = host(norm.beta.val());
    let mean = host(norm.running_mean.value_sync());
    let variance = host(norm.running_var.value_sync());
    let bias = unit.conv.bias.as_ref().map(|bias| host(bias.val()));
    // In f64, so that folding rounds once and not at every step.
    let factor: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(g, v)| f64::from(*g) / (f64::from(*v) + norm.epsilon).sqrt())
        .collect();
    let shape = unit.conv.weight.val().dims();
    let mut weight = floats(unit.conv.weight.val().into_data());
    let per_channel = weight.len() / shape[0];
    for (row, factor) in weight.chunks_mut(per_channel).zip(&factor) {
        for w in row {
            *w = (f64::from(*w) * factor) as f32;
        }
    }
    let shift: Vec<f32> = (0..shape[0])
        .map(|c| {
            let before = bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
            (f64::from(beta[c]) + (before - f64::from(mean[c])) * factor[c]) as f32
        })
        .collect();
    unit.conv.weight = Param::from_data(TensorData::new(weight, shape), &device);
    unit.conv.bias = Some(Param::from_data(
        TensorData::new(shift, [shape[0]]),
        &device,
    ));
}

fn floats(data: TensorData) -> Vec<f32> {
    data.convert::<f32>()
        .try_to_vec()
        .expect("converted to f32 above")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Architecture, ModelConfig, create};
    use burn::module::Module;
    use burn::tensor::{Device, Distribution};

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
            let before: Vec<f32> = floats(model.forward(x.clone()).into_data());
            let mut folded = fold(model);
            let mut norms = 0;
            folded.units_mut(&mut |_, unit| {
                if let UnitMut::Conv(unit) = unit {
                    norms += usize::from(unit.norm.is_some());
                    assert!(unit.conv.bias.is_some());
                }
            });
            assert_eq!(norms, 0);
            let after = floats(folded.forward(x).into_data());
            let largest = before.iter().fold(0f32, |most, l| most.max(l.abs()));
            for (a, b) in before.iter().zip(&after) {
                // Each of some 50 layers rounds a product of up to 4,608 terms in another order: 50 · √4608
                // roundings of 6e-8 are 2e-4 of the largest.
                assert!((a - b).abs() <= 2e-4 * largest, "{name:?}: {a} and {b}");
            }
        }
    }
}
