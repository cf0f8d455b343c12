//! What a chain of layers needs between them, a word of codes a unit: the arithmetic of
//! [`crate::cpu::joints`].

use cubecl::client::Client;
use cubecl::prelude::*;

use super::contract::{Coder, CoderLaunch, activated, byte, code, product, real};
use super::device::{Buffer, count, cubes};
use crate::arith::{ActQuant, Activation, largest};
use crate::cpu::joints::Pool;

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

// The same from the host. Every `unsafe` promises that buffers are as long as the sizes say.

fn of(quant: ActQuant) -> RealLaunch {
    RealLaunch::new(quant.scale(), quant.zero())
}

fn to(quant: ActQuant) -> CoderLaunch {
    CoderLaunch::new(
        1.0 / quant.scale(),
        quant.zero() as f32,
        largest(quant.bits()) as f32,
    )
}

fn table_words(client: &Client, table: &[i8; 256]) -> Buffer {
    let quads = table.as_chunks::<4>().0.iter();
    let words: Vec<u32> = quads
        .map(|four| u32::from_le_bytes(four.map(|c| c as u8)))
        .collect();
    Buffer::words(client, &words)
}

/// Sum of two tensors of the same size, activated and requantized.
///
/// # Panics
/// If the lengths differ.
pub fn sum(
    client: &Client,
    [a, b]: [&Buffer; 2],
    [qa, qb]: [ActQuant; 2],
    activation: Activation,
    out: ActQuant,
) -> Buffer {
    assert_eq!(a.len, b.len, "tensors of the same size");
    let result = Buffer::empty(client, a.len);
    // SAFETY: a unit per word.
    unsafe {
        add::launch_unchecked(
            client,
            cubes(a.len, UNITS),
            CubeDim::new_1d(UNITS),
            a.arg(1),
            b.arg(1),
            result.arg(1),
            of(qa),
            of(qb),
            to(out),
            count(a.len),
            activation,
        );
    }
    result
}

/// Each image's channels times their gates, `gates` `[B, channels]`.
///
/// # Panics
/// If the lengths do not belong together.
pub fn gated(
    client: &Client,
    x: &Buffer,
    gates: &Buffer,
    channels: usize,
    [quant, out]: [ActQuant; 2],
) -> Buffer {
    let images = gates.len / channels;
    let per_image = x.len / images.max(1);
    assert_eq!(x.len, images * per_image, "whole images");
    assert_eq!(per_image % channels.div_ceil(4), 0, "whole pixels");
    let result = Buffer::empty(client, x.len);
    // SAFETY: a unit per word.
    unsafe {
        gate::launch_unchecked(
            client,
            cubes(x.len, UNITS),
            CubeDim::new_1d(UNITS),
            x.arg(1),
            gates.arg(1),
            result.arg(1),
            of(quant),
            to(out),
            count(x.len),
            count(per_image.max(1)),
            count(channels),
        );
    }
    result
}

/// `table[code as u8 as usize]` for each code.
pub fn through(client: &Client, x: &Buffer, table: &[i8; 256]) -> Buffer {
    let result = Buffer::empty(client, x.len);
    let table = table_words(client, table);
    // SAFETY: a unit per word.
    unsafe {
        lookup::launch_unchecked(
            client,
            cubes(x.len, UNITS),
            CubeDim::new_1d(UNITS),
            x.arg(1),
            table.arg(1),
            result.arg(1),
            count(x.len),
        );
    }
    result
}

/// Channels of all parts side by side: words, channels and the table of each.
///
/// # Panics
/// If the parts do not have equally many pixels.
pub fn side_by_side(client: &Client, parts: &[(&Buffer, usize, Option<&[i8; 256]>)]) -> Buffer {
    let pixels = parts
        .first()
        .map_or(0, |(x, channels, _)| x.len / channels.div_ceil(4));
    let all: usize = parts.iter().map(|(_, channels, _)| channels).sum();
    let result = Buffer::empty(client, pixels * all.div_ceil(4));
    let same: [i8; 256] = std::array::from_fn(|byte| byte as u8 as i8);
    let mut first = 0;
    for (x, channels, table) in parts {
        assert_eq!(x.len, pixels * channels.div_ceil(4), "pixels of every part");
        let span = (first + channels).div_ceil(4) - first / 4;
        let table = table_words(client, table.unwrap_or(&same));
        // SAFETY: a unit per word that the part touches.
        unsafe {
            place::launch_unchecked(
                client,
                cubes(pixels * span, UNITS),
                CubeDim::new_1d(UNITS),
                x.arg(1),
                table.arg(1),
                result.arg(1),
                count(pixels),
                count(*channels),
                count(first),
                count(all),
            );
        }
        first += channels;
    }
    result
}

/// Largest code of each window of images `[height, width, words]`.
///
/// # Panics
/// If the windows do not fit, see [`Pool::output`].
pub fn largest_of(client: &Client, x: &Buffer, [h, w, words]: [usize; 3], pool: &Pool) -> Buffer {
    let [rows, columns] = pool
        .output([h, w])
        .unwrap_or_else(|error| panic!("{error}"));
    let images = x.len / (h * w * words);
    let result = Buffer::empty(client, images * rows * columns * words);
    let windows = WindowsLaunch::new(
        count(rows),
        count(columns),
        count(h),
        count(w),
        count(pool.kernel[0]),
        count(pool.kernel[1]),
        count(pool.stride[0]),
        count(pool.stride[1]),
        count(pool.padding[0]),
        count(pool.padding[1]),
    );
    // SAFETY: a unit per word of the result.
    unsafe {
        max_pool::launch_unchecked(
            client,
            cubes(result.len, UNITS),
            CubeDim::new_1d(UNITS),
            x.arg(1),
            result.arg(1),
            windows,
            count(images),
            count(words),
        );
    }
    result
}

/// Mean over all pixels of each image, `[B, channels]`.
pub fn mean(
    client: &Client,
    x: &Buffer,
    [pixels, channels]: [usize; 2],
    quant: ActQuant,
) -> Buffer {
    let words = channels.div_ceil(4);
    let images = x.len / (pixels * words);
    let result = Buffer::empty(client, images * channels);
    // SAFETY: a unit per word of the channels of an image.
    unsafe {
        global_mean::launch_unchecked(
            client,
            cubes(images * words, UNITS),
            CubeDim::new_1d(UNITS),
            x.arg(1),
            result.arg(1),
            count(images),
            count(pixels),
            count(channels),
            quant.zero(),
            quant.scale() / pixels as f32,
        );
    }
    result
}
