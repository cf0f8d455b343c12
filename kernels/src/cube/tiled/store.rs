//! The end of the tiled product: sums scaled, at the end of each scale group or of K, and stored.

use cubecl::prelude::*;

use super::{COLUMNS, Place, Plan};
use crate::cube::contract::{Coder, scaled, store_quad};
use crate::cube::gather::{Geometry, quant_of};

/// A lane's four neighbouring sums of one row, from both column tiles of a pair; `half` is 0 for the
/// upper row and 1 for the lower.
#[cube]
fn quad(
    left: Vector<i32, Const<4>>,
    right: Vector<i32, Const<4>>,
    #[comptime] half: usize,
    #[comptime] bits: u32,
) -> Vector<i32, Const<4>> {
    let mut sums = Vector::<i32, Const<4>>::empty();
    #[unroll]
    for j in 0..2usize {
        let (mut one, mut two) = (
            left.extract(comptime!(2 * half + j)),
            right.extract(comptime!(2 * half + j)),
        );
        // 4-bit weights were 16 times too large.
        if comptime!(bits == 4) {
            one >>= 4i32;
            two >>= 4i32;
        }
        sums.insert(j, one);
        sums.insert(comptime!(j + 2), two);
    }
    sums
}

/// Scaled sums of four neighbouring channels of a row.
#[cube]
fn scale_quad(
    sums: Vector<i32, Const<4>>,
    row: u32,
    channel: u32,
    scales: &[f32],
    weight_sums: &[i32],
    quants: &[f32],
    geometry: &Geometry,
    #[comptime] plan: Plan,
) -> Vector<f32, Const<4>> {
    let there = if row < geometry.rows {
        row
    } else {
        0u32.runtime()
    };
    let which = quant_of(there, geometry, plan.source.quants);
    let scale = quants[(which * 2u32) as usize];
    let zero = i32::cast_from(quants[(which * 2u32 + 1u32) as usize]);
    let mut y = Vector::<f32, Const<4>>::empty();
    #[unroll]
    for j in 0..4usize {
        let at = (channel + comptime!(j as u32)) as usize;
        y.insert(
            j,
            scaled(sums.extract(j), weight_sums[at], scales[at], scale, zero),
        );
    }
    y
}

/// Scales what a scale group's sums have become, adds it to the totals, and begins anew.
#[cube]
pub(super) fn add_group(
    acc: &mut Array<Vector<i32, Const<4>>>,
    total: &mut Array<Vector<f32, Const<4>>>,
    scales: &[f32],
    sums: &[i32],
    quants: &[f32],
    geometry: &Geometry,
    group: u32,
    place: &Place,
    #[comptime] plan: Plan,
) {
    let from = group * CUBE_COUNT_Y * COLUMNS;
    #[unroll]
    for i in 0..comptime!(plan.rows as usize / 16) {
        #[unroll]
        for p in 0..2usize {
            let row = place.row + comptime!(8 * i as u32);
            let channel = from + place.channel + comptime!(16 * p as u32);
            let y = scale_quad(
                quad(
                    acc[comptime!(i / 2 * 4 + 2 * p)],
                    acc[comptime!(i / 2 * 4 + 2 * p + 1)],
                    comptime!(i % 2),
                    plan.bits,
                ),
                row,
                channel,
                scales,
                sums,
                quants,
                geometry,
                plan,
            );
            let at = comptime!(i * 2 + p);
            total[at] = total[at] + y;
        }
    }
    #[unroll]
    for i in 0..comptime!(plan.rows as usize / 8) {
        acc[i] = Vector::new(0i32);
    }
}

/// Stores a tile.
#[cube]
pub(super) fn finish(
    acc: &Array<Vector<i32, Const<4>>>,
    total: &Array<Vector<f32, Const<4>>>,
    scales: &[f32],
    sums: &[i32],
    bias: &[f32],
    table: &[u32],
    quants: &[f32],
    out: &mut [u32],
    geometry: &Geometry,
    coder: &Coder,
    channels: u32,
    place: &Place,
    #[comptime] plan: Plan,
) {
    #[unroll]
    for i in 0..comptime!(plan.rows as usize / 16) {
        #[unroll]
        for p in 0..2usize {
            let row = place.row + comptime!(8 * i as u32);
            let channel = place.channel + comptime!(16 * p as u32);
            if row < geometry.rows {
                let y = if comptime!(plan.group > 0) {
                    total[comptime!(i * 2 + p)]
                } else {
                    scale_quad(
                        quad(
                            acc[comptime!(i / 2 * 4 + 2 * p)],
                            acc[comptime!(i / 2 * 4 + 2 * p + 1)],
                            comptime!(i % 2),
                            plan.bits,
                        ),
                        row,
                        channel,
                        scales,
                        sums,
                        quants,
                        geometry,
                        plan,
                    )
                };
                store_quad(
                    out,
                    y,
                    row,
                    channel / 4u32,
                    channels,
                    bias,
                    table,
                    coder,
                    plan.finish,
                );
            }
        }
    }
}
