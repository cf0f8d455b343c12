//! Depthwise convolution of codes: one input and one output channel per group.
//!
//! ```text
//! x        [B, H, W, words]   four channels a word
//! weights  [taps][words]      the bytes of the same four channels
//! ```
//!
//! A unit computes four neighbouring columns of one word of channels. A tap's word of weights is split
//! into four words that hold one byte each, so that `dp4a` is one channel's product without unpacking
//! anything, and each of the four serves four columns.

use cubecl::prelude::*;

use super::contract::{Coder, Finish, scaled, store_quad};
use super::gather::{Geometry, Source, Spot, quant_of, spot, tap_at};

/// Columns of a unit.
pub const RUN: u32 = 4;
/// Units of a cube.
pub const UNITS: u32 = 128;

/// Everything that the kernel's text depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Kernel and words of a pixel.
    pub source: Source,
    /// What follows the sums.
    pub finish: Finish,
}

/// `scales`, `sums` and `bias` have a number for each channel, `4 · words` of them; `runs` are those of
/// all rows of all images.
#[cube(launch_unchecked)]
pub fn depthwise(
    x: &[u32],
    weights: &[u32],
    scales: &[f32],
    sums: &[i32],
    bias: &[f32],
    table: &[u32],
    quants: &[f32],
    out: &mut [u32],
    geometry: Geometry,
    coder: Coder,
    runs: u32,
    channels: u32,
    #[comptime] plan: Plan,
) {
    let words = comptime!(plan.source.words);
    let unit = ABSOLUTE_POS as u32;
    let word = unit % words;
    let run = unit / words;
    if run < runs {
        let per_line = (geometry.width + comptime!(RUN - 1)) / RUN;
        let line = run / per_line;
        let column = run % per_line * RUN;
        let first = line * geometry.width + column;
        let mut spots = Sequence::<Spot>::new();
        let mut acc = Array::<Vector<i32, Const<4>>>::new(RUN as usize);
        #[unroll]
        for i in 0..RUN {
            let mut at = spot(first + i, quants, &geometry, plan.source);
            at.inside = column + i < geometry.width;
            spots.push(at);
            acc[i as usize] = Vector::new(0i32);
        }
        for tap in 0..comptime!(plan.source.taps()) {
            let w = weights[(tap * words + word) as usize];
            #[unroll]
            for i in 0..RUN {
                let spot = spots.index(i as usize);
                let (index, inside) = tap_at(spot, tap, &geometry, plan.source);
                let mut a = spot.pad;
                if inside {
                    a = x[(index + word) as usize];
                }
                let mut added = acc[i as usize];
                #[unroll]
                for j in 0..4usize {
                    let one = w & comptime!(0xffu32 << (8 * j as u32));
                    added.insert(
                        j,
                        dp4a(i32::reinterpret(a), i32::reinterpret(one), added.extract(j)),
                    );
                }
                acc[i as usize] = added;
            }
        }
        let which = quant_of(first, &geometry, plan.source.quants);
        let scale = quants[(which * 2u32) as usize];
        let zero = i32::cast_from(quants[(which * 2u32 + 1u32) as usize]);
        #[unroll]
        for i in 0..RUN {
            if column + i < geometry.width {
                let mut y = Vector::<f32, Const<4>>::empty();
                #[unroll]
                for j in 0..4usize {
                    let at = (word * 4u32 + comptime!(j as u32)) as usize;
                    y.insert(
                        j,
                        scaled(
                            acc[i as usize].extract(j),
                            sums[at],
                            scales[at],
                            scale,
                            zero,
                        ),
                    );
                }
                store_quad(
                    out,
                    y,
                    first + i,
                    word,
                    channels,
                    bias,
                    table,
                    &coder,
                    plan.finish,
                );
            }
        }
    }
}
