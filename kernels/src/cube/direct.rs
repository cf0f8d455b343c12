//! The kernel that takes whatever the others do not: any groups of channels, scale groups that end
//! within a word, K too long for bytes of 16 times a 4-bit weight. A unit computes four neighbouring
//! channels of a row from the packed words as they are stored, one product at a time.

use cubecl::prelude::*;

use super::contract::{Coder, Finish, byte, packed, scaled, store_quad};
use super::gather::{Geometry, Source, quant_of, spot, tap_at};

/// Units of a cube.
pub const UNITS: u32 = 128;

/// Everything that the kernel's text depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Bits of a weight: 8, 4 or 2.
    pub bits: u32,
    /// Where rows of activations come from; its words are those of all channels.
    pub source: Source,
    /// What follows the sums.
    pub finish: Finish,
}

/// Sizes of a layer.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Sizes {
    /// Output channels.
    pub channels: u32,
    /// Output channels of a channel group.
    pub channels_group: u32,
    /// Input channels of a channel group.
    pub inputs_group: u32,
    /// Products of a sum.
    pub k: u32,
    /// Products that share a weight scale.
    pub group: u32,
}

/// `weights`, `scales` and `sums` as [`crate::PackedWeights`] has them: `[channels][words of K]` and
/// `[channels][scale groups]`.
#[cube(launch_unchecked)]
pub fn direct(
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
    sizes: Sizes,
    #[comptime] plan: Plan,
) {
    let unit = ABSOLUTE_POS as u32;
    let quads = (sizes.channels + 3u32) / 4u32;
    let row = unit / quads;
    let quad = unit % quads;
    if row < geometry.rows {
        let place = spot(row, quants, &geometry, plan.source);
        let which = quant_of(row, &geometry, plan.source.quants);
        let scale = quants[(which * 2u32) as usize];
        let zero = i32::cast_from(quants[(which * 2u32 + 1u32) as usize]);
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
                for group in 0..groups {
                    let from = group * sizes.group;
                    let mut to = from + sizes.group;
                    if to > sizes.k {
                        to = sizes.k;
                    }
                    let mut sum = 0i32;
                    for k in from..to {
                        let weight = packed(weights, channel * line, k, plan.bits);
                        let input = first + k % sizes.inputs_group;
                        let mut index = place.base + input / 4u32;
                        let mut code = zero;
                        let mut inside = true.runtime();
                        if comptime!(plan.source.kernel.is_some()) {
                            let (at, there) =
                                tap_at(&place, k / sizes.inputs_group, &geometry, plan.source);
                            index = at + input / 4u32;
                            inside = there;
                        }
                        if inside {
                            code = byte(x[index as usize], input % 4u32);
                        }
                        sum += weight * code;
                    }
                    let at = (channel * groups + group) as usize;
                    total += scaled(sum, sums[at], scales[at], scale, zero);
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
