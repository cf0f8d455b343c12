//! Depthwise convolution, channels-last: no matrix product, but as many small ones as there are channels,
//! side by side in vectors.
//!
//! ```text
//! weights, once per layer: [taps, channels padded to 16], 16 bits each
//!
//! a tile: 4 neighbouring output positions × 16 channels
//!   for each tap: one load of weights, and for each position one load of activations:
//!   acc[position][channel] += w[channel] · x[position + tap][channel]
//! ```
//!
//! A position in the padding reads a row of codes `zero`, so that the correction by the sum of the
//! weights holds everywhere.

use super::finish::Finish;
use super::isa::{Isa, Work};
use super::product::{Sink, Stored};
use crate::arith::{ActQuant, Output};
use crate::packed::PackedWeights;
use crate::shape::ConvShape;
use rayon::prelude::*;

/// Channels of a tile.
pub(super) const LANES: usize = 16;
/// Output positions of a tile.
const POSITIONS: usize = 4;

/// Weights of a depthwise layer.
#[derive(Debug)]
pub(super) struct Depthwise {
    /// `[taps, padded channels]`
    weights: Vec<i16>,
    padded: usize,
}

/// What a kernel of this file multiplies: a code or a float.
pub(super) trait Element: Copy + Default + Send + Sync {
    /// What it adds into.
    type Sum: Copy + Default;
    fn add(sum: Self::Sum, weight: i16, x: Self) -> Self::Sum;
    /// Scales sums into `y`.
    fn finish(
        finish: &Finish,
        column: usize,
        sums: &[Self::Sum; LANES],
        quant: (f32, i32),
        y: &mut [f32; LANES],
    );
}

impl Element for i8 {
    type Sum = i32;
    #[inline(always)]
    fn add(sum: i32, weight: i16, x: i8) -> i32 {
        sum.wrapping_add(i32::from(weight) * i32::from(x))
    }
    #[inline(always)]
    fn finish(
        finish: &Finish,
        column: usize,
        sums: &[i32; LANES],
        quant: (f32, i32),
        y: &mut [f32; LANES],
    ) {
        finish.add([0, column], sums, 0, quant, y);
    }
}

impl Element for f32 {
    type Sum = f32;
    #[inline(always)]
    fn add(sum: f32, weight: i16, x: f32) -> f32 {
        sum + f32::from(weight) * x
    }
    #[inline(always)]
    fn finish(
        finish: &Finish,
        column: usize,
        sums: &[f32; LANES],
        _: (f32, i32),
        y: &mut [f32; LANES],
    ) {
        finish.add_floats([0, column], sums, y);
    }
}

/// Name of the kernel for codes, as the run record lists it.
pub(super) fn name(isa: Isa) -> &'static str {
    match isa {
        Isa::Vnni512 => "depthwise-a8-avx512",
        Isa::Vnni256 | Isa::Avx2 => "depthwise-a8-avx2",
        Isa::Portable => "depthwise-a8-portable",
    }
}

/// Name of the kernel for floats.
pub(super) fn float_name(isa: Isa) -> &'static str {
    match isa {
        Isa::Vnni512 => "depthwise-f32-avx512",
        Isa::Vnni256 | Isa::Avx2 => "depthwise-f32-avx2",
        Isa::Portable => "depthwise-f32-portable",
    }
}

impl Depthwise {
    pub fn new(packed: &PackedWeights) -> Self {
        let padded = packed.rows().next_multiple_of(LANES);
        let mut weights = vec![0; packed.k() * padded];
        for row in 0..packed.rows() {
            for tap in 0..packed.k() {
                weights[tap * padded + row] = i16::from(packed.code(row, tap));
            }
        }
        Self { weights, padded }
    }

