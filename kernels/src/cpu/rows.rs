//! Rows of activations for a matrix product, channels-last.
//!
//! ```text
//! A convolution is the product of one row per output position with the weights:
//!
//!   row = [tap (0,0): channels][tap (0,1): channels]...[tap (kh−1,kw−1): channels]
//!
//! Channels of a pixel are neighbours in memory, so a tap is one copy, and without dilation or groups
//! so are all taps of a kernel row. Only one block of rows exists at a time, in memory that is used
//! again. A 1×1 convolution with stride 1 and a linear layer read their rows where they are.
//! ```

use crate::shape::ConvShape;

/// Where a product's rows come from.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a, T> {
    /// Row i is at i · `stride`.
    InPlace { data: &'a [T], stride: usize },
    /// Row i is output position i of a convolution over `[B, H, W, stride]`.
    Taps {
        data: &'a [T],
        stride: usize,
        shape: &'a ConvShape,
    },
}

impl<'a, T: Copy + Default> Rows<'a, T> {
    /// Rows `first` to `first + count` of channel group `group`: them and their distance. `pad` is what
    /// stands in the padding of an image.
    #[inline(always)]
    pub fn block<'s>(
        &self,
        [first, count]: [usize; 2],
        group: usize,
        pad: impl Fn(usize) -> T,
        scratch: &'s mut Vec<T>,
    ) -> (&'s [T], usize)
    where
        'a: 's,
    {
        match *self {
            Self::InPlace { data, stride } => {
                (&data[first * stride..(first + count) * stride], stride)
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
                    position.advance(shape);
                }
                (&scratch[..count * depth], depth)
            }
        }
    }
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
    fn advance(&mut self, _: &ConvShape) {
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
