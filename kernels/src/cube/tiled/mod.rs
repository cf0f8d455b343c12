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

mod step;
mod store;

use cubecl::prelude::*;

use super::contract::{Coder, Finish};
use super::gather::{Geometry, Source, Spot, chunk, spot};
use step::multiply;
use store::{add_group, finish};

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
