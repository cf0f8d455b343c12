//! Equalization changes ranges and nothing else.

use burn::module::Module;
use burn::tensor::{Device, Distribution};

use super::*;
use crate::models::{Architecture, ModelConfig, create};

const PX: usize = 32;

/// A model whose channels differ, with the images that its statistics are of.
fn uneven(name: Architecture) -> (Model, Tensor<4>) {
    let device = Device::flex().autodiff();
    device.seed(11);
    let mut model = create(&ModelConfig::new(name, 2, PX), 4, &device).unwrap();
    model.units_mut(&mut |_, unit| {
        if let UnitMut::Conv(unit) = unit
            && let Some(norm) = &mut unit.norm
        {
            let spread =
                Tensor::random(norm.gamma.dims(), Distribution::Uniform(0.05, 2.0), &device);
            norm.gamma = Param::from_tensor(spread);
        }
    });
    let images = Tensor::<4>::random([6, 3, PX, PX], Distribution::Normal(0.0, 1.0), &device);
    for _ in 0..10 {
        model.forward(images.clone());
    }
    (model.valid(), images.inner())
}

fn found(name: Architecture) -> Vec<Stream> {
    let model = create(&ModelConfig::new(name, 2, PX), 4, &Device::flex()).unwrap();
    streams(&fold(model).trace(PX).unwrap())
}

#[test]
fn streams_run_from_the_layers_that_make_channels_to_those_that_read_them() {
    let all = found(Architecture::MobileNetV2);
    let block = all
        .iter()
        .find(|s| s.producers == ["features.3.conv.0.0"])
        .unwrap();
    assert_eq!(block.consumers, [("features.3.conv.1.0".to_string(), true)]);
    assert!(block.capped);
    // A residual stream: both blocks write it, the second block and the third read it.
    let residual = all
        .iter()
        .find(|s| s.producers == ["features.2.conv.2", "features.3.conv.2"])
        .unwrap();
    let readers: Vec<&str> = residual.consumers.iter().map(|(p, _)| p.as_str()).collect();
    assert_eq!(readers, ["features.3.conv.0.0", "features.4.conv.0.0"]);
    assert!(!residual.capped);
    // Logits, and what curves or concatenations touch, are nobody's to scale.
    let logits = |s: &Stream| s.producers.iter().any(|p| p == "classifier.1");
    assert!(!all.iter().any(logits));
    let curved = found(Architecture::EfficientNetB0);
    let depthwise = |s: &Stream| s.consumers.iter().any(|(_, depthwise)| *depthwise);
    assert!(!curved.is_empty() && !curved.iter().any(depthwise));
    // Both halves of a fire module read what is squeezed; the stem is read by the first module.
    let squeeze = found(Architecture::SqueezeNet11);
    let readers: Vec<usize> = squeeze.iter().map(|s| s.consumers.len()).collect();
    assert_eq!(readers, [1, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(found(Architecture::VitSmallPatch16), []);
}

#[test]
fn logits_stay_and_ranges_come_together() {
    for name in Architecture::ALL {
        let (model, images) = uneven(name);
        let before = floats(model.forward(images.clone()));
        let equal = equalize(model.clone(), PX, [Ok(images.clone())].into_iter()).unwrap();
        let after = floats(equal.forward(images.clone()));
        let largest = before.iter().fold(0f32, |most, l| most.max(l.abs()));
        for (a, b) in before.iter().zip(&after) {
            // Factors are powers of two: every product is the same but for its exponent.
            assert!((a - b).abs() <= 1e-5 * largest, "{name:?}: {a} and {b}");
        }
        // How far the widest channel is from the middle one, over the layers that read streams.
        let spread = |model: &Model| {
            let folded = fold(model.clone());
            let ranges = input_ranges(&folded, [Ok(images.clone())].into_iter()).unwrap();
            let all = streams(&folded.trace(PX).unwrap());
            let readers = all.iter().flat_map(|s| &s.consumers);
            let ratio = |path: &String| {
                let mut range = ranges[path].clone();
                range.retain(|x| *x > 0.0);
                range.sort_by(f32::total_cmp);
                f64::from(range[range.len() - 1] / range[range.len() / 2]).ln()
            };
            readers.map(|(path, _)| ratio(path)).sum::<f64>()
        };
        let [before, after] = [&model, &equal].map(spread);
        match name {
            Architecture::VitSmallPatch16 => assert_eq!(before, 0.0),
            _ => assert!(after < 0.9 * before, "{name:?}: {before} and {after}"),
        }
    }
}
