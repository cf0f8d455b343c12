//! What a leaf on its grids gives in evaluation: to the last bit what its packed twin gives.
//!
//! ```text
//! codes ──────────▶ code − zero ─┐                                              ┌▶ codes of `output`
//! floats ─▶ codes ─▶ code − zero ┴▶ exact sums ─▶ · (s_x · s_w) ─▶ `Epilogue` ──┴▶ floats
//! ```
//!
//! The product is the one of floats that trains, of whole numbers: an f32 holds each up to 2²⁴, and while
//! no partial sum reaches that, the order of the additions and whether they are fused mean nothing. What
//! follows is `fairbit_kernels::arith`, number by number. So this is also an independent twin of the
//! integer kernels, at the size of whole models.

use burn::tensor::{Device, Tensor, TensorData};
use fairbit_kernels::cpu::{Isa, quantize};
use fairbit_kernels::float::conv;
use fairbit_kernels::tensor::{QTensor, q_lookup, quantize_rows};
use fairbit_kernels::{ActQuant, ConvShape, Epilogue, Output};
use rayon::prelude::*;

use super::Flow;
use crate::quant::FakeAct;

/// Below it every sum of whole numbers is exact.
const EXACT: u64 = 1 << 24;
/// Rows in one task.
const ROWS: usize = 64;

/// What a leaf multiplies its weights by, channels last.
pub(super) struct Inputs {
    /// Each code less its zero point.
    whole: Vec<f32>,
    /// Of all images, or one for each.
    quants: Vec<ActQuant>,
}

impl Inputs {
    /// Codes of the leaf before.
    pub fn of_codes<const D: usize>(x: QTensor<D>) -> Self {
        let (channels, quant) = (x.channels(), x.quant());
        let words = x.into_words().into_data();
        let words: Vec<u32> = words.try_to_vec().expect("words are u32");
        Self::of_words(&words, channels, vec![quant])
    }

    /// Floats `[images, …, channels]` on the grid of a leaf.
    pub fn of_floats<const D: usize>(x: Tensor<D>, grid: &FakeAct) -> Self {
        let shape = x.dims();
        let x = numbers(x);
        let quants = grid.quants(&x, shape[0]);
        let channels = shape[D - 1];
        let words = quantize::rows(&x, channels, &quants, Isa::best());
        Self::of_words(&words, channels, quants)
    }

    fn of_words(words: &[u32], channels: usize, quants: Vec<ActQuant>) -> Self {
        let steps = |quant: &ActQuant| {
            ActQuant::new(1.0, quant.zero(), quant.bits()).expect("another scale, which is one")
        };
        let steps: Vec<_> = quants.iter().map(steps).collect();
        Self {
            whole: quantize::dequantize_rows(words, channels, &steps),
            quants,
        }
    }

    /// The real numbers.
    pub fn floats(&self) -> Vec<f32> {
        let mut x = self.whole.clone();
        let each = (x.len() / self.quants.len()).max(1);
        for (x, quant) in x.chunks_mut(each).zip(&self.quants) {
            x.iter_mut().for_each(|x| *x *= quant.scale());
        }
        x
    }

    /// The largest magnitude that a code less its zero point can have.
    fn reach(&self) -> u64 {
        let of = |quant: &ActQuant| {
            let most = fairbit_kernels::arith::largest(quant.bits());
            u64::from((most + quant.zero().abs()).unsigned_abs())
        };
        self.quants.iter().map(of).max().unwrap_or(0)
    }
}

/// Weights of a leaf as codes.
pub(super) struct Weights {
    /// `[rows, K]`, K through (channel, kernel row, kernel column) as burn has it, or, where a row has
    /// several scales, the channel fastest as the kernels have it.
    pub codes: Vec<i8>,
    /// `[rows, segments]`
    pub scales: Vec<f32>,
    /// Consecutive K under one scale; none where all are.
    pub segment: Option<usize>,
}

