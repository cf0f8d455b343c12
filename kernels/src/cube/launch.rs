//! Launches: which buffers and numbers each kernel of a layer is given.
//!
//! Every `unsafe` here promises the same: buffers have the lengths that the kernel's documentation asks
//! for, which [`super::panels`] and [`Layer::run`] see to.

use cubecl::prelude::*;

use super::contract::CoderLaunch;
use super::device::{Buffer, count, cubes};
use super::direct::SizesLaunch;
use super::gather::{GeometryLaunch, Quants, Source};
use super::layer::Layer;
use super::panels;
use super::select::Kernel;
use super::{depthwise, direct, skinny, tiled, weight_only};
use crate::arith::largest;
use crate::shape::ConvShape;

/// One call of a layer.
pub(super) struct Call {
    pub kernel: Kernel,
    pub shape: ConvShape,
    pub rows: usize,
    /// Rows of the result that share a quantizer.
    pub pixels: usize,
    pub quants: Quants,
    pub out: Buffer,
}

impl Layer {
    /// Rows of codes: in place where the convolution reads each pixel once.
    fn source(&self, call: &Call) -> Source {
        let shape = &call.shape;
        let every_pixel = ConvShape {
            groups: 1,
            ..*shape
        };
        Source {
            words: count(shape.c_in.div_ceil(4)),
            kernel: (!every_pixel.is_pointwise()).then(|| shape.kernel.map(count)),
            quants: call.quants,
        }
    }

    fn coder(&self) -> CoderLaunch {
        let coder = self.coder;
        CoderLaunch::new(
            1.0 / coder.scale(),
            coder.zero() as f32,
            largest(coder.bits()) as f32,
        )
    }

    /// Codes that share a scale; 0 where a whole row does.
    fn group(&self) -> usize {
        if self.packed.groups() > 1 {
            panels::group(&self.packed)
        } else {
            0
        }
    }

    pub(super) fn tiled(
        &self,
        x: &Buffer,
        quants: &Buffer,
        call: &Call,
        tile: u32,
        inner: tiled::Inner,
    ) {
        let source = self.source(call);
        let plan = tiled::Plan {
            inner,
            rows: tile,
            bits: self.packed.bits().max(4),
            source,
            group: count(self.group() / (4 * tiled::STEP as usize)),
            finish: self.finish,
        };
        let across = self.packed.rows().div_ceil(tiled::COLUMNS as usize);
        let width = width(source.words);
        // SAFETY: see the top of the file.
        unsafe {
            tiled::tiled::launch_unchecked(
                &self.client,
                CubeCount::Static(count(call.rows.div_ceil(tile as usize)), count(across), 1),
                CubeDim::new_1d(tiled::UNITS),
                width,
                x.arg(width),
                self.weights.arg(4),
                self.scales.arg(1),
                self.sums.arg(1),
                self.bias.arg(1),
                self.table.arg(1),
                quants.arg(1),
                call.out.arg(1),
                call.geometry(),
                self.coder(),
                count(panels::steps(&self.shape)),
                count(self.packed.rows()),
                plan,
            );
        }
    }

    pub(super) fn skinny(&self, x: &Buffer, quants: &Buffer, call: &Call) {
        let source = self.source(call);
        let bits = self.packed.bits().max(4);
        let plan = skinny::Plan {
            bits,
            source,
            group: count(self.group()) * bits / 128,
            finish: self.finish,
        };
        let channels = self.packed.rows();
        let width = width(source.words);
        // SAFETY: see the top of the file.
        unsafe {
            skinny::skinny::launch_unchecked(
                &self.client,
                CubeCount::Static(
                    count(channels.div_ceil(skinny::COLUMNS as usize)),
                    count(call.rows.div_ceil(skinny::ROWS as usize)),
                    1,
                ),
                CubeDim::new_1d(skinny::UNITS),
                width,
                x.arg(width),
                self.weights.arg(4),
                self.scales.arg(1),
                self.sums.arg(1),
                self.bias.arg(1),
                self.table.arg(1),
                quants.arg(1),
                call.out.arg(1),
                call.geometry(),
                self.coder(),
                count(panels::steps(&self.shape)) * bits / 2,
                count(self.packed.groups()),
                count(channels.next_multiple_of(tiled::COLUMNS as usize)),
                count(channels),
                plan,
            );
        }
    }

