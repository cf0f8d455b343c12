//! Fake quantization against PyTorch's, bit by bit, and against the kernels' packing.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor};
use fairbit_kernels::ActQuant;
use serde::Deserialize;

use super::fake::by_operations;
use super::weight::positive;
use super::*;

#[derive(Deserialize)]
struct Golden {
    tensor: Vec<PerTensor>,
    channel: Vec<PerChannel>,
    learned: Vec<Learned>,
}

#[derive(Deserialize)]
struct PerTensor {
    low: i32,
    high: i32,
    zero: i32,
    scale: f32,
    x: Vec<u32>,
    y: Vec<u32>,
    dx: Vec<u32>,
}

#[derive(Deserialize)]
struct PerChannel {
    low: i32,
    high: i32,
    scale: Vec<u32>,
    x: Vec<u32>,
    y: Vec<u32>,
}

#[derive(Deserialize)]
struct Learned {
    bits: u32,
    scale: Vec<u32>,
    x: Vec<u32>,
    y: Vec<u32>,
    dx: Vec<u32>,
    dscale: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/golden/fake_quant.json")).unwrap()
}

fn floats(bits: &[u32]) -> Vec<f32> {
    bits.iter().map(|b| f32::from_bits(*b)).collect()
}

fn same(found: Tensor<1>, expected: &[u32], what: &str) {
    let found: Vec<f32> = found.into_data().iter::<f32>().collect();
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(floats(expected)).enumerate() {
        // Zeros of either sign are the same number.
        assert!(
            f.to_bits() == e.to_bits() || *f == 0.0 && e == 0.0,
            "{what}, {i}: {f} and {e}"
        );
    }
}

#[expect(deprecated, reason = "pinned to the last release that has it")]
fn devices() -> [Device; 2] {
    [Device::flex().autodiff(), Device::ndarray().autodiff()]
}

#[test]
fn values_and_gradients_are_pytorchs_to_the_last_bit() {
    for device in devices() {
        for case in golden().tensor {
            let PerTensor {
                low,
                high,
                zero,
                scale,
                ..
            } = case;
            let what = format!("{low}..{high} around {zero}");
            let x = Tensor::<1>::from_data(floats(&case.x).as_slice(), &device).require_grad();
            let s = Tensor::<1>::from_data([scale], &device);
            let y = fake_quant(x.clone(), s, zero, [low, high]);
            same(y.clone().inner(), &case.y, &what);
            // PyTorch passes the gradient on or stops it; ours is multiplied by s and 1 / s on the way.
            let grads = y.sum().backward();
            let found = x.grad(&grads).unwrap().into_data();
            for (f, e) in found.iter::<f32>().zip(floats(&case.dx)) {
                let expected = f32::from(u8::from(e != 0.0));
                assert!(
                    (f - expected).abs() <= f32::EPSILON * expected,
                    "{what}: {f}"
                );
            }
        }
        for case in golden().channel {
            let x = Tensor::<1>::from_data(floats(&case.x).as_slice(), &device);
            let s = Tensor::<1>::from_data(floats(&case.scale).as_slice(), &device);
            let y = fake_quant(
                x.reshape([3, 14]),
                s.reshape([3, 1]),
                0,
                [case.low, case.high],
            );
            same(y.reshape([42]).inner(), &case.y, "per channel");
        }
    }
}

