//! The driver of all matrix products: blocks of rows in parallel, panels of output channels inside,
//! register tiles inside those, and the epilogue on each tile while it is warm.
//!
//! ```text
//!                 panel 0     panel 1          a panel stays in the cache while
//!              ┌───────────┬───────────┐       all tiles of the block use it
//!     block 0  │ tile      │           │
//!              │ MR × NR   │           │
//!              ├───────────┼───────────┤       every task owns whole rows of the
//!     block 1  │           │           │       output: nothing is shared, and the
//!              └───────────┴───────────┘       result is the same with any threads
//! ```

use super::finish::{Finish, Scaled};
use super::isa::Isa;
use super::panels::Panels;
use super::parts::filled;
use super::rows::{Block, Rows};
use crate::arith::{ActQuant, Output};
use std::cell::RefCell;

/// A product to compute: rows of `A` (codes or floats) with panels of weights.
pub(super) struct Job<'a, A> {
    pub isa: Isa,
    pub panels: &'a Panels,
    pub finish: &'a Finish,
    /// Channel groups.
    pub groups: usize,
    /// Output channels of a group.
    pub channels: usize,
    pub rows: Rows<'a, A>,
    /// All rows.
    pub count: usize,
    /// One quantizer, or one for each `rows_per_quant` rows; none for floats.
    pub quants: &'a [ActQuant],
    /// What follows from each.
    pub scaled: Vec<Scaled>,
    pub rows_per_quant: usize,
}

/// What a layer stores: floats `[rows, channels]`, or codes `[rows, channels padded to 4]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// Floats.
    Floats(Vec<f32>),
    /// Codes, four to a word.
    Codes(Vec<u32>),
}

