//! Which kernel computes a layer, from its sizes and what the device has.

use std::fmt;

use crate::cpu::Input;
use crate::packed::{Granularity, PackedWeights};
use crate::shape::ConvShape;

use super::tiled::{COLUMNS, Inner};

/// What a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ability {
    /// What multiplies in the tiled product.
    pub inner: Inner,
    /// Processors that cubes are spread over.
    pub processors: usize,
}

/// What a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A convolution of images.
    Conv,
    /// A product with rows.
    Linear,
}

/// How a layer's weights lie, which its sizes alone decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// [`super::panels::panels`].
    Panels,
    /// [`super::panels::depthwise`].
    Depthwise,
    /// [`super::panels::natural`].
    Natural,
    /// [`super::panels::rows`].
    Rows,
}

/// A kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// [`super::tiled`] with so many rows a tile.
    Tiled(u32, Inner),
    /// [`super::skinny`].
    Skinny,
    /// [`super::depthwise`].
    Depthwise,
    /// [`super::direct`].
    Direct,
    /// [`super::weight_only::rows`].
    FloatRows,
    /// [`super::weight_only::taps`].
    FloatTaps,
}

/// Rows of a tile, the most first; 128 rows of `dp4a` sums are more than the registers hold.
fn tiles(inner: Inner) -> &'static [u32] {
    match inner {
        Inner::Dp4a => &[64, 32],
        Inner::Mma | Inner::EmulatedMma => &[128, 64, 32],
    }
}

impl Kernel {
    /// Every kernel of a device that multiplies by `inner`.
    pub fn all(inner: Inner) -> Vec<Self> {
        // Each names the next, so that the compiler asks where a new one belongs.
        let next = |kernel: &Self| match kernel {
            Self::Tiled(..) => Some(Self::Skinny),
            Self::Skinny => Some(Self::Depthwise),
            Self::Depthwise => Some(Self::Direct),
            Self::Direct => Some(Self::FloatRows),
            Self::FloatRows => Some(Self::FloatTaps),
            Self::FloatTaps => None,
        };
        let tiles = tiles(inner).iter();
        let mut all: Vec<Self> = tiles.map(|&rows| Self::Tiled(rows, inner)).collect();
        while let Some(kernel) = all.last().and_then(next) {
            all.push(kernel);
        }
        all
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Tiled(rows, Inner::Mma) => write!(f, "tensor-core-{rows}x{COLUMNS}"),
            Self::Tiled(rows, Inner::EmulatedMma) => {
                write!(f, "emulated-tensor-core-{rows}x{COLUMNS}")
            }
            Self::Tiled(rows, Inner::Dp4a) => write!(f, "dp4a-{rows}x{COLUMNS}"),
            Self::Skinny => f.write_str("dp4a-skinny"),
            Self::Depthwise => f.write_str("dp4a-depthwise"),
            Self::Direct => f.write_str("direct"),
            Self::FloatRows => f.write_str("weight-only-rows"),
            Self::FloatTaps => f.write_str("weight-only-taps"),
        }
    }
}

/// Rows up to which the skinny product is chosen.
const SKINNY: usize = 16;

/// The selector as a table.
pub const TABLE: &str = "\
| activations | weights | rows of the product | kernel |
|---|---|---|---|
| codes | one group of channels | 17 and more | tensor-core-128x64, or -64x64, -32x64 where fewer tiles than processors would result; dp4a-64x64 or -32x64 without tensor cores |
| codes | one group of channels | 1 to 16 | dp4a-skinny |
| codes | 32 codes a scale | any | dp4a-skinny |
| codes | depthwise | any | dp4a-depthwise |
| codes | other channel groups; scale groups of a kernel whose input channels are no multiple of 4, or of a depthwise one; K beyond 150,976 at 4 bits | any | direct |
| floats | linear | any | weight-only-rows |
| floats | convolution | any | weight-only-taps |
";

/// How the weights of a layer lie.
pub fn layout(weights: &PackedWeights, shape: &ConvShape, form: Form, input: Input) -> Layout {
    let taps = shape.kernel[0] * shape.kernel[1];
    match (input, form) {
        (Input::Float, Form::Linear) => return Layout::Rows,
        (Input::Float, Form::Conv) => return Layout::Natural,
        _ => {}
    }
    let grouped = weights.granularity() != Granularity::PerChannel && weights.groups() > 1;
    if shape.is_depthwise() && !grouped {
        return Layout::Depthwise;
    }
    // Groups of scales have to end at whole words of each tap.
    let ragged = grouped && taps > 1 && !shape.c_in.is_multiple_of(4);
    // A 4-bit code travels 16 times too large: ±112 · ±127 at most.
    let long = weights.bits() < 8 && weights.k() > i32::MAX as usize / (112 * 127);
    if shape.groups > 1 || ragged || long {
        Layout::Natural
    } else {
        Layout::Panels
    }
}