/// Scaled sums of a convolution, ahead of bias and activation: `[batch, height', width', c_out]`.
///
/// A row of weights with several scales is cut at each, and the pieces are multiplied one after another by
/// gathered inputs: slower than one product, and as exact.
pub(super) fn scaled_sums(shape: &ConvShape, x: &Inputs, weights: &Weights) -> Vec<f32> {
    let Some(segment) = weights.segment else {
        let sums = product(shape, &x.whole, &weights.codes, x.reach());
        let mut y = vec![0.0; sums.len()];
        let image = (y.len() / shape.batch.max(1)).max(1);
        let images = y
            .par_chunks_mut(image)
            .zip(sums.par_chunks(image))
            .enumerate();
        images.for_each(|(at, (y, sums))| {
            let scale = x.quants[at % x.quants.len()].scale();
            let scales: Vec<f32> = weights.scales.iter().map(|s| scale * s).collect();
            accumulate(y, [0, shape.c_out], sums, &scales);
        });
        return y;
    };
    let one = ConvShape { batch: 1, ..*shape };
    let image = shape.input[0] * shape.input[1] * shape.c_in;
    let images = x.whole.chunks(image).enumerate();
    images
        .flat_map(|(at, image)| {
            let quant = x.quants[at % x.quants.len()];
            in_segments(&one, image, x.reach(), quant.scale(), weights, segment)
        })
        .collect()
}

/// [`scaled_sums`] of one image, a segment of K after another.
fn in_segments(
    shape: &ConvShape,
    x: &[f32],
    reach: u64,
    scale: f32,
    weights: &Weights,
    segment: usize,
) -> Vec<f32> {
    let (k, rows) = (shape.k(), shape.c_out_group());
    let [h, w] = shape.output();
    let mut y = vec![0.0; h * w * shape.c_out];
    for group in 0..shape.groups {
        let columns = columns(shape, x, group);
        for (at, from) in (0..k).step_by(segment).enumerate() {
            let to = (from + segment).min(k);
            let x: Vec<f32> = columns
                .chunks(k)
                .flat_map(|x| &x[from..to])
                .copied()
                .collect();
            let own = group * rows..(group + 1) * rows;
            let codes = weights.codes.chunks(k).skip(own.start).take(rows);
            let codes: Vec<i8> = codes.flat_map(|row| &row[from..to]).copied().collect();
            let matrix = matrix([1, h * w], [to - from, rows]);
            let sums = product(&matrix, &x, &codes, reach);
            let segments = k.div_ceil(segment);
            let scales: Vec<f32> = own
                .clone()
                .map(|row| scale * weights.scales[row * segments + at])
                .collect();
            accumulate(&mut y, [own.start, shape.c_out], &sums, &scales);
        }
    }
    y
}

