//! Estimates against differences of losses, the direct measurement against rounding by hand.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor};

use super::*;
use crate::compress::fold::fold;
use crate::compress::rows::{Rows, change_conv, change_linear};
use crate::models::{Architecture, ModelConfig, create};
use crate::nn::UnitMut;
use crate::quant::{fake_quant, weight_scales};

const PX: usize = 32;

fn model(name: Architecture) -> Model {
    let device = Device::flex().autodiff();
    let model = create(&ModelConfig::new(name, 2, PX), 6, &device).unwrap();
    device.seed(3);
    let images = Tensor::random([8, 3, PX, PX], Distribution::Normal(0.0, 1.0), &device);
    // Statistics that are those of images, so that losses are of usual size.
    for _ in 0..20 {
        model.forward(images.clone());
    }
    let mut model = fold(model.valid());
    // Classifiers start so small that no loss has a slope to speak of.
    let widen = |rows: &mut Rows| rows.values.iter_mut().for_each(|w| *w *= 8.0);
    model.units_mut(&mut |path, unit| match unit {
        UnitMut::Linear(unit) if path.starts_with("classifier") => change_linear(unit, widen),
        UnitMut::Conv(unit) if path.starts_with("classifier") => change_conv(unit, widen),
        _ => {}
    });
    model
}

/// Images of two cells, three of the first for one of the second.
fn sample(images: usize) -> Sample {
    let device = Device::flex();
    device.seed(4);
    let cells: Vec<usize> = (0..images).map(|i| usize::from(i % 4 == 3)).collect();
    let group = |name: &str, cells: &[usize]| Group {
        name: name.into(),
        cells: cells.to_vec(),
    };
    Sample {
        batches: vec![Tensor::random(
            [images, 3, PX, PX],
            Distribution::Normal(0.0, 1.0),
            &device,
        )],
        labels: (0..images).map(|i| (i % 2) as u8).collect(),
        weights: cells.iter().map(|c| [0.5, 2.5][*c]).collect(),
        cells,
        groups: vec![
            group("", &[0, 1]),
            group("male=0", &[0]),
            group("male=1", &[1]),
        ],
    }
}

