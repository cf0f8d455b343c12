//! Register tiles without intrinsics, for any machine: 4 rows × 16 channels, four k at a time.

use super::gemm;
use super::product::{Job, Scratch, Sink};

/// A block of rows.
pub(super) fn block(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
    gemm::quads::<4, 16>(job, rows, sink, scratch, tile);
}

#[inline(always)]
fn tile(rows: &[&[i8]; 4], panel: &[u8], acc: &mut [[i32; 16]; 4]) {
    for (q, weights) in panel.chunks_exact(64).enumerate() {
        for (row, acc) in rows.iter().zip(acc.iter_mut()) {
            let four = &row[4 * q..4 * q + 4];
            for (acc, weights) in acc.iter_mut().zip(weights.chunks_exact(4)) {
                let products = weights.iter().zip(four);
                let sum: i32 = products.map(|(&w, &a)| i32::from(w) * i32::from(a)).sum();
                *acc = acc.wrapping_add(sum);
            }
        }
    }
}
