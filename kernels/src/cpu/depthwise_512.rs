//! Depthwise lines with AVX-512: 64 channels of one output position.
//!
//! ```text
//! four taps at a time:   x0 to x3: 64 channels each, code ^ 0x80 (unsigned: code + 128)
//!     vpunpck bw, then wd   a = 0..4: channels 4a..4a+4 of every 16, each [t0 t1 t2 t3]
//!     vpdpbusd              + acc[a]
//! codes                     scaled in that order by numbers in that order; packing restores the channels'
//! anything else             exchanged, then as everywhere
//! ```

use super::depthwise::{Element, Job, LANES};
use super::finish_x86::{Channels, Coder512};
use super::product::Sink;
use std::arch::x86_64::*;

/// Channels of a block.
const BLOCK: usize = 64;

/// Weights of four taps of a block, as `a` and the channels follow each other: whole lines of the cache.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Weights(pub [i8; 4 * BLOCK]);

/// Where tap `tap` of channel `c` of a block is among its weights.
pub(super) fn place(tap: usize, c: usize) -> usize {
    let (lane, a, i) = (c / 16, c % 16 / 4, c % 4);
    ((a * 4 + lane) * 4 + i) * 4 + tap
}

/// One output row.
pub(super) fn line(job: &Job<i8>, weights: &[Weights], index: usize, sink: Sink) {
    // SAFETY: a job has an instruction set only if `Isa::is_available`, which tests these features.
    unsafe { inside(job, weights, index, sink) }
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn inside(job: &Job<i8>, weights: &[Weights], index: usize, mut sink: Sink) {
    let shape = job.shape;
    let [h, w] = shape.output();
    let (image, row) = (index / h, index % h);
    let channels = shape.c_out;
    let stride = channels.next_multiple_of(4);
    let zeros = vec![i8::zero(&job.quants[image % job.quants.len()]); stride];
    let (cells, places) = cells(job, [image, row], &zeros);
    let scaled = &job.scaled[image % job.scaled.len()];
    let direct = job.finish.is_direct();
    let coder = Coder512::new(job.finish);
    let table = job.finish.table();
    for (block, weights) in weights.chunks_exact(places.len() / 4).enumerate() {
        let column = BLOCK * block;
        let width = (channels - column).min(BLOCK);
        let mask = u64::MAX >> (BLOCK - width);
        let of = Channels::exchanged(job.finish, scaled, column);
        for col in 0..w {
            let cells = &cells[col * shape.stride[1]..];
            let sums = dot(cells, &places, weights, column, mask);
            match &mut sink {
                Sink::Codes(out) if direct => {
                    let out = &mut out[col * stride + column..][..width];
                    let steps = |a: usize| coder.steps(sums[a], &of[a]);
                    let packed = coder.packed([steps(0), steps(1), steps(2), steps(3)]);
                    let codes = coder.stored(packed, table);
                    // SAFETY: the mask is that of `width` bytes.
                    unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr(), mask, codes) };
                }
                sink => {
                    let mut all = [[0; LANES]; 2];
                    for (i, sums) in exchanged(sums).into_iter().enumerate() {
                        let to = &mut all.as_flattened_mut()[16 * i..16 * (i + 1)];
                        // SAFETY: sixteen sums are a vector.
                        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) };
                    }
                    for (half, column) in (column..channels).step_by(LANES).take(2).enumerate() {
                        let y = i8::scale(job, image, column, &all[half]);
                        let width = (channels - column).min(LANES);
                        sink.store(job.finish, column, [col, channels, column], width, &y);
                    }
                }
            }
        }
    }
}

