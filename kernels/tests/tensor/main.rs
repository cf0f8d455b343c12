//! The layers on burn tensors: every device gives exactly what plain slices give.
//!
//! With `--no-default-features --features burn,wgpu,fusion` a wgpu device is among them.
#![cfg(feature = "burn")]

#[path = "../support/mod.rs"]
mod support;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use fairbit_kernels::cpu::joints::{self, Part, Pool, Rounding};
use fairbit_kernels::cpu::{self, Acts, Input, Isa, Stored, quantize};
use fairbit_kernels::tensor::{
    Activations, Layout, QConv2d, QLinear, QTensor, dequantize_images, dequantize_rows, q_add,
    q_concat, q_global_mean, q_lookup, q_max_pool2d, q_scale, qconv2d, qconv2d_channels_last,
    qlinear, quantize_images, quantize_rows,
};
use fairbit_kernels::{Activation, Epilogue, KernelError, Output};
use support::{SHAPE, devices, floats, numbers, quant, tensor, weights};

fn words<const D: usize>(x: &QTensor<D>) -> Vec<u32> {
    assert_eq!(x.words().dtype(), DType::U32);
    x.words().clone().into_data().try_into_vec().unwrap()
}

/// Words without the bytes of channels that are not there, which mean nothing.
fn bytes(words: &[u32], channels: usize) -> Vec<u8> {
    let pixels = words.chunks(channels.div_ceil(4));
    let bytes = |pixel: &[u32]| {
        pixel
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .take(channels)
            .collect::<Vec<_>>()
    };
    pixels.flat_map(bytes).collect()
}

fn assert_codes<const D: usize>(found: &QTensor<D>, want: &[u32], what: &str) {
    let channels = found.channels();
    assert_eq!(
        bytes(&words(found), channels),
        bytes(want, channels),
        "{what}"
    );
}

/// Fails unless both hold the same; sums of floats, of at most 54 products below 2 · 127 · 0.01, may
/// differ by their rounding.
fn assert_stored<const D: usize>(found: Activations<D>, want: &Stored, input: Input, what: &str) {
    match (found, want) {
        (Activations::Codes(found), Stored::Codes(want)) if input == Input::Float => {
            let channels = found.channels();
            for (a, b) in bytes(&words(&found), channels)
                .into_iter()
                .zip(bytes(want, channels))
            {
                assert!((a as i8).abs_diff(b as i8) <= 1, "{what}: {a} and {b}");
            }
        }
        (Activations::Codes(found), Stored::Codes(want)) => assert_codes(&found, want, what),
        (Activations::Floats(found), Stored::Floats(want)) => {
            let bound = if input == Input::Float {
                58.0 * 2f32.powi(-24) * 54.0 * 2.54
            } else {
                0.0
            };
            let found = numbers(found);
            assert_eq!(found.len(), want.len(), "{what}");
            for (a, b) in found.iter().zip(want) {
                assert!((a - b).abs() <= bound, "{what}: {a} and {b}");
            }
        }
        _ => panic!("{what}: floats and codes"),
    }
}

fn epilogues() -> [Epilogue; 3] {
    let bias = Some((0..10).map(|i| i as f32 * 0.1 - 0.4).collect());
    let (before, after) = (quant(0.05, -7), quant(0.03, -100));
    [
        Output::F32,
        Output::Codes(after),
        Output::table(Activation::Silu, before, after),
    ]
    .map(|output| Epilogue {
        bias: bias.clone(),
        activation: Activation::Relu,
        output,
    })
}

