//! A block of rows with AMX: where each tile finds its sixteen rows, and what follows its sums.
//!
//! ```text
//! equally spaced rows      read where they lie: linear layers, pixels, output positions of one image row
//! any others, and the      copied once for all panels, each run to whole chunks
//! last ones of the memory
//! ```
//!
//! Rows that fill no tile share the last sixteen with the tile before, which computes some twice.

use super::amx::{COLUMNS, Depth, ROWS, Rows, Sums, Tiles};
use super::finish_x86::Target;
use super::gemm::Codes;
use super::panels::Segment;
use super::product::{Job, Scratch, Sink, Sums as _};
use super::rows::Block;
use std::mem::swap;

/// A block of rows.
pub(super) fn block(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
    // SAFETY: a job has an instruction set only if `Isa::is_available`, which tests these features.
    unsafe { tiles(job, rows, sink, scratch) }
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn tiles(job: &Job<i8>, [first, count]: [usize; 2], mut sink: Sink, scratch: &mut Scratch) {
    let Scratch {
        rows,
        panel: wide,
        copies,
        starts,
        ..
    } = scratch;
    // SAFETY: `Isa::is_available` asked for the permission. The tiles end with this function, which calls
    // nothing that uses others.
    let unit = unsafe { Tiles::new(job.panels.chunk) };
    // While one step's sums are finished, the tiles are at work on the next one's.
    let mut sums = [const { Sums([[0; COLUMNS]; 2 * ROWS]) }; 2];
    let [mut next, mut ready] = sums.each_mut();
    let mut all = [[0.0; COLUMNS]; 2 * ROWS];
    for group in 0..job.groups {
        let pad = |image: usize| job.pad(image);
        let acts = job.rows.block([first, count], group, pad, rows, starts);
        let reach = Reach::new(job, acts.runs);
        let tiles = arrange(&acts, reach, copies);
        let codes = Codes {
            job,
            first,
            count,
            offsets: &[],
        };
        let mut before: Option<Step> = None;
        for panel in 0..job.panels.per_group {
            let panel = group * job.panels.per_group + panel;
            let weights = job.panels.bytes(panel, wide);
            for pair in tiles.chunks(2) {
                let rows = [&pair[0].rows, &pair[pair.len() - 1].rows];
                let mut weights = weights;
                for segment in 0..job.panels.segments.len() {
                    let (depth, len) = reach.depth(job, segment);
                    unit.multiply(rows, depth, weights, next);
                    weights = &weights[len * COLUMNS..];
                    let step = Step {
                        panel,
                        pair,
                        segment,
                    };
                    if let Some(before) = before.replace(step) {
                        before.finish(&codes, ready, &mut all, &mut sink);
                    }
                    swap(&mut next, &mut ready);
                }
            }
        }
        if let Some(last) = before {
            last.finish(&codes, ready, &mut all, &mut sink);
        }
    }
}

/// Runs of a row, and the bytes of one: those that hold codes, and those that tiles read.
#[derive(Clone, Copy)]
struct Reach {
    runs: usize,
    codes: usize,
    read: usize,
}

impl Reach {
    fn new(job: &Job<i8>, runs: usize) -> Self {
        let segments = job.panels.segments.iter();
        let ends = segments.map(|s| {
            let (start, len) = (s.start, s.len / runs);
            [start + len, start + len.next_multiple_of(job.panels.chunk)]
        });
        let [codes, read] = ends.fold([0, 0], |[a, b], [c, d]| [a.max(c), b.max(d)]);
        Self { runs, codes, read }
    }

    /// The k of a segment, and how many of them its panels hold.
    #[inline]
    fn depth(&self, job: &Job<i8>, segment: usize) -> (Depth, usize) {
        let Segment { start, len } = job.panels.segments[segment];
        let depth = Depth {
            start,
            runs: self.runs,
            chunks: (len / self.runs).div_ceil(job.panels.chunk),
        };
        (depth, self.runs * depth.chunks * job.panels.chunk)
    }
}

/// Sixteen rows of a block, the first of which is its row `first`; those before `fresh` are another's.
struct Tile<'a> {
    first: usize,
    fresh: usize,
    rows: Rows<'a>,
}

