//! Packed weights arranged for the kernels: what is uploaded once per layer and device.

use crate::packed::{Granularity, PackedWeights};
use crate::shape::ConvShape;

use super::tiled::{COLUMNS, STEP};

/// Words, and the numbers of the epilogue in the same order of channels.
#[derive(Debug, PartialEq)]
pub struct Arranged {
    /// Weights.
    pub words: Vec<u32>,
    /// Weight scales.
    pub scales: Vec<f32>,
    /// Sums of weight codes.
    pub sums: Vec<i32>,
}

/// Steps of K of the tiled product.
pub fn steps(shape: &ConvShape) -> usize {
    let taps = shape.kernel[0] * shape.kernel[1];
    (taps * shape.c_in_group().div_ceil(4)).div_ceil(STEP as usize)
}

/// For [`super::tiled`] and [`super::skinny`]: `[channels padded to 64][steps][16 words, or 8 of 4
/// bits]`, taps padded to whole words, as the activations are; 2-bit weights become 4-bit ones. Scales
/// and sums are `[scale groups][channels padded]`.
pub fn panels(weights: &PackedWeights, shape: &ConvShape) -> Arranged {
    let channels = weights.rows().next_multiple_of(COLUMNS as usize);
    let line = steps(shape) * STEP as usize;
    let (inputs, per_tap) = (shape.c_in_group(), shape.c_in_group().div_ceil(4));
    let taps = shape.kernel[0] * shape.kernel[1];
    // Byte `j` of word `w` of channel `n`.
    let byte = |n: usize, w: usize, j: usize| {
        let (tap, c) = (w / per_tap, w % per_tap * 4 + j);
        let there = n < weights.rows() && tap < taps && c < inputs;
        if there {
            weights.code(n, tap * inputs + c) as u8
        } else {
            0
        }
    };
    let mut words = Vec::with_capacity(channels * line);
    for n in 0..channels {
        if weights.bits() == 8 {
            words
                .extend((0..line).map(|w| u32::from_le_bytes([0, 1, 2, 3].map(|j| byte(n, w, j)))));
        } else {
            // Low nibbles of the bytes: an even word; high ones: the word after it.
            let nibbles = |w, j| byte(n, w, j) & 15 | byte(n, w + 1, j) << 4;
            let pairs = (0..line).step_by(2);
            words.extend(pairs.map(|w| u32::from_le_bytes([0, 1, 2, 3].map(|j| nibbles(w, j)))));
        }
    }
    let groups = weights.groups();
    let row_sums = weights.sums();
    let mut scales = vec![0.0; groups * channels];
    let mut sums = vec![0; groups * channels];
    for n in 0..weights.rows() {
        for group in 0..groups {
            scales[group * channels + n] = weights.scales()[n * groups + group];
            sums[group * channels + n] = row_sums[n * groups + group];
        }
    }
    Arranged {
        words,
        scales,
        sums,
    }
}

/// For [`super::depthwise`]: `[taps][words]`, the bytes of four channels a word.
pub fn depthwise(weights: &PackedWeights) -> Arranged {
    let words = weights.rows().div_ceil(4);
    let byte = |n: usize, tap: usize| {
        if n < weights.rows() {
            weights.code(n, tap) as u8
        } else {
            0
        }
    };
    let word =
        |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|j| byte(i % words * 4 + j, i / words)));
    let mut scales = weights.scales().to_vec();
    let mut sums = weights.sums();
    scales.resize(4 * words, 0.0);
    sums.resize(4 * words, 0);
    Arranged {
        words: (0..weights.k() * words).map(word).collect(),
        scales,
        sums,
    }
}

/// For the kernels that read [`PackedWeights`] as they are.
pub fn natural(weights: &PackedWeights) -> Arranged {
    Arranged {
        words: weights.words().to_vec(),
        scales: weights.scales().to_vec(),
        sums: weights.sums(),
    }
}

/// For [`super::weight_only::rows`]: rows of whole 128-bit vectors, channels padded to 16; 2-bit weights
/// become 4-bit ones.
pub fn rows(weights: &PackedWeights) -> Arranged {
    let bits = weights.bits().max(4) as usize;
    let per_word = 32 / bits;
    let line = weights.k().div_ceil(4 * per_word) * 4;
    let channels = weights
        .rows()
        .next_multiple_of(super::weight_only::COLUMNS as usize);
    let mask = u32::MAX >> (32 - bits);
    let code = |n: usize, k: usize| {
        let there = n < weights.rows() && k < weights.k();
        if there {
            weights.code(n, k) as u32 & mask
        } else {
            0
        }
    };
    let word = |i: usize| {
        let (n, first) = (i / line, i % line * per_word);
        (0..per_word).fold(0, |all, j| all | code(n, first + j) << (j * bits))
    };
    let mut scales = weights.scales().to_vec();
    scales.resize(channels * weights.groups(), 0.0);
    Arranged {
        words: (0..channels * line).map(word).collect(),
        scales,
        sums: weights.sums(),
    }
}

/// Codes that share a scale: a whole row of `k` where it has one.
pub fn group(weights: &PackedWeights) -> usize {
    match weights.granularity() {
        Granularity::PerChannel => weights.k(),
        Granularity::PerGroup(size) => size,
    }
}
