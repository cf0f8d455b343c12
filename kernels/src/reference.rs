//! The naive twins: the arithmetic contract in plain loops, what every kernel is compared with.

use crate::arith::{ActQuant, Epilogue};
use crate::packed::PackedWeights;
use crate::shape::ConvShape;

/// Scaled sums of a convolution, ahead of bias and activation, `[batch, h, w, c_out]`.
///
/// `codes` are activations `[batch, height, width, c_in]`; `quants` holds one quantizer for all images
/// or one for each. Weights are `[c_out, k]`, see [`PackedWeights`].
///
/// # Panics
/// When lengths do not belong together.
pub fn conv2d(
    shape: &ConvShape,
    codes: &[i8],
    quants: &[ActQuant],
    weights: &PackedWeights,
) -> Vec<f32> {
    let [h, w] = shape.output();
    let (ci, group) = (shape.c_in_group(), weights.group());
    assert_eq!(weights.k(), shape.k(), "weights of another layer");
    assert_eq!(weights.rows(), shape.c_out, "weights of another layer");
    assert_eq!(
        codes.len(),
        shape.batch * shape.input[0] * shape.input[1] * shape.c_in
    );
    let mut scaled = Vec::with_capacity(shape.batch * h * w * shape.c_out);
    for b in 0..shape.batch {
        let quant = quants[b % quants.len()];
        for at in 0..h * w {
            for n in 0..shape.c_out {
                let first = n / shape.c_out_group() * ci;
                let mut y = 0.0;
                let mut sum = 0i32;
                for k in 0..shape.k() {
                    let (tap, c) = (k / ci, first + k % ci);
                    let row = shape.source(0, at / w, tap / shape.kernel[1]);
                    let col = shape.source(1, at % w, tap % shape.kernel[1]);
                    // Padding is the real number 0: nothing is added.
                    if let (Some(row), Some(col)) = (row, col) {
                        let i =
                            ((b * shape.input[0] + row) * shape.input[1] + col) * shape.c_in + c;
                        let x = i32::from(codes[i]) - quant.zero();
                        sum += i32::from(weights.code(n, k)) * x;
                    }
                    if (k + 1) % group == 0 || k + 1 == shape.k() {
                        let scale = weights.scales()[n * weights.groups() + k / group];
                        y += sum as f32 * (quant.scale() * scale);
                        sum = 0;
                    }
                }
                scaled.push(y);
            }
        }
    }
    scaled
}

/// Scaled sums of a linear layer, `[rows of codes, rows of weights]`; one quantizer for all rows of
/// `codes` or one for each.
///
/// # Panics
/// When lengths do not belong together.
pub fn linear(codes: &[i8], quants: &[ActQuant], weights: &PackedWeights) -> Vec<f32> {
    let shape = ConvShape {
        batch: codes.len() / weights.k(),
        c_in: weights.k(),
        c_out: weights.rows(),
        input: [1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };
    conv2d(&shape, codes, quants, weights)
}

/// Codes of scaled sums `[.., channels]`.
///
/// # Panics
/// When the epilogue stores floats.
pub fn codes(scaled: &[f32], channels: usize, epilogue: &Epilogue) -> Vec<i8> {
    let all = scaled.iter().enumerate();
    all.map(|(i, &y)| epilogue.code(i % channels, y)).collect()
}

/// Floats of scaled sums `[.., channels]`.
pub fn floats(scaled: &[f32], channels: usize, epilogue: &Epilogue) -> Vec<f32> {
    let all = scaled.iter().enumerate();
    all.map(|(i, &y)| epilogue.float(i % channels, y)).collect()
}
