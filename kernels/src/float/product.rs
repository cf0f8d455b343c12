//! The matrix product over gathered rows: C[row] = Σ over taps of A[source(row, tap)] · B[tap] (+ bias).
//!
//! ```text
//!            one vector   one vector
//!   row 0   [ sum 0,0 ] [ sum 0,1 ]      12 rows with 32 vector registers, 6 with 16;
//!   row 1   [ sum 1,0 ] [ sum 1,1 ]      per k: two loads of B, one broadcast of A per row
//!    ...
//! ```
//! A is read where it lies, through one pointer per row; rows of padding point to zeros. Blocking as in
//! Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008: a piece of a panel of
//! B stays in the first cache while a chunk of rows passes.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::arch::arch;
use super::gather::Gather;
use super::panels::Panels;
use super::share::{Aligned, Shared};

/// Rows of a register tile at most.
pub(super) const ROWS: usize = 12;

/// Rows of a chunk: what passes while a piece of a panel stays in the first cache.
const CHUNK: usize = 96;
/// Products per piece of a panel.
const PIECE: usize = 256;

/// Rows of activations: `row_len` apart, the first `k` from `start` on are used.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// All rows.
    pub data: &'a [f32],
    /// Distance of rows.
    pub row_len: usize,
    /// First element used in a row.
    pub start: usize,
}

/// C = A · B over gathered rows, written from `start` on into rows of `row_len`.
pub(super) fn product(
    gather: &Gather,
    images: usize,
    a: Rows<'_>,
    b: &Panels,
    bias: Option<&[f32]>,
    (out, row_len, start): (&mut [f32], usize, usize),
) {
    let rows = images * gather.positions;
    if rows == 0 {
        return;
    }
    assert_eq!(out.len(), rows * row_len, "as many output rows");
    assert_eq!(
        a.data.len(),
        images * gather.sources * a.row_len,
        "as many input rows"
    );
    assert!(
        a.start + b.k <= a.row_len && start + b.n <= row_len,
        "columns within rows"
    );
    let threads = rayon::current_num_threads();
    // Enough tasks to share evenly, but chunks as large as that allows.
    let chunk = rows.div_ceil(4 * threads).next_multiple_of(ROWS).min(CHUNK);
    let chunks = rows.div_ceil(chunk);
    let splits = (4 * threads).div_ceil(chunks).min(b.count());
    let panels = b.count().div_ceil(splits);
    let out = Shared::new(out);
    (0..chunks * splits).into_par_iter().for_each(|task| {
        let first = task / splits * chunk;
        let panel = task % splits * panels;
        arch().dispatch(Task {
            gather,
            rows: first..rows.min(first + chunk),
            a,
            b,
            panels: panel..b.count().min(panel + panels),
            bias,
            out,
            row_len,
            start,
        });
    });
}

/// Some rows times some panels.
struct Task<'a> {
    gather: &'a Gather,
    rows: std::ops::Range<usize>,
    a: Rows<'a>,
    b: &'a Panels,
    panels: std::ops::Range<usize>,
    bias: Option<&'a [f32]>,
    out: Shared<'a>,
    row_len: usize,
    start: usize,
}

/// Pointers to the rows that one register tile reads at one tap.
#[derive(Clone, Copy)]
struct Sources {
    rows: [*const f32; ROWS],
    any: bool,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.run::<S, ROWS>(simd);
        } else {
            self.run::<S, { ROWS / 2 }>(simd);
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn run<S: Simd, const M: usize>(self, simd: S) {
        let (b, taps) = (self.b, self.b.taps);
        let zeros = vec![0.0f32; b.k];
        let tiles = self.rows.len().div_ceil(M);
        let sources = self.sources(tiles, M, &zeros);
        let width = b.width;
        let mut sums = Aligned::zeros(tiles * M * width);
        for j in self.panels.clone() {
            let columns = width.min(b.n - j * width);
            match self.bias {
                Some(bias) => sums.chunks_exact_mut(width).for_each(|row| {
                    row[..columns].copy_from_slice(&bias[j * width..j * width + columns]);
                }),
                None => sums.fill(0.0),
            }
            for tap in 0..taps {
                for from in (0..b.k).step_by(PIECE) {
                    let piece = PIECE.min(b.k - from);
                    let panel = &b.row(j, tap, from)[..piece * width];
                    for (tile, sums) in sums.chunks_exact_mut(M * width).enumerate() {
                        let sources = &sources[tile * taps + tap];
                        if sources.any {
                            // SAFETY: every pointer has `b.k` floats behind it.
                            unsafe { accumulate::<S, M>(simd, &sources.rows, from, panel, sums) };
                        }
                    }
                }
            }
            for (row, sums) in self.rows.clone().zip(sums.chunks_exact(width)) {
                let at = self.gather.target(row) * self.row_len + self.start + j * width;
                // SAFETY: each row and panel is written by one task.
                unsafe { self.out.part(at, columns) }.copy_from_slice(&sums[..columns]);
            }
        }
    }

    /// Source pointers, `[tiles, taps]`.
    #[inline(always)]
    fn sources(&self, tiles: usize, m: usize, zeros: &[f32]) -> Vec<Sources> {
        let none = Sources {
            rows: [zeros.as_ptr(); ROWS],
            any: false,
        };
        let mut sources = vec![none; tiles * self.b.taps];
        for (i, row) in self.rows.clone().enumerate() {
            let place = self.gather.place(row);
            for tap in 0..self.b.taps {
                if let Some(source) = self.gather.source(place, tap) {
                    let from = source * self.a.row_len + self.a.start;
                    let entry = &mut sources[i / m * self.b.taps + tap];
                    entry.rows[i % m] = self.a.data[from..from + self.b.k].as_ptr();
                    entry.any = true;
                }
            }
        }
        sources
    }
}

/// sums[M, width] += rows[M][from..] · panel[.., width]
///
/// # Safety
/// Each row has as many floats from `from` on as `panel` has rows.
#[inline(always)]
unsafe fn accumulate<S: Simd, const M: usize>(
    simd: S,
    rows: &[*const f32; ROWS],
    from: usize,
    panel: &[f32],
    sums: &mut [f32],
) {
    let (panel, _) = S::as_simd_f32s(panel);
    let (sums, _) = S::as_mut_simd_f32s(sums);
    let rows: [*const f32; M] = std::array::from_fn(|m| rows[m].wrapping_add(from));
    let mut tile: [[S::f32s; 2]; M] = std::array::from_fn(|m| [sums[2 * m], sums[2 * m + 1]]);
    for (k, b) in panel.chunks_exact(2).enumerate() {
        for (sums, row) in tile.iter_mut().zip(rows) {
            // SAFETY: by the caller's promise.
            let a = simd.splat_f32s(unsafe { *row.add(k) });
            sums[0] = simd.mul_add_e_f32s(a, b[0], sums[0]);
            sums[1] = simd.mul_add_e_f32s(a, b[1], sums[1]);
        }
    }
    for m in 0..M {
        [sums[2 * m], sums[2 * m + 1]] = tile[m];
    }
}
