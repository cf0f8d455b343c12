//! Whole models in integers against the same models in floats.

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use fairbit_kernels::trace;

use super::calibrate::{Ranges, calibrate};
use super::fold::fold;
use super::pack::{Activations, pack};
use crate::models::{Architecture, Model, ModelConfig, create};

fn images(n: usize) -> Tensor<4> {
    Tensor::random(
        [n, 3, 32, 32],
        Distribution::Normal(0.0, 1.0),
        &Device::flex(),
    )
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().convert::<f32>().try_to_vec().unwrap()
}

/// A model whose normalizations have seen images, folded, and the ranges of its activations.
fn prepared(name: Architecture) -> (Model, Ranges) {
    let device = Device::flex().autodiff();
    device.seed(11);
    let model = create(&ModelConfig::new(name, 2, 32), 3, &device).unwrap();
    for _ in 0..8 {
        model.forward(Tensor::random(
            [16, 3, 32, 32],
            Distribution::Normal(0.0, 1.0),
            &device,
        ));
    }
    let model = fold(model.valid());
    let ranges = calibrate(&model, |model| {
        for _ in 0..4 {
            model.forward(images(16));
        }
        Ok(())
    });
    (model, ranges.unwrap())
}

/// Correlation of two lists of numbers.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|v| f64::from(*v)).sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |x: &[f32], mx: f64, y: &[f32], my: f64| -> f64 {
        let both = x.iter().zip(y);
        both.map(|(x, y)| (f64::from(*x) - mx) * (f64::from(*y) - my))
            .sum()
    };
    sum(a, ma, b, mb) / (sum(a, ma, a, ma) * sum(b, mb, b, mb)).sqrt()
}

#[test]
fn every_model_runs_in_integers_and_says_nearly_the_same() {
    for name in Architecture::ALL {
        let (model, ranges) = prepared(name);
        let x = images(48);
        let expected = values(model.forward(x.clone()));
        for activations in [Activations::Static, Activations::Dynamic] {
            let packed = pack(&model, 8, activations, &ranges).unwrap();
            let (found, kernels) = trace::during(|| values(packed.forward(x.clone())));
            // A float product for a layer that is packed would be named here.
            assert_eq!(kernels.len(), model.layers().len(), "{name:?}: {kernels:?}");
            let float = kernels
                .iter()
                .find(|k| k.contains("f32") || k.contains("float"));
            assert_eq!(float, None, "{name:?}");
            let r = correlation(&expected, &found);
            // Untrained models hardly tell images apart: what is compared are small differences.
            assert!(r > 0.9, "{name:?}, {activations:?}: correlation {r}");
            // The same integers on the other backend.
            #[expect(deprecated, reason = "pinned to the last release that has it")]
            let other = Device::ndarray();
            let again = values(
                packed
                    .to_device(&other)
                    .forward(x.clone().to_device(&other)),
            );
            // Attention and layer normalization stay floats, which the backends add up in another order: a
            // number near the edge of a code falls to another side. Convolutions have nothing of that.
            let tolerance = match name {
                Architecture::VitSmallPatch16 => 2e-2,
                _ => 1e-4,
            };
            for (a, b) in found.iter().zip(&again) {
                let near = (a - b).abs() <= tolerance * a.abs().max(1.0);
                assert!(near, "{name:?}, {activations:?}: {a} and {b}");
            }
        }
    }
}

#[test]
fn what_cannot_be_packed_names_the_layer() {
    let (model, ranges) = prepared(Architecture::SqueezeNet11);
    let error = pack(&model, 8, Activations::Static, &Ranges::new()).unwrap_err();
    assert!(error.to_string().contains("`features.0`"), "{error}");
    let device = Device::flex();
    let raw = create(
        &ModelConfig::new(Architecture::MobileNetV2, 2, 32),
        3,
        &device,
    )
    .unwrap();
    let error = pack(&raw, 8, Activations::Dynamic, &ranges).unwrap_err();
    assert!(error.to_string().contains("folded"), "{error}");
    let broken = calibrate(&model, |model| {
        model.forward(images(1) * f32::NAN);
        Ok(())
    });
    assert!(broken.unwrap_err().to_string().starts_with("`features.0`"));
}
