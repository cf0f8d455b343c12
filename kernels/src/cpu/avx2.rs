//! Register tiles of plain AVX2: 6 rows × 16 channels.
//!
//! ```text
//! 8-bit weights, two k at a time:               2- and 4-bit weights, four k at a time:
//!   w0, w1: 8 channels × 2 k, 16 bits each        w0, w1: 8 channels × 4 k, unsigned bytes
//!   a:      2 k of a row, repeated                a:      4 k of a row, repeated
//!   vpmaddwd → 8 sums of 32 bits                  vpmaddubsw → 8 channels × 2 sums of 16 bits
//!   vpaddd into acc[row][0..1]                    vpaddw, 8 times; then vpmaddwd by ones → 32 bits
//! ```
//!
//! A weight less than 16 times a code of at most 128, twice, is 3840 at most, and eight are 30720:
//! within 16 bits.

use super::gemm::{self, starts};
use super::panels::Order;
use super::product::{Job, Scratch, Sink};
use std::arch::x86_64::*;

/// Quads between widenings.
const NARROW: usize = 8;

/// A block of rows.
pub(super) fn block(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
    #[target_feature(enable = "avx2,fma")]
    fn wide(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
        gemm::pairs::<6, 16>(job, rows, sink, scratch, |rows, panel, acc| {
            tile_pairs(rows, panel, acc)
        });
    }
    #[target_feature(enable = "avx2,fma")]
    fn narrow(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
        gemm::quads::<6, 16>(job, rows, sink, scratch, |rows, panel, acc| {
            tile_quads(rows, panel, acc)
        });
    }
    // SAFETY: a job has an instruction set only if `Isa::is_available`, which tests these features.
    unsafe {
        match job.panels.order() {
            Order::Pairs => wide(job, rows, sink, scratch),
            _ => narrow(job, rows, sink, scratch),
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn tile_pairs<const MR: usize>(rows: &[&[i16]; MR], panel: &[i16], acc: &mut [[i32; 16]; MR]) {
    let pairs = panel.len() / 32;
    assert!(rows.iter().all(|row| row.len() >= 2 * pairs));
    let rows = starts(rows);
    let mut sums = [[_mm256_setzero_si256(); 2]; MR];
    for p in 0..pairs {
        // SAFETY: pair p of the panel and of every row is in bounds by the assertion.
        unsafe {
            let weights = panel.as_ptr().add(32 * p);
            let w0 = _mm256_loadu_si256(weights.cast());
            let w1 = _mm256_loadu_si256(weights.add(16).cast());
            for r in 0..MR {
                let a = _mm256_set1_epi32(rows[r].add(2 * p).cast::<i32>().read_unaligned());
                sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(w0, a));
                sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(w1, a));
            }
        }
    }
    for (acc, sums) in acc.iter_mut().zip(sums) {
        // SAFETY: 16 sums are two vectors.
        unsafe {
            let to: *mut __m256i = acc.as_mut_ptr().cast();
            _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), sums[0]));
            let to = to.add(1);
            _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), sums[1]));
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn tile_quads<const MR: usize>(rows: &[&[i8]; MR], panel: &[u8], acc: &mut [[i32; 16]; MR]) {
    let quads = panel.len() / 64;
    assert!(rows.iter().all(|row| row.len() >= 4 * quads));
    let rows = starts(rows);
    let ones = _mm256_set1_epi16(1);
    for from in (0..quads).step_by(NARROW) {
        let mut sums = [[_mm256_setzero_si256(); 2]; MR];
        for q in from..(from + NARROW).min(quads) {
            // SAFETY: quad q of the panel and of every row is in bounds by the assertion.
            unsafe {
                let weights = panel.as_ptr().add(64 * q);
                let w0 = _mm256_loadu_si256(weights.cast());
                let w1 = _mm256_loadu_si256(weights.add(32).cast());
                for r in 0..MR {
                    let a = _mm256_set1_epi32(rows[r].add(4 * q).cast::<i32>().read_unaligned());
                    sums[r][0] = _mm256_add_epi16(sums[r][0], _mm256_maddubs_epi16(w0, a));
                    sums[r][1] = _mm256_add_epi16(sums[r][1], _mm256_maddubs_epi16(w1, a));
                }
            }
        }
        for (acc, sums) in acc.iter_mut().zip(sums) {
            for (acc, sums) in acc.chunks_exact_mut(8).zip(sums) {
                // SAFETY: eight sums are one vector.
                unsafe {
                    let acc = acc.as_mut_ptr().cast();
                    let wide = _mm256_madd_epi16(sums, ones);
                    _mm256_storeu_si256(acc, _mm256_add_epi32(_mm256_loadu_si256(acc), wide));
                }
            }
        }
    }
}
