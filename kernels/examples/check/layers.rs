//! A layer on the device and on the CPU.

use cubecl::client::Client;
use fairbit_kernels::arith::largest;
use fairbit_kernels::cpu::{self, Acts, Input, Isa, Stored};
use fairbit_kernels::cube::device::{Buffer, ability};
use fairbit_kernels::cube::layer::{self, Batch, Layer};
use fairbit_kernels::cube::select::{Ability, Form, Kernel};
use fairbit_kernels::{
    ActQuant, Activation, ConvShape, Epilogue, Granularity, Output, PackedWeights,
};

use crate::cases::{Case, Given};
use crate::clock::{Measured, same};
use crate::drawn::{Images, code, quant};

/// The kernel that a case ran on, and how.
pub fn check(client: &Client, case: &Case) -> (Kernel, Measured) {
    let shape = &case.shape;
    let weights = weights(case, |code| code);
    let epilogue = epilogue(case, |bias| bias);
    let ability = Ability {
        processors: case.processors.unwrap_or(ability(client).processors),
        ..ability(client)
    };
    let layer = Layer::with(
        client,
        ability,
        &weights,
        *shape,
        case.form,
        input(case),
        &epilogue,
    )
    .expect("it fits the device");
    let batch = match case.form {
        Form::Conv => Batch::Images(shape.batch, shape.input),
        Form::Linear => Batch::Rows(shape.batch * shape.input[0], shape.batch),
    };
    let of = Images {
        batch: shape.batch,
        channels: shape.c_in,
        size: shape.input,
    };
    let (codes, x) = (of.codes(), of.floats());
    let (acts, given, read) = match case.given {
        Given::Codes => (
            layer::Acts::Codes(Buffer::words(client, &codes)),
            Acts::Codes(&codes),
            codes.len(),
        ),
        Given::Dynamic | Given::Floats => (
            layer::Acts::Floats(Buffer::floats(client, &x)),
            Acts::Floats(&x),
            x.len(),
        ),
    };
    let expected = on_the_cpu(case, &weights, &epilogue, given);
    let bound = match case.given {
        Given::Floats => bound(case, &x),
        Given::Codes | Given::Dynamic => Vec::new(),
    };
    let right = |found: &Buffer| match &expected {
        Stored::Floats(floats) => {
            let found = found.to_floats(client);
            let both = floats.iter().zip(&found).zip(&bound);
            floats.len() == found.len() && both.into_iter().all(|((a, b), d)| (a - b).abs() <= *d)
        }
        codes => same(client, codes, found),
    };
    let read = read + weights.size_bytes() / 4;
    let measured = Measured::of(client, read, shape.ops() as f64, right, || {
        layer.run(&acts, batch)
    });
    (layer.kernel(batch), measured)
}

fn input(case: &Case) -> Input {
    match case.given {
        Given::Codes => Input::Static(quant(-5)),
        Given::Dynamic => Input::Dynamic,
        Given::Floats => Input::Float,
    }
}

/// Weights with `change`d codes.
fn weights(case: &Case, change: fn(i8) -> i8) -> PackedWeights {
    let (rows, k) = (case.shape.c_out, case.shape.k());
    let codes = (0..rows * k).map(|i| change(code(i, largest(case.bits))));
    let codes: Vec<i8> = codes.collect();
    let groups = match case.granularity {
        Granularity::PerChannel => 1,
        Granularity::PerGroup(size) => k.div_ceil(size),
    };
    let scale = |i: usize| 0.002 + (i % 1000) as f32 * 1e-5;
    let scales = (0..rows * groups).map(scale).collect();
    PackedWeights::pack(&codes, scales, [rows, k], case.bits, case.granularity).expect("in range")
}

/// A `change`d bias, and for codes a ReLU and steps so small that few are capped.
fn epilogue(case: &Case, change: fn(f32) -> f32) -> Epilogue {
    // About the deviation of a sum: of its products' factors, times √K.
    let deviation = largest(case.bits) as f32 * 0.006 * (case.shape.k() as f32).sqrt();
    let bias = |n: usize| change(f32::from(code(n, 127)) / 127.0 * deviation);
    let step = 3.0 * deviation / 254.0;
    let (activation, output) = match case.given {
        Given::Floats => (Activation::Identity, Output::F32),
        Given::Codes | Given::Dynamic => {
            let quant = ActQuant::new(step, -127, 8).expect("a quantizer");
            (Activation::Relu, Output::Codes(quant))
        }
    };
    Epilogue {
        bias: Some((0..case.shape.c_out).map(bias).collect()),
        activation,
        output,
    }
}

fn on_the_cpu(case: &Case, weights: &PackedWeights, epilogue: &Epilogue, x: Acts) -> Stored {
    let ConvShape {
        batch, input: size, ..
    } = case.shape;
    let (input, isa) = (input(case), Isa::best());
    match case.form {
        Form::Linear => {
            let layer = cpu::QLinear::new(weights, input, epilogue, isa);
            layer.expect("a layer").run(batch, x)
        }
        Form::Conv => {
            let layer = cpu::QConv2d::new(weights, case.shape, input, epilogue, isa);
            layer.expect("a layer").run_channels_last(batch, size, x)
        }
    }
}

/// How far two sums in `f32` may lie apart: (K + 4) · 2⁻²⁴ of the magnitudes that either adds.
fn bound(case: &Case, x: &[f32]) -> Vec<f32> {
    let (weights, epilogue) = (weights(case, i8::abs), epilogue(case, f32::abs));
    let x: Vec<f32> = x.iter().map(|x| x.abs()).collect();
    let Stored::Floats(sums) = on_the_cpu(case, &weights, &epilogue, Acts::Floats(&x)) else {
        unreachable!("floats were asked for");
    };
    let unit = 2.0 * (case.shape.k() + 4) as f32 * 2f32.powi(-24);
    sums.into_iter().map(|sum| unit * sum).collect()
}
