//! The gradient of weights: D[tap][k] += Σ over rows of A[source(row, tap)][k] · G[row].
//!
//! ```text
//!            one vector    one vector of the gradient's columns
//!   k       [ sum k,0   ] [ sum k,1   ]
//!   k+1     [ sum k+1,0 ] [ sum k+1,1 ]     12 k at a time; per row: two loads, 12 broadcasts
//!    ...
//! ```
//! Rows are added in their order by whoever owns the tile, so the sum does not depend on threads.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::arch::arch;
use super::gather::Gather;
use super::panels::Panels;
use super::product::{ROWS, Rows};
use super::share::Aligned;

/// Rows that pass while their part of A and G stays in the second cache.
const BLOCK: usize = 128;

/// Adds to `panels` (zeros, or sums so far) the products of all rows. `g` holds the gradient of C.
pub(super) fn outer(gather: &Gather, images: usize, a: Rows<'_>, g: Rows<'_>, panels: &mut Panels) {
    let (taps, k, width, n) = (panels.taps, panels.k, panels.width, panels.n);
    let rows = images * gather.positions;
    assert_eq!(g.data.len(), rows * g.row_len, "as many gradient rows");
    assert_eq!(
        a.data.len(),
        images * gather.sources * a.row_len,
        "as many input rows"
    );
    assert!(
        a.start + k <= a.row_len && g.start + n <= g.row_len,
        "columns within rows"
    );
    // A panel is shared by taps only where there are too few panels to go round.
    let few = panels.count() < 4 * rayon::current_num_threads();
    let taps_each = if few { 1 } else { taps };
    let parts = panels
        .data
        .par_chunks_mut(taps_each * k * width)
        .enumerate();
    parts.for_each(|(part, sums)| {
        let (j, tap) = (part * taps_each / taps, part * taps_each % taps);
        arch().dispatch(Task {
            gather,
            rows,
            a,
            g,
            column: j * width,
            columns: width.min(n - j * width),
            taps: tap..tap + taps_each,
            k,
            sums,
            width,
        });
    });
}

struct Task<'a> {
    gather: &'a Gather,
    rows: usize,
    a: Rows<'a>,
    g: Rows<'a>,
    column: usize,
    columns: usize,
    taps: std::ops::Range<usize>,
    k: usize,
    /// `[taps, k, width]`
    sums: &'a mut [f32],
    width: usize,
}

/// A row of A and its row in the block of G.
#[derive(Clone, Copy)]
struct Pair {
    a: *const f32,
    g: *const f32,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut block = Aligned::zeros(BLOCK * self.width);
        let mut places = Vec::with_capacity(BLOCK);
        let mut pairs = Vec::with_capacity(BLOCK);
        for first in (0..self.rows).step_by(BLOCK) {
            let rows = first..self.rows.min(first + BLOCK);
            places.clear();
            places.extend(rows.clone().map(|row| self.gather.place(row)));
            for (row, to) in rows.clone().zip(block.chunks_exact_mut(self.width)) {
                let from = self.gather.target(row) * self.g.row_len + self.g.start + self.column;
                to[..self.columns].copy_from_slice(&self.g.data[from..from + self.columns]);
            }
            for (tap, sums) in self
                .taps
                .clone()
                .zip(self.sums.chunks_exact_mut(self.k * self.width))
            {
                pairs.clear();
                for (&place, g) in places.iter().zip(block.chunks_exact(self.width)) {
                    if let Some(source) = self.gather.source(place, tap) {
                        let from = source * self.a.row_len + self.a.start;
                        let a = self.a.data[from..from + self.k].as_ptr();
                        pairs.push(Pair { a, g: g.as_ptr() });
                    }
                }
                let m = if S::REGISTER_COUNT >= 32 {
                    ROWS
                } else {
                    ROWS / 2
                };
                let (whole, rest) = sums.split_at_mut(self.k / m * m * self.width);
                // SAFETY: each pair has `k` and `width` floats.
                unsafe {
                    for (i, sums) in whole.chunks_exact_mut(m * self.width).enumerate() {
                        if S::REGISTER_COUNT >= 32 {
                            accumulate::<S, ROWS>(simd, &pairs, i * m, sums);
                        } else {
                            accumulate::<S, { ROWS / 2 }>(simd, &pairs, i * m, sums);
                        }
                    }
                    let from = self.k / m * m;
                    let (fours, ones) =
                        rest.split_at_mut(rest.len() / (4 * self.width) * 4 * self.width);
                    let after = from + fours.len() / self.width;
                    for (i, sums) in fours.chunks_exact_mut(4 * self.width).enumerate() {
                        accumulate::<S, 4>(simd, &pairs, from + 4 * i, sums);
                    }
                    for (i, sums) in ones.chunks_exact_mut(self.width).enumerate() {
                        accumulate::<S, 1>(simd, &pairs, after + i, sums);
                    }
                }
            }
        }
    }
}

/// sums[M, width] += Σ over pairs of a[from..from + M] · g
///
/// # Safety
/// Each `a` has `from + M` floats, each `g` two vectors.
#[inline(always)]
unsafe fn accumulate<S: Simd, const M: usize>(
    simd: S,
    pairs: &[Pair],
    from: usize,
    sums: &mut [f32],
) {
    let (sums, _) = S::as_mut_simd_f32s(sums);
    let mut tile: [[S::f32s; 2]; M] = std::array::from_fn(|m| [sums[2 * m], sums[2 * m + 1]]);
    for pair in pairs {
        // SAFETY: by the caller's promise; unaligned reads.
        unsafe {
            let g0 = pair.g.cast::<S::f32s>().read_unaligned();
            let g1 = pair.g.cast::<S::f32s>().add(1).read_unaligned();
            for (m, sums) in tile.iter_mut().enumerate() {
                let a = simd.splat_f32s(*pair.a.add(from + m));
                sums[0] = simd.mul_add_e_f32s(a, g0, sums[0]);
                sums[1] = simd.mul_add_e_f32s(a, g1, sums[1]);
            }
        }
    }
    for m in 0..M {
        [sums[2 * m], sums[2 * m + 1]] = tile[m];
    }
}
