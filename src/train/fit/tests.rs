//! What stays and what moves while a model is fitted.

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};

use super::*;
use crate::compress::attach::{Grids, attach};
use crate::compress::calibrate::calibrate;
use crate::compress::fold::fold;
use crate::compress::plan::{Activation, Granularity, LayerPlan, Plan, WeightBits};
use crate::compress::rows::{Rows, floats, layer_infos};
use crate::config::RunConfig;
use crate::data::{DataConfig, synth};
use crate::device;
use crate::models::{self, Architecture, ModelConfig};
use crate::quant::observe::Observer;
use crate::quant::{Learn, ScaleFit};
use crate::train::TrainConfig;

const PX: usize = 32;

fn model(device: &Device) -> Model {
    let config = ModelConfig::new(Architecture::MobileNetV2, 2, PX);
    models::create(&config, 3, device).unwrap()
}

/// The running statistics of every normalization.
fn statistics(model: &Model) -> Vec<f32> {
    let mut all = Vec::new();
    model.clone().units_mut(&mut |_, unit| {
        if let UnitMut::Conv(unit) = unit
            && let Some(norm) = &unit.norm
        {
            all.extend(floats(norm.running_mean.value_sync()));
            all.extend(floats(norm.running_var.value_sync()));
        }
    });
    all
}

/// γ of every normalization.
fn gammas(model: &Model) -> Vec<f32> {
    let mut all = Vec::new();
    model.clone().units_mut(&mut |_, unit| {
        if let UnitMut::Conv(unit) = unit
            && let Some(norm) = &unit.norm
        {
            all.extend(floats(norm.gamma.val()));
        }
    });
    all
}

#[test]
fn frozen_statistics_stay_and_the_rest_learns() {
    let dir = tempfile::tempdir().unwrap();
    let generated = synth::SynthConfig {
        images: 100,
        ..synth::SynthConfig::default()
    };
    synth::generate(&generated, &dir.path().join("faces"), &|_| ()).unwrap();
    let data = DataConfig {
        dir: Some(dir.path().join("faces")),
        px: PX,
        ..DataConfig::default()
    };
    let faces = Faces::open_in(&dir.path().join("cache"), &data, &()).unwrap();
    let trained = |freeze: Option<f64>, folder: &str| {
        let job = Job {
            config: RunConfig {
                train: TrainConfig {
                    epochs: 1,
                    batch: 16,
                    ..TrainConfig::default()
                },
                ..RunConfig::default()
            },
            folder: dir.path().join(folder),
            device: device::select(&"flex".parse().unwrap()).unwrap(),
            staged: None,
        };
        let trainee = Trainee {
            model: model(&Device::flex().autodiff()),
            identity: String::new(),
            teacher: None,
            fairness: None,
            freeze,
        };
        match fit(&job, &faces, trainee, &|| false, &|_| ()).unwrap() {
            Fit::Done(trained) => trained.model,
            Fit::Interrupted(_) => unreachable!("nobody stops it"),
        }
    };
    let fresh = model(&Device::flex());
    let frozen = trained(Some(0.0), "frozen");
    assert_eq!(statistics(&frozen), statistics(&fresh));
    assert_ne!(gammas(&frozen), gammas(&fresh));
    let free = trained(None, "free");
    let moved = statistics(&free);
    let still = moved
        .iter()
        .zip(statistics(&fresh))
        .filter(|(a, b)| *a == b);
    assert!(
        still.count() * 10 < moved.len(),
        "statistics move where they are free"
    );
    // Frozen half way they have moved, but not as far.
    let half = statistics(&trained(Some(0.5), "half"));
    assert!(half != moved && half != statistics(&fresh));
}

#[test]
fn scales_move_by_shares_of_themselves_and_no_other_parameter_does() {
    let device = Device::flex();
    let start = model(&device.clone().autodiff());
    let images = Tensor::random([8, 3, PX, PX], Distribution::Normal(0.0, 1.0), &device);
    // Running statistics that are those of the images, or everything would be clipped.
    for _ in 0..40 {
        start.forward(Tensor::from_inner(images.clone()));
    }
    let float = fold(start.valid());
    let batch = (images.clone(), vec![1.0; 8]);
    let seen = calibrate(&float, [Ok(batch)].into_iter()).unwrap();
    let plan = Plan {
        default: Some(LayerPlan {
            weight: WeightBits::Four,
            granularity: Granularity::Channel,
            activation: Activation::Static8,
        }),
        layers: Vec::new(),
    };
    let plan = plan.check("test".as_ref(), &layer_infos(&float)).unwrap();
    let grids = Grids {
        observer: Observer::Mse,
        scales: ScaleFit::Mse,
        learn: Learn::Lsq,
    };
    let model = attach(&start, &plan, &seen, &grids).unwrap();
    let scales = |model: &Model| {
        let mut all = Vec::new();
        model.clone().units_mut(&mut |_, unit| match unit {
            UnitMut::Conv(unit) => {
                all.extend(Rows::of_conv(&unit.conv).grid.expect("planned").scales);
                let quant = unit.quant.as_ref().expect("planned");
                all.extend(quant.input.quant().map(|q| q.scale()));
                let output = quant.output.as_ref().and_then(|grid| grid.quant());
                all.extend(output.map(|q| q.scale()));
            }
            UnitMut::Joint(joint) => {
                all.extend(
                    joint
                        .quant
                        .as_ref()
                        .and_then(|g| g.quant())
                        .map(|q| q.scale()),
                );
            }
            _ => {}
        });
        all
    };
    let before = (scales(&model), gammas(&model));
    let lr = 1e-3;
    // Not the plain sum, which batch normalization makes a constant.
    let weights = Tensor::random([8, 2], Distribution::Normal(0.0, 1.0), &device);
    let logits = model.forward(Tensor::from_inner(images));
    let grads = (logits * Tensor::from_inner(weights)).sum().backward();
    let grads = burn::optim::GradientsParams::from_grads(grads, &model);
    let model = optimizer(&TrainConfig::default()).step(lr, model, grads);
    let after = (scales(&model), gammas(&model));
    let mut moved = 0;
    for (a, b) in after.0.iter().zip(&before.0) {
        // Adam's first step is the learning rate, whatever the gradient; none where there is no gradient.
        let share = f64::from(a / b - 1.0).abs();
        assert!(share < 1.01 * lr, "{b} became {a}");
        moved += usize::from(share > 0.9 * lr);
    }
    assert!(moved * 2 > before.0.len(), "{moved} of {}", before.0.len());
    // The others take absolute steps (γ is 1 here, and weight decay takes 1e-5 of it).
    let gamma = after.1.iter().zip(&before.1);
    assert!(
        gamma
            .clone()
            .any(|(a, b)| (f64::from(a - b).abs() - lr).abs() < 0.02 * lr)
    );
}
