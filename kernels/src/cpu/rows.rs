//! Rows of activations for a matrix product, channels-last.
//!
//! ```text
//! A convolution is the product of one row per output position with the weights:
//!
//!   row = [tap (0,0): channels][tap (0,1): channels]...[tap (kh−1,kw−1): channels]
//!
//! Channels of a pixel are neighbours in memory, and without dilation or groups so are all taps of a
//! kernel row. Hence three ways to a row, the cheapest that the layer allows:
//!
//! in place   a linear layer, a 1×1 convolution with stride 1: the row is there already
//! runs       one run per kernel row, read where it is, in a copy of the images with padding around them
//! taps       copied together, a block of rows at a time, into memory that is used again
//! ```

use crate::shape::ConvShape;
use rayon::prelude::*;

/// Where a product's rows come from.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a, T> {
    /// Row i is at i · `stride`.
    InPlace { data: &'a [T], stride: usize },
    /// Row i is output position i of a convolution over `[B, H, W, stride]`, padded already.
    Runs {
        data: &'a [T],
        stride: usize,
        shape: &'a ConvShape,
    },
    /// Row i is output position i of a convolution over `[B, H, W, stride]`.
    Taps {
        data: &'a [T],
        stride: usize,
        shape: &'a ConvShape,
    },
}

/// A block of rows: row i is `runs` runs, the first at `starts[i]`, each `step` after the one before.
pub(super) struct Block<'a, T> {
    pub data: &'a [T],
    pub starts: &'a [usize],
    pub runs: usize,
    pub step: usize,
}

impl<T> Block<'_, T> {
    /// Run `run` of row `row`: `len` elements from `start` on.
    #[inline(always)]
    pub fn run(&self, row: usize, run: usize, start: usize, len: usize) -> &[T] {
        let at = self.starts[row] + run * self.step + start;
        &self.data[at..at + len]
    }
}

impl<'a, T: Copy + Default> Rows<'a, T> {
    /// Rows `first` to `first + count` of channel group `group`. `pad` is what stands in the padding of
    /// an image.
    #[inline(always)]
    pub fn block<'s>(
        &self,
        [first, count]: [usize; 2],
        group: usize,
        pad: impl Fn(usize) -> T,
        scratch: &'s mut Vec<T>,
        starts: &'s mut Vec<usize>,
    ) -> Block<'s, T>
    where
        'a: 's,
    {
        starts.clear();
        match *self {
            Self::InPlace { data, stride } => {
                starts.extend((first..first + count).map(|row| row * stride));
                Block {
                    data,
                    starts,
                    runs: 1,
                    step: 0,
                }
            }
            Self::Runs {
                data,
                stride,
                shape,
            } => {
                let [height, width] = padded(shape);
                let mut position = Position::new(shape, first);
                for _ in 0..count {
                    let row = position.image * height + position.row * shape.stride[0];
                    starts.push((row * width + position.col * shape.stride[1]) * stride);
                    position.advance();
                }
                Block {
                    data,
                    starts,
                    runs: shape.kernel[0],
                    step: shape.dilation[0] * width * stride,
                }
            }
            Self::Taps {
                data,
                stride,
                shape,
            } => {
                let depth = shape.kernel[0] * shape.kernel[1] * run(shape);
                scratch.resize(count * depth, T::default());
                let mut position = Position::new(shape, first);
                for row in scratch[..count * depth].chunks_exact_mut(depth) {
                    let pad = pad(position.image);
                    gather(row, &position, data, stride, shape, group, pad);
                    position.advance();
                }
                starts.extend((0..count).map(|row| row * depth));
                Block {
                    data: &scratch[..count * depth],
                    starts,
                    runs: 1,
                    step: 0,
                }
            }
        }
    }
}

/// Whether the taps of a kernel row are neighbours in memory.
pub(super) fn has_runs(shape: &ConvShape) -> bool {
    shape.groups == 1 && (shape.dilation[1] == 1 || shape.kernel[1] == 1)
}

/// Size of a padded image.
fn padded(shape: &ConvShape) -> [usize; 2] {
    [0, 1].map(|axis| shape.input[axis] + 2 * shape.padding[axis])
}

/// A copy of images `[B, H, W, stride]` with padding around them; `pad` is what stands there.
pub(super) fn with_padding<T: Copy + Default + Send + Sync>(
    shape: &ConvShape,
    data: &[T],
    stride: usize,
    pad: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let [height, width] = padded(shape);
    let [h, w] = shape.input;
    let mut out = vec![T::default(); shape.batch * height * width * stride];
    let lines = out.par_chunks_mut(width * stride).enumerate();
    lines.with_min_len(8).for_each(|(line, out)| {
        let (image, row) = (line / height, line % height);
        let pad = pad(image);
        match row.checked_sub(shape.padding[0]).filter(|&row| row < h) {
            None => out.fill(pad),
            Some(row) => {
                let (before, rest) = out.split_at_mut(shape.padding[1] * stride);
                let (inside, after) = rest.split_at_mut(w * stride);
                before.fill(pad);
                inside.copy_from_slice(&data[(image * h + row) * w * stride..][..w * stride]);
                after.fill(pad);
            }
        }
    });
    out
}

/// Elements per tap: the group's channels, padded.
pub(super) fn run(shape: &ConvShape) -> usize {
    shape.c_in_group().next_multiple_of(4)
}

/// An output position, counted without dividing each time.
struct Position {
    image: usize,
    row: usize,
    col: usize,
    output: [usize; 2],
}

impl Position {
    fn new(shape: &ConvShape, index: usize) -> Self {
        let output = shape.output();
        let [h, w] = output;
        Self {
            image: index / (h * w),
            row: index / w % h,
            col: index % w,
            output,
        }
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.col += 1;
        if self.col == self.output[1] {
            (self.col, self.row) = (0, self.row + 1);
        }
        if self.row == self.output[0] {
            (self.row, self.image) = (0, self.image + 1);
        }
    }
}

#[inline(always)]
fn gather<T: Copy>(
    out: &mut [T],
    position: &Position,
    data: &[T],
    stride: usize,
    shape: &ConvShape,
    group: usize,
    pad: T,
) {
    let run = run(shape);
    let [height, width] = shape.input;
    let taps = shape.kernel[1];
    let whole = shape.groups == 1 && shape.dilation[1] == 1;
    for (tap_row, out) in out.chunks_exact_mut(taps * run).enumerate() {
        let Some(row) = shape.source(0, position.row, tap_row) else {
            out.fill(pad);
            continue;
        };
        let row = (position.image * height + row) * width * stride;
        if whole {
            // Taps lo to hi are inside the image: one copy.
            let from = position.col * shape.stride[1];
            let lo = shape.padding[1].saturating_sub(from).min(taps);
            let hi = (width + shape.padding[1]).saturating_sub(from).min(taps);
            let hi = hi.max(lo);
            out[..lo * run].fill(pad);
            if hi > lo {
                let start = row + (from + lo - shape.padding[1]) * stride;
                let from = &data[start..start + (hi - lo) * run];
                out[lo * run..hi * run].copy_from_slice(from);
            }
            out[hi * run..].fill(pad);
            continue;
        }
        let channels = shape.c_in_group();
        for (tap, out) in out.chunks_exact_mut(run).enumerate() {
            match shape.source(1, position.col, tap) {
                Some(col) => {
                    let start = row + col * stride + group * channels;
                    out[..channels].copy_from_slice(&data[start..start + channels]);
                }
                None => out.fill(pad),
            }
        }
    }
}
