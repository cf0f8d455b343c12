//! From sums to codes with AVX-512, for many rows of a panel at once: what [`Finish::codes`] computes, with
//! the numbers of the panel's channels in registers from row to row.
//!
//! ```text
//! four vectors of 16 sums    wide: rows r, r+1 × 32 channels    narrow: rows r to r+3 × 16 channels
//!     − zeros, to float, · scale, + bias, · 1/step                  exactly the contract's roundings
//!     limits, then to whole numbers                                 limits are whole: the order is free
//!     pack to 16 bits, + zero point, pack to 8, exchange            64 codes, 16 bytes to a vector
//! ```

use super::depthwise_512::exchanged;
use super::finish::{Finish, Scaled};
use crate::arith::Output;
use std::arch::x86_64::*;

/// Channels of a panel.
const COLUMNS: usize = 32;

/// Where a panel's codes go: row i is at i · `stride`, `width` channels of it.
pub(super) struct Target<'a> {
    pub out: &'a mut [i8],
    pub stride: usize,
    pub width: usize,
}

/// What turns 16 channels' sums into steps.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    zeros: __m512i,
    scales: __m512,
    bias: __m512,
}

impl Finish {
    /// Whether [`Self::store512`] stores what this layer stores: codes whose activation, if any, is in
    /// their limits or in a table.
    pub fn is_direct(&self) -> bool {
        match self.output {
            Output::F32 => false,
            Output::Codes(_) => self.is_linear(),
            Output::Table { .. } => true,
        }
    }

    /// What is stored for each code, if not itself.
    #[inline]
    pub fn table(&self) -> Option<&[i8; 256]> {
        match &self.output {
            Output::Table { codes, .. } => Some(codes),
            _ => None,
        }
    }

    /// Stores the codes of rows of sums of the first (or only) segment.
    ///
    /// # Panics
    /// If the target is too small, or not [`Self::is_direct`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub fn store512(
        &self,
        scaled: &Scaled,
        column: usize,
        sums: &[[i32; COLUMNS]],
        target: &mut Target,
    ) {
        let Some(last) = sums.len().checked_sub(1) else {
            return;
        };
        let Target { stride, width, .. } = *target;
        assert!(self.is_direct() && (1..=COLUMNS).contains(&width));
        assert!(last * stride + width <= target.out.len());
        // No `map` of an array: it is not inlined where instruction sets differ.
        let channels = [
            Channels::new(self, scaled, column),
            Channels::new(self, scaled, column + 16),
        ];
        let coder = Coder512::new(self);
        let table = self.table();
        let out = target.out.as_mut_ptr();
        if width > 16 {
            let mask = u32::MAX >> (COLUMNS - width);
            let mut row = 0;
            while row <= last {
                let rows = [row, (row + 1).min(last)];
                let steps = |i: usize| {
                    let half = &sums[rows[i / 2]].as_chunks().0[i % 2];
                    coder.steps(vector(half), &channels[i % 2])
                };
                let packed = coder.packed([steps(0), steps(1), steps(2), steps(3)]);
                let codes = coder.stored(coder.exchanged(packed), table);
                // SAFETY: `width` bytes of each row are in bounds by the assertion.
                unsafe {
                    let (a, b) = (out.add(rows[0] * stride), out.add(rows[1] * stride));
                    _mm256_mask_storeu_epi8(a, mask, _mm512_castsi512_si256(codes));
                    _mm256_mask_storeu_epi8(b, mask, _mm512_extracti64x4_epi64::<1>(codes));
                }
                row += 2;
            }
        } else {
            let mask = u16::MAX >> (16 - width);
            let mut row = 0;
            while row <= last {
                let at = |i: usize| (row + i).min(last);
                let steps =
                    |i: usize| coder.steps(vector(&sums[at(i)].as_chunks().0[0]), &channels[0]);
                let packed = coder.packed([steps(0), steps(1), steps(2), steps(3)]);
                let codes = coder.stored(coder.exchanged(packed), table);
                // SAFETY: as above.
                unsafe {
                    let store = |i: usize, codes: __m128i| {
                        _mm_mask_storeu_epi8(out.add(at(i) * stride), mask, codes);
                    };
                    store(0, _mm512_castsi512_si128(codes));
                    store(1, _mm512_extracti32x4_epi32::<1>(codes));
                    store(2, _mm512_extracti32x4_epi32::<2>(codes));
                    store(3, _mm512_extracti32x4_epi32::<3>(codes));
                }
                row += 4;
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn vector(sums: &[i32; 16]) -> __m512i {
    // SAFETY: sixteen sums are a vector.
    unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) }
}

impl Channels {
    /// Of the first segment's 16 columns from `column` on; zeros where there are none.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    fn new(finish: &Finish, scaled: &Scaled, column: usize) -> Self {
        let (zeros, scales) = scaled.channels(column).unzip();
        let bias = finish.bias_of(column);
        // SAFETY: arrays of 16 numbers.
        let floats = |x: &[f32; 16]| unsafe { _mm512_loadu_ps(x.as_ptr()) };
        Self {
            zeros: zeros.map_or(_mm512_setzero_si512(), |x| vector(x)),
            scales: scales.map_or(_mm512_setzero_ps(), floats),
            // Adding -0 changes no number.
            bias: bias.map_or(_mm512_set1_ps(-0.0), floats),
        }
    }

    /// Of 64 columns from `column` on, in the order of [`super::depthwise_512`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub fn exchanged(finish: &Finish, scaled: &Scaled, column: usize) -> [Self; 4] {
        let part = |i: usize| Self::new(finish, scaled, column + 16 * i);
        let [a, b, c, d] = [part(0), part(1), part(2), part(3)];
        let zeros = exchanged([a.zeros, b.zeros, c.zeros, d.zeros]);
        let bits = |floats: __m512| _mm512_castps_si512(floats);
        let scales = exchanged([
            bits(a.scales),
            bits(b.scales),
            bits(c.scales),
            bits(d.scales),
        ]);
        let bias = exchanged([bits(a.bias), bits(b.bias), bits(c.bias), bits(d.bias)]);
        let of = |i: usize| Self {
            zeros: zeros[i],
            scales: _mm512_castsi512_ps(scales[i]),
            bias: _mm512_castsi512_ps(bias[i]),
        };
        [of(0), of(1), of(2), of(3)]
    }
}

