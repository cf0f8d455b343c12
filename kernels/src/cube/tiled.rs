//! The tiled product: a matrix product or convolution of codes, on tensor cores or with `dp4a`.
//!
//! ```text
//! A cube of 4 planes computes `rows` × 64 sums. Each step takes 64 codes of K, 16 words a row:
//!
//!   activations, shared  [rows][16 words]        weights, shared  [64][16 words], 4 bits: [64][8 words]
//!
//! Lane 4g + t of a plane owns words 4t .. 4t+3 of each row it reads: one 128-bit load, free of bank
//! conflicts, since two rows are all 32 banks. The tensor core's slots of K are filled in that order,
//! the same for both operands, which changes no sum:
//!
//!   product 0:  slot t ← word 4t,    slot t+4 ← word 4t+1        product 1: words 4t+2 and 4t+3
//!
//! mma m16n8k32 gives lane 4g + t the sums of rows g and g+8, columns 2t and 2t+1. Columns are
//! channels in an order that leaves each lane four neighbours, one word of codes:
//!
//!   pair p of column tiles, tile j of the pair, column 2t+e  ←  channel 16p + 4t + 2j + e
//!
//! 4-bit weights: word w of a row holds codes 8w .. 8w+3 in the low nibbles of its bytes and 8w+4 .. 8w+7
//! in the high ones, so that a shift and a mask give two words of bytes, 16 times too large.
//! ```
//!
//! Two shared buffers: while one is multiplied on tensor cores, the next step's words travel in registers
//! to the other.

use cubecl::prelude::*;

use super::contract::{Coder, Finish, scaled, store_quad};
use super::gather::{Geometry, Source, Spot, chunk, quant_of, spot};
use super::mma::mma;

/// Channels of a tile.
pub const COLUMNS: u32 = 64;
/// Words of K in a step.
pub const STEP: u32 = 16;
/// Units of a cube: four planes, two down and two across.
pub const UNITS: u32 = 128;

/// What multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inner {
    /// The tensor cores' `mma.sync m16n8k32` of bytes.
    Mma,
    /// The same with its fragments exchanged through shared memory: for tests on devices without it.
    EmulatedMma,
    /// `dp4a`.
    Dp4a,
}

/// Everything that the kernel's text depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// What multiplies.
    pub inner: Inner,
    /// Rows of a tile: 32, 64 or 128.
    pub rows: u32,
    /// Bits of a weight: 8 or 4.
    pub bits: u32,
    /// Where rows of activations come from.
    pub source: Source,
    /// Steps that share a weight scale; 0 where all of K does.
    pub group: u32,
    /// What follows the sums.
    pub finish: Finish,
}

/// A lane's first row and first channel; it has every eighth row, and four channels of every sixteen.
#[derive(CubeType, Clone, Copy)]
struct Place {
    row: u32,
    channel: u32,
}

