//! Float activations with packed weights, against sums in 64 bits.

use crate::cases::Draw;
use crate::exchange;
use fairbit_kernels::cpu::{Acts, Input, Isa, QConv2d, Stored};
use fairbit_kernels::{Activation, ConvShape, Epilogue, Granularity, Output, PackedWeights};

/// Sum and sum of magnitudes of one output.
fn exact(
    shape: &ConvShape,
    x: &[f32],
    weights: &PackedWeights,
    [b, at, n]: [usize; 3],
) -> [f64; 2] {
    let w = shape.output()[1];
    let ci = shape.c_in_group();
    let (mut sum, mut size) = (0.0, 0.0);
    for k in 0..shape.k() {
        let (tap, c) = (k / ci, n / shape.c_out_group() * ci + k % ci);
        let row = shape.source(0, at / w, tap / shape.kernel[1]);
        let col = shape.source(1, at % w, tap % shape.kernel[1]);
        if let (Some(row), Some(col)) = (row, col) {
            let i = ((b * shape.input[0] + row) * shape.input[1] + col) * shape.c_in + c;
            let scale = weights.scales()[n * weights.groups() + k / weights.group()];
            let term = f64::from(scale) * f64::from(weights.code(n, k)) * f64::from(x[i]);
            sum += term;
            size += term.abs();
        }
    }
    [sum, size]
}

#[test]
fn sums_are_within_the_bound_of_float_arithmetic() {
    for (index, (c_in, c_out, groups, kernel)) in [
        (5, 33, 1, 3),
        (16, 18, 1, 1),
        (12, 8, 2, 3),
        (19, 19, 19, 3),
        (40, 70, 1, 3),
    ]
    .into_iter()
    .enumerate()
    {
        for (bits, granularity) in [
            (8, Granularity::PerChannel),
            (4, Granularity::PerChannel),
            (4, Granularity::PerGroup(32)),
        ] {
            let shape = ConvShape {
                batch: 2,
                c_in,
                c_out,
                input: [5, 6],
                kernel: [kernel; 2],
                stride: [1, 1],
                padding: [kernel / 2; 2],
                dilation: [1, 1],
                groups,
            };
            let mut draw = Draw::new(index as u64 + 40);
            let weights = draw.weights([c_out, shape.k()], bits, granularity);
            let x = draw.floats(2 * 30 * c_in);
            let bias: Vec<f32> = draw.floats(c_out);
            let epilogue = Epilogue {
                bias: Some(bias.clone()),
                activation: Activation::Relu,
                output: Output::F32,
            };
            let last = exchange(&x, [c_in, 30]);
            for isa in Isa::available() {
                let layer = QConv2d::new(&weights, shape, Input::Float, &epilogue, isa).unwrap();
                assert!(layer.kernel().contains("f32"), "{}", layer.kernel());
                let Stored::Floats(y) = layer.run_channels_last(2, [5, 6], Acts::Floats(&x)) else {
                    panic!("floats were asked for");
                };
                for (i, &y) in y.iter().enumerate() {
                    let (n, at) = (i % c_out, i / c_out);
                    let [sum, size] = exact(&shape, &last, &weights, [at / 30, at % 30, n]);
                    let bias = f64::from(bias[n]);
                    // K products and sums, the scales, the groups, the bias: each rounds once.
                    let bound = (shape.k() as f64 + 4.0) * 2f64.powi(-24) * (size + bias.abs());
                    let error = (f64::from(y) - (sum + bias).max(0.0)).abs();
                    assert!(error <= bound, "{}: {error} beyond {bound}", layer.kernel());
                }
            }
        }
    }
}
