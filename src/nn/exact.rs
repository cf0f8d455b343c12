//! What a leaf on its grids gives in evaluation: to the last bit what its packed twin gives.
//!
//! ```text
//! codes ──────────▶ code − zero ─┐                                              ┌▶ codes of `output`
//! floats ─▶ codes ─▶ code − zero ┴▶ exact sums ─▶ · (s_x · s_w) ─▶ `Epilogue` ──┴▶ floats
//! ```
//!
//! The product is that of floats which trains, see [`super::whole`]; what follows it is
//! `fairbit_kernels::arith`, number by number. So this is also an independent twin of the integer kernels,
//! at the size of whole models.

use burn::tensor::{Device, Tensor, TensorData};
use fairbit_kernels::cpu::{Isa, quantize};
use fairbit_kernels::tensor::{QTensor, q_lookup, quantize_rows};
use fairbit_kernels::{ActQuant, ConvShape, Epilogue, Output};
use rayon::prelude::*;

use super::Flow;
use super::whole::product;
use crate::quant::FakeAct;

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

#[cfg(test)]
mod tests {
    use super::*;
    use fairbit_kernels::{Granularity, PackedWeights, reference};

    /// Numbers that look like chance, from 0 up to below `below`.
    fn noise(count: usize, below: u64) -> impl Iterator<Item = i32> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        (0..count).map(move |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((state >> 33) % below) as i32
        })
    }

    #[test]
    fn scaled_sums_are_those_of_the_reference() {
        let shape = |c_in, c_out, kernel, groups| ConvShape {
            batch: 2,
            c_in,
            c_out,
            input: [7, 6],
            kernel,
            stride: [2, 1],
            padding: [1, 2],
            dilation: [1, 1],
            groups,
        };
        let each = [
            ActQuant::new(0.037, -127, 8).unwrap(),
            ActQuant::new(0.011, 5, 8).unwrap(),
        ];
        for shape in [
            shape(5, 3, [3, 3], 1),
            shape(70, 3, [1, 2], 1),
            shape(66, 4, [3, 3], 2),
            shape(6, 6, [7, 5], 6),
        ] {
            let (k, rows) = (shape.k(), shape.c_out);
            let count = shape.batch * shape.input[0] * shape.input[1] * shape.c_in;
            let codes: Vec<i8> = noise(count, 255).map(|x| (x - 127) as i8).collect();
            let kernels: Vec<i8> = noise(rows * k, 255).map(|x| (x - 127) as i8).collect();
            for quants in [&each[..1], &each] {
                for segment in [None, Some(32)] {
                    let segments = segment.map_or(1, |segment| k.div_ceil(segment));
                    let scales = noise(rows * segments, 1000).map(|x| (x + 1) as f32 * 1.3e-5);
                    let scales: Vec<f32> = scales.collect();
                    let granularity = match segment {
                        Some(size) => Granularity::PerGroup(size),
                        None => Granularity::PerChannel,
                    };
                    let packed =
                        PackedWeights::pack(&kernels, scales.clone(), [rows, k], 8, granularity);
                    let expected = reference::conv2d(&shape, &codes, quants, &packed.unwrap());
                    let image = count / shape.batch;
                    let whole = codes.iter().enumerate().map(|(i, code)| {
                        let zero = quants[i / image % quants.len()].zero();
                        (i32::from(*code) - zero) as f32
                    });
                    let inputs = Inputs {
                        whole: whole.collect(),
                        quants: quants.to_vec(),
                    };
                    let weights = Weights {
                        codes: match segment {
                            Some(_) => kernels.clone(),
                            None => channels_first(&kernels, &shape),
                        },
                        scales,
                        segment,
                    };
                    let found = scaled_sums(&shape, &inputs, &weights);
                    assert_eq!(found.len(), expected.len());
                    let mut both = found.iter().zip(&expected);
                    let same = both.all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "{shape:?} {segment:?}");
                }
            }
        }
    }

    /// Rows of weights as burn has them, from those of the kernels.
    fn channels_first(codes: &[i8], shape: &ConvShape) -> Vec<i8> {
        let (k, channels) = (shape.k(), shape.c_in_group());
        let taps = k / channels;
        let row = |row: &[i8]| -> Vec<i8> {
            (0..k)
                .map(|i| row[i % taps * channels + i / taps])
                .collect()
        };
        codes.chunks(k).flat_map(row).collect()
    }
}
