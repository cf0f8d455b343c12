//! Depthwise tiles with AVX2 and VNNI: 32 channels of one output position.
//!
//! ```text
//! AVX2, two taps at a time:   x0, x1: 16 channels each
//!     vpunpcklbw, vpunpckhbw  [c0: t0 t1][c1: t0 t1]...[c7]   [c8]...[c15]
//!     vpmovsxbw, vpmaddwd     + acc: eight channels, in order
//!
//! AVX-VNNI, four taps at a time:  x0 to x3: 32 channels each, code ^ 0x80 (unsigned: code + 128)
//!     vpunpck bw, then wd     a = 0: channels 0-3 | 16-19, each [t0 t1 t2 t3]
//!                             a = 1: 4-7 | 20-23    a = 2: 8-11 | 24-27    a = 3: 12-15 | 28-31
//!     vpdpbusd                + acc[a], halves exchanged once at the end
//! ```

use super::depthwise::{Job, LANES};
use super::product::Sink;
use std::arch::x86_64::*;

/// One output row with AVX2.
pub(super) fn avx2(job: &Job<i8>, weights: &[[i16; 2 * LANES]], index: usize, sink: Sink) {
    #[target_feature(enable = "avx2,fma")]
    fn inside(job: &Job<i8>, weights: &[[i16; 2 * LANES]], index: usize, sink: Sink) {
        let steps = job.shape.k().div_ceil(2);
        job.line(index, sink, 2, |(block, column), taps| {
            pairs(&weights[block * steps..][..steps], taps, column)
        });
    }
    // SAFETY: a job has an instruction set only if `Isa::is_available`, which tests these features.
    unsafe { inside(job, weights, index, sink) }
}

/// One output row with AVX-VNNI.
pub(super) fn vnni256(job: &Job<i8>, weights: &[[i8; 4 * LANES]], index: usize, sink: Sink) {
    #[target_feature(enable = "avx2,fma,avxvnni")]
    fn inside(job: &Job<i8>, weights: &[[i8; 4 * LANES]], index: usize, sink: Sink) {
        let steps = job.shape.k().div_ceil(4);
        job.line(index, sink, 4, |(block, column), taps| {
            let weights = &weights[block * steps..][..steps];
            quads(weights, taps, column, |sum, x, w| {
                _mm256_dpbusd_avx_epi32(sum, x, w)
            })
        });
    }
    // SAFETY: as above.
    unsafe { inside(job, weights, index, sink) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn pairs(weights: &[[i16; 2 * LANES]], taps: &[&[i8]], column: usize) -> [i32; LANES] {
    assert!(taps.iter().all(|tap| tap.len() >= column + LANES));
    let mut acc = [_mm256_setzero_si256(); 4];
    let (two, []) = taps.as_chunks::<2>() else {
        unreachable!("taps come in pairs");
    };
    for ([x0, x1], weights) in two.iter().zip(weights) {
        for half in 0..2 {
            // SAFETY: half a block is 16 bytes and in bounds by the assertion; a pair of taps has four
            // vectors of weights.
            unsafe {
                let x0 = _mm_loadu_si128(x0.as_ptr().add(column + 16 * half).cast());
                let x1 = _mm_loadu_si128(x1.as_ptr().add(column + 16 * half).cast());
                let w: *const __m256i = weights.as_ptr().cast();
                let low = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(x0, x1));
                let high = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(x0, x1));
                let w_low = _mm256_loadu_si256(w.add(2 * half));
                let w_high = _mm256_loadu_si256(w.add(2 * half + 1));
                let (low, high) = (
                    _mm256_madd_epi16(low, w_low),
                    _mm256_madd_epi16(high, w_high),
                );
                acc[2 * half] = _mm256_add_epi32(acc[2 * half], low);
                acc[2 * half + 1] = _mm256_add_epi32(acc[2 * half + 1], high);
            }
        }
    }
    stored(acc)
}

#[target_feature(enable = "avx2")]
#[inline]
fn quads(
    weights: &[[i8; 4 * LANES]],
    taps: &[&[i8]],
    column: usize,
    dot: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
) -> [i32; LANES] {
    assert!(taps.iter().all(|tap| tap.len() >= column + LANES));
    let mut acc = [_mm256_setzero_si256(); 4];
    let flip = _mm256_set1_epi8(-128);
    let (four, []) = taps.as_chunks::<4>() else {
        unreachable!("taps come in fours");
    };
    for (x, weights) in four.iter().zip(weights) {
        // SAFETY: a block is one vector and in bounds by the assertion; four taps have four vectors of
        // weights.
        unsafe {
            let load = |i: usize| {
                _mm256_xor_si256(_mm256_loadu_si256(x[i].as_ptr().add(column).cast()), flip)
            };
            let (x0, x1, x2, x3) = (load(0), load(1), load(2), load(3));
            let (low01, high01) = (_mm256_unpacklo_epi8(x0, x1), _mm256_unpackhi_epi8(x0, x1));
            let (low23, high23) = (_mm256_unpacklo_epi8(x2, x3), _mm256_unpackhi_epi8(x2, x3));
            let w: *const __m256i = weights.as_ptr().cast();
            let x = [
                _mm256_unpacklo_epi16(low01, low23),
                _mm256_unpackhi_epi16(low01, low23),
                _mm256_unpacklo_epi16(high01, high23),
                _mm256_unpackhi_epi16(high01, high23),
            ];
            for a in 0..4 {
                acc[a] = dot(acc[a], x[a], _mm256_loadu_si256(w.add(a)));
            }
        }
    }
    stored([
        _mm256_permute2x128_si256(acc[0], acc[1], 0x20),
        _mm256_permute2x128_si256(acc[2], acc[3], 0x20),
        _mm256_permute2x128_si256(acc[0], acc[1], 0x31),
        _mm256_permute2x128_si256(acc[2], acc[3], 0x31),
    ])
}

#[target_feature(enable = "avx2")]
#[inline]
fn stored(acc: [__m256i; 4]) -> [i32; LANES] {
    let mut out = [0; LANES];
    for (out, acc) in out.chunks_exact_mut(8).zip(acc) {
        // SAFETY: eight sums are one vector.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), acc) };
    }
    out
}
