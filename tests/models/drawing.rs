//! Weights drawn from a seed, and dropout drawn by the device.

use burn::tensor::{Device, Tensor};
use fairbit::models::{self, Architecture, ModelConfig};

#[test]
fn the_same_seed_gives_the_same_weights_on_every_device_and_another_seed_others() {
    for architecture in [
        Architecture::MobileNetV2,
        Architecture::VitSmallPatch16,
        Architecture::SqueezeNet11,
    ] {
        let config = ModelConfig::new(architecture, 2, 64);
        let draw = |seed, device: &Device| {
            models::state_dict(&models::create(&config, seed, device).unwrap())
        };
        let first = draw(5, &Device::flex());
        assert_eq!(first, draw(5, &Device::flex()));
        assert_eq!(first, draw(5, &crate::ndarray()));
        assert_eq!(first, draw(5, &Device::flex().autodiff()));
        assert_ne!(first, draw(6, &Device::flex()));
    }
}

#[test]
fn parameters_have_the_same_ids_every_time_and_no_two_the_same() {
    use burn::module::{Module, ModuleVisitor, Param, ParamId};
    struct Ids(Vec<ParamId>);
    impl ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.id);
        }
    }
    for architecture in Architecture::ALL {
        let ids = || {
            let model =
                models::create(&ModelConfig::new(architecture, 2, 64), 1, &Device::flex()).unwrap();
            let mut ids = Ids(Vec::new());
            model.visit(&mut ids);
            ids.0
        };
        let first = ids();
        assert_eq!(first, ids());
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len(), "{architecture}");
    }
}

#[test]
fn dropout_acts_in_training_only_and_repeats_with_the_seed() {
    let config = ModelConfig::new(Architecture::EfficientNetB0, 2, 32);
    let device = Device::flex();
    let model = models::create(&config, 1, &device.clone().autodiff()).unwrap();
    let out = |seed| {
        device.seed(seed);
        let images = Tensor::<4>::ones([8, 3, 32, 32], &device.clone().autodiff());
        model.forward(images).into_data()
    };
    // Equal images under batch statistics differ through the draws only.
    let rows = out(1);
    let values = rows.as_slice::<f32>().unwrap();
    assert!(
        values.chunks(2).any(|row| row != &values[..2]),
        "nothing was dropped"
    );
    assert_eq!(out(1), rows);
    assert_ne!(out(2), rows);
    use burn::module::Module;
    let images = Tensor::<4>::ones([2, 3, 32, 32], &device);
    let rows = model.valid().forward(images).into_data();
    let values = rows.as_slice::<f32>().unwrap();
    assert_eq!(values[..2], values[2..], "nothing is dropped in evaluation");
}
