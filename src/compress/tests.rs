//! Whole models in integers against the same models on their grids, and in floats.

use std::path::Path;
use std::sync::Mutex;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use fairbit_kernels::trace;

use super::attach::{Grids, attach};
use super::calibrate::{Calibration, calibrate};
use super::fold::fold;
use super::pack::pack;
use super::plan::{Activation, Granularity, LayerPlan, Plan, WeightBits};
use super::rows::layer_infos;
use crate::models::{Architecture, Model, ModelConfig, create};
use crate::quant::observe::Observer;
use crate::quant::{Learn, ScaleFit};

/// Only one test at a time: the kernels that ran are those of the process.
pub(super) static ALONE: Mutex<()> = Mutex::new(());

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

/// A model whose normalizations have seen images.
fn seasoned(name: Architecture) -> Model {
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
    model.valid()
}

fn seen(model: &Model) -> Calibration {
    calibrate(model, (0..4).map(|_| Ok((images(16), vec![1.0; 16])))).unwrap()
}

fn grids() -> Grids {
    Grids {
        observer: Observer::MinMax,
        scales: ScaleFit::Mse,
        learn: Learn::Fixed,
    }
}

fn uniform(model: &Model, weight: WeightBits, activation: Activation) -> Plan {
    let granularity = Granularity::Channel;
    let plan = Plan {
        default: Some(LayerPlan {
            weight,
            granularity,
            activation,
        }),
        layers: vec![],
    };
    plan.check(Path::new("test"), &layer_infos(model)).unwrap()
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

/// Fails unless two lists of logits are the same to the last bit, and say something.
fn assert_same(a: &[f32], b: &[f32], what: &str) {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(a.iter().any(|x| *x != a[0]), "{what}: {} everywhere", a[0]);
    assert!(
        bits(a) == bits(b),
        "{what}: {} of the deviation",
        distance(a, b)
    );
}

/// The logits on the other backend of this machine.
fn on_ndarray(model: &Model, x: &Tensor<4>) -> Vec<f32> {
    #[expect(deprecated, reason = "pinned to the last release that has it")]
    let device = Device::ndarray();
    let model = model.clone().to_device(&device);
    values(model.forward(x.clone().to_device(&device)))
}

/// Root mean square of the differences, over the deviation of `a`.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len() as f64;
    let mean = a.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let square = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        let both = a.iter().zip(b);
        both.map(|(x, y)| f(f64::from(*x), f64::from(*y)).powi(2))
            .sum()
    };
    (square(&|x, y| x - y) / square(&|x, _| x - mean)).sqrt()
}

#[test]
fn every_model_runs_in_integers_and_says_the_same_as_on_its_grid() {
    let _alone = ALONE.lock();
    for name in Architecture::ALL {
        let model = fold(seasoned(name));
        let seen = seen(&model);
        let x = images(48);
        let expected = values(model.forward(x.clone()));
        for activation in [
            Activation::Static8,
            Activation::Dynamic8,
            Activation::Static4,
        ] {
            for weight in [WeightBits::Eight, WeightBits::Four] {
                let what = format!("{name:?}, {activation:?}, {weight}");
                let plan = uniform(&model, weight, activation);
                let fake = attach(&model, &plan, &seen, &grids()).unwrap();
                let packed = pack(&fake).unwrap();
                let (found, kernels) = trace::during(|| values(packed.forward(x.clone())));
                // A float product for a layer that is packed would be named here.
                assert_eq!(kernels.len(), model.layers().len(), "{what}: {kernels:?}");
                let float = |kernel: &&String| kernel.contains("f32") || kernel.contains("float");
                assert_eq!(kernels.iter().find(float), None, "{what}");
                if weight == WeightBits::Eight && activation != Activation::Static4 {
                    // Untrained models hardly tell images apart: what is compared are small differences.
                    let r = correlation(&expected, &found);
                    assert!(r > 0.9, "{what}: correlation {r}");
                }
                let (simulated, kernels) = trace::during(|| values(fake.forward(x.clone())));
                assert_same(&found, &simulated, &what);
                // Two ways to the same numbers: none of the kernels for integers.
                let integers = kernels.iter().find(|kernel| !kernel.contains("float"));
                assert_eq!(integers, None, "{what}");
                let again = on_ndarray(&packed, &x);
                assert_same(
                    &again,
                    &on_ndarray(&fake, &x),
                    &format!("{what} on ndarray"),
                );
                // Attention and layer normalization stay floats, which the backends add up in another order:
                // a number near the edge of a code falls to another side. Convolutions have nothing of that.
                if name == Architecture::VitSmallPatch16 {
                    let away = distance(&found, &again);
                    assert!(away < 0.3, "{what}: {away} of the deviation");
                    continue;
                }
                for (a, b) in found.iter().zip(&again) {
                    let near = (a - b).abs() <= 1e-4 * a.abs().max(1.0);
                    assert!(near, "{what}: {a} and {b}");
                }
            }
        }
    }
}