/// Images of so many rows of `k` numbers times `[rows, k]` weights, as a convolution.
pub(super) fn matrix([batch, count]: [usize; 2], [k, rows]: [usize; 2]) -> ConvShape {
    ConvShape {
        batch,
        c_in: k,
        c_out: rows,
        input: [count, 1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    }
}

/// What each output position of one image multiplies, `[h' · w', K]`, the channel fastest.
fn columns(shape: &ConvShape, x: &[f32], group: usize) -> Vec<f32> {
    let [h, w] = shape.output();
    let channels = shape.c_in_group();
    let mut columns = Vec::with_capacity(h * w * shape.k());
    for at in 0..h * w {
        for tap in 0..shape.kernel[0] * shape.kernel[1] {
            let row = shape.source(0, at / w, tap / shape.kernel[1]);
            let col = shape.source(1, at % w, tap % shape.kernel[1]);
            match row.zip(col) {
                Some((row, col)) => {
                    let from = (row * shape.input[1] + col) * shape.c_in + group * channels;
                    columns.extend_from_slice(&x[from..from + channels]);
                }
                // Padding is the real number 0.
                None => columns.extend(std::iter::repeat_n(0.0, channels)),
            }
        }
    }
    columns
}

/// y + sum · scale for rows of `sums`, which are those from `first` on of `c_out`.
fn accumulate(y: &mut [f32], [first, c_out]: [usize; 2], sums: &[f32], scales: &[f32]) {
    let own = scales.len();
    let tasks = y
        .par_chunks_mut(ROWS * c_out)
        .zip(sums.par_chunks(ROWS * own));
    tasks.for_each(|(y, sums)| {
        for (y, sums) in y.chunks_mut(c_out).zip(sums.chunks(own)) {
            for ((y, sum), scale) in y[first..].iter_mut().zip(sums).zip(scales) {
                *y += sum * scale;
            }
        }
    });
}

/// The sums of whole numbers within ±`reach` times codes, `[batch, height', width', c_out]`: those of
/// integers, rounded to f32 once.
fn product(shape: &ConvShape, x: &[f32], codes: &[i8], reach: u64) -> Vec<f32> {
    let limbs = limbs(codes, shape.k(), reach);
    let mut parts = limbs.into_iter().map(|(factor, codes)| {
        let codes: Vec<f32> = codes.into_iter().map(f32::from).collect();
        (factor, conv::forward(shape, x, &codes, None))
    });
    let (factor, mut first) = parts.next().expect("one limb or more");
    let rest: Vec<_> = parts.collect();
    if rest.is_empty() {
        return first;
    }
    first.par_iter_mut().enumerate().for_each(|(i, first)| {
        let times = |factor: i32, sum: f32| (sum as i32).wrapping_mul(factor);
        // The true sum fits 32 bits; what leads to it may wrap.
        let add =
            |sum: i32, (factor, part): &(i32, Vec<f32>)| sum.wrapping_add(times(*factor, part[i]));
        *first = rest.iter().fold(times(factor, *first), add) as f32;
    });
    first
}

/// Codes `[rows, k]` as a sum of multiples of smaller ones, so that no product with numbers within ±`reach`
/// has a partial sum of 2²⁴: one where that is so already, else digits in base 16, then 4, then 2, and of
/// codes that are nothing but signs every other one.
fn limbs(codes: &[i8], k: usize, reach: u64) -> Vec<(i32, Vec<i8>)> {
    let size = |code: &i8| u64::from(code.unsigned_abs());
    let longest = codes.chunks(k).map(|row| row.iter().map(size).sum::<u64>());
    if longest.max().unwrap_or(0) * reach < EXACT {
        return vec![(1, codes.to_vec())];
    }
    let base: i32 = match codes.iter().map(size).max() {
        Some(9..) => 16,
        Some(3..) => 4,
        Some(2) => 2,
        _ => {
            let mut parts = limbs(&every_other(codes, k, false), k, reach);
            parts.extend(limbs(&every_other(codes, k, true), k, reach));
            return parts;
        }
    };
    let high = |code: i32| (code + base / 2).div_euclid(base);
    let of = |digit: &dyn Fn(i32) -> i32| -> Vec<i8> {
        codes
            .iter()
            .map(|code| digit(i32::from(*code)) as i8)
            .collect()
    };
    let mut parts = limbs(&of(&high), k, reach);
    for (factor, _) in &mut parts {
        *factor *= base;
    }
    parts.extend(limbs(&of(&|code| code - base * high(code)), k, reach));
    parts
}

/// Of each row of codes `[rows, k]` every second that is not zero, from the first or the next on.
fn every_other(codes: &[i8], k: usize, next: bool) -> Vec<i8> {
    let of_row = |row: &'_ [i8]| {
        let mut odd = next;
        let keep = |code: &i8| {
            odd ^= *code != 0;
            if odd { *code } else { 0 }
        };
        row.iter().map(keep).collect::<Vec<_>>()
    };
    codes.chunks(k).flat_map(of_row).collect()
}

/// Bias, activation and requantization of scaled sums `[.., C]`, as [`Epilogue`] has them.
pub(super) fn finish<const D: usize>(
    mut y: Vec<f32>,
    dims: [usize; D],
    epilogue: &Epilogue,
    device: &Device,
) -> Flow<D> {
    let channels = dims[D - 1];
    y.par_chunks_mut(ROWS * channels).for_each(|rows| {
        for row in rows.chunks_mut(channels) {
            for (channel, y) in row.iter_mut().enumerate() {
                *y = epilogue.float(channel, *y);
            }
        }
    });
    let y = Tensor::from_data(TensorData::new(y, dims), device);
    match &epilogue.output {
        Output::F32 => Flow::F32(y),
        Output::Codes(quant) => Flow::Q8(quantize_rows(y, *quant)),
        Output::Table { before, after, .. } => Flow::Q8(q_lookup(
            quantize_rows(y, *before),
            epilogue.activation,
            *after,
        )),
    }
}

/// A tensor's numbers on the host, in row-major order.
pub(super) fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    let data = x.into_data().convert::<f32>();
    data.try_to_vec().expect("converted to f32")
}
