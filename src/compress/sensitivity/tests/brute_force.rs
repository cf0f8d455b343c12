//! Estimates against brute force, the direct measurement against another road.

use burn::tensor::activation::log_softmax;

use super::*;

#[test]
fn estimates_are_those_of_brute_force() {
    let _alone = ALONE.lock();
    for (name, layers) in [
        (
            Architecture::MobileNetV2,
            vec!["features.0.0", "features.2.conv.1.0", "classifier.1"],
        ),
        (
            Architecture::VitSmallPatch16,
            vec!["patch_embed.proj", "blocks.0.attn.qkv"],
        ),
    ] {
        let (model, sample) = (folded(name), sample());
        let found = errors(&model, &[3, 4], Granularity::Channel, ScaleFit::Mse).unwrap();
        let terms = terms(&model, &sample, &found, &|_| ()).unwrap();
        assert_eq!(terms.first.values.len(), 9 * 2 * found.len());
        for at in layers {
            let layer = found.iter().position(|e| e.layer.path == at).unwrap();
            for width in 0..2 {
                let column = 2 * layer + width;
                let float = rows_of(&model, at);
                let rounded = errors::rounded(float.clone(), &found[layer].grids[width]);
                // Finite differences along the rounding error.
                let moved = |by: f32| {
                    let moved = change(&model, at, |rows| {
                        for (w, r) in rows.values.iter_mut().zip(&rounded.values) {
                            *w += by * (r - *w);
                        }
                    });
                    direct::losses(&moved, &sample)
                };
                let step = 0.25;
                let (up, down) = (moved(step), moved(-step));
                for i in 0..9 {
                    let first = terms.first.values[i * terms.first.columns + column];
                    let slope = (up[i] - down[i]) / f64::from(2.0 * step);
                    // Third order, and f32 logits: 1e-6 over a step.
                    let slack = 0.03 * first.abs() + 2e-5;
                    assert!(
                        (first - slope).abs() < slack,
                        "{at} {i}: {first} and {slope}"
                    );
                }
                let explicit = explicit(&model, &sample, at, &found[layer].deltas[width]);
                for (i, (first, fisher)) in explicit.into_iter().enumerate() {
                    let cell = i * terms.first.columns + column;
                    for (found, expected) in [
                        (terms.first.values[cell], first),
                        (terms.fisher.values[cell], fisher),
                    ] {
                        let near = (found - expected).abs() < 1e-3 * expected.abs() + 1e-6;
                        assert!(near, "{at} {i}: {found} and {expected}");
                    }
                    // ½ p (1 − p) (u d)² from g d = (p − y) u d.
                    let loss = direct::losses(&model, &sample)[i];
                    let (right, wrong) = ((-loss).exp(), 1.0 - (-loss).exp());
                    let second = 0.5 * right * wrong * (first / wrong).powi(2);
                    let found = terms.gauss_newton.values[cell];
                    assert!((found - second).abs() < 1e-3 * second + 1e-12, "{at} {i}");
                }
            }
        }
    }
}

/// g · d and ½ Σ g² d² of each image, g from the gradient of its cross entropy.
fn explicit(model: &Model, sample: &Sample, at: &str, delta: &[f32]) -> Vec<(f64, f64)> {
    let mut ready = differentiable(model);
    let images = sample.batches.iter().flat_map(|b| b.clone().split(1, 0));
    images
        .zip(&sample.labels)
        .map(|(image, &label)| {
            let log_p = log_softmax(ready.forward(Tensor::from_inner(image)), 1);
            let loss = log_p.narrow(1, usize::from(label), 1).neg().sum();
            let gradients = loss.backward();
            let mut gradient = Vec::new();
            ready.units_mut(&mut |path, unit| match unit {
                UnitMut::Conv(unit) if path == at => {
                    gradient = floats(unit.conv.weight.val().grad(&gradients).unwrap());
                }
                UnitMut::Linear(unit) if path == at => {
                    gradient = floats(unit.linear.weight.val().grad(&gradients).unwrap());
                }
                _ => {}
            });
            let product = |(g, d): (&f32, &f32)| f64::from(*g) * f64::from(*d);
            let products = gradient.iter().zip(delta).map(product);
            let squares = products.clone().map(|p| p * p).sum::<f64>();
            (products.sum(), 0.5 * squares)
        })
        .collect()
}

#[test]
fn the_direct_measurement_is_that_of_a_layer_on_its_grid() {
    let _alone = ALONE.lock();
    let (model, sample) = (folded(Architecture::MobileNetV2), sample());
    let found = sense(&model, &sample, &how(&[2, 4]), &quiet).unwrap();
    let direct = found.direct.as_ref().unwrap();
    let float = direct::losses(&model, &sample);
    let errors = errors(&model, &[2, 4], Granularity::Channel, ScaleFit::Mse).unwrap();
    let mut moved = 0;
    for at in ["features.0.0", "features.3.conv.1.0", "classifier.1"] {
        let layer = errors.iter().position(|e| e.layer.path == at).unwrap();
        for width in 0..2 {
            // Fake quantization in the layer, where the measurement stores rounded weights.
            let grid = errors[layer].grids[width].clone();
            let alone = change(&model, at, |rows| rows.grid = Some(grid.clone()));
            let losses = direct::losses(&alone, &sample);
            for i in 0..9 {
                let expected = losses[i] - float[i];
                let found = direct.values[i * direct.columns + 2 * layer + width];
                assert!(
                    (found - expected).abs() < 1e-5,
                    "{at}: {found} and {expected}"
                );
                moved += usize::from(expected.abs() > 1e-4);
            }
        }
    }
    assert!(moved > 10, "{moved}: rounding has to move losses");
}
