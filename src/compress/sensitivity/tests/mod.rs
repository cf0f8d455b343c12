//! What must not change: nothing is drawn, groups add up, a repetition is the same, floats cost nothing.

mod brute_force;
mod refused;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};

use super::errors::errors;
use super::gradient::{differentiable, terms};
use super::*;
use crate::compress::fold::fold;
use crate::compress::plan::WeightBits;
use crate::compress::rows::{Rows, change_conv, change_linear, floats, layer_infos};
use crate::compress::tests::ALONE;
use crate::models::{Architecture, ModelConfig, create};
use crate::nn::UnitMut;

/// A folded model whose normalizations have seen images.
fn folded(name: Architecture) -> Model {
    let device = Device::flex().autodiff();
    device.seed(21);
    let model = create(&ModelConfig::new(name, 2, 32), 6, &device).unwrap();
    for _ in 0..6 {
        let seen = [12, 3, 32, 32];
        model.forward(Tensor::random(
            seen,
            Distribution::Normal(0.0, 1.0),
            &device,
        ));
    }
    fold(model.valid())
}

/// Nine images of two attributes with two levels each, one of the cells twice as heavy.
fn sample() -> Sample {
    let device = Device::flex();
    device.seed(22);
    let image = |n| Tensor::random([n, 3, 32, 32], Distribution::Normal(0.2, 1.0), &device);
    let group = |name: &str, cells: &[usize]| Group {
        name: name.into(),
        cells: cells.to_vec(),
    };
    Sample {
        batches: vec![image(5), image(4)],
        labels: vec![0, 1, 1, 0, 1, 0, 0, 1, 1],
        cells: vec![0, 1, 2, 3, 0, 1, 2, 3, 3],
        weights: vec![1.0, 1.0, 2.0, 0.75, 1.0, 1.0, 2.0, 0.75, 0.75],
        groups: vec![
            group("", &[0, 1, 2, 3]),
            group("male=0", &[0, 1]),
            group("male=1", &[2, 3]),
            group("male=0*young=0", &[0]),
            group("male=0*young=1", &[1]),
            group("male=1*young=0", &[2]),
            group("male=1*young=1", &[3]),
        ],
    }
}

fn how(widths: &[u32]) -> Settings {
    Settings {
        widths: widths.to_vec(),
        granularity: Granularity::Channel,
        scales: ScaleFit::Mse,
        by: By {
            gradients: true,
            direct: true,
        },
    }
}

