//! What a chain of layers needs between them: the arithmetic of [`crate::cpu::joints`] on a device.
//!
//! Every `unsafe` promises that buffers are as long as the sizes say.

pub mod kernels;

use cubecl::client::Client;
use cubecl::prelude::*;

use super::contract::CoderLaunch;
use super::device::{Buffer, count, cubes};
use crate::arith::{ActQuant, Activation, largest};
use crate::cpu::joints::Pool;
use kernels::{RealLaunch, UNITS, WindowsLaunch, add, gate, global_mean, lookup, max_pool, place};

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