#[test]
fn every_width_runs_in_integers_as_on_its_grid() {
    let _alone = ALONE.lock();
    let model = fold(seasoned(Architecture::MobileNetV2));
    let seen = seen(&model);
    let x = images(16);
    for (weight, granularity, activation) in [
        (WeightBits::Four, Granularity::Channel, Activation::Static8),
        (WeightBits::Four, Granularity::Group32, Activation::Static8),
        (WeightBits::Two, Granularity::Channel, Activation::Dynamic8),
        (WeightBits::Six, Granularity::Channel, Activation::Static8),
        (WeightBits::Four, Granularity::Channel, Activation::Static4),
    ] {
        let mut plan = uniform(&model, weight, activation);
        for (path, layer) in &mut plan.layers {
            layer.granularity = granularity;
            // Some layers in floats, so that codes end and begin again.
            if path.contains(".3.conv") {
                *layer = LayerPlan::FLOAT;
            }
        }
        let fake = attach(&model, &plan, &seen, &grids()).unwrap();
        let simulated = values(fake.forward(x.clone()));
        let packed = pack(&fake).unwrap();
        let (found, kernels) = trace::during(|| values(packed.forward(x.clone())));
        let integers = kernels.iter().filter(|k| !k.contains("float")).count();
        assert_eq!(integers, model.layers().len() - 3, "{kernels:?}");
        let what = format!("{weight} {granularity:?} {activation:?}");
        assert_same(&found, &simulated, &what);
        let again = on_ndarray(&packed, &x);
        assert_same(
            &again,
            &on_ndarray(&fake, &x),
            &format!("{what} on ndarray"),
        );
    }
}

#[test]
fn a_normalization_that_is_folded_afterwards_keeps_every_code() {
    let _alone = ALONE.lock();
    let model = seasoned(Architecture::MobileNetV2);
    // Half of the normalizations turn signs.
    let mut model = model;
    let mut turn = false;
    model.units_mut(&mut |_, unit| {
        if let crate::nn::UnitMut::Conv(unit) = unit
            && let Some(norm) = &mut unit.norm
        {
            turn = !turn;
            if turn {
                norm.gamma = norm.gamma.clone().map(|gamma| gamma * -1.0);
            }
        }
    });
    let seen = seen(&model);
    let plan = uniform(&model, WeightBits::Four, Activation::Static8);
    let fake = attach(&model, &plan, &seen, &grids()).unwrap();
    let x = images(16);
    let before = values(fake.forward(x.clone()));
    let folded = fold(fake);
    let after = values(folded.forward(x.clone()));
    // Normalizing a sum and scaling it by the folded scale round differently: a code flips now and then.
    let away = distance(&before, &after);
    assert!(away < 0.3, "{away} of the deviation");
    let found = values(pack(&folded).unwrap().forward(x));
    assert_same(&after, &found, "folded");
}

#[test]
fn what_cannot_be_packed_names_the_layer() {
    let _alone = ALONE.lock();
    let model = fold(seasoned(Architecture::SqueezeNet11));
    let plan = uniform(&model, WeightBits::Eight, Activation::Static8);
    let error = attach(&model, &plan, &Calibration::default(), &grids()).unwrap_err();
    assert!(error.to_string().contains("`features.0`"), "{error}");
    let raw = seasoned(Architecture::MobileNetV2);
    let plan = uniform(&raw, WeightBits::Eight, Activation::Dynamic8);
    let fake = attach(&raw, &plan, &Calibration::default(), &grids()).unwrap();
    let error = pack(&fake).unwrap_err();
    assert!(error.to_string().contains("folded"), "{error}");
    let broken = calibrate(
        &model,
        std::iter::once(Ok((images(1) * f32::NAN, vec![1.0]))),
    );
    assert!(broken.unwrap_err().to_string().starts_with("`features.0`"));
}