    /// Convolves `[B, H, W, channels padded to 4]`, with one quantizer or one for each image.
    pub fn run<T: Element>(
        &self,
        isa: Isa,
        shape: &ConvShape,
        x: &[T],
        (quants, zero): (&[ActQuant], impl Fn(&ActQuant) -> T + Sync),
        finish: &Finish,
    ) -> Stored {
        let [h, w] = shape.output();
        let channels = shape.c_out;
        let stride = channels.next_multiple_of(4);
        let line = |index: usize, sink: Sink| {
            let quant = &quants[index / h % quants.len()];
            isa.run(Line {
                layer: self,
                shape,
                x,
                index,
                quant: (quant.scale(), quant.zero()),
                zero: zero(quant),
                finish,
                sink,
            });
        };
        let lines = shape.batch * h;
        if matches!(finish.output, Output::F32) {
            let mut out = vec![0.0; lines * w * channels];
            let each = out.par_chunks_mut((w * channels).max(1)).enumerate();
            each.for_each(|(i, out)| line(i, Sink::Floats(out)));
            return Stored::Floats(out);
        }
        let mut out = vec![0u32; lines * w * stride / 4];
        let each = out.par_chunks_mut((w * stride / 4).max(1)).enumerate();
        each.for_each(|(i, out)| line(i, Sink::Codes(bytemuck::cast_slice_mut(out))));
        Stored::Codes(out)
    }
}

/// One row of output positions.
struct Line<'a, T> {
    layer: &'a Depthwise,
    shape: &'a ConvShape,
    x: &'a [T],
    index: usize,
    quant: (f32, i32),
    zero: T,
    finish: &'a Finish,
    sink: Sink<'a>,
}

impl<T: Element> Work for Line<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self {
            layer,
            shape,
            x,
            index,
            quant,
            finish,
            mut sink,
            ..
        } = self;
        let [h, w] = shape.output();
        let (image, row) = (index / h, index % h);
        let [height, width] = shape.input;
        let [kh, kw] = shape.kernel;
        let stride = shape.c_out.next_multiple_of(4);
        let zeros = vec![self.zero; stride];
        let source = |col: usize, tap: usize| -> &[T] {
            let row = shape.source(0, row, tap / kw);
            match (row, shape.source(1, col, tap % kw)) {
                (Some(row), Some(col)) => {
                    &x[((image * height + row) * width + col) * stride..][..stride]
                }
                _ => &zeros,
            }
        };
        let mut taps: Vec<[&[T]; POSITIONS]> = Vec::with_capacity(kh * kw);
        for first in (0..w).step_by(POSITIONS) {
            taps.clear();
            taps.extend((0..kh * kw).map(|tap| {
                // A tile that reaches beyond the row computes its last position again.
                std::array::from_fn(|p| source((first + p).min(w - 1), tap))
            }));
            for column in (0..shape.c_out).step_by(LANES) {
                let weights = layer.weights[column..].chunks(layer.padded);
                let mut acc = [[T::Sum::default(); LANES]; POSITIONS];
                for (taps, weights) in taps.iter().zip(weights) {
                    let weights: &[i16; LANES] = weights[..LANES].try_into().expect("padded");
                    for (acc, tap) in acc.iter_mut().zip(taps) {
                        let x = lanes(&tap[column..]);
                        for j in 0..LANES {
                            acc[j] = T::add(acc[j], weights[j], x[j]);
                        }
                    }
                }
                for (p, acc) in acc.iter().enumerate().take(w - first) {
                    let mut y = [0.0; LANES];
                    T::finish(finish, column, acc, quant, &mut y);
                    store(finish, shape.c_out, first + p, column, y, &mut sink);
                }
            }
        }
    }
}

/// The first 16, followed by zeros where there are fewer.
#[inline(always)]
fn lanes<T: Copy + Default>(x: &[T]) -> [T; LANES] {
    match x.first_chunk() {
        Some(full) => *full,
        None => {
            let mut out = [T::default(); LANES];
            out[..x.len()].copy_from_slice(x);
            out
        }
    }
}

#[inline(always)]
fn store(
    finish: &Finish,
    channels: usize,
    position: usize,
    column: usize,
    y: [f32; LANES],
    sink: &mut Sink,
) {
    let width = LANES.min(channels - column);
    match sink {
        Sink::Floats(out) => {
            let out = &mut out[position * channels + column..][..width];
            out.copy_from_slice(&finish.floats(column, y)[..width]);
        }
        Sink::Codes(out) => {
            let out = &mut out[position * channels.next_multiple_of(4) + column..][..width];
            out.copy_from_slice(&finish.codes(column, y)[..width]);
        }
    }
}
