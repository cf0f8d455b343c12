//! Floats to codes and back, and the range of each image that dynamic quantization needs.
//!
//! ```text
//! images  [B, C, pixels] floats  →  [B, pixels, ⌈C/4⌉] words      rows: pixels = 1
//! quants  [B][scale, zero]       both as floats
//! ```

use cubecl::client::Client;
use cubecl::prelude::*;

use super::contract::{Coder, byte, code, real};
use super::device::{Buffer, count, cubes};
use super::gather::Quants;
use crate::arith::{ActQuant, largest};

/// Units of a cube.
pub const UNITS: u32 = 256;
/// Cubes that search one image.
pub const PARTS: u32 = 32;

/// Least and greatest of each of [`PARTS`] parts of each image, 0 among them: `[B][parts][2]`.
#[cube(launch_unchecked)]
pub fn ranges(x: &[f32], out: &mut [f32], len: u32) {
    let mut low = Shared::<[f32]>::new_slice(UNITS as usize);
    let mut high = Shared::<[f32]>::new_slice(UNITS as usize);
    let base = CUBE_POS_Y * len;
    let mut least = 0.0f32;
    let mut most = 0.0f32;
    let mut at = CUBE_POS_X * UNITS + UNIT_POS;
    while at < len {
        let value = x[(base + at) as usize];
        // Not-a-numbers lose every comparison.
        if value < least {
            least = value;
        }
        if value > most {
            most = value;
        }
        at += comptime!(UNITS * PARTS);
    }
    low[UNIT_POS as usize] = least;
    high[UNIT_POS as usize] = most;
    sync_cube();
    if UNIT_POS == 0u32 {
        for i in 0..UNITS {
            if low[i as usize] < least {
                least = low[i as usize];
            }
            if high[i as usize] > most {
                most = high[i as usize];
            }
        }
        let place = (CUBE_POS_Y * PARTS + CUBE_POS_X) * 2u32;
        out[place as usize] = least;
        out[(place + 1u32) as usize] = most;
    }
}

/// [`crate::ActQuant::from_range`] of each image's parts.
#[cube(launch_unchecked)]
pub fn quants_of_ranges(parts: &[f32], out: &mut [f32], images: u32, most: f32) {
    let image = ABSOLUTE_POS as u32;
    if image < images {
        let mut low = 0.0f32;
        let mut high = 0.0f32;
        for i in 0..PARTS {
            let place = (image * PARTS + i) * 2u32;
            let (least, greatest) = (parts[place as usize], parts[(place + 1u32) as usize]);
            if least < low {
                low = least;
            }
            if greatest > high {
                high = greatest;
            }
        }
        let mut scale = (high * 0.5f32 - low * 0.5f32) / most;
        let exponent = (u32::reinterpret(scale) >> 23u32) & 255u32;
        let mut zero = 0.0f32;
        // An empty range, or one whose scale is no normal number.
        if exponent == 0u32 || exponent == 255u32 {
            scale = 1.0f32;
        } else {
            zero = (-low * (1.0f32 / scale)).round() - most;
            if zero > most {
                zero = most;
            }
            if zero < -most {
                zero = -most;
            }
        }
        out[(image * 2u32) as usize] = scale;
        out[(image * 2u32 + 1u32) as usize] = zero;
    }
}

/// Codes of images, one word a unit, neighbouring pixels side by side.
#[cube(launch_unchecked)]
pub fn quantize(
    x: &[f32],
    quants: &[f32],
    out: &mut [u32],
    images: u32,
    pixels: u32,
    channels: u32,
    per_quant: u32,
    most: f32,
    #[comptime] which: Quants,
) {
    let words = (channels + 3u32) / 4u32;
    let unit = ABSOLUTE_POS as u32;
    let pixel = unit % pixels;
    let word = unit / pixels % words;
    let image = unit / pixels / words;
    if image < images {
        let mut quant = 0u32;
        if comptime!(matches!(which, Quants::PerImage)) {
            quant = image / per_quant;
        }
        let coder = Coder {
            inverse: 1.0f32 / quants[(quant * 2u32) as usize],
            zero: quants[(quant * 2u32 + 1u32) as usize],
            most,
        };
        let mut all = 0u32;
        #[unroll]
        for j in 0..4u32 {
            let channel = word * 4u32 + j;
            if channel < channels {
                let value = x[((image * channels + channel) * pixels + pixel) as usize];
                all |= (u32::reinterpret(code(value, &coder)) & 255u32) << (8u32 * j);
            }
        }
        out[((image * pixels + pixel) * words + word) as usize] = all;
    }
}

