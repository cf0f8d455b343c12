//! Whole artifacts on a device that is not the host, in builds that have one:
//! `cargo test --release --features wgpu --test device` (a software Vulkan device will do).

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Distribution, Tensor};
use fairbit::compress::attach::{Grids, attach};
use fairbit::compress::calibrate::calibrate;
use fairbit::compress::fold::fold;
use fairbit::compress::plan::{Activation, Granularity, LayerPlan, Plan, WeightBits};
use fairbit::compress::rows::layer_infos;
use fairbit::compress::{artifact, pack};
use fairbit::device::{backend_of, select};
use fairbit::models::{Architecture, ModelConfig, ModelMeta, create};
use fairbit::quant::observe::Observer;
use fairbit::quant::{Learn, ScaleFit};
use fairbit_kernels::trace;
use support::{faces, scratch, str, succeed};

const PX: usize = 32;

fn logits(model: &fairbit::models::Model, images: &Tensor<4>) -> Vec<f32> {
    let data = model.forward(images.clone()).into_data();
    data.convert::<f32>().try_to_vec().unwrap()
}

/// The artifact of one model, made on the host and opened on both.
fn both(name: Architecture, weight: WeightBits, activation: Activation) {
    let what = format!("{name} {weight} {activation:?}");
    let host = Device::flex();
    let device = select(&"wgpu".parse().unwrap())
        .expect("a wgpu device, Debian's mesa-vulkan-drivers has one in software");
    let config = ModelConfig::new(name, 2, PX);
    host.seed(7);
    let model = fold(create(&config, 3, &host).unwrap());
    let images = Tensor::<4>::random([6, 3, PX, PX], Distribution::Normal(0.0, 1.0), &host);
    let seen = calibrate(&model, [Ok((images.clone(), vec![1.0; 6]))].into_iter()).unwrap();
    let layer = LayerPlan {
        weight,
        granularity: Granularity::Channel,
        activation,
    };
    let plan = Plan {
        default: Some(layer),
        layers: Vec::new(),
    };
    let plan = plan.check(Path::new("plan"), &layer_infos(&model)).unwrap();
    let grids = Grids {
        observer: Observer::MinMax,
        scales: ScaleFit::Mse,
        learn: Learn::Fixed,
    };
    let on_grids = attach(&model, &plan, &seen, &grids).unwrap();
    let layers = plan.layers.len();
    let file = scratch().join(format!("{name}-{weight}.safetensors"));
    artifact::write(&on_grids, &plan, &ModelMeta::new(&config, "Smiling"), &file).unwrap();
    pack::pack(&on_grids).unwrap();

    let [a, b] = [&host, device.main()].map(|device| {
        let (model, _) = artifact::open(&file, device).unwrap();
        let images = images.clone().to_device(device);
        let out = model.forward(images.clone());
        assert_eq!(backend_of(&out) == "flex", *device == host, "{what}");
        // Read, so that a device that puts work off has done all of it before the kernels are counted.
        out.into_data();
        trace::during(|| logits(&model, &images))
    });
    // An integer kernel for each layer, on both.
    for (_, kernels) in [&a, &b] {
        assert_eq!(kernels.len(), layers, "{what}: {kernels:?}");
        assert!(
            kernels.iter().all(|k| !k.contains("f32")),
            "{what}: {kernels:?}"
        );
    }
    let spread =
        a.0.iter().copied().fold(f32::MIN, f32::max) - a.0.iter().copied().fold(f32::MAX, f32::min);
    assert!(spread > 0.0, "{what}: logits that say something");
    // Between the integers a device sums floats in an order of its own (gates, attention, softmax of tokens),
    // which can move a code by one; nothing else may differ.
    let far =
        a.0.iter()
            .zip(&b.0)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
    let exact = matches!(
        name,
        Architecture::ResNet50 | Architecture::MobileNetV2 | Architecture::SqueezeNet11
    );
    let allowed = if exact { 0.0 } else { 0.02 * spread };
    assert!(far <= allowed, "{what}: {far} of {spread}");
}

#[test]
fn every_artifact_runs_in_integers_and_says_what_the_host_says() {
    for name in Architecture::ALL {
        both(name, WeightBits::Eight, Activation::Static8);
        both(name, WeightBits::Four, Activation::Static8);
    }
    both(
        Architecture::MobileNetV2,
        WeightBits::Eight,
        Activation::Dynamic8,
    );
}

#[test]
fn eval_of_an_artifact_decides_as_on_the_host() {
    let run = scratch().join("run");
    let small = ["--set", "audit.replicates=200"];
    let train = ["train", "--data", str(faces()), "--model", "squeezenet1_1"];
    let sized = [
        "--px", "32", "--epochs", "1", "--batch", "32", "--device", "cpu",
    ];
    succeed(&[&train[..], &sized, &small, &["--out", str(&run)]].concat());
    let int8 = scratch().join("int8");
    let method = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/methods/ptq-static-int8.toml");
    let quantize = [
        "quantize",
        str(&run),
        "--method",
        str(&method),
        "--data",
        str(faces()),
    ];
    succeed(
        &[
            &quantize[..],
            &small,
            &["--device", "cpu", "--out", str(&int8)],
        ]
        .concat(),
    );
    let out = scratch().join("eval");
    let eval = [
        "eval",
        str(&int8),
        "--data",
        str(faces()),
        "--device",
        "wgpu",
    ];
    let said = succeed(&[&eval[..], &small, &["--out", str(&out)]].concat());
    assert!(said.contains("images on wgpu:0"), "{said}");
    let [a, b] =
        [&int8, &out].map(|dir| fs::read_to_string(dir.join("predictions-test.csv")).unwrap());
    assert!(a.lines().count() > 50);
    assert!(a == b, "the same scores to the last digit");
}