#[test]
fn convolutions_are_those_of_plain_slices() {
    let x = floats(2 * 6 * 5 * 7);
    for bits in [8, 4] {
        for epilogue in epilogues() {
            for input in [Input::Float, Input::Dynamic, Input::Static(quant(0.02, 11))] {
                let packed = weights([10, 54], bits);
                let plain =
                    cpu::QConv2d::new(&packed, SHAPE, input, &epilogue, Isa::best()).unwrap();
                let want = plain.run(2, [5, 7], Acts::Floats(&x));
                let layer = QConv2d::new(packed, SHAPE, input, epilogue.clone()).unwrap();
                assert_eq!(layer.kernel(), plain.kernel());
                for (name, device) in devices() {
                    let x = tensor(&x, [2, 6, 5, 7], &device);
                    let y = qconv2d(x.clone(), &layer);
                    match &y {
                        Activations::Floats(y) => assert_eq!(y.dims(), [2, 10, 3, 7]),
                        Activations::Codes(y) => assert_eq!(y.dims(), [2, 3, 7, 10]),
                    }
                    let what = format!("{name} {input:?}");
                    layer.prepare(&device).expect("a small layer fits");
                    assert_stored(y, &want, input, &what);
                    // A view is no obstacle.
                    let view = x.clone().swap_dims(2, 3).mul_scalar(1.0).swap_dims(2, 3);
                    assert_stored(qconv2d(view, &layer), &want, input, &what);
                    // Floats with their channels last are the same numbers.
                    let last = x.clone().permute([0, 2, 3, 1]).mul_scalar(1.0);
                    for (x, given) in [
                        (last, Layout::ChannelsLast),
                        (x.clone(), Layout::ChannelsFirst),
                    ] {
                        let y = match qconv2d_channels_last(x, given, &layer) {
                            Activations::Floats(y) => y.permute([0, 3, 1, 2]).into(),
                            codes => codes,
                        };
                        assert_stored(y, &want, input, &what);
                    }
                    if let Input::Static(quant) = input {
                        let y = qconv2d(quantize_images(x, quant), &layer);
                        assert_stored(y, &want, input, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn linear_layers_are_those_of_plain_slices() {
    let x = floats(3 * 5 * 9);
    for epilogue in epilogues() {
        for input in [Input::Float, Input::Dynamic, Input::Static(quant(0.02, 11))] {
            let packed = weights([10, 9], 8);
            let plain = cpu::QLinear::new(&packed, input, &epilogue, Isa::best()).unwrap();
            let want = plain.run(3, Acts::Floats(&x));
            let layer = QLinear::new(packed, input, epilogue.clone()).unwrap();
            for (name, device) in devices() {
                let x = tensor(&x, [3, 5, 9], &device);
                let what = format!("{name} {input:?}");
                assert_stored(qlinear(x.clone(), &layer), &want, input, &what);
                if let Input::Static(quant) = input {
                    let codes = quantize_rows(x, quant);
                    assert_eq!(codes.dims(), [3, 5, 9]);
                    assert_stored(qlinear(codes, &layer), &want, input, &what);
                }
            }
        }
    }
}

#[test]
fn joints_are_those_of_plain_slices() {
    let (x, isa) = (floats(2 * 6 * 4 * 4), Isa::best());
    let (qa, qb, out) = (quant(0.02, 11), quant(0.03, -4), quant(0.05, 1));
    let [a, b] = [qa, qb].map(|quant| quantize::images(&x, [6, 16], &[quant], isa));
    let gates = floats(12);
    let pool = Pool {
        kernel: [3, 3],
        stride: [2, 2],
        padding: [0, 0],
        rounding: Rounding::Up,
    };
    for (name, device) in devices() {
        let x = tensor(&x, [2, 6, 4, 4], &device);
        let [ta, tb] = [qa, qb].map(|quant| quantize_images(x.clone(), quant));
        assert_codes(&ta, &a, name);
        assert_codes(&tb, &b, name);
        let found = q_add(ta.clone(), tb.clone(), Activation::Relu, out);
        let want = joints::add([&a, &b], [qa, qb], Activation::Relu, out, isa);
        assert_codes(&found, &want, name);
        let found = q_concat(ta.clone(), tb.clone(), qa);
        let table = joints::requantizer(qb, qa);
        let want = joints::concat(&[
            Part {
                words: &a,
                channels: 6,
                table: None,
            },
            Part {
                words: &b,
                channels: 6,
                table: Some(&table),
            },
        ]);
        assert_codes(&found, &want, name);
        assert_eq!(found.dims(), [2, 4, 4, 12], "{name}");
        let found = q_scale(ta.clone(), tensor(&gates, [2, 6], &device), out);
        assert_codes(&found, &joints::scale(&a, &gates, 6, [qa, out], isa), name);
        let found = q_max_pool2d(ta.clone(), pool);
        let want = joints::max_pool(&a, [4, 4, 2], &pool, isa);
        assert_codes(&found, &want, name);
        assert_eq!(found.dims(), [2, 2, 2, 6], "{name}");
        let found = numbers(q_global_mean(ta.clone()));
        assert_eq!(found, joints::global_mean(&a, [16, 6], qa), "{name}");
        let found = q_lookup(ta.clone(), Activation::Gelu, out);
        let Output::Table { codes, .. } = Output::table(Activation::Gelu, qa, out) else {
            unreachable!();
        };
        assert_codes(&found, &joints::lookup(&a, &codes), name);
        let found = numbers(dequantize_images(ta));
        assert_eq!(
            found,
            quantize::dequantize_images(&a, [6, 16], &[qa]),
            "{name}"
        );
        let rows = quantize_rows(x.clone().reshape([48, 4]), qb);
        let back = numbers(dequantize_rows(rows));
        let want: Vec<_> = numbers(x).iter().map(|&x| qb.real(qb.code(x))).collect();
        assert_eq!(back, want, "{name}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let short = QConv2d::new(
        weights([10, 53], 8),
        SHAPE,
        Input::Dynamic,
        Epilogue::plain(),
    );
    assert!(matches!(short, Err(KernelError::Shape { .. })));
    let biased = Epilogue {
        bias: Some(vec![0.0; 9]),
        ..Epilogue::plain()
    };
    assert!(QLinear::new(weights([10, 9], 8), Input::Float, biased).is_err());
    // The programmer's errors panic: another width, codes of another quantizer, words of another length.
    let layer = QLinear::new(
        weights([10, 9], 8),
        Input::Static(quant(0.1, 0)),
        Epilogue::plain(),
    );
    let layer = layer.unwrap();
    let device = Device::flex();
    let panics =
        |work: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
    let x = |k| tensor(&floats(2 * k), [2, k], &Device::flex());
    assert!(!panics(&|| drop(qlinear(x(9), &layer))));
    assert!(panics(&|| drop(qlinear(x(8), &layer))));
    assert!(panics(&|| drop(qlinear(
        quantize_rows(x(9), quant(0.2, 0)),
        &layer
    ))));
    let three = Tensor::<2, Int>::from_data(
        TensorData::new(vec![0u32; 6], [2, 3]),
        (&device, DType::U32),
    );
    assert!(panics(&|| drop(QTensor::new(
        three.clone(),
        13,
        quant(0.1, 0)
    ))));
}

#[test]
fn nothing_is_recorded_for_a_gradient() {
    let layer = QLinear::new(weights([9, 9], 8), Input::Dynamic, Epilogue::plain()).unwrap();
    let device = Device::flex().autodiff();
    let x = tensor(&floats(18), [2, 9], &device).require_grad();
    let y = qlinear(x.clone(), &layer).floats() * x.clone();
    let y_detached = numbers(qlinear(x.clone(), &layer).floats());
    let gradient = x
        .grad(&y.sum().backward())
        .expect("through the product alone");
    assert_eq!(numbers(gradient), y_detached);
}
