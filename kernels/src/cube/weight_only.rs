//! Float activations times packed weights: a weight becomes a float in a register and is never stored as
//! one.
//!
//! ```text
//! rows     a cube computes 4 rows × 16 channels; unit 8c + l has channel c and every eighth 128-bit
//!          vector of its weights, 16 bytes or 32 nibbles, in the order of `PackedWeights`
//! taps     a unit computes one channel of one pixel of a convolution of [B, C, H, W]
//! ```
//!
//! Sums of K products in `f32`, in another order than the CPU's: see its `weight_only` for the bound.

use cubecl::prelude::*;

use super::contract::{Coder, Finish, packed, store_quad};
use super::direct::Sizes;
use super::gather::{Geometry, corner};

/// Rows of a tile.
pub const ROWS: u32 = 4;
/// Channels of a tile.
pub const COLUMNS: u32 = 16;
/// Units of a cube.
pub const UNITS: u32 = 128;
/// Units of a channel.
const LANES: u32 = 8;

/// Everything that the text of both kernels depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Bits of a weight: 8, 4 or 2 (rows: 8 or 4).
    pub bits: u32,
    /// What follows the sums.
    pub finish: Finish,
}

/// `x` `[rows, K]`; `weights` `[channels padded to 16][vectors]`; `scales` `[channels padded][groups]`,
/// `group` codes each.
#[cube(launch_unchecked)]
pub fn rows<V: Size>(
    x: &[Vector<f32, V>],
    weights: &[Vector<u32, Const<4>>],
    scales: &[f32],
    bias: &[f32],
    table: &[u32],
    out: &mut [u32],
    coder: Coder,
    count: u32,
    vectors: u32,
    sizes: Sizes,
    #[comptime] plan: Plan,
) {
    let width = V::value().comptime() as u32;
    let per_vector = comptime!(128 / plan.bits);
    let lane = UNIT_POS % LANES;
    let within = UNIT_POS / LANES;
    let channel = CUBE_POS_X * COLUMNS + within;
    let first_row = CUBE_POS_Y * ROWS;
    let groups = (sizes.k + sizes.group - 1u32) / sizes.group;
    let mut parts = Shared::<[f32]>::new_slice(comptime!((COLUMNS * ROWS * LANES) as usize));
    let mut acc = Vector::<f32, Const<4>>::new(0.0f32);
    let mut vector = lane;
    while vector < vectors {
        let w = weights[(channel * vectors + vector) as usize];
        let from = vector * per_vector;
        // A vector lies within one scale group.
        let scale = scales[(channel * groups + from / sizes.group) as usize];
        #[unroll]
        for r in 0..ROWS {
            let row = first_row + r;
            let mut sum = 0.0f32;
            #[unroll]
            for piece in 0..comptime!(per_vector / width) {
                let k = from + piece * width;
                if row < count && k < sizes.k {
                    let a = x[((row * sizes.k + k) / width) as usize];
                    #[unroll]
                    for i in 0..width {
                        let at = comptime!(piece * width + i);
                        let word = w.extract(comptime!((at * plan.bits / 32) as usize));
                        sum += a.extract(i as usize) * weight(word, at, plan.bits);
                    }
                }
            }
            acc.insert(r as usize, acc.extract(r as usize) + sum * scale);
        }
        vector += LANES;
    }
    #[unroll]
    for r in 0..ROWS {
        parts[((within * ROWS + r) * LANES + lane) as usize] = acc.extract(r as usize);
    }
    sync_cube();
    let row = first_row + UNIT_POS / 4u32;
    if UNIT_POS < comptime!(COLUMNS) && row < count {
        let mut y = Vector::<f32, Const<4>>::empty();
        #[unroll]
        for j in 0..4u32 {
            let place = ((UNIT_POS % 4u32 * 4u32 + j) * ROWS + UNIT_POS / 4u32) * LANES;
            let mut sum = 0.0f32;
            #[unroll]
            for l in 0..LANES {
                sum += parts[(place + l) as usize];
            }
            y.insert(j as usize, sum);
        }
        let quad = CUBE_POS_X * comptime!(COLUMNS / 4) + UNIT_POS % 4u32;
        store_quad(
            out,
            y,
            row,
            quad,
            sizes.channels,
            bias,
            table,
            &coder,
            plan.finish,
        );
    }
}

/// Code `at` of a word, as a float.
#[cube]
fn weight(word: u32, #[comptime] at: u32, #[comptime] bits: u32) -> f32 {
    let up = comptime!(32 - bits * (at % (32 / bits) + 1));
    f32::cast_from(i32::reinterpret(word << up) >> comptime!(32 - bits as i32))
}

/// Sums over the taps of a convolution: `x` `[B, C, H, W]`, `weights` and `scales` as
/// [`crate::PackedWeights`] has them, `columns` of the kernel.
#[cube(launch_unchecked)]
pub fn taps(
    x: &[f32],
    weights: &[u32],
    scales: &[f32],
    bias: &[f32],
    table: &[u32],
    out: &mut [u32],
    geometry: Geometry,
    coder: Coder,
    sizes: Sizes,
    inputs: u32,
    columns: u32,
    #[comptime] plan: Plan,
) {
    let unit = ABSOLUTE_POS as u32;
    let quads = (sizes.channels + 3u32) / 4u32;
    let row = unit / quads;
    let quad = unit % quads;
    if row < geometry.rows {
        let image = row / geometry.pixels;
        let pixel = row % geometry.pixels;
        let (top, left) = corner(pixel, &geometry);
        let per_word = comptime!(32 / plan.bits);
        let line = (sizes.k + comptime!(per_word - 1)) / per_word;
        let groups = (sizes.k + sizes.group - 1u32) / sizes.group;
        let mut y = Vector::<f32, Const<4>>::new(0.0f32);
        #[unroll]
        for j in 0..4usize {
            let channel = quad * 4u32 + comptime!(j as u32);
            if channel < sizes.channels {
                let first = channel / sizes.channels_group * sizes.inputs_group;
                let mut total = 0.0f32;
                for k in 0..sizes.k {
                    let tap = k / sizes.inputs_group;
                    let line_at = u32::reinterpret(top) + tap / columns * geometry.dilation_h;
                    let column = u32::reinterpret(left) + tap % columns * geometry.dilation_w;
                    if line_at < geometry.in_height && column < geometry.in_width {
                        let plane = image * inputs + first + k % sizes.inputs_group;
                        let at =
                            (plane * geometry.in_height + line_at) * geometry.in_width + column;
                        let code = packed(weights, channel * line, k, plan.bits);
                        let scale = scales[(channel * groups + k / sizes.group) as usize];
                        total += x[at as usize] * f32::cast_from(code) * scale;
                    }
                }
                y.insert(j, total);
            }
        }
        store_quad(
            out,
            y,
            row,
            quad,
            sizes.channels,
            bias,
            table,
            &coder,
            plan.finish,
        );
    }
}
