//! The joints as kernels, a word of codes a unit.

use cubecl::prelude::*;

use crate::arith::Activation;
use crate::cube::contract::{Coder, activated, byte, code, product, real};

/// Units of a cube.
pub const UNITS: u32 = 256;

/// A quantizer on the way from codes to floats.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Real {
    /// Size of a step.
    pub scale: f32,
    /// Code of the real number 0.
    pub zero: i32,
}

/// code(activation(a + b)).
#[cube(launch_unchecked)]
pub fn add(
    a: &[u32],
    b: &[u32],
    out: &mut [u32],
    of_a: Real,
    of_b: Real,
    coder: Coder,
    len: u32,
    #[comptime] activation: Activation,
) {
    let unit = ABSOLUTE_POS as u32;
    if unit < len {
        let (wa, wb) = (a[unit as usize], b[unit as usize]);
        let mut all = 0u32;
        #[unroll]
        for j in 0..4u32 {
            let sum =
                real(byte(wa, j), of_a.scale, of_a.zero) + real(byte(wb, j), of_b.scale, of_b.zero);
            let found = code(activated(sum, activation), &coder);
            all |= (u32::reinterpret(found) & 255u32) << (8u32 * j);
        }
        out[unit as usize] = all;
    }
}

/// Each image's channels times its gates `[B, channels]`.
#[cube(launch_unchecked)]
pub fn gate(
    x: &[u32],
    gates: &[f32],
    out: &mut [u32],
    of_x: Real,
    coder: Coder,
    len: u32,
    per_image: u32,
    channels: u32,
) {
    let unit = ABSOLUTE_POS as u32;
    if unit < len {
        let words = (channels + 3u32) / 4u32;
        let all = x[unit as usize];
        let first = unit % words * 4u32;
        let image = unit / per_image;
        let mut result = 0u32;
        #[unroll]
        for j in 0..4u32 {
            if first + j < channels {
                let factor = gates[(image * channels + first + j) as usize];
                let y = product(real(byte(all, j), of_x.scale, of_x.zero), factor);
                result |= (u32::reinterpret(code(y, &coder)) & 255u32) << (8u32 * j);
            }
        }
        out[unit as usize] = result;
    }
}

/// Each byte of a word through a table of 64 words.
#[cube]
fn looked_up(word: u32, table: &[u32]) -> u32 {
    let mut all = 0u32;
    #[unroll]
    for j in 0..4u32 {
        let index = (word >> (8u32 * j)) & 255u32;
        let found = table[(index / 4u32) as usize] >> (8u32 * (index % 4u32));
        all |= (found & 255u32) << (8u32 * j);
    }
    all
}

/// A table of all codes.
#[cube(launch_unchecked)]
pub fn lookup(x: &[u32], table: &[u32], out: &mut [u32], len: u32) {
    let unit = ABSOLUTE_POS as u32;
    if unit < len {
        out[unit as usize] = looked_up(x[unit as usize], table);
    }
}

/// One part of a concatenation: its `channels` go to `first` and on of `all` channels, each through the
/// table. A unit writes one word of the result; a word that two parts share is read and completed, so
/// parts go one after the other, first to last.
#[cube(launch_unchecked)]
pub fn place(
    x: &[u32],
    table: &[u32],
    out: &mut [u32],
    pixels: u32,
    channels: u32,
    first: u32,
    all: u32,
) {
    let unit = ABSOLUTE_POS as u32;
    let from = first / 4u32;
    let span = (first + channels + 3u32) / 4u32 - from;
    if unit < pixels * span {
        let pixel = unit / span;
        let word = from + unit % span;
        let index = pixel * ((all + 3u32) / 4u32) + word;
        let mut result = 0u32;
        // Only the first word can hold what another part left.
        if word * 4u32 < first {
            result = out[index as usize];
        }
        #[unroll]
        for j in 0..4u32 {
            let at = word * 4u32 + j;
            if at >= first && at < first + channels {
                let channel = at - first;
                let source = x[(pixel * ((channels + 3u32) / 4u32) + channel / 4u32) as usize];
                let own = looked_up((source >> (8u32 * (channel % 4u32))) & 255u32, table);
                result |= (own & 255u32) << (8u32 * j);
            }
        }
        out[index as usize] = result;
    }
}

/// Windows of a pooling layer.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Windows {
    /// Rows of the result.
    pub rows: u32,
    /// Columns of the result.
    pub columns: u32,
    /// Rows of the image.
    pub in_rows: u32,
    /// Columns of the image.
    pub in_columns: u32,
    /// Height of a window.
    pub height: u32,
    /// Width of a window.
    pub width: u32,
    /// Step down.
    pub stride_h: u32,
    /// Step across.
    pub stride_w: u32,
    /// Positions above.
    pub pad_h: u32,
    /// Positions on the left.
    pub pad_w: u32,
}

/// Largest code of each window.
#[cube(launch_unchecked)]
pub fn max_pool(x: &[u32], out: &mut [u32], windows: Windows, images: u32, words: u32) {
    let unit = ABSOLUTE_POS as u32;
    let word = unit % words;
    let column = unit / words % windows.columns;
    let line = unit / words / windows.columns;
    if line < images * windows.rows {
        let image = line / windows.rows;
        let top = line % windows.rows * windows.stride_h;
        let left = column * windows.stride_w;
        let mut best = Vector::<i32, Const<4>>::new(-128i32);
        for dy in 0..windows.height {
            for dx in 0..windows.width {
                // Above or left of the image wraps to a large number.
                let y = top + dy - windows.pad_h;
                let x_at = left + dx - windows.pad_w;
                if y < windows.in_rows && x_at < windows.in_columns {
                    let at =
                        ((image * windows.in_rows + y) * windows.in_columns + x_at) * words + word;
                    let all = x[at as usize];
                    #[unroll]
                    for j in 0..4usize {
                        let own = byte(all, comptime!(j as u32));
                        if own > best.extract(j) {
                            best.insert(j, own);
                        }
                    }
                }
            }
        }
        let mut result = 0u32;
        #[unroll]
        for j in 0..4usize {
            result |= (u32::reinterpret(best.extract(j)) & 255u32) << comptime!(8 * j as u32);
        }
        out[unit as usize] = result;
    }
}

/// (Σ (code − zero)) · unit over all pixels of an image, `[B, channels]`.
#[cube(launch_unchecked)]
pub fn global_mean(
    x: &[u32],
    out: &mut [f32],
    images: u32,
    pixels: u32,
    channels: u32,
    zero: i32,
    unit_size: f32,
) {
    let words = (channels + 3u32) / 4u32;
    let unit = ABSOLUTE_POS as u32;
    let word = unit % words;
    let image = unit / words;
    if image < images {
        let mut sums = Vector::<i32, Const<4>>::new(0i32);
        for pixel in 0..pixels {
            let all = x[((image * pixels + pixel) * words + word) as usize];
            #[unroll]
            for j in 0..4usize {
                sums.insert(j, sums.extract(j) + byte(all, comptime!(j as u32)) - zero);
            }
        }
        #[unroll]
        for j in 0..4usize {
            let channel = word * 4u32 + comptime!(j as u32);
            if channel < channels {
                out[(image * channels + channel) as usize] =
                    f32::cast_from(sums.extract(j)) * unit_size;
            }
        }
    }
}