fn settings(widths: &[u32]) -> Settings {
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

/// The layer at `path` with its weights changed by `change`.
fn changed(model: &Model, path: &str, change: &dyn Fn(&mut Rows)) -> Model {
    let mut model = model.clone();
    model.units_mut(&mut |name, unit| match unit {
        UnitMut::Conv(unit) if name == path => change_conv(unit, |rows| change(rows)),
        _ => {}
    });
    model
}

/// A layer of 1,024 weights, which lie in the same order in both layouts: its kernels are 1 × 1. Little comes
/// after it that would bend the loss or round it.
const LAYER: &str = "classifier.1";

#[test]
fn estimates_are_the_slopes_of_the_loss() {
    let model = model(Architecture::SqueezeNet11);
    let sample = sample(4);
    let found = sense(&model, &sample, &settings(&[3]), &|_, _, _| ()).unwrap();
    let terms = found.gradients.as_ref().unwrap();
    let (first, fisher) = (&terms.first, &terms.fisher);
    let layer = found.layers.iter().position(|l| l.path == LAYER).unwrap();
    let column = found.column(layer, 3).unwrap();
    let errors = errors::errors(&model, &[3], Granularity::Channel, ScaleFit::Mse).unwrap();
    let errors = &errors[layer];
    // Along the rounding error.
    let along = |by: f32| {
        let delta = &errors.deltas[0];
        let moved = changed(&model, LAYER, &|rows| {
            let pairs = rows.values.iter_mut().zip(delta);
            pairs.for_each(|(w, d)| *w += by * d);
        });
        direct::losses(&moved, &sample)
    };
    let step = 0.02;
    let (up, down) = (along(step), along(-step));
    let mut steepest = 0.0f64;
    for image in 0..sample.len() {
        let slope = (up[image] - down[image]) / f64::from(2.0 * step);
        let estimate = first.values[image * first.columns + column];
        // Within the step ReLUs switch, which bends the loss by some percent of the slope, and losses near 1
        // are off by 1e-6. A wrong sign, layer or factor is far beyond that.
        let limit = 0.15 * slope.abs() + 3e-5;
        assert!((estimate - slope).abs() < limit, "{estimate} {slope}");
        steepest = steepest.max(slope.abs());
        // The loss's own curvature p (1 − p) along the change of the logit, which is slope / (p − y).
        let wrong = 1.0 - (-found.float_loss[image]).exp();
        let want = 0.5 * wrong * (1.0 - wrong) * (estimate / wrong).powi(2);
        let newton = terms.gauss_newton.values[image * first.columns + column];
        assert!((newton / want - 1.0).abs() < 1e-3, "{newton} {want}");
    }
    assert!(steepest > 5e-4, "{steepest}");
    // Weight by weight for one image: ½ Σ g² d².
    let one = Sample {
        batches: vec![sample.batches[0].clone().narrow(0, 0, 1)],
        labels: sample.labels[..1].to_vec(),
        ..sample.clone()
    };
    let step = 0.004;
    let mut sum = 0.0;
    for j in 0..errors.layer.params {
        let loss = |by: f32| {
            let moved = changed(&model, LAYER, &|rows| rows.values[j] += by);
            direct::losses(&moved, &one)[0]
        };
        let g = (loss(step) - loss(-step)) / f64::from(2.0 * step);
        sum += 0.5 * (g * f64::from(errors.deltas[0][j])).powi(2);
    }
    let estimate = fisher.values[column];
    assert!(
        sum > 0.0 && (estimate / sum - 1.0).abs() < 0.05,
        "{estimate} {sum}"
    );
}

#[test]
fn the_direct_measurement_rounds_one_layer_and_nothing_else() {
    let model = model(Architecture::SqueezeNet11);
    let sample = sample(8);
    let found = sense(&model, &sample, &settings(&[2, 4]), &|_, _, _| ()).unwrap();
    let path = "features.3.squeeze";
    let by_hand = |bits: u32| {
        let mut rounded = model.clone();
        rounded.units_mut(&mut |name, unit| match unit {
            UnitMut::Conv(unit) if name == path => {
                let w = unit.conv.weight.val();
                let [rows, c_in, kh, kw] = w.dims();
                let values: Vec<f32> = w.clone().into_data().iter::<f32>().collect();
                let k = c_in * kh * kw;
                let scales = weight_scales(&values, k, None, bits, ScaleFit::Mse);
                let scale = Tensor::<1>::from_data(scales.as_slice(), &w.device());
                let most = (1 << (bits - 1)) - 1;
                let w = fake_quant(w, scale.reshape([rows, 1, 1, 1]), 0, [-most, most]);
                unit.conv.weight = Param::from_tensor(w);
            }
            _ => {}
        });
        direct::losses(&rounded, &sample)
    };
    let direct = found.direct.as_ref().unwrap();
    let layer = found.layers.iter().position(|l| l.path == path).unwrap();
    for bits in [2, 4] {
        let column = found.column(layer, bits).unwrap();
        for (i, loss) in by_hand(bits).iter().enumerate() {
            let change = loss - found.float_loss[i];
            let measured = direct.values[i * direct.columns + column];
            // 1 × 1 kernels: the order of a row is the same in both.
            assert!(
                (measured - change).abs() < 1e-6,
                "{bits}: {measured} {change}"
            );
        }
    }
    // Fewer bits are noisier.
    let db = &found.layers[layer].sqnr_db;
    assert!(db[0].unwrap() + 8.0 < db[1].unwrap(), "{db:?}");
}

#[test]
fn everybody_is_the_weighted_mean_of_the_groups_and_repetitions_are_equal() {
    // A model that draws: dropout and stochastic depth must not act.
    let model = model(Architecture::EfficientNetB0);
    let sample = sample(4);
    let how = Settings {
        by: By {
            gradients: true,
            direct: false,
        },
        ..settings(&[4])
    };
    let [a, b] = [(); 2].map(|()| sense(&model, &sample, &how, &|_, _, _| ()).unwrap());
    let all = |s: &Sensitivity| {
        s.gradients
            .clone()
            .map(|t| [t.first, t.fisher, t.gauss_newton])
    };
    assert_eq!(all(&a), all(&b));
    assert!(a.direct.is_none() && a.means(Estimate::Direct).is_none());
    let means = a.means(Estimate::Fisher).unwrap();
    for (column, all) in means[0].iter().enumerate() {
        // Three images of weight 0.5, one of 2.5.
        let want = (1.5 * means[1][column] + 2.5 * means[2][column]) / 4.0;
        assert!((all - want).abs() <= 1e-12 * want.abs(), "{all} {want}");
    }
    let rows = a.to_csv();
    let mut lines = rows.lines();
    assert_eq!(
        lines.next().unwrap(),
        "layer,kind,depth,params,bits,group,first_order,fisher,direct,sqnr_db,gauss_newton"
    );
    assert_eq!(lines.count(), a.layers.len() * 3);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let model = model(Architecture::SqueezeNet11);
    let refused = |model: &Model, widths: &[u32]| {
        let found = sense(model, &sample(4), &settings(widths), &|_, _, _| ());
        found.unwrap_err().to_string()
    };
    for (widths, says) in [(&[][..], "none"), (&[9][..], "9"), (&[4, 4][..], "twice")] {
        let reason = refused(&model, widths);
        assert!(
            reason.contains("`bits`") && reason.contains(says),
            "{reason}"
        );
    }
    let path = "features.6.squeeze";
    let broken = changed(&model, path, &|rows| rows.values[3] = f32::NAN);
    assert!(refused(&broken, &[4]).contains(path));
    let huge = changed(&model, path, &|rows| rows.values.fill(1e38));
    assert!(
        refused(&huge, &[4]).contains("features."),
        "{}",
        refused(&huge, &[4])
    );
}
