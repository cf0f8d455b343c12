//! The layers on burn tensors: both CPU devices give exactly what plain slices give.
#![cfg(feature = "burn")]

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use fairbit_kernels::cpu::joints::{self, Part, Pool, Rounding};
use fairbit_kernels::cpu::{self, Acts, Input, Isa, Stored, quantize};
use fairbit_kernels::tensor::{
    Activations, QConv2d, QLinear, QTensor, dequantize_images, dequantize_rows, q_add, q_concat,
    q_global_mean, q_lookup, q_max_pool2d, q_scale, qconv2d, qlinear, quantize_images,
    quantize_rows,
};
use fairbit_kernels::{
    ActQuant, Activation, ConvShape, Epilogue, Granularity, KernelError, Output, PackedWeights,
};

#[expect(deprecated, reason = "burn-ndarray ends with this line of releases")]
fn devices() -> [(&'static str, Device); 4] {
    let (flex, ndarray) = (Device::flex(), Device::ndarray());
    [
        ("flex", flex.clone()),
        ("ndarray", ndarray.clone()),
        ("flex with autodiff", flex.autodiff()),
        ("ndarray with autodiff", ndarray.autodiff()),
    ]
}

/// Numbers in −2..2, different at every place.
fn floats(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| (i * 7919 % 1000) as f32 * 0.004 - 2.0)
        .collect()
}

fn weights([rows, k]: [usize; 2], bits: u32) -> PackedWeights {
    let most = (1i32 << (bits - 1)) - 1;
    let code = |i: usize| (i * 31 % (2 * most as usize + 1)) as i32 - most;
    let codes: Vec<i8> = (0..rows * k).map(|i| code(i) as i8).collect();
    let scales = (0..rows).map(|i| 0.001 + i as f32 * 1e-4).collect();
    PackedWeights::pack(&codes, scales, [rows, k], bits, Granularity::PerChannel).unwrap()
}

fn quant(scale: f32, zero: i32) -> ActQuant {
    ActQuant::new(scale, zero, 8).unwrap()
}

const SHAPE: ConvShape = ConvShape {
    batch: 0,
    c_in: 6,
    c_out: 10,
    input: [0, 0],
    kernel: [3, 3],
    stride: [2, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
};

fn tensor<const D: usize>(x: &[f32], dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(x.to_vec(), dims), device)
}

fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec().unwrap()
}

fn words<const D: usize>(x: &QTensor<D>) -> Vec<u32> {
    assert_eq!(x.words().dtype(), DType::U32);
    x.words().clone().into_data().try_into_vec().unwrap()
}

/// What either kind of activations holds.
fn stored<const D: usize>(x: Activations<D>) -> Stored {
    match x {
        Activations::Floats(x) => Stored::Floats(numbers(x)),
        Activations::Codes(x) => Stored::Codes(words(&x)),
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
                    assert_eq!(stored(y), want, "{name} {input:?}");
                    // A view is no obstacle.
                    let view = x.clone().swap_dims(2, 3).mul_scalar(1.0).swap_dims(2, 3);
                    assert_eq!(stored(qconv2d(view, &layer)), want, "{name} {input:?}");
                    if let Input::Static(quant) = input {
                        let y = qconv2d(quantize_images(x, quant), &layer);
                        assert_eq!(stored(y), want, "{name} codes");
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
                assert_eq!(stored(qlinear(x.clone(), &layer)), want, "{name} {input:?}");
                if let Input::Static(quant) = input {
                    let codes = quantize_rows(x, quant);
                    assert_eq!(codes.dims(), [3, 5, 9]);
                    assert_eq!(stored(qlinear(codes, &layer)), want, "{name}");
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
        assert_eq!([words(&ta), words(&tb)], [a.clone(), b.clone()], "{name}");
        let found = q_add(ta.clone(), tb.clone(), Activation::Relu, out);
        let want = joints::add([&a, &b], [qa, qb], Activation::Relu, out, isa);
        assert_eq!(words(&found), want, "{name}");
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
        assert_eq!(
            (words(&found), found.dims()),
            (want, [2, 4, 4, 12]),
            "{name}"
        );
        let found = q_scale(ta.clone(), tensor(&gates, [2, 6], &device), out);
        assert_eq!(
            words(&found),
            joints::scale(&a, &gates, 6, [qa, out], isa),
            "{name}"
        );
        let found = q_max_pool2d(ta.clone(), pool);
        let want = joints::max_pool(&a, [4, 4, 2], &pool, isa);
        assert_eq!(
            (words(&found), found.dims()),
            (want, [2, 2, 2, 6]),
            "{name}"
        );
        let found = numbers(q_global_mean(ta.clone()));
        assert_eq!(found, joints::global_mean(&a, [16, 6], qa), "{name}");
        let found = q_lookup(ta.clone(), Activation::Gelu, out);
        let Output::Table { codes, .. } = Output::table(Activation::Gelu, qa, out) else {
            unreachable!();
        };
        assert_eq!(words(&found), joints::lookup(&a, &codes), "{name}");
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