/// `x` are codes, four a word; `weights` `[channels padded to 64][steps · 16 words, or 8]`; `scales` and
/// `sums` `[scale groups][channels padded]`, `bias` `[channels padded]`; `quants` scale and zero of all
/// images or of each.
#[cube(launch_unchecked)]
pub fn tiled<V: Size>(
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
    steps: u32,
    channels: u32,
    #[comptime] plan: Plan,
) {
    let row_tiles = comptime!(plan.rows / 32);
    let lane = UNIT_POS % 32u32;
    let plane = UNIT_POS / 32u32;
    let first_row = CUBE_POS_X * comptime!(plan.rows);
    let first_column = CUBE_POS_Y * COLUMNS;
    let place = Place {
        row: first_row + plane / 2u32 * comptime!(plan.rows / 2) + lane / 4u32,
        channel: first_column + plane % 2u32 * 32u32 + lane % 4u32 * 4u32,
    };

    let mut acts =
        Shared::<[Vector<u32, Const<4>>]>::new_slice(comptime!(2 * plan.rows as usize * 4));
    let mut panel =
        Shared::<[Vector<u32, Const<4>>]>::new_slice(comptime!(2 * panel_len(plan.bits)));
    let mut exchange = Shared::<[u32]>::new_slice(comptime!(exchange_len(plan.inner)));

    // What this unit brings of each step: one chunk of four words of every 32nd row, and of the weights.
    let mut spots = Sequence::<Spot>::new();
    #[unroll]
    for i in 0..row_tiles {
        let row = first_row + UNIT_POS / 4u32 + i * 32u32;
        spots.push(spot(row, quants, &geometry, plan.source));
    }
    let mut staged = Array::<Vector<u32, Const<4>>>::new(row_tiles as usize);
    let mut staged_weights = Array::<Vector<u32, Const<4>>>::new(comptime!(plan.bits as usize / 4));

    let mut acc = Array::<Vector<i32, Const<4>>>::new(comptime!(plan.rows as usize / 8));
    let mut total = Array::<Vector<f32, Const<4>>>::new(comptime!(if plan.group > 0 {
        plan.rows as usize / 8
    } else {
        1
    }));
    #[unroll]
    for i in 0..comptime!(plan.rows as usize / 8) {
        acc[i] = Vector::new(0i32);
        if comptime!(plan.group > 0) {
            total[i] = Vector::new(0.0f32);
        }
    }

    fetch::<V>(
        x,
        weights,
        &spots,
        &geometry,
        &mut staged,
        &mut staged_weights,
        first_column,
        steps,
        0u32,
        plan,
    );
    put(&mut acts, &mut panel, &staged, &staged_weights, 0u32, plan);
    sync_cube();
    for step in 0..steps {
        let buffer = step % 2u32;
        let more = step + 1u32 < steps;
        // `dp4a` needs the registers in which the next step would travel meanwhile.
        if comptime!(!matches!(plan.inner, Inner::Dp4a)) && more {
            fetch::<V>(
                x,
                weights,
                &spots,
                &geometry,
                &mut staged,
                &mut staged_weights,
                first_column,
                steps,
                step + 1u32,
                plan,
            );
        }
        multiply(
            &acts,
            &panel,
            &mut exchange,
            &mut acc,
            lane,
            plane,
            buffer,
            plan,
        );
        if more {
            if comptime!(matches!(plan.inner, Inner::Dp4a)) {
                fetch::<V>(
                    x,
                    weights,
                    &spots,
                    &geometry,
                    &mut staged,
                    &mut staged_weights,
                    first_column,
                    steps,
                    step + 1u32,
                    plan,
                );
            }
            put(
                &mut acts,
                &mut panel,
                &staged,
                &staged_weights,
                1u32 - buffer,
                plan,
            );
        }
        if comptime!(plan.group > 0) {
            let done = step + 1u32 == steps;
            if done || (step + 1u32) % comptime!(plan.group.max(1)) == 0u32 {
                let group = step / comptime!(plan.group.max(1));
                add_group(
                    &mut acc, &mut total, scales, sums, quants, &geometry, group, &place, plan,
                );
            }
        }
        sync_cube();
    }
    finish(
        &acc, &total, scales, sums, bias, table, quants, out, &geometry, &coder, channels, &place,
        plan,
    );
}

/// Vectors of a weight buffer.
fn panel_len(bits: u32) -> usize {
    COLUMNS as usize * bits as usize / 2
}

/// Words through which planes exchange fragments.
fn exchange_len(inner: Inner) -> usize {
    match inner {
        Inner::EmulatedMma => 4 * 192,
        _ => 1,
    }
}

/// Reads this unit's part of a step into registers.
#[cube]
fn fetch<V: Size>(
    x: &[Vector<u32, V>],
    weights: &[Vector<u32, Const<4>>],
    spots: &Sequence<Spot>,
    geometry: &Geometry,
    staged: &mut Array<Vector<u32, Const<4>>>,
    staged_weights: &mut Array<Vector<u32, Const<4>>>,
    first_column: u32,
    steps: u32,
    step: u32,
    #[comptime] plan: Plan,
) {
    #[unroll]
    for i in 0..comptime!(plan.rows as usize / 32) {
        let word = step * STEP + (UNIT_POS % 4u32) * 4u32;
        staged[i] = chunk::<V>(x, spots.index(i), word, geometry, plan.source);
    }
    // A row of a step is 4 vectors, or 2 of 4-bit weights.
    let per_row = comptime!(plan.bits / 2);
    let line = first_column + UNIT_POS / per_row;
    #[unroll]
    for i in 0..comptime!(plan.bits as usize / 4) {
        let column = line + comptime!(i as u32 * (UNITS / per_row));
        let at = (column * steps + step) * per_row + UNIT_POS % per_row;
        staged_weights[i] = weights[at as usize];
    }
}

/// Stores the registers into a shared buffer.
#[cube]
fn put(
    acts: &mut Shared<[Vector<u32, Const<4>>]>,
    panel: &mut Shared<[Vector<u32, Const<4>>]>,
    staged: &Array<Vector<u32, Const<4>>>,
    staged_weights: &Array<Vector<u32, Const<4>>>,
    buffer: u32,
    #[comptime] plan: Plan,
) {
    #[unroll]
    for i in 0..comptime!(plan.rows as usize / 32) {
        let at = buffer * comptime!(plan.rows * 4) + UNIT_POS + comptime!(i as u32 * UNITS);
        acts[at as usize] = staged[i];
    }
    let half = comptime!(panel_len(plan.bits) as u32);
    #[unroll]
    for i in 0..comptime!(plan.bits as usize / 4) {
        let at = buffer * half + UNIT_POS + comptime!(i as u32 * UNITS);
        panel[at as usize] = staged_weights[i];
    }
}

/// Channel, counted within the plane's 32, of column `column` of column tile `tile`.
#[cube]
fn channel_of(tile: u32, column: u32) -> u32 {
    tile / 2u32 * 16u32 + column / 2u32 * 4u32 + tile % 2u32 * 2u32 + column % 2u32
}