/// The pixels of the input rows that an output row reads, kernel row by kernel row, with the padding around
/// them, all of them as long as `zeros`; and where among them each tap of the first output position is, a
/// multiple of four taps: those beyond the kernel, whose weights are 0, repeat its last.
#[inline]
fn cells<'a>(
    job: &Job<'a, i8>,
    [image, row]: [usize; 2],
    zeros: &'a [i8],
) -> (Vec<&'a [i8]>, Vec<usize>) {
    let shape = job.shape;
    let [height, width] = shape.input;
    let [kh, kw] = shape.kernel;
    let padding = shape.padding[1];
    let (wide, stride) = (width + 2 * padding, zeros.len());
    let mut cells: Vec<&[i8]> = vec![zeros; kh * wide];
    for (tap, cells) in cells.chunks_exact_mut(wide).enumerate() {
        if let Some(row) = shape.source(0, row, tap) {
            let row = &job.x[(image * height + row) * width * stride..][..width * stride];
            let inside = &mut cells[padding..padding + width];
            for (cell, pixel) in inside.iter_mut().zip(row.chunks_exact(stride)) {
                *cell = pixel;
            }
        }
    }
    let place = |tap: usize| tap / kw * wide + tap % kw * shape.dilation[1];
    let taps = (kh * kw).next_multiple_of(4);
    let places = (0..taps).map(|tap| place(tap.min(kh * kw - 1))).collect();
    (cells, places)
}

/// Sums of the block of channels from `column` on; `mask` has those that there are.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn dot(
    cells: &[&[i8]],
    places: &[usize],
    weights: &[Weights],
    column: usize,
    mask: u64,
) -> [__m512i; 4] {
    let flip = _mm512_set1_epi8(-128);
    let none = _mm512_setzero_si512();
    let (mut sum0, mut sum1, mut sum2, mut sum3) = (none, none, none, none);
    let (fours, []) = places.as_chunks::<4>() else {
        unreachable!("taps come in fours");
    };
    for (four, weights) in fours.iter().zip(weights) {
        let load = |i: usize| {
            let cell = &cells[four[i]][column..];
            // SAFETY: a cell has all channels, and the mask none beyond them.
            let x = unsafe { _mm512_maskz_loadu_epi8(mask, cell.as_ptr()) };
            _mm512_xor_si512(x, flip)
        };
        let (x0, x1, x2, x3) = (load(0), load(1), load(2), load(3));
        let (low01, high01) = (_mm512_unpacklo_epi8(x0, x1), _mm512_unpackhi_epi8(x0, x1));
        let (low23, high23) = (_mm512_unpacklo_epi8(x2, x3), _mm512_unpackhi_epi8(x2, x3));
        let (parts, _) = weights.0.as_chunks::<BLOCK>();
        // SAFETY: 64 bytes are a vector.
        let part = |a: usize| unsafe { _mm512_loadu_si512(parts[a].as_ptr().cast()) };
        let x = _mm512_unpacklo_epi16(low01, low23);
        sum0 = _mm512_dpbusd_epi32(sum0, x, part(0));
        let x = _mm512_unpackhi_epi16(low01, low23);
        sum1 = _mm512_dpbusd_epi32(sum1, x, part(1));
        let x = _mm512_unpacklo_epi16(high01, high23);
        sum2 = _mm512_dpbusd_epi32(sum2, x, part(2));
        let x = _mm512_unpackhi_epi16(high01, high23);
        sum3 = _mm512_dpbusd_epi32(sum3, x, part(3));
    }
    [sum0, sum1, sum2, sum3]
}

/// Vectors whose quarter j is at [j][i] for quarter i of vector j, and back.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn exchanged([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab, cd) = (
        _mm512_shuffle_i32x4::<0x44>(a, b),
        _mm512_shuffle_i32x4::<0x44>(c, d),
    );
    let (ab2, cd2) = (
        _mm512_shuffle_i32x4::<0xee>(a, b),
        _mm512_shuffle_i32x4::<0xee>(c, d),
    );
    [
        _mm512_shuffle_i32x4::<0x88>(ab, cd),
        _mm512_shuffle_i32x4::<0xdd>(ab, cd),
        _mm512_shuffle_i32x4::<0x88>(ab2, cd2),
        _mm512_shuffle_i32x4::<0xdd>(ab2, cd2),
    ]
}
