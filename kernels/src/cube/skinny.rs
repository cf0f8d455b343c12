//! The product of few rows: bound by reading weights once, so each weight that is read meets all rows of
//! the tile at once.
//!
//! ```text
//! A cube computes 4 rows × 16 channels. Unit 8c + l has channel c and every eighth 128-bit vector of its
//! weights, l first. The eight partial sums meet in shared memory, [channel][row][lane].
//! With scale groups a lane sums whole groups instead, eight a round, and their scaled sums are added
//! first to last.
//! ```

use cubecl::prelude::*;

use super::contract::{Coder, Finish, scaled, store_quad};
use super::gather::{Geometry, Source, Spot, chunk, quant_of, spot};

/// Rows of a tile.
pub const ROWS: u32 = 4;
/// Channels of a tile.
pub const COLUMNS: u32 = 16;
/// Units of a cube.
pub const UNITS: u32 = 128;
/// Units of a channel.
const LANES: u32 = 8;

/// Everything that the kernel's text depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Bits of a weight: 8 or 4.
    pub bits: u32,
    /// Where rows of activations come from.
    pub source: Source,
    /// Vectors of weights that share a scale; 0 where all of K does.
    pub group: u32,
    /// What follows the sums.
    pub finish: Finish,
}

/// Buffers as those of [`super::tiled::tiled`]; `vectors` are those of a channel's weights, `groups` its
/// scales, `padded` the channels of the buffers.
#[cube(launch_unchecked)]
pub fn skinny<V: Size>(
    x: &[Vector<u32, V>],
    weights: &[Vector<u32, Const<4>>],
    scales: &[f32],
    sums: &[i32],
    bias: &[f32],
    table: &[u32],
    quants: &[f32],
    out: &mut [u32],
    geometry: Geometry,
    coder: Coder,
    vectors: u32,
    groups: u32,
    padded: u32,
    channels: u32,
    #[comptime] plan: Plan,
) {
    let lane = UNIT_POS % LANES;
    let within = UNIT_POS / LANES;
    let channel = CUBE_POS_X * COLUMNS + within;
    let first_row = CUBE_POS_Y * ROWS;
    let mut parts = Shared::<[u32]>::new_slice(comptime!((COLUMNS * ROWS * LANES) as usize));
    let mut spots = Sequence::<Spot>::new();
    #[unroll]
    for r in 0..ROWS {
        spots.push(spot(first_row + r, quants, &geometry, plan.source));
    }
    // Of the 128 units the first 16 finish: a row and four neighbouring channels each.
    let row = first_row + UNIT_POS / 4u32 % ROWS;
    let quad = UNIT_POS % 4u32;
    let mut total = Vector::<f32, Const<4>>::new(0.0f32);
    let rounds = if comptime!(plan.group > 0) {
        (groups + LANES - 1u32) / LANES
    } else {
        1u32.runtime()
    };
    for round in 0..rounds {
        let group = round * LANES + lane;
        let mut from = lane;
        let mut to = vectors;
        let mut step = LANES.runtime();
        if comptime!(plan.group > 0) {
            from = group * comptime!(plan.group);
            to = from + comptime!(plan.group);
            if to > vectors {
                to = vectors;
            }
            step = 1u32.runtime();
        }
        let mut acc = Vector::<i32, Const<4>>::new(0i32);
        while from < to {
            let w = weights[(channel * vectors + from) as usize];
            #[unroll]
            for r in 0..ROWS {
                let sum = dot::<V>(
                    x,
                    spots.index(r as usize),
                    w,
                    from,
                    &geometry,
                    acc.extract(r as usize),
                    plan,
                );
                acc.insert(r as usize, sum);
            }
            from += step;
        }
        #[unroll]
        for r in 0..ROWS {
            let sum = unscaled(acc.extract(r as usize), plan.bits);
            parts[((within * ROWS + r) * LANES + lane) as usize] = u32::reinterpret(sum);
        }
        sync_cube();
        if UNIT_POS < comptime!(COLUMNS) {
            let which = quant_of(
                if row < geometry.rows {
                    row
                } else {
                    0u32.runtime()
                },
                &geometry,
                plan.source.quants,
            );
            let scale = quants[(which * 2u32) as usize];
            let zero = i32::cast_from(quants[(which * 2u32 + 1u32) as usize]);
            #[unroll]
            for j in 0..4usize {
                let own = quad * 4u32 + comptime!(j as u32);
                let place = (own * ROWS + UNIT_POS / 4u32) * LANES;
                let at = CUBE_POS_X * COLUMNS + own;
                let mut y = total.extract(j);
                if comptime!(plan.group > 0) {
                    for l in 0..LANES {
                        let group = round * LANES + l;
                        if group < groups {
                            let sum = i32::reinterpret(parts[(place + l) as usize]);
                            let at = (group * padded + at) as usize;
                            y += scaled(sum, sums[at], scales[at], scale, zero);
                        }
                    }
                } else {
                    let mut sum = 0i32;
                    #[unroll]
                    for l in 0..LANES {
                        sum += i32::reinterpret(parts[(place + l) as usize]);
                    }
                    y = scaled(sum, sums[at as usize], scales[at as usize], scale, zero);
                }
                total.insert(j, y);
            }
        }
        sync_cube();
    }
    if UNIT_POS < comptime!(COLUMNS) && row < geometry.rows {
        let quad = CUBE_POS_X * comptime!(COLUMNS / 4) + quad;
        store_quad(
            out,
            total,
            row,
            quad,
            channels,
            bias,
            table,
            &coder,
            plan.finish,
        );
    }
}

/// Adds the products of one vector of weights with one row.
#[cube]
fn dot<V: Size>(
    x: &[Vector<u32, V>],
    spot: &Spot,
    w: Vector<u32, Const<4>>,
    vector: u32,
    geometry: &Geometry,
    acc: i32,
    #[comptime] plan: Plan,
) -> i32 {
    let mut sum = acc;
    if comptime!(plan.bits == 8) {
        let a = chunk::<V>(x, spot, vector * 4u32, geometry, plan.source);
        #[unroll]
        for i in 0..4usize {
            sum = dp4a(
                i32::reinterpret(a.extract(i)),
                i32::reinterpret(w.extract(i)),
                sum,
            );
        }
    } else {
        #[unroll]
        for half in 0..2usize {
            let a = chunk::<V>(
                x,
                spot,
                vector * 8u32 + comptime!(4 * half as u32),
                geometry,
                plan.source,
            );
            #[unroll]
            for i in 0..2usize {
                let both = w.extract(comptime!(2 * half + i));
                let low = i32::reinterpret((both << 4u32) & 0xf0f0_f0f0u32);
                let high = i32::reinterpret(both & 0xf0f0_f0f0u32);
                sum = dp4a(i32::reinterpret(a.extract(comptime!(2 * i))), low, sum);
                sum = dp4a(i32::reinterpret(a.extract(comptime!(2 * i + 1))), high, sum);
            }
        }
    }
    sum
}

/// 4-bit weights were 16 times too large.
#[cube]
fn unscaled(sum: i32, #[comptime] bits: u32) -> i32 {
    let mut sum = sum;
    if comptime!(bits == 4) {
        sum >>= 4i32;
    }
    sum
}