/// Four words of bytes of a channel's weights: chunk `chunk` of the step.
#[cube]
fn weight_chunk(
    panel: &Shared<[Vector<u32, Const<4>>]>,
    buffer: u32,
    column: u32,
    chunk: u32,
    #[comptime] plan: Plan,
) -> Vector<u32, Const<4>> {
    let first = buffer * comptime!(panel_len(plan.bits) as u32);
    if comptime!(plan.bits == 8) {
        panel[(first + column * 4u32 + chunk) as usize]
    } else {
        let both = panel[(first + column * 2u32 + chunk / 2u32) as usize];
        let low = chunk % 2u32 == 0u32;
        let one = if low {
            both.extract(0usize)
        } else {
            both.extract(2usize)
        };
        let two = if low {
            both.extract(1usize)
        } else {
            both.extract(3usize)
        };
        let mut all = Vector::<u32, Const<4>>::empty();
        all.insert(0usize, (one << 4u32) & 0xf0f0_f0f0u32);
        all.insert(1usize, one & 0xf0f0_f0f0u32);
        all.insert(2usize, (two << 4u32) & 0xf0f0_f0f0u32);
        all.insert(3usize, two & 0xf0f0_f0f0u32);
        all
    }
}

/// Adds a step's products.
#[cube]
fn multiply(
    acts: &Shared<[Vector<u32, Const<4>>]>,
    panel: &Shared<[Vector<u32, Const<4>>]>,
    exchange: &mut Shared<[u32]>,
    acc: &mut Array<Vector<i32, Const<4>>>,
    lane: u32,
    plane: u32,
    buffer: u32,
    #[comptime] plan: Plan,
) {
    let row_tiles = comptime!(plan.rows as usize / 32);
    let (g, t) = (lane / 4u32, lane % 4u32);
    let first_row = buffer * comptime!(plan.rows) + plane / 2u32 * comptime!(plan.rows / 2) + g;
    let first_column = plane % 2u32 * 32u32;
    let mut a = Array::<Vector<u32, Const<4>>>::new(comptime!(2 * row_tiles));
    if comptime!(matches!(plan.inner, Inner::Dp4a)) {
        for c in 0..4u32 {
            // Lanes begin with different chunks, so that their rows lie in different banks.
            let chunk = (c + g / 2u32) % 4u32;
            #[unroll]
            for i in 0..comptime!(2 * row_tiles) {
                a[i] = acts[((first_row + comptime!(8 * i as u32)) * 4u32 + chunk) as usize];
            }
            #[unroll]
            for tile in 0..4u32 {
                #[unroll]
                for e in 0..2u32 {
                    let column = first_column + channel_of(tile, t * 2u32 + e);
                    let b = weight_chunk(panel, buffer, column, chunk, plan);
                    #[unroll]
                    for i in 0..comptime!(2 * row_tiles) {
                        let at = comptime!(i / 2 * 4 + tile as usize);
                        let slot = comptime!(i % 2 * 2 + e as usize);
                        let mut sum = acc[at].extract(slot);
                        #[unroll]
                        for w in 0..4usize {
                            sum = dp4a(
                                i32::reinterpret(a[i].extract(w)),
                                i32::reinterpret(b.extract(w)),
                                sum,
                            );
                        }
                        let mut sums = acc[at];
                        sums.insert(slot, sum);
                        acc[at] = sums;
                    }
                }
            }
        }
    } else {
        #[unroll]
        for i in 0..comptime!(2 * row_tiles) {
            a[i] = acts[((first_row + comptime!(8 * i as u32)) * 4u32 + t) as usize];
        }
        #[unroll]
        for tile in 0..4u32 {
            let b = weight_chunk(panel, buffer, first_column + channel_of(tile, g), t, plan);
            #[unroll]
            for i in 0..row_tiles {
                #[unroll]
                for s in 0..2usize {
                    let (upper, lower) = (a[comptime!(2 * i)], a[comptime!(2 * i + 1)]);
                    let mut fa = Vector::<u32, Const<4>>::empty();
                    fa.insert(0usize, upper.extract(comptime!(2 * s)));
                    fa.insert(1usize, lower.extract(comptime!(2 * s)));
                    fa.insert(2usize, upper.extract(comptime!(2 * s + 1)));
                    fa.insert(3usize, lower.extract(comptime!(2 * s + 1)));
                    let mut fb = Vector::<u32, Const<2>>::empty();
                    fb.insert(0usize, b.extract(comptime!(2 * s)));
                    fb.insert(1usize, b.extract(comptime!(2 * s + 1)));
                    let at = comptime!(i * 4 + tile as usize);
                    acc[at] = mma(fa, fb, acc[at], exchange, plan.inner);
                }
            }
        }
    }
}

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
fn add_group(
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
fn finish(
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
