//! Float activations, within the bound of a sum of K products in `f32`.

use super::cases::Draw;
use super::support::{client, shape};
use fairbit_kernels::cpu::{self, Input, linear_shape};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::layer::{Acts, Batch, Layer};
use fairbit_kernels::cube::select::Form;
use fairbit_kernels::{ConvShape, Epilogue, Granularity, PackedWeights};

/// The sum in `f64` of each output, `[B, H, W, C]`, and of the magnitudes that it adds.
fn twin(shape: &ConvShape, x: &[f32], weights: &PackedWeights) -> Vec<(f64, f64)> {
    let ([h, w], [rows, columns]) = (shape.input, shape.output());
    let (inputs, per_scale) = (shape.c_in_group(), weights.k().div_ceil(weights.groups()));
    let per_scale = if weights.groups() == 1 {
        per_scale
    } else {
        per_scale.next_multiple_of(32)
    };
    let mut out = Vec::new();
    for b in 0..shape.batch {
        for at in 0..rows * columns {
            for n in 0..shape.c_out {
                let (mut sum, mut size) = (0.0, 0.0);
                for k in 0..shape.k() {
                    let (tap, c) = (k / inputs, n / shape.c_out_group() * inputs + k % inputs);
                    let row = shape.source(0, at / columns, tap / shape.kernel[1]);
                    let column = shape.source(1, at % columns, tap % shape.kernel[1]);
                    if let (Some(row), Some(column)) = (row, column) {
                        let value = x[((b * shape.c_in + c) * h + row) * w + column];
                        let scale = weights.scales()[n * weights.groups() + k / per_scale];
                        let product =
                            f64::from(value) * f64::from(weights.code(n, k)) * f64::from(scale);
                        sum += product;
                        size += product.abs();
                    }
                }
                out.push((sum, size));
            }
        }
    }
    out
}

fn assert_close(found: &[f32], expected: &[(f64, f64)], k: usize, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (&y, &(sum, size)) in found.iter().zip(expected) {
        let bound = (k + 4) as f64 * 2f64.powi(-24) * size;
        assert!(
            (f64::from(y) - sum).abs() <= bound,
            "{what}: {y} and {sum}, at most {bound} apart"
        );
    }
}

#[test]
fn rows() {
    let client = client();
    let mut draw = Draw::new(1);
    for [m, k, n] in [[1, 1, 1], [3, 130, 20], [9, 64, 17], [4, 256, 16]] {
        for (bits, granularity) in [
            (8, Granularity::PerChannel),
            (4, Granularity::PerGroup(32)),
            (4, Granularity::PerChannel),
            (8, Granularity::PerGroup(64)),
            (2, Granularity::PerChannel),
        ] {
            let weights = draw.weights([n, k], bits, granularity);
            let x = draw.floats(m * k);
            let one = linear_shape(&weights);
            let layer = Layer::new(
                &client,
                &weights,
                one,
                Form::Linear,
                Input::Float,
                &Epilogue::plain(),
            )
            .unwrap();
            let batch = Batch::Rows(m, m);
            assert_eq!(layer.kernel(batch).to_string(), "weight-only-rows");
            let found = layer.run(&Acts::Floats(Buffer::floats(&client, &x)), batch);
            let images = ConvShape { batch: m, ..one };
            let what = format!("{m} × {k} × {n}, {bits} bits, {granularity:?}");
            assert_close(
                &found.to_floats(&client),
                &twin(&images, &x, &weights),
                k,
                &what,
            );
        }
    }
}

#[test]
fn convolutions() {
    let client = client();
    let mut draw = Draw::new(2);
    let shapes = [
        ConvShape {
            padding: [1, 1],
            ..shape(5, 6, [3, 3])
        },
        ConvShape {
            groups: 6,
            stride: [2, 2],
            padding: [1, 1],
            ..shape(6, 6, [3, 3])
        },
        ConvShape {
            groups: 2,
            dilation: [2, 1],
            ..shape(8, 10, [2, 3])
        },
        ConvShape {
            input: [1, 1],
            ..shape(7, 9, [1, 1])
        },
    ];
    for shape in shapes {
        for bits in [8, 4, 2] {
            let weights = draw.weights([shape.c_out, shape.k()], bits, Granularity::PerGroup(32));
            let [h, w] = shape.input;
            let x = draw.floats(2 * h * w * shape.c_in);
            let layer = Layer::new(
                &client,
                &weights,
                shape,
                Form::Conv,
                Input::Float,
                &Epilogue::plain(),
            )
            .unwrap();
            let batch = Batch::Images(2, shape.input);
            assert_eq!(layer.kernel(batch).to_string(), "weight-only-taps");
            let found = layer.run(&Acts::Floats(Buffer::floats(&client, &x)), batch);
            let what = format!("{shape:?}, {bits} bits");
            assert_close(
                &found.to_floats(&client),
                &twin(&shape, &x, &weights),
                shape.k(),
                &what,
            );
        }
    }
}

#[test]
#[should_panic(expected = "codes for a layer that computes with")]
fn codes_are_not_floats() {
    let client = client();
    let weights = Draw::new(3).weights([4, 8], 8, Granularity::PerChannel);
    let one = linear_shape(&weights);
    let layer = Layer::new(
        &client,
        &weights,
        one,
        Form::Linear,
        cpu::Input::Float,
        &Epilogue::plain(),
    )
    .unwrap();
    layer.run(
        &Acts::Codes(Buffer::words(&client, &[0; 2])),
        Batch::Rows(1, 1),
    );
}
