//! Weights as packed integers: what an artifact stores and every kernel starts from.
//!
//! ```text
//! Row n of `words` holds output channel n, K first to last, in whole u32 words; the rest of the last
//! word is zero. K runs through (kernel row, kernel column, input channel of the group), the channel
//! fastest, so that K is contiguous in channels-last activations.
//!
//!                bit 31                                0
//! 8 bits, word w:  [ k=4w+3 ][ k=4w+2 ][ k=4w+1 ][ k=4w ]     two's complement bytes
//! 4 bits, word w:  [8w+7][8w+6][8w+5][8w+4][8w+3][8w+2][8w+1][8w]     two's complement nibbles
//! 2 bits, word w:  k = 16w at bits 1..0, k = 16w+15 at bits 31..30
//!
//! scales [c_out, groups along K]: one per row, or one per 32, 64 or 128 consecutive k (the last
//! group may be shorter)
//! ```

use crate::arith::{check_scale, largest, max_k};
use crate::error::{KernelError, Result};

/// How many weights share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// All of an output channel.
    PerChannel,
    /// This many consecutive k of an output channel: 32, 64 or 128.
    PerGroup(usize),
}

/// Packed weights of a linear layer or convolution. Fields are private: they always belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedWeights {
    bits: u32,
    rows: usize,
    k: usize,
    granularity: Granularity,
    words: Vec<u32>,
    scales: Vec<f32>,
}

impl PackedWeights {
    /// Packs `codes`, `[rows, k]`, of `bits` bits (2, 4 or 8) with their `scales`,
    /// `[rows, groups along k]`.
    ///
    /// # Errors
    /// Lengths that do not belong together, codes outside ±(2^(bits−1) − 1), scales that are not
    /// positive and finite, a group size other than 32, 64 or 128, a K whose sums could overflow.
    pub fn pack(
        codes: &[i8],
        scales: Vec<f32>,
        [rows, k]: [usize; 2],
        bits: u32,
        granularity: Granularity,
    ) -> Result<Self> {
        check(rows, k, bits, granularity, &scales)?;
        if Some(codes.len()) != rows.checked_mul(k) {
            return Err(KernelError::shape(
                "weight codes",
                codes.len(),
                format!("{rows} × {k}"),
            ));
        }
        check_codes(codes.iter().map(|&c| i32::from(c)), bits)?;
        let per_word = per_word(bits);
        let mask = u32::MAX >> (32 - bits);
        let word = |quad: &[i8]| {
            let codes = quad.iter().enumerate();
            codes.fold(0, |word, (i, &c)| {
                word | (c as u32 & mask) << (i as u32 * bits)
            })
        };
        let words = codes
            .chunks(k)
            .flat_map(|row| row.chunks(per_word).map(word))
            .collect();
        Ok(Self {
            bits,
            rows,
            k,
            granularity,
            words,
            scales,
        })
    }

    /// Takes `words` and `scales` as a file holds them, after checking every one.
    ///
    /// # Errors
    /// As [`Self::pack`]; padding that is not zero.
    pub fn from_parts(
        words: Vec<u32>,
        scales: Vec<f32>,
        [rows, k]: [usize; 2],
        bits: u32,
        granularity: Granularity,
    ) -> Result<Self> {
        check(rows, k, bits, granularity, &scales)?;
        let per_row = k.div_ceil(per_word(bits));
        if Some(words.len()) != rows.checked_mul(per_row) {
            let expected = format!("{rows} × {per_row}");
            return Err(KernelError::shape("weight words", words.len(), expected));
        }
        let packed = Self {
            bits,
            rows,
            k,
            granularity,
            words,
            scales,
        };
        let padded = per_row * per_word(bits);
        for row in 0..rows {
            check_codes((0..padded).map(|k| i32::from(packed.code(row, k))), bits)?;
            if (k..padded).any(|k| packed.code(row, k) != 0) {
                return Err(KernelError::shape("padding of a row", row, "zeros"));
            }
        }
        Ok(packed)
    }

    /// The codes, `[rows, k]`.
    pub fn unpack(&self) -> Vec<i8> {
        let row = |row| (0..self.k).map(move |k| self.code(row, k));
        (0..self.rows).flat_map(row).collect()
    }