/// Floats `[pixels, channels]` of codes, one word a unit.
#[cube(launch_unchecked)]
pub fn dequantize(x: &[u32], out: &mut [f32], pixels: u32, channels: u32, scale: f32, zero: i32) {
    let words = (channels + 3u32) / 4u32;
    let unit = ABSOLUTE_POS as u32;
    if unit < pixels * words {
        let all = x[unit as usize];
        let first = unit % words * 4u32;
        #[unroll]
        for j in 0..4u32 {
            if first + j < channels {
                out[(unit / words * channels + first + j) as usize] =
                    real(byte(all, j), scale, zero);
            }
        }
    }
}

/// Which images share a quantizer.
#[derive(Debug, Clone, Copy)]
pub struct Images {
    /// Images.
    pub images: usize,
    /// Pixels of each.
    pub pixels: usize,
    /// Neighbouring images of one quantizer.
    pub per_quant: usize,
}

/// Quantizers of `images` equal parts of `x`, `[images][scale, zero]`.
///
/// # Panics
/// If the parts are not equal.
pub fn find(client: &Client, x: &Buffer, images: usize, bits: u32) -> Buffer {
    assert_eq!(x.len % images, 0, "equal parts");
    let parts = Buffer::empty(client, images * PARTS as usize * 2);
    let out = Buffer::empty(client, images * 2);
    // SAFETY: buffers have the lengths that the kernels' documentation asks for.
    unsafe {
        ranges::launch_unchecked(
            client,
            CubeCount::Static(PARTS, count(images), 1),
            CubeDim::new_1d(UNITS),
            x.arg(1),
            parts.arg(1),
            count(x.len / images),
        );
        quants_of_ranges::launch_unchecked(
            client,
            cubes(images, 64),
            CubeDim::new_1d(64),
            parts.arg(1),
            out.arg(1),
            count(images),
            largest(bits) as f32,
        );
    }
    out
}

/// Codes `[images, pixels, ⌈channels/4⌉]` of floats `[images, channels, pixels]`.
pub fn run(
    client: &Client,
    x: &Buffer,
    of: Images,
    channels: usize,
    quants: &Buffer,
    which: Quants,
    bits: u32,
) -> Buffer {
    let len = of.images * of.pixels * channels.div_ceil(4);
    let out = Buffer::empty(client, len);
    if len > 0 {
        // SAFETY: as above.
        unsafe {
            quantize::launch_unchecked(
                client,
                cubes(len, UNITS),
                CubeDim::new_1d(UNITS),
                x.arg(1),
                quants.arg(1),
                out.arg(1),
                count(of.images),
                count(of.pixels),
                count(channels),
                count(of.per_quant.max(1)),
                largest(bits) as f32,
                which,
            );
        }
    }
    out
}

/// Floats `[pixels, channels]` of codes.
pub fn restore(client: &Client, x: &Buffer, channels: usize, quant: ActQuant) -> Buffer {
    let words = channels.div_ceil(4);
    let pixels = x.len / words;
    let out = Buffer::empty(client, pixels * channels);
    if x.len > 0 {
        // SAFETY: as above.
        unsafe {
            dequantize::launch_unchecked(
                client,
                cubes(x.len, UNITS),
                CubeDim::new_1d(UNITS),
                x.arg(1),
                out.arg(1),
                count(pixels),
                count(channels),
                quant.scale(),
                quant.zero(),
            );
        }
    }
    out
}