/// A [`super::finish::Coder`] in vectors.
#[derive(Clone, Copy)]
pub(super) struct Coder512 {
    inverse: __m512,
    low: __m512,
    high: __m512,
    zero: __m512i,
    /// Exchanges rows and columns of 4 × 4 groups of four codes.
    exchange: __m512i,
}

impl Coder512 {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub fn new(finish: &Finish) -> Self {
        let coder = finish.coder();
        Self {
            inverse: _mm512_set1_ps(coder.inverse),
            low: _mm512_set1_ps(coder.low),
            high: _mm512_set1_ps(coder.high),
            zero: _mm512_set1_epi16(coder.zero()),
            exchange: _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        }
    }

    /// Codes less the zero point.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub fn steps(&self, sums: __m512i, of: &Channels) -> __m512i {
        let sums = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, of.zeros));
        let y = _mm512_add_ps(_mm512_mul_ps(sums, of.scales), of.bias);
        let x = _mm512_mul_ps(y, self.inverse);
        // What is not a number becomes 0, which the limits always allow.
        let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(x, x);
        let x = _mm512_maskz_min_ps(number, x, self.high);
        _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
            _mm512_max_ps(x, self.low),
        )
    }

    /// Four vectors of steps as codes: of each vector its first four, then of each its second four and so on.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub fn packed(&self, [a, b, c, d]: [__m512i; 4]) -> __m512i {
        let first = _mm512_add_epi16(_mm512_packs_epi32(a, b), self.zero);
        let second = _mm512_add_epi16(_mm512_packs_epi32(c, d), self.zero);
        _mm512_packs_epi16(first, second)
    }

    /// Packed codes vector by vector.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    fn exchanged(&self, packed: __m512i) -> __m512i {
        _mm512_permutexvar_epi32(self.exchange, packed)
    }

    /// What is stored for codes: themselves, or what a table has for them.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub fn stored(&self, codes: __m512i, table: Option<&[i8; 256]>) -> __m512i {
        match table {
            None => codes,
            Some(table) => looked_up(codes, table),
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn looked_up(codes: __m512i, table: &[i8; 256]) -> __m512i {
    let mut bytes = [0u8; 64];
    // SAFETY: 64 bytes are a vector.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), codes) };
    for byte in &mut bytes {
        *byte = table[usize::from(*byte)] as u8;
    }
    // SAFETY: as above.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