    /// Code `k` of a row; 0 in the padding.
    ///
    /// # Panics
    /// Beyond the row's words.
    #[inline(always)]
    pub fn code(&self, row: usize, k: usize) -> i8 {
        let per_word = per_word(self.bits);
        let word = self.words[row * self.k.div_ceil(per_word) + k / per_word];
        let up = 32 - self.bits * (k % per_word + 1) as u32;
        (((word << up) as i32) >> (32 - self.bits)) as i8
    }

    /// Sum of each row's codes within each group of K, `[rows, groups along k]`: what a zero point is
    /// multiplied by.
    pub fn sums(&self) -> Vec<i32> {
        let group = self.group();
        let row = |row| {
            (0..self.k).step_by(group).map(move |from| {
                let to = (from + group).min(self.k);
                (from..to).map(|k| i32::from(self.code(row, k))).sum()
            })
        };
        (0..self.rows).flat_map(row).collect()
    }

    /// Bits of a code: 2, 4 or 8.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Output channels.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Products per output.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How many weights share a scale.
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// Consecutive k under one scale; all of K per channel.
    pub fn group(&self) -> usize {
        match self.granularity {
            Granularity::PerChannel => self.k,
            Granularity::PerGroup(size) => size,
        }
    }

    /// Groups along K.
    pub fn groups(&self) -> usize {
        self.k.div_ceil(self.group())
    }

    /// The words, see the picture at the top.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// `[rows, groups along k]`.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Bytes of words and scales.
    pub fn size_bytes(&self) -> usize {
        4 * (self.words.len() + self.scales.len())
    }
}

/// Codes in one word.
fn per_word(bits: u32) -> usize {
    (32 / bits) as usize
}

fn check(rows: usize, k: usize, bits: u32, granularity: Granularity, scales: &[f32]) -> Result<()> {
    if !matches!(bits, 2 | 4 | 8) {
        return Err(KernelError::shape("weight bits", bits, "2, 4 or 8"));
    }
    if rows == 0 || k == 0 {
        return Err(KernelError::shape("rows and K", [rows, k], "no zeros"));
    }
    let groups = match granularity {
        Granularity::PerChannel => 1,
        Granularity::PerGroup(size @ (32 | 64 | 128)) => k.div_ceil(size),
        Granularity::PerGroup(size) => {
            return Err(KernelError::shape("group size", size, "32, 64 or 128"));
        }
    };
    if Some(scales.len()) != rows.checked_mul(groups) {
        let expected = format!("{rows} × {groups}");
        return Err(KernelError::shape("scales", scales.len(), expected));
    }
    for (index, &scale) in scales.iter().enumerate() {
        check_scale(index, scale)?;
    }
    let limit = max_k(bits);
    if k > limit {
        let weight_bits = bits;
        return Err(KernelError::Overflow {
            k,
            weight_bits,
            limit,
        });
    }
    Ok(())
}

