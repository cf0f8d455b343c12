//! Which input row each kernel tap reads for each output position.
//!
//! The forward pass reads input rows, the gradient of the input reads rows of the output's gradient:
//! both are the same matrix product over gathered rows, with another table. Stride, padding and
//! dilation live here and nowhere else.

use crate::shape::ConvShape;

/// No row: padding, or a position that the stride steps over.
const NONE: u32 = u32::MAX;

/// Source rows of one image, by position and tap.
#[derive(Debug, Clone)]
pub struct Gather {
    /// Kernel taps.
    pub taps: usize,
    /// Rows of one image that are written.
    pub positions: usize,
    /// Rows of one image that are read.
    pub sources: usize,
    /// `[positions, taps]`
    table: Vec<u32>,
    /// Row that is written at each position; neighbours read the same taps.
    order: Vec<u32>,
}

/// A row's line of the table: looked up once, used for every tap.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// First element of the line.
    entry: usize,
    /// First row of the image that is read.
    first: usize,
}

impl Gather {
    /// One tap that reads row by row: a linear layer, or a 1×1 convolution.
    pub fn rows() -> Self {
        Self {
            taps: 1,
            positions: 1,
            sources: 1,
            table: vec![0],
            order: vec![0],
        }
    }

    /// Rows of the input for each output position.
    pub fn forward(shape: &ConvShape) -> Self {
        let [h, w] = shape.output();
        let mut table = Vec::with_capacity(h * w * shape.kernel[0] * shape.kernel[1]);
        for at in 0..h * w {
            for tap in 0..shape.kernel[0] * shape.kernel[1] {
                let row = shape.source(0, at / w, tap / shape.kernel[1]);
                let col = shape.source(1, at % w, tap % shape.kernel[1]);
                let source = row.zip(col).map(|(row, col)| row * shape.input[1] + col);
                table.push(source.map_or(NONE, |s| s as u32));
            }
        }
        Self {
            taps: shape.kernel[0] * shape.kernel[1],
            positions: h * w,
            sources: shape.input[0] * shape.input[1],
            table,
            order: (0..(h * w) as u32).collect(),
        }
    }

    /// Rows of the output's gradient for each input position. Positions that lie alike under the stride
    /// follow each other, because they read the same taps and skip the same taps.
    pub fn backward(shape: &ConvShape) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let [h, w] = shape.input;
        let mut order: Vec<u32> = (0..(h * w) as u32).collect();
        order.sort_by_key(|&at| {
            let (row, col) = (at as usize / w, at as usize % w);
            (row % shape.stride[0], col % shape.stride[1], at)
        });
        let [_, out_w] = shape.output();
        let mut table = Vec::with_capacity(h * w * taps);
        for &at in &order {
            for tap in 0..taps {
                let row = target(shape, 0, at as usize / w, tap / shape.kernel[1]);
                let col = target(shape, 1, at as usize % w, tap % shape.kernel[1]);
                let source = row.zip(col).map(|(row, col)| row * out_w + col);
                table.push(source.map_or(NONE, |s| s as u32));
            }
        }
        Self {
            taps,
            positions: h * w,
            sources: shape.output().iter().product(),
            table,
            order,
        }
    }

    /// Where `row` (of all images) stands in the table.
    #[inline(always)]
    pub fn place(&self, row: usize) -> Place {
        if self.positions == 1 {
            return Place {
                entry: 0,
                first: row * self.sources,
            };
        }
        let (image, at) = (row / self.positions, row % self.positions);
        Place {
            entry: at * self.taps,
            first: image * self.sources,
        }
    }

    /// Row that is read from `place` at `tap`.
    #[inline(always)]
    pub fn source(&self, place: Place, tap: usize) -> Option<usize> {
        let source = self.table[place.entry + tap];
        (source != NONE).then(|| place.first + source as usize)
    }

    /// Row that is written for `row` (of all images).
    #[inline(always)]
    pub fn target(&self, row: usize) -> usize {
        if self.positions == 1 {
            return row;
        }
        let (image, at) = (row / self.positions, row % self.positions);
        image * self.positions + self.order[at] as usize
    }
}

/// Output position along `axis` that reads input position `at` through `tap`.
fn target(shape: &ConvShape, axis: usize, at: usize, tap: usize) -> Option<usize> {
    let reached = (at + shape.padding[axis]).checked_sub(tap * shape.dilation[axis])?;
    let stride = shape.stride[axis];
    (reached % stride == 0 && reached / stride < shape.output()[axis]).then_some(reached / stride)
}