/// The rows of the output that a task fills.
pub(super) enum Sink<'a> {
    Floats(&'a mut [f32]),
    Codes(&'a mut [i8]),
}

/// Memory that a thread keeps from one block to the next.
#[derive(Default)]
pub(super) struct Scratch {
    pub rows: Vec<i8>,
    pub copies: Vec<i8>,
    pub wide: Vec<i16>,
    pub floats: Vec<f32>,
    pub panel: Vec<u8>,
    pub sums: Vec<i32>,
    pub starts: Vec<usize>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Channels that the epilogue handles at once.
const LANES: usize = 16;

/// Rows of activations that one task may gather, in bytes.
const BLOCK_BYTES: usize = 512 * 1024;

impl<A> Job<'_, A> {
    /// Computes all rows with `block`, which fills the rows `[first, count]` of a sink.
    pub fn run(
        &self,
        tile_rows: usize,
        block: impl Fn([usize; 2], Sink, &mut Scratch) + Sync,
    ) -> Stored {
        let width = self.groups * self.channels;
        let depth: usize = self.panels.segments.iter().map(|s| s.len).sum();
        let most = (BLOCK_BYTES / depth).clamp(4 * tile_rows, 256);
        let threads = rayon::current_num_threads();
        let blocks = self.count.div_ceil(most).next_multiple_of(threads);
        let rows = self.count.div_ceil(blocks).next_multiple_of(tile_rows);
        let task = |index: usize, sink: Sink, count: usize| {
            SCRATCH.with_borrow_mut(|scratch| block([index * rows, count], sink, scratch));
        };
        if matches!(self.finish.output, Output::F32) {
            let part = |i: usize, out: &mut [f32]| {
                let count = out.len() / width;
                task(i, Sink::Floats(out), count);
            };
            return Stored::Floats(filled(self.count * width, rows * width, part));
        }
        let stride = width.next_multiple_of(4);
        let part = |i: usize, out: &mut [u32]| {
            let out: &mut [i8] = bytemuck::cast_slice_mut(out);
            let count = out.len() / stride;
            task(i, Sink::Codes(out), count);
        };
        Stored::Codes(filled(self.count * stride / 4, rows * stride / 4, part))
    }

    /// What a row's sums are scaled with.
    #[inline(always)]
    pub fn scaled(&self, row: usize) -> &Scaled {
        match &self.scaled[..] {
            [one] => one,
            many => &many[row / self.rows_per_quant],
        }
    }

    /// All tiles of one panel with the rows of `acts`: `tile` adds the products of a run of each row, given
    /// the padded k before it.
    #[inline(always)]
    pub fn panel<T, S: Copy + Default, const MR: usize, const NR: usize>(
        &self,
        [group, panel]: [usize; 2],
        acts: &Block<T>,
        sink: &mut Sink,
        tile: impl Fn(&[&[T]; MR], usize, &mut [[S; NR]; MR]),
        sums: impl Sums<S>,
    ) {
        let column = (group * self.panels.per_group + panel) * NR;
        let channel = group * self.channels + panel * NR;
        let width = (self.channels - panel * NR).min(NR);
        let channels = self.groups * self.channels;
        let last = self.panels.segments.len() - 1;
        let count = acts.starts.len();
        let mut all = [[0.0; NR]; MR];
        for from in (0..count).step_by(MR) {
            let mut before = 0;
            for (segment, span) in self.panels.segments.iter().enumerate() {
                let mut products = [[S::default(); NR]; MR];
                let len = span.len / acts.runs;
                for run in 0..acts.runs {
                    let mut rows: [&[T]; MR] = [&[]; MR];
                    for (r, row) in rows.iter_mut().enumerate() {
                        // A tile that reaches beyond the block computes its last row again.
                        *row = acts.run((from + r).min(count - 1), run, span.start, len);
                    }
                    tile(&rows, before, &mut products);
                    before += len;
                }
                for r in 0..MR.min(count - from) {
                    let mut y = sums.scale([segment, column], from + r, &products[r]);
                    if segment > 0 {
                        for j in 0..NR {
                            y[j] += all[r][j];
                        }
                    }
                    if segment < last {
                        all[r] = y;
                        continue;
                    }
                    let row = [from + r, channels, channel];
                    sink.store(self.finish, column, row, width, &y);
                }
            }
        }
    }
}

/// What turns the sums of a block's rows into scaled sums. A trait and not a closure, because it has to be
/// inlined into code of another instruction set.
pub(super) trait Sums<S> {
    /// Scales the sums of row `row` of the block; `[segment, first column]` is their place.
    fn scale<const NR: usize>(&self, place: [usize; 2], row: usize, sums: &[S; NR]) -> [f32; NR];
}

impl Sink<'_> {
    /// Finishes and stores `width` channels from `channel` on in a row of all `channels`, in vectors of
    /// 16, each out of its own register.
    #[inline(always)]
    pub fn store<const NR: usize>(
        &mut self,
        finish: &Finish,
        column: usize,
        [row, channels, channel]: [usize; 3],
        width: usize,
        y: &[f32; NR],
    ) {
        let (parts, []) = y.as_chunks::<LANES>() else {
            unreachable!("panels are whole vectors");
        };
        for (y, at) in parts.iter().zip((0..width).step_by(LANES)) {
            let len = (width - at).min(LANES);
            match self {
                Sink::Floats(out) => {
                    let out = &mut out[row * channels + channel + at..][..len];
                    copy(out, &finish.floats(column + at, *y));
                }
                Sink::Codes(out) => {
                    let stride = channels.next_multiple_of(4);
                    let out = &mut out[row * stride + channel + at..][..len];
                    copy(out, &finish.codes(column + at, *y));
                }
            }
        }
    }
}

/// Copies the first `out.len()`. Full vectors are one store: the rest is kept apart, or the compiler makes
/// one call of both.
#[inline(always)]
pub(super) fn copy<T: Copy, const N: usize>(out: &mut [T], from: &[T; N]) {
    match out.first_chunk_mut() {
        Some(full) => *full = *from,
        None => copy_part(out, from),
    }
}

#[cold]
#[inline(never)]
fn copy_part<T: Copy>(out: &mut [T], from: &[T]) {
    out.copy_from_slice(&from[..out.len()]);
}