/// The kernel for `rows` rows of the result.
pub fn select(
    layout: Layout,
    weights: &PackedWeights,
    input: Input,
    rows: usize,
    ability: Ability,
) -> Kernel {
    match (layout, input) {
        (Layout::Rows, _) => Kernel::FloatRows,
        (Layout::Natural, Input::Float) => Kernel::FloatTaps,
        (Layout::Natural, _) => Kernel::Direct,
        (Layout::Depthwise, _) => Kernel::Depthwise,
        (Layout::Panels, _) => {
            if rows <= SKINNY
                || weights.granularity() == Granularity::PerGroup(32) && weights.groups() > 1
            {
                return Kernel::Skinny;
            }
            let across = weights.rows().div_ceil(COLUMNS as usize);
            let busy = |tile: u32| rows.div_ceil(tile as usize) * across >= ability.processors;
            let mut tiles = tiles(ability.inner).iter();
            let tile = tiles.find(|&&tile| busy(tile)).unwrap_or(&32);
            Kernel::Tiled(*tile, ability.inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(rows: usize, k: usize, bits: u32, granularity: Granularity) -> PackedWeights {
        let groups = match granularity {
            Granularity::PerChannel => 1,
            Granularity::PerGroup(size) => k.div_ceil(size),
        };
        let (codes, scales) = (vec![1; rows * k], vec![1.0; rows * groups]);
        PackedWeights::pack(&codes, scales, [rows, k], bits, granularity).unwrap()
    }

    /// The kernel of a layer of `[c_in, c_out, kernel side, groups]`.
    fn chosen(
        sizes: [usize; 4],
        bits: u32,
        granularity: Granularity,
        input: Input,
        rows: usize,
    ) -> String {
        let [c_in, c_out, side, groups] = sizes;
        let shape = ConvShape {
            batch: 1,
            c_in,
            c_out,
            input: [side, side],
            kernel: [side, side],
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups,
        };
        let form = if side == 1 { Form::Linear } else { Form::Conv };
        let weights = weights(c_out, shape.k(), bits, granularity);
        let ability = Ability {
            inner: Inner::Mma,
            processors: 8,
        };
        let layout = layout(&weights, &shape, form, input);
        select(layout, &weights, input, rows, ability).to_string()
    }

    #[test]
    fn the_table_says_what_is_chosen() {
        use Granularity::{PerChannel, PerGroup};
        let codes = Input::Dynamic;
        let most = i32::MAX as usize / (112 * 127);
        let cases = [
            (
                chosen([64, 64, 3, 1], 8, PerChannel, codes, 17),
                "tensor-core-32x64",
            ),
            (
                chosen([64, 64, 3, 1], 8, PerChannel, codes, 64 * 8),
                "tensor-core-64x64",
            ),
            (
                chosen([64, 128, 3, 1], 4, PerChannel, codes, 128 * 4),
                "tensor-core-128x64",
            ),
            (
                chosen([64, 64, 3, 1], 8, PerChannel, codes, 16),
                "dp4a-skinny",
            ),
            (
                chosen([64, 64, 3, 1], 8, PerGroup(32), codes, 999),
                "dp4a-skinny",
            ),
            (
                chosen([64, 64, 3, 1], 8, PerGroup(64), codes, 999),
                "tensor-core-128x64",
            ),
            (
                chosen([8, 8, 3, 8], 4, PerChannel, codes, 999),
                "dp4a-depthwise",
            ),
            (chosen([8, 8, 7, 8], 4, PerGroup(32), codes, 999), "direct"),
            (chosen([8, 8, 3, 2], 8, PerChannel, codes, 999), "direct"),
            (chosen([9, 8, 3, 1], 8, PerGroup(32), codes, 999), "direct"),
            (
                chosen([most, 1, 1, 1], 4, PerChannel, codes, 1),
                "dp4a-skinny",
            ),
            (
                chosen([most + 1, 1, 1, 1], 4, PerChannel, codes, 1),
                "direct",
            ),
            (
                chosen([64, 64, 1, 1], 4, PerChannel, Input::Float, 9),
                "weight-only-rows",
            ),
            (
                chosen([64, 64, 3, 1], 4, PerChannel, Input::Float, 9),
                "weight-only-taps",
            ),
        ];
        for kernel in Kernel::all(Inner::Mma) {
            let named = |(_, expected): &(_, &str)| *expected == kernel.to_string();
            assert!(cases.iter().any(named), "{kernel}");
        }
        for (found, expected) in cases {
            assert_eq!(found, expected);
            let name = expected.trim_start_matches("tensor-core");
            assert!(TABLE.contains(name), "{name}");
        }
        assert_eq!(most, 150_976);
        assert!(TABLE.contains("150,976") && SKINNY == 16);
    }
}