/// All rows of a block in tiles; `copies` holds those that do not lie as tiles need them.
fn arrange<'a>(acts: &'a Block<i8>, reach: Reach, copies: &'a mut Vec<i8>) -> Vec<Tile<'a>> {
    let count = acts.starts.len();
    let first = |fresh: usize| fresh.min(count.saturating_sub(ROWS));
    let span = (acts.runs - 1) * acts.step + reach.read;
    let in_place = |first: usize| -> Option<Rows<'a>> {
        let starts = acts.starts.get(first..first + ROWS)?;
        let stride = starts[1].checked_sub(starts[0])?;
        let even = starts.windows(2).all(|two| two[1] == two[0] + stride);
        let end = starts[ROWS - 1] + span;
        (even && end <= acts.data.len()).then(|| Rows {
            data: &acts.data[starts[0]..end],
            stride,
            step: acts.step,
        })
    };
    let found: Vec<_> = (0..count)
        .step_by(ROWS)
        .map(|fresh| (fresh, in_place(first(fresh))))
        .collect();
    let stride = acts.runs * reach.read;
    copies.clear();
    for (fresh, _) in found.iter().filter(|(_, rows)| rows.is_none()) {
        for r in 0..ROWS {
            let row = (first(*fresh) + r).min(count - 1);
            for run in 0..acts.runs {
                let len = copies.len();
                copies.extend_from_slice(acts.run(row, run, 0, reach.codes));
                copies.resize(len + reach.read, 0);
            }
        }
    }
    let mut copied = copies.chunks_exact(ROWS * stride);
    let tile = |(fresh, rows): (usize, Option<Rows<'a>>)| Tile {
        first: first(fresh),
        fresh: fresh - first(fresh),
        rows: rows.unwrap_or_else(|| Rows {
            data: copied.next().expect("a copy for each"),
            stride,
            step: reach.read,
        }),
    };
    found.into_iter().map(tile).collect()
}

/// The sums of one segment of one panel with one or two tiles.
struct Step<'a> {
    /// Counted over all groups.
    panel: usize,
    pair: &'a [Tile<'a>],
    segment: usize,
}

impl Step<'_> {
    /// Scales sums and stores them; before the last segment, adds them to `all`.
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    #[inline]
    fn finish(
        &self,
        codes: &Codes,
        sums: &Sums,
        all: &mut [[f32; COLUMNS]; 2 * ROWS],
        sink: &mut Sink,
    ) {
        let job = codes.job;
        let (group, panel) = (
            self.panel / job.panels.per_group,
            self.panel % job.panels.per_group,
        );
        let column = self.panel * COLUMNS;
        let channel = group * job.channels + panel * COLUMNS;
        let width = (job.channels - panel * COLUMNS).min(COLUMNS);
        let channels = job.groups * job.channels;
        let last = job.panels.segments.len() - 1;
        for (half, tile) in self.pair.iter().enumerate() {
            let fresh = tile.fresh..ROWS.min(codes.count - tile.first);
            if let (Sink::Codes(out), 0, true) = (&mut *sink, last, job.finish.is_direct()) {
                let stride = channels.next_multiple_of(4);
                let sums = &sums.0[half * ROWS..][fresh.clone()];
                let mut row = tile.first + fresh.start;
                for (scaled, sums) in codes.alike(row, sums) {
                    let mut target = Target {
                        out: &mut out[row * stride + channel..],
                        stride,
                        width,
                    };
                    job.finish.store512(scaled, column, sums, &mut target);
                    row += sums.len();
                }
                continue;
            }
            for r in fresh {
                let (row, at) = (tile.first + r, half * ROWS + r);
                let mut y = codes.scale([self.segment, column], row, &sums.0[at]);
                if self.segment > 0 {
                    for j in 0..COLUMNS {
                        y[j] += all[at][j];
                    }
                }
                if self.segment < last {
                    all[at] = y;
                    continue;
                }
                sink.store(job.finish, column, [row, channels, channel], width, &y);
            }
        }
    }
}