#[test]
fn the_kernel_is_the_operations() {
    let device = Device::flex().autodiff();
    device.seed(8);
    // An activation, a convolution, a linear layer.
    for (shape, steps) in [
        ([2, 5, 3, 7], [1, 1, 1, 1]),
        ([6, 2, 3, 3], [6, 1, 1, 1]),
        ([1, 1, 9, 4], [1, 1, 1, 4]),
    ] {
        let x = Tensor::<4>::random(shape, Distribution::Normal(0.1, 2.0), &device).require_grad();
        let s = Tensor::<4>::random(steps, Distribution::Uniform(0.1, 0.5), &device).require_grad();
        let upstream = Tensor::<4>::random(shape, Distribution::Default, &device);
        let run = |y: Tensor<4>| {
            let grads = (y.clone() * upstream.clone()).sum().backward();
            let of = |t: Tensor<4>| t.into_data().iter::<f32>().collect::<Vec<f32>>();
            let [dx, ds] = [&x, &s].map(|t| of(t.grad(&grads).expect("asked for")));
            (of(y.inner()), dx, ds)
        };
        let kernel = run(fake_quant(x.clone(), s.clone(), -2, [-7, 7]));
        let plain = run(by_operations(x.clone(), s.clone(), [-5.0, 9.0]));
        assert_eq!(kernel.0, plain.0);
        let near = |a: &[f32], b: &[f32], by: f32| {
            assert!(
                a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by),
                "{a:?} {b:?}"
            );
        };
        // s · (1 / s) is 1 within a rounding; sums of at most 210 terms of at most 9.
        near(&kernel.1, &plain.1, 2e-7);
        near(&kernel.2, &plain.2, 210.0 * 9.0 * 1e-7);
    }
}

#[test]
fn learned_steps_have_pytorchs_gradients() {
    for device in devices() {
        for case in golden().learned {
            // A linear layer's weight is [in, out]: the transpose of PyTorch's.
            let x = Tensor::<1>::from_data(floats(&case.x).as_slice(), &device);
            let mut linear: Linear = LinearConfig::new(14, 3).with_bias(false).init(&device);
            linear.weight = burn::module::Param::from_tensor(x.reshape([3, 14]).transpose());
            let scales = floats(&case.scale);
            let state = FakeWeight::new(&scales, case.bits, None, Learn::Lsq, &device);
            let linear = attach(linear, state);
            let y = linear.weight.val().transpose();
            same(y.clone().reshape([42]).inner(), &case.y, "value");
            let upstream: Vec<f32> = (0..42).map(|i| -1.0 + 3.0 * i as f32 / 41.0).collect();
            let upstream = Tensor::<1>::from_data(upstream.as_slice(), &device);
            let grads = (y * upstream.reshape([3, 14])).sum().backward();
            let dx = linear.weight.base().grad(&grads).unwrap().transpose();
            let close = |found: Vec<f32>, expected: Vec<f64>, tolerance: f64, what: &str| {
                let largest = expected.iter().fold(1.0, |m: f64, e| m.max(e.abs()));
                for (f, e) in found.iter().zip(expected) {
                    let near = (f64::from(*f) - e).abs() <= tolerance * largest;
                    assert!(near, "{} bits, {what}: {f} and {e}", case.bits);
                }
            };
            let dx: Vec<f32> = dx.into_data().iter::<f32>().collect();
            let expected = floats(&case.dx).iter().map(|v| f64::from(*v)).collect();
            // The upstream gradient in another rounding; nothing is summed.
            close(dx, expected, 4e-7, "weight");
            let state = linear.weight.reparameterization::<FakeWeight>().unwrap();
            let ds = state.scale_value().grad(&grads).unwrap().into_data();
            // Sums of 14 terms of up to 1e6 / 0.03 that nearly cancel.
            close(ds.iter::<f32>().collect(), case.dscale, 1e-5, "scale");
        }
    }
}

