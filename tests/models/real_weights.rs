//! ImageNet weights, where they are there: not part of the repository.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use fairbit::models::{self, Architecture, ModelConfig};

use crate::formula;

fn weights(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("FAIRBIT_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        PathBuf::from,
    );
    let path = data.join("weights").join(name);
    if path.exists() {
        return Some(path);
    }
    println!(
        "skipped: no {} (set FAIRBIT_DATA to the folder that holds weights/)",
        path.display()
    );
    None
}

/// Logits for one formula image of 224 px, compared with PyTorch's for the same weights.
fn assert_logits(
    architecture: Architecture,
    path: &std::path::Path,
    classes: usize,
    expected: &[(usize, f32)],
) {
    let model = models::create(
        &ModelConfig::new(architecture, classes, 224),
        0,
        &Device::flex(),
    )
    .unwrap();
    let (model, report) = models::load_weights(model, path).unwrap();
    assert_eq!(report.head_replaced, None);
    let images = TensorData::new(formula::images(1, 224), [1, 3, 224, 224]);
    let logits = model
        .forward(Tensor::from_data(images, &Device::flex()))
        .into_data();
    let logits = logits.as_slice::<f32>().unwrap();
    let largest = logits.iter().fold(0f32, |m, v| m.max(v.abs()));
    for &(class, value) in expected {
        let error = (logits[class] - value).abs() / largest;
        assert!(
            error <= 1e-4,
            "{architecture}, class {class}: {} instead of {value}",
            logits[class]
        );
    }
}

#[test]
fn imagenet_squeezenet_imports_and_agrees_with_torch() {
    let Some(path) = weights("squeezenet1_1.safetensors") else {
        return;
    };
    // torchvision 0.29.2, squeezenet1_1 with this file.
    let expected = [
        (0, 3.553_164),
        (125, 7.783_175),
        (500, 3.988_707),
        (625, 0.609_606),
        (533, 11.896_409),
        (539, 11.786_598),
    ];
    assert_logits(Architecture::SqueezeNet11, &path, 1000, &expected);
    let model = models::create(
        &ModelConfig::new(Architecture::SqueezeNet11, 2, 64),
        0,
        &Device::flex(),
    )
    .unwrap();
    let (_, report) = models::load_weights(model, &path).unwrap();
    assert_eq!(
        (report.tensors, report.head_replaced),
        (50, Some((1000, 2)))
    );
}

#[test]
fn imagenet_mobilenet_with_folded_normalization_imports_and_agrees_with_torch() {
    let Some(path) = weights("mobilenet_v2_bnfolded.safetensors") else {
        return;
    };
    // torchvision 0.29.2, mobilenet_v2 with its normalizations replaced by identities and biases added.
    let expected = [
        (0, 0.408_401),
        (125, -0.986_812),
        (500, 0.237_19),
        (625, -0.003_703),
        (886, 10.211_93),
        (751, 7.444_216),
    ];
    assert_logits(Architecture::MobileNetV2, &path, 1001, &expected);
    let model = models::create(
        &ModelConfig::new(Architecture::MobileNetV2, 2, 64),
        0,
        &Device::flex(),
    )
    .unwrap();
    let (_, report) = models::load_weights(model, &path).unwrap();
    assert_eq!(
        (report.folded_norms, report.head_replaced),
        (52, Some((1001, 2)))
    );
}