fn quiet(_: &'static str, _: usize, _: usize) {}

/// Changes the weights of one leaf.
fn change(model: &Model, at: &str, change: impl Fn(&mut Rows)) -> Model {
    let mut model = model.clone();
    model.units_mut(&mut |path, unit| match unit {
        UnitMut::Conv(unit) if path == at => change_conv(unit, &change),
        UnitMut::Linear(unit) if path == at => change_linear(unit, &change),
        _ => {}
    });
    model
}

fn rows_of(model: &Model, at: &str) -> Rows {
    let mut found = None;
    model.clone().units_mut(&mut |path, unit| match unit {
        UnitMut::Conv(unit) if path == at => found = Some(Rows::of_conv(&unit.conv)),
        UnitMut::Linear(unit) if path == at => found = Some(Rows::of_linear(&unit.linear)),
        _ => {}
    });
    found.unwrap()
}

#[test]
fn nothing_is_drawn_in_a_backward_pass() {
    let _alone = ALONE.lock();
    for name in Architecture::ALL {
        let model = folded(name);
        let image = sample().batches[0].clone();
        let expected = floats(model.forward(image.clone()));
        let forward = |model: &Model, seed| {
            Device::flex().autodiff().seed(seed);
            floats(model.forward(Tensor::from_inner(image.clone())))
        };
        let ready = differentiable(&model);
        let once = forward(&ready, 1);
        assert_eq!(once, forward(&ready, 2), "{name:?}");
        for (a, b) in once.iter().zip(&expected) {
            assert!(
                (a - b).abs() <= 1e-5 * b.abs().max(1.0),
                "{name:?}: {a} and {b}"
            );
        }
        // Training as such does drop, where the architecture has it.
        let drops = !matches!(name, Architecture::ResNet50 | Architecture::VitSmallPatch16);
        let training = model.train();
        let same = forward(&training, 1) == forward(&training, 2);
        assert_eq!(same, !drops, "{name:?}");
    }
}

#[test]
fn groups_add_up_and_a_repetition_is_the_same() {
    let _alone = ALONE.lock();
    let (model, sample) = (folded(Architecture::SqueezeNet11), sample());
    let found = sense(&model, &sample, &how(&[4, 8]), &quiet).unwrap();
    let weights = [2.0, 2.0, 4.0, 2.25];
    for estimate in Estimate::ALL {
        let means = found.means(estimate).unwrap();
        let scores = found.scores(estimate).unwrap();
        for (column, &all) in means[0].iter().enumerate() {
            let cells = (0..4).map(|c| weights[c] * means[3 + c][column]);
            let of_cells = cells.sum::<f64>() / 10.25;
            let by_hand = (0..9)
                .map(|i| sample.weights[i] * scores.values[i * scores.columns + column])
                .sum::<f64>()
                / 10.25;
            for other in [of_cells, by_hand] {
                assert!(
                    (all - other).abs() <= 1e-12 * all.abs().max(1e-6),
                    "{all} {other}"
                );
            }
            let male = (4.0 * means[5][column] + 2.25 * means[6][column]) / 6.25;
            assert!((means[2][column] - male).abs() <= 1e-12 * male.abs().max(1e-6));
        }
    }
    let agreements = found.agreements(50, 3);
    // Two widths, seven groups: five estimates against direct, six against depth.
    assert_eq!(agreements.len(), 2 * 7 * 11);
    let again = sense(&model, &sample, &how(&[4, 8]), &quiet).unwrap();
    assert_eq!(found.to_csv(), again.to_csv());
    assert_eq!(agreements, again.agreements(50, 3));
    assert_ne!(agreements, again.agreements(50, 4));
    for found in &agreements {
        let rho = found.rho.unwrap();
        assert!((-1.0..=1.0).contains(&rho));
        if let crate::fairness::Interval::Bounds { lo, hi } = found.interval {
            assert!(lo <= hi && lo >= -1.0 && hi <= 1.0);
        }
    }
}

#[test]
fn a_problem_has_the_losses_and_floats_are_free() {
    let _alone = ALONE.lock();
    let (model, sample) = (folded(Architecture::SqueezeNet11), sample());
    let found = sense(&model, &sample, &how(&[4, 8]), &quiet).unwrap();
    let infos = layer_infos(&model);
    let offer = Offer {
        widths: vec![WeightBits::Four, WeightBits::Eight, WeightBits::Float],
        ends: Some(WeightBits::Eight),
        granularity: Granularity::Channel,
        times: None,
    };
    let problem = found.problem(Estimate::Direct, &offer, &infos).unwrap();
    assert_eq!(problem.groups.len(), 4);
    assert_eq!(problem.groups[2], "male=1*young=0");
    let means = found.means(Estimate::Direct).unwrap();
    let last = problem.layers.len() - 1;
    for (l, layer) in problem.layers.iter().enumerate() {
        let widths: Vec<WeightBits> = layer.choices.iter().map(|c| c.weight).collect();
        let first = usize::from(l == 0 || l == last);
        assert_eq!(widths, offer.widths[first..], "{}", layer.path);
        let float = layer.choices.last().unwrap();
        assert_eq!((float.loss, &float.group_loss), (0.0, &vec![0.0; 4]));
        assert_eq!(float.bytes, 4 * infos[l].rows * infos[l].k);
        let eight = &layer.choices[widths.len() - 2];
        assert_eq!(eight.loss, means[0][2 * l + 1]);
        assert_eq!(eight.group_loss[3], means[6][2 * l + 1]);
    }
    let two = Offer {
        widths: vec![WeightBits::Two],
        ..offer.clone()
    };
    assert!(found.problem(Estimate::Direct, &two, &infos).is_none());
    let blank = offer.without_losses(&infos);
    let bytes = |p: &crate::compress::allocate::Problem| -> Vec<u64> {
        let all = p.layers.iter().flat_map(|l| &l.choices);
        all.map(|c| c.bytes).collect()
    };
    assert_eq!(bytes(&blank), bytes(&problem));
}