    pub(super) fn depthwise(&self, x: &Buffer, quants: &Buffer, call: &Call) {
        let shape = &call.shape;
        // Always by taps: a kernel of one tap has strides too.
        let source = Source {
            words: count(shape.c_in.div_ceil(4)),
            kernel: Some(shape.kernel.map(count)),
            quants: call.quants,
        };
        let plan = depthwise::Plan {
            source,
            finish: self.finish,
        };
        let [h, w] = shape.output();
        let runs = shape.batch * h * w.div_ceil(depthwise::RUN as usize);
        // SAFETY: see the top of the file.
        unsafe {
            depthwise::depthwise::launch_unchecked(
                &self.client,
                cubes(runs * source.words as usize, depthwise::UNITS),
                CubeDim::new_1d(depthwise::UNITS),
                x.arg(1),
                self.weights.arg(1),
                self.scales.arg(1),
                self.sums.arg(1),
                self.bias.arg(1),
                self.table.arg(1),
                quants.arg(1),
                call.out.arg(1),
                call.geometry(),
                self.coder(),
                count(runs),
                count(shape.c_out),
                plan,
            );
        }
    }

    pub(super) fn direct(&self, x: &Buffer, quants: &Buffer, call: &Call) {
        let plan = direct::Plan {
            bits: self.packed.bits(),
            source: self.source(call),
            finish: self.finish,
        };
        // SAFETY: see the top of the file.
        unsafe {
            direct::direct::launch_unchecked(
                &self.client,
                cubes(call.rows * self.packed.rows().div_ceil(4), direct::UNITS),
                CubeDim::new_1d(direct::UNITS),
                x.arg(1),
                self.weights.arg(1),
                self.scales.arg(1),
                self.sums.arg(1),
                self.bias.arg(1),
                self.table.arg(1),
                quants.arg(1),
                call.out.arg(1),
                call.geometry(),
                self.coder(),
                self.numbers(),
                plan,
            );
        }
    }

    pub(super) fn floats(&self, x: &Buffer, call: &Call) {
        let plan = |bits| weight_only::Plan {
            bits,
            finish: self.finish,
        };
        if call.kernel == Kernel::FloatTaps {
            // SAFETY: see the top of the file.
            unsafe {
                weight_only::taps::launch_unchecked(
                    &self.client,
                    cubes(
                        call.rows * self.packed.rows().div_ceil(4),
                        weight_only::UNITS,
                    ),
                    CubeDim::new_1d(weight_only::UNITS),
                    x.arg(1),
                    self.weights.arg(1),
                    self.scales.arg(1),
                    self.bias.arg(1),
                    self.table.arg(1),
                    call.out.arg(1),
                    call.geometry(),
                    self.coder(),
                    self.numbers(),
                    count(self.shape.c_in),
                    count(self.shape.kernel[1]),
                    plan(self.packed.bits()),
                );
            }
            return;
        }
        let bits = self.packed.bits().max(4);
        let width = width(count(self.packed.k()));
        // SAFETY: see the top of the file.
        unsafe {
            weight_only::rows::launch_unchecked(
                &self.client,
                CubeCount::Static(
                    count(self.packed.rows().div_ceil(weight_only::COLUMNS as usize)),
                    count(call.rows.div_ceil(weight_only::ROWS as usize)),
                    1,
                ),
                CubeDim::new_1d(weight_only::UNITS),
                width,
                x.arg(width),
                self.weights.arg(4),
                self.scales.arg(1),
                self.bias.arg(1),
                self.table.arg(1),
                call.out.arg(1),
                self.coder(),
                count(call.rows),
                count(self.packed.k().div_ceil(128 / bits as usize)),
                self.numbers(),
                plan(bits),
            );
        }
    }

    fn numbers(&self) -> SizesLaunch {
        SizesLaunch::new(
            count(self.shape.c_out),
            count(self.shape.c_out_group()),
            count(self.shape.c_in_group()),
            count(self.packed.k()),
            count(panels::group(&self.packed)),
        )
    }
}

/// Widest load that divides `words`.
fn width(words: u32) -> usize {
    [4, 2]
        .into_iter()
        .find(|width| words.is_multiple_of(*width))
        .unwrap_or(1) as usize
}

impl Call {
    fn geometry(&self) -> GeometryLaunch {
        let shape = &self.shape;
        GeometryLaunch::new(
            count(self.rows),
            count(self.pixels),
            count(shape.output()[1]),
            count(shape.input[0]),
            count(shape.input[1]),
            count(shape.stride[0]),
            count(shape.stride[1]),
            count(shape.padding[0]) as i32,
            count(shape.padding[1]) as i32,
            count(shape.dilation[0]),
            count(shape.dilation[1]),
        )
    }
}
