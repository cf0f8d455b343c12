//! Counts, names, logits, loss, gradients and running statistics against PyTorch.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use fairbit::models::{self, Architecture, Model, ModelConfig};
use fairbit::nn::UnitMut;

use crate::formula::{self, Mood};
use crate::golden::{Golden, Logits, golden};

/// Logits: relative to the largest magnitude.
const LOGIT_TOLERANCE: f64 = 1e-4;
/// Loss and gradients: relative to the loss, to the largest gradient.
const TRAIN_TOLERANCE: f64 = 1e-3;

/// The model with the formula's weights, imported from a file with torch's names.
fn filled(golden: &Golden, config: &ModelConfig, mood: Mood, device: &Device) -> Model {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("formula.safetensors");
    let shapes = golden.shapes(config.name, config.classes, config.px);
    formula::write_safetensors(&formula::fill(&shapes, mood), &path);
    let model = models::create(config, 0, device).unwrap();
    let (model, report) = models::load_weights(model, &path).unwrap();
    assert_eq!(report.tensors, shapes.len());
    assert_eq!(
        (
            report.head_replaced,
            report.positions_resampled,
            report.folded_norms
        ),
        (None, None, 0)
    );
    model
}

fn images(batch: usize, px: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(
        TensorData::new(formula::images(batch, px), [batch, 3, px, px]),
        device,
    )
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_logits(architecture: Architecture, device: &Device, sizes: &[usize]) {
    let golden = golden(architecture);
    for eval in golden.eval.iter().filter(|eval| sizes.contains(&eval.px)) {
        let config = ModelConfig::new(architecture, eval.classes, eval.px);
        let model = filled(&golden, &config, Mood::Plain, device);
        let got = values(model.forward(images(2, eval.px, device)));
        let what = format!("{architecture}, {} classes, {} px", eval.classes, eval.px);
        match &eval.logits {
            Logits::Sampled(sample) => sample.assert_close(&what, &got, LOGIT_TOLERANCE),
            Logits::Whole(rows) => {
                let expected: Vec<f64> = rows.concat();
                let largest = expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                assert_eq!(got.len(), expected.len());
                for (g, e) in got.iter().zip(&expected) {
                    let error = (f64::from(*g) - e).abs() / largest;
                    assert!(
                        error <= LOGIT_TOLERANCE,
                        "{what}: {g} instead of {e}, {error:.1e} of the largest"
                    );
                }
            }
        }
    }
}

fn assert_training(architecture: Architecture, device: &Device) {
    let golden = golden(architecture);
    let mut config = ModelConfig::new(architecture, 2, 64);
    config.dropout = Some(0.0);
    config.drop_path = Some(0.0);
    let mut model = filled(&golden, &config, golden.train.mood(), device);
    let labels = Tensor::<1, Int>::from_data([0, 1, 1, 0], device);
    let loss = CrossEntropyLossConfig::new()
        .init(device)
        .forward(model.forward(images(4, 64, device)), labels);
    let got: f32 = loss.clone().into_scalar();
    let error = (f64::from(got) / golden.train.loss - 1.0).abs();
    assert!(
        error <= TRAIN_TOLERANCE,
        "{architecture}: loss {got} instead of {}",
        golden.train.loss
    );
    let gradients = loss.backward();
    let mut checked = 0;
    model.units_mut(&mut |path, unit| {
        let name = format!("{path}.weight");
        let Some(expected) = golden.train.gradients.get(&name) else {
            return;
        };
        let got = match unit {
            UnitMut::Conv(unit) => values(unit.conv.weight.val().grad(&gradients).unwrap()),
            UnitMut::Linear(unit) => values(
                unit.linear
                    .weight
                    .val()
                    .grad(&gradients)
                    .unwrap()
                    .transpose(),
            ),
            other => panic!("no gradient expected at {other:?}"),
        };
        expected.assert_close(
            &format!("{architecture}: gradient of {name}"),
            &got,
            TRAIN_TOLERANCE,
        );
        checked += 1;
    });
    assert_eq!(checked, 2, "gradients of the first and the last layer");
    let state = models::state_dict(&model);
    for (name, expected) in &golden.train.running {
        let what = format!("{architecture}: {name} after one step");
        expected.assert_close(&what, &state[name].values, TRAIN_TOLERANCE);
    }
}

#[test]
fn parameter_counts_and_state_dict_names_are_torchs() {
    for architecture in Architecture::ALL {
        let golden = golden(architecture);
        for (&classes, &count) in &golden.params {
            let config = ModelConfig::new(architecture, classes, 224);
            let model = models::create(&config, 0, &Device::flex()).unwrap();
            assert_eq!(
                model.parameters(),
                count,
                "{architecture}, {classes} classes"
            );
            let shapes = models::state_dict(&model)
                .into_iter()
                .map(|(name, tensor)| (name, tensor.shape))
                .collect();
            let expected = golden.shapes(architecture, classes, 224);
            assert_eq!(expected, shapes, "{architecture}, {classes} classes");
        }
    }
}

#[test]
fn layers_are_listed_in_forward_order_with_their_parameters() {
    for architecture in Architecture::ALL {
        let model =
            models::create(&ModelConfig::new(architecture, 2, 64), 0, &Device::flex()).unwrap();
        let layers = model.layers();
        let state = models::state_dict(&model);
        assert_eq!(layers.last().unwrap().name, architecture.head());
        for (depth, layer) in layers.iter().enumerate() {
            assert_eq!(layer.depth, depth);
            let bias = state
                .get(&format!("{}.bias", layer.name))
                .map_or(0, |t| t.values.len());
            assert_eq!(
                layer.params,
                state[&format!("{}.weight", layer.name)].values.len() + bias,
                "{}",
                layer.name
            );
        }
    }
}

macro_rules! parity {
    ($($module:ident: $architecture:ident,)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn logits_on_flex() {
                assert_logits(Architecture::$architecture, &Device::flex(), &[64, 224]);
            }

            #[test]
            fn loss_gradients_and_running_statistics_on_flex() {
                assert_training(Architecture::$architecture, &Device::flex().autodiff());
            }

            #[test]
            fn logits_on_ndarray() {
                assert_logits(Architecture::$architecture, &crate::ndarray(), &[64, 224]);
            }

            #[test]
            fn loss_gradients_and_running_statistics_on_ndarray() {
                assert_training(Architecture::$architecture, &crate::ndarray().autodiff());
            }
        }
    )*};
}

parity! {
    resnet50: ResNet50,
    mobilenet_v2: MobileNetV2,
    efficientnet_b0: EfficientNetB0,
    vit_small_patch16: VitSmallPatch16,
    squeezenet1_1: SqueezeNet11,
}
