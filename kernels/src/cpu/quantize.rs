//! Floats to codes and back, between burn's layout and the kernels'.
//!
//! ```text
//! images  [B, C, H, W] floats  →  [B, H, W, ⌈C/4⌉] words: four channels of a pixel, the first lowest
//! rows    [M, K] floats        →  [M, ⌈K/4⌉] words
//! ```
//!
//! A tile of pixels is quantized four channels at a time, each channel contiguous, and stored as whole
//! words, so that both sides of the transposition are read and written in pieces of at least 4 bytes.

use super::finish::Coder;
use super::isa::{Isa, Work};
use super::product::copy;
use crate::arith::ActQuant;
use rayon::prelude::*;
use std::borrow::Cow;

/// Pixels of a tile: 16 codes are a vector.
const TILE: usize = 16;

/// Codes of images `[batch, channels, pixels]` as `[batch, pixels, ⌈channels/4⌉]` words, with one
/// quantizer or one for each image.
///
/// # Panics
/// If the lengths do not belong together.
pub fn images(
    x: &[f32],
    [channels, pixels]: [usize; 2],
    quants: &[ActQuant],
    isa: Isa,
) -> Vec<u32> {
    let words = channels.div_ceil(4);
    assert_eq!(x.len() % (channels * pixels).max(1), 0, "whole images");
    let batch = x.len() / (channels * pixels).max(1);
    assert!(
        quants.len() == 1 || quants.len() == batch,
        "one quantizer per image"
    );
    let mut out = vec![0; batch * pixels * words];
    // Several tiles make a task.
    let span = 16 * TILE;
    let tasks = out.par_chunks_mut((pixels * words).max(1)).enumerate();
    tasks.for_each(|(b, out)| {
        let x = &x[b * channels * pixels..][..channels * pixels];
        let quant = &quants[b % quants.len()];
        let parts = out.par_chunks_mut(span * words).enumerate();
        parts.for_each(|(part, out)| {
            let first = part * span;
            isa.run(Transpose {
                x,
                size: [channels, pixels],
                first,
                quant,
                out,
            });
        });
    });
    out
}

/// Codes of rows `[m, k]` as `[m, ⌈k/4⌉]` words, with one quantizer or one for each of equally many rows.
///
/// # Panics
/// If the lengths do not belong together.
pub fn rows(x: &[f32], k: usize, quants: &[ActQuant], isa: Isa) -> Vec<u32> {
    assert_eq!(x.len() % k, 0, "whole rows");
    let m = x.len() / k;
    assert_eq!(m % quants.len(), 0, "equally many rows per quantizer");
    let words = k.div_ceil(4);
    let mut out = vec![0u32; m * words];
    let block = 4096usize.div_ceil(k);
    let tasks = out.par_chunks_mut(block * words).enumerate();
    tasks.for_each(|(task, out)| {
        for (i, out) in out.chunks_exact_mut(words).enumerate() {
            let row = task * block + i;
            let quant = &quants[row / (m / quants.len())];
            let out = bytemuck::cast_slice_mut(out);
            let x = &x[row * k..][..k];
            isa.run(Contiguous { x, quant, out });
        }
    });
    out
}

/// Quantizers of `x` cut into equal parts, from the range of each.
///
/// # Panics
/// If the parts are not equal.
pub fn ranges(x: &[f32], parts: usize, isa: Isa) -> Vec<ActQuant> {
    if x.is_empty() || parts == 0 {
        return vec![ActQuant::from_range(0.0, 0.0, 8); parts.max(1)];
    }
    assert_eq!(x.len() % parts, 0, "equal parts");
    x.par_chunks(x.len() / parts)
        .map(|part| {
            let [low, high] = isa.run(Range(part));
            ActQuant::from_range(low, high, 8)
        })
        .collect()
}

/// Floats `[batch, channels, pixels]` of codes `[batch, pixels, ⌈channels/4⌉]`.
///
/// # Panics
/// If the lengths do not belong together.
pub fn dequantize_images(
    words: &[u32],
    [channels, pixels]: [usize; 2],
    quants: &[ActQuant],
) -> Vec<f32> {
    let stride = 4 * channels.div_ceil(4);
    let bytes: &[i8] = bytemuck::cast_slice(words);
    assert_eq!(bytes.len() % (pixels * stride).max(1), 0, "whole images");
    let batch = bytes.len() / (pixels * stride).max(1);
    let mut out = vec![0.0; batch * channels * pixels];
    let planes = out.par_chunks_mut(pixels.max(1)).enumerate();
    planes.for_each(|(plane, out)| {
        let (b, c) = (plane / channels, plane % channels);
        let quant = &quants[b % quants.len()];
        let image = &bytes[b * pixels * stride..][..pixels * stride];
        for (x, pixel) in out.iter_mut().zip(image.chunks_exact(stride)) {
            *x = quant.real(pixel[c]);
        }
    });
    out
}

