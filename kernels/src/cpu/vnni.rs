//! Register tiles with `vpdpbusd`: four products of an unsigned weight and a signed activation, added to
//! 32 bits.
//!
//! ```text
//! AVX-512: 8 rows × 32 channels                AVX-VNNI: 6 rows × 16 channels
//!
//!            w0 (16 ch × 4 k)  w1                        w0 (8 ch × 4 k)  w1
//!   a row 0   acc[0][0]   acc[0][1]             a row 0   acc[0][0]  acc[0][1]
//!     ...                                         ...
//!   a row 7   acc[7][0]   acc[7][1]             a row 5   acc[5][0]  acc[5][1]
//!
//! each a: four codes of the row, repeated for every channel
//! ```

use super::gemm::{self, starts};
use super::product::{Job, Scratch, Sink};
use std::arch::x86_64::*;

/// A block of rows with AVX-512.
pub(super) fn block512(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn inside(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
        gemm::quads::<8, 32>(job, rows, sink, scratch, |rows, panel, acc| {
            tile512(rows, panel, acc)
        });
    }
    // SAFETY: a job has an instruction set only if `Isa::is_available`, which tests these features.
    unsafe { inside(job, rows, sink, scratch) }
}

/// A block of rows with AVX-VNNI.
pub(super) fn block256(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
    #[target_feature(enable = "avx2,fma,avxvnni")]
    fn inside(job: &Job<i8>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
        gemm::quads::<6, 16>(job, rows, sink, scratch, |rows, panel, acc| {
            tile256(rows, panel, acc)
        });
    }
    // SAFETY: as above.
    unsafe { inside(job, rows, sink, scratch) }
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn tile512<const MR: usize>(rows: &[&[i8]; MR], panel: &[u8], acc: &mut [[i32; 32]; MR]) {
    let quads = panel.len() / 128;
    assert!(rows.iter().all(|row| row.len() >= 4 * quads));
    let rows = starts(rows);
    let mut sums = [[_mm512_setzero_si512(); 2]; MR];
    for q in 0..quads {
        // SAFETY: quad q of the panel and of every row is in bounds by the assertion.
        unsafe {
            let weights = panel.as_ptr().add(128 * q);
            let w0 = _mm512_loadu_si512(weights.cast());
            let w1 = _mm512_loadu_si512(weights.add(64).cast());
            for r in 0..MR {
                let a = _mm512_set1_epi32(rows[r].add(4 * q).cast::<i32>().read_unaligned());
                sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], w0, a);
                sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], w1, a);
            }
        }
    }
    for (acc, sums) in acc.iter_mut().zip(sums) {
        // SAFETY: 32 sums are two vectors.
        unsafe {
            let to: *mut __m512i = acc.as_mut_ptr().cast();
            _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), sums[0]));
            let to = to.add(1);
            _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), sums[1]));
        }
    }
}

#[target_feature(enable = "avx2,avxvnni")]
#[inline]
fn tile256<const MR: usize>(rows: &[&[i8]; MR], panel: &[u8], acc: &mut [[i32; 16]; MR]) {
    let quads = panel.len() / 64;
    assert!(rows.iter().all(|row| row.len() >= 4 * quads));
    let rows = starts(rows);
    let mut sums = [[_mm256_setzero_si256(); 2]; MR];
    for q in 0..quads {
        // SAFETY: quad q of the panel and of every row is in bounds by the assertion.
        unsafe {
            let weights = panel.as_ptr().add(64 * q);
            let w0 = _mm256_loadu_si256(weights.cast());
            let w1 = _mm256_loadu_si256(weights.add(32).cast());
            for r in 0..MR {
                let a = _mm256_set1_epi32(rows[r].add(4 * q).cast::<i32>().read_unaligned());
                sums[r][0] = _mm256_dpbusd_avx_epi32(sums[r][0], w0, a);
                sums[r][1] = _mm256_dpbusd_avx_epi32(sums[r][1], w1, a);
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