fn check_codes(codes: impl Iterator<Item = i32>, bits: u32) -> Result<()> {
    let largest = largest(bits);
    match codes.enumerate().find(|(_, code)| code.abs() > largest) {
        None => Ok(()),
        Some((index, value)) => Err(KernelError::Code {
            what: "weight code",
            index,
            value,
            largest,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes in the symmetric range, different at every place.
    fn codes(n: usize, bits: u32) -> Vec<i8> {
        let span = 2 * largest(bits) as usize + 1;
        let mut state = 12345usize;
        let next = |_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((state >> 33) % span) as i32 - largest(bits)
        };
        (0..n).map(next).map(|c| c as i8).collect()
    }

    #[test]
    fn unpacking_gives_back_what_was_packed() {
        for bits in [2, 4, 8] {
            for k in [
                1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 27, 31, 32, 33, 64, 100, 147,
            ] {
                for granularity in [Granularity::PerChannel, Granularity::PerGroup(32)] {
                    let rows = 5;
                    let codes = codes(rows * k, bits);
                    let groups = if granularity == Granularity::PerChannel {
                        1
                    } else {
                        k.div_ceil(32)
                    };
                    let scales = vec![0.5; rows * groups];
                    let packed =
                        PackedWeights::pack(&codes, scales.clone(), [rows, k], bits, granularity)
                            .unwrap();
                    assert_eq!(packed.unpack(), codes, "{bits} bits, K {k}");
                    let words = packed.words().to_vec();
                    let again =
                        PackedWeights::from_parts(words, scales, [rows, k], bits, granularity);
                    assert_eq!(again.unwrap(), packed);
                    let sums: i32 = packed.sums().iter().sum();
                    assert_eq!(sums, codes.iter().map(|&c| i32::from(c)).sum::<i32>());
                }
            }
        }
    }

    #[test]
    fn every_code_is_where_the_picture_says() {
        let eight = PackedWeights::pack(
            &[1, -2, 3, -4, 5],
            vec![1.0],
            [1, 5],
            8,
            Granularity::PerChannel,
        )
        .unwrap();
        assert_eq!(eight.words(), [0xfc03_fe01, 0x0000_0005]);
        let four = PackedWeights::pack(
            &[1, -2, 3, -4, 5, -6, 7, 0, -7],
            vec![1.0],
            [1, 9],
            4,
            Granularity::PerChannel,
        )
        .unwrap();
        assert_eq!(four.words(), [0x07a5_c3e1, 0x0000_0009]);
        let two = PackedWeights::pack(
            &[1, -1, 0, 1],
            vec![1.0],
            [1, 4],
            2,
            Granularity::PerChannel,
        )
        .unwrap();
        assert_eq!(two.words(), [0b0100_1101]);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        use Granularity::{PerChannel, PerGroup};
        let pack = |codes: &[i8], scales: &[f32], shape, bits, granularity| {
            PackedWeights::pack(codes, scales.to_vec(), shape, bits, granularity)
                .unwrap_err()
                .to_string()
        };
        let cases = [
            (
                pack(&[1, 2], &[1.0], [1, 3], 8, PerChannel),
                "weight codes: found 2, expected 1 × 3",
            ),
            (
                pack(&[-8], &[1.0], [1, 1], 4, PerChannel),
                "weight code 0 is -8, expected ±7 at most",
            ),
            (
                pack(&[-128], &[1.0], [1, 1], 8, PerChannel),
                "weight code 0 is -128, expected ±127 at most",
            ),
            (
                pack(&[1], &[0.0], [1, 1], 8, PerChannel),
                "scale 0 is 0, expected a positive finite number",
            ),
            (
                pack(&[1], &[f32::NAN], [1, 1], 8, PerChannel),
                "scale 0 is NaN, expected a positive finite number",
            ),
            (
                pack(&[1], &[1.0, 1.0], [1, 1], 8, PerChannel),
                "scales: found 2, expected 1 × 1",
            ),
            (
                pack(&[1], &[1.0], [1, 1], 8, PerGroup(48)),
                "group size: found 48, expected 32, 64 or 128",
            ),
            (
                pack(&[1], &[1.0], [1, 1], 3, PerChannel),
                "weight bits: found 3, expected 2, 4 or 8",
            ),
            (
                pack(&[], &[], [0, 1], 8, PerChannel),
                "rows and K: found [0, 1], expected no zeros",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
        let k = max_k(8) + 1;
        let long = PackedWeights::pack(&vec![0; k], vec![1.0], [1, k], 8, PerChannel);
        assert!(matches!(long, Err(KernelError::Overflow { .. })));
        let parts = |words: &[u32], shape| {
            PackedWeights::from_parts(words.to_vec(), vec![1.0], shape, 4, PerChannel)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            parts(&[0x8], [1, 1]),
            "weight code 0 is -8, expected ±7 at most"
        );
        assert_eq!(
            parts(&[0x11], [1, 1]),
            "padding of a row: found 0, expected zeros"
        );
        assert_eq!(parts(&[], [1, 1]), "weight words: found 0, expected 1 × 1");
        let long = PackedWeights::from_parts(vec![], vec![1.0], [1, usize::MAX], 4, PerChannel);
        assert!(matches!(long, Err(KernelError::Overflow { .. })));
    }
}