/// Floats `[m, k]` of codes of rows `[m, ⌈k/4⌉]`, with one quantizer or one for each of equally many rows.
///
/// # Panics
/// If the lengths do not belong together.
pub fn dequantize_rows(words: &[u32], k: usize, quants: &[ActQuant]) -> Vec<f32> {
    let stride = 4 * k.div_ceil(4);
    let bytes: &[i8] = bytemuck::cast_slice(words);
    assert_eq!(bytes.len() % stride, 0, "whole rows");
    let m = bytes.len() / stride;
    assert_eq!(m % quants.len(), 0, "equally many rows per quantizer");
    let mut out = vec![0.0; m * k];
    let block = 4096usize.div_ceil(k);
    let tasks = out.par_chunks_mut(block * k).enumerate();
    tasks.for_each(|(task, out)| {
        for (i, out) in out.chunks_exact_mut(k).enumerate() {
            let row = task * block + i;
            let quant = &quants[row / (m / quants.len())];
            for (x, &code) in out.iter_mut().zip(&bytes[row * stride..]) {
                *x = quant.real(code);
            }
        }
    });
    out
}

/// Floats `[batch, channels, pixels]` of floats `[batch, pixels, channels]`.
///
/// # Panics
/// If the lengths do not belong together.
pub fn channels_first(x: &[f32], [channels, pixels]: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    if x.is_empty() {
        return out;
    }
    let images = out.par_chunks_mut(channels * pixels);
    images
        .zip(x.par_chunks(channels * pixels))
        .for_each(|(out, x)| {
            for first in (0..pixels).step_by(TILE) {
                let last = (first + TILE).min(pixels);
                for c in 0..channels {
                    for p in first..last {
                        out[c * pixels + p] = x[p * channels + c];
                    }
                }
            }
        });
    out
}

/// Rows `[m, k padded to 4 by zeros]` of rows `[m, k]`.
pub fn padded(x: &[f32], k: usize) -> Cow<'_, [f32]> {
    if k.is_multiple_of(4) {
        return x.into();
    }
    let padded = k.next_multiple_of(4);
    let mut rows = vec![0.0; x.len() / k * padded];
    for (row, x) in rows.chunks_exact_mut(padded).zip(x.chunks_exact(k)) {
        row[..k].copy_from_slice(x);
    }
    rows.into()
}

/// Floats `[batch, pixels, channels padded to 4 by zeros]` of floats `[batch, channels, pixels]`.
///
/// # Panics
/// If the lengths do not belong together.
pub fn channels_last(x: &[f32], [channels, pixels]: [usize; 2]) -> Vec<f32> {
    let stride = channels.next_multiple_of(4);
    let mut out = vec![0.0; x.len() / channels * stride];
    if x.is_empty() {
        return out;
    }
    let images = out.par_chunks_mut(stride * pixels);
    images
        .zip(x.par_chunks(channels * pixels))
        .for_each(|(out, x)| {
            for first in (0..pixels).step_by(TILE) {
                let last = (first + TILE).min(pixels);
                for c in 0..channels {
                    for p in first..last {
                        out[p * stride + c] = x[c * pixels + p];
                    }
                }
            }
        });
    out
}

/// Pixels `first` on of one image, as many as `out` has words for.
struct Transpose<'a> {
    x: &'a [f32],
    size: [usize; 2],
    first: usize,
    quant: &'a ActQuant,
    out: &'a mut [u32],
}

impl Work for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [channels, pixels] = self.size;
        let words = channels.div_ceil(4);
        let count = self.out.len() / words;
        let coder = Coder::new(self.quant);
        for from in (0..count).step_by(TILE) {
            let len = TILE.min(count - from);
            for w in 0..words {
                let mut tile = [0u32; TILE];
                for c in 4 * w..(4 * w + 4).min(channels) {
                    let source = &self.x[c * pixels + self.first + from..][..len];
                    let codes = coder.codes(&first_of(source));
                    for j in 0..TILE {
                        tile[j] |= u32::from(codes[j] as u8) << (8 * (c % 4));
                    }
                }
                for (j, &word) in tile.iter().enumerate().take(len) {
                    self.out[(from + j) * words + w] = word;
                }
            }
        }
    }
}

/// One row.
struct Contiguous<'a> {
    x: &'a [f32],
    quant: &'a ActQuant,
    out: &'a mut [i8],
}

impl Work for Contiguous<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let coder = Coder::new(self.quant);
        for (x, out) in self.x.chunks(TILE).zip(self.out.chunks_mut(TILE)) {
            let codes = coder.codes(&first_of(x));
            copy(out, &codes);
        }
    }
}

/// Least and greatest, with 0 among them.
struct Range<'a>(&'a [f32]);

impl Work for Range<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run(self) -> [f32; 2] {
        let (mut low, mut high) = ([0.0f32; TILE], [0.0f32; TILE]);
        for x in self.0.chunks(TILE) {
            let x = first_of(x);
            for j in 0..TILE {
                // Not-a-numbers lose every comparison.
                low[j] = if x[j] < low[j] { x[j] } else { low[j] };
                high[j] = if x[j] > high[j] { x[j] } else { high[j] };
            }
        }
        let low = low.into_iter().fold(0.0, f32::min);
        [low, high.into_iter().fold(0.0, f32::max)]
    }
}

/// `x`, followed by zeros where it is short.
#[inline(always)]
fn first_of(x: &[f32]) -> [f32; TILE] {
    match x.first_chunk() {
        Some(full) => *full,
        None => {
            let mut out = [0.0; TILE];
            out[..x.len()].copy_from_slice(x);
            out
        }
    }
}
