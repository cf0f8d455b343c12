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
| codes | one group of channels | 17 and more | tensor-core-128x64, or -64x64, -32x64 where fewer tiles than processors would result; dp4a-… without tensor cores |
| codes | one group of channels | 1 to 16 | dp4a-skinny |
| codes | 32 codes a scale | any | dp4a-skinny |
| codes | depthwise | any | dp4a-depthwise |
| codes | other channel groups; scale groups of a kernel whose input channels are no multiple of 4, or of a depthwise one; K beyond 150,979 at 4 bits | any | direct |
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
            let tile = [128, 64].into_iter().find(|&tile| busy(tile)).unwrap_or(32);
            Kernel::Tiled(tile, ability.inner)
        }
    }
}