#[test]
fn a_weight_on_its_grid_is_what_the_kernels_multiply() {
    let device = Device::flex();
    device.seed(5);
    for bits in 2..=8 {
        for group in [None, Some(32), Some(64)] {
            for [rows, c_in, side] in [[3, 5, 3], [1, 1, 1], [7, 40, 1], [4, 13, 5]] {
                let conv: Conv2d = Conv2dConfig::new([c_in, rows], [side; 2]).init(&device);
                let shape = [rows, c_in, side, side];
                let noise = Tensor::random(shape, Distribution::Normal(0.0, 0.3), &device);
                let conv = Conv2d {
                    weight: burn::module::Param::from_tensor(noise),
                    ..conv
                };
                let k = c_in * side * side;
                let plain: Tensor<4> = conv.weight.val().permute([0, 2, 3, 1]);
                let plain: Vec<f32> = plain.into_data().iter::<f32>().collect();
                let scales = weight_scales(&plain, k, group, bits, ScaleFit::Mse);
                let codes = weight_codes(&plain, k, group, bits, &scales);
                let state = FakeWeight::new(&scales, bits, group, Learn::Fixed, &device);
                let conv = attach(conv, state);
                let fake: Vec<f32> = conv
                    .weight
                    .val()
                    .permute([0, 2, 3, 1])
                    .into_data()
                    .iter::<f32>()
                    .collect();
                let size = group.unwrap_or(k);
                let groups = k.div_ceil(size);
                for (i, (f, code)) in fake.iter().zip(&codes).enumerate() {
                    let scale = scales[i / k * groups + i % k / size];
                    assert_eq!(
                        *f,
                        f32::from(*code) * scale,
                        "{bits} bits, {group:?}, {shape:?}"
                    );
                    // Nearest: off by half a step where nothing is clipped.
                    let most = ((1 << (bits - 1)) - 1) as f32;
                    if plain[i].abs() <= most * scale {
                        assert!((f - plain[i]).abs() <= 0.5001 * scale);
                    }
                }
            }
        }
    }
}

#[test]
fn fitted_scales_are_never_worse_than_the_widest() {
    let device = Device::flex();
    device.seed(6);
    let w: Tensor<1> = Tensor::random([64 * 50], Distribution::Normal(0.0, 1.0), &device);
    let w: Vec<f32> = w.into_data().iter::<f32>().collect();
    let error = |bits, fit| -> f64 {
        let scales = weight_scales(&w, 50, None, bits, fit);
        let codes = weight_codes(&w, 50, None, bits, &scales);
        let each = w.iter().zip(&codes).enumerate();
        each.map(|(i, (w, c))| f64::from(w - f32::from(*c) * scales[i / 50]).powi(2))
            .sum()
    };
    for bits in 2..=8 {
        let [widest, fitted] = [ScaleFit::MinMax, ScaleFit::Mse].map(|fit| error(bits, fit));
        assert!(fitted <= widest, "{bits}: {fitted} and {widest}");
        // At few bits clipping pays.
        assert!(
            bits > 4 || fitted < 0.95 * widest,
            "{bits}: {fitted} and {widest}"
        );
    }
    assert_eq!(
        weight_scales(&[0.0; 6], 3, None, 4, ScaleFit::Mse),
        [1.0, 1.0]
    );
    assert_eq!(weight_scales(&[1e-45; 3], 3, None, 4, ScaleFit::Mse), [1.0]);
    assert!(positive(0.0) > 0.0 && positive(-2.0) == 2.0 && (1.0 / positive(1e-40)).is_finite());
}

#[test]
fn activations_are_the_kernels_codes() {
    for device in devices() {
        device.seed(7);
        let x = Tensor::<2>::random([5, 301], Distribution::Normal(0.4, 1.3), &device);
        let rows: Vec<Vec<f32>> = (0..5)
            .map(|i| {
                x.clone()
                    .narrow(0, i, 1)
                    .into_data()
                    .iter::<f32>()
                    .collect()
            })
            .collect();
        for bits in [4, 8] {
            let quant = ActQuant::from_range(-0.7, 3.1, bits);
            for image in [false, true] {
                let fake = match image {
                    true => FakeAct::per_image(bits),
                    false => FakeAct::fixed(quant, Learn::Lsq, &device),
                };
                assert_eq!(fake.quant(), (!image).then_some(quant));
                let found: Vec<f32> = fake.apply(x.clone()).into_data().iter::<f32>().collect();
                for (row, found) in rows.iter().zip(found.chunks(301)) {
                    let ends = |f: fn(f32, f32) -> f32| row.iter().copied().fold(0.0, f);
                    let quant = match image {
                        true => ActQuant::from_range(ends(f32::min), ends(f32::max), bits),
                        false => quant,
                    };
                    for (x, found) in row.iter().zip(found) {
                        let code = i32::from(quant.code(*x)) - quant.zero();
                        assert_eq!(*found, code as f32 * quant.scale(), "{bits} bits of {x}");
                    }
                }
            }
        }
    }
}
