//! A step of the tiled product: what is in the shared buffers, multiplied.

use cubecl::prelude::*;

use super::{Inner, Plan, panel_len};
use crate::cube::mma::mma;

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
pub(super) fn multiply(
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
