//! Products of whole numbers by the kernels for floats, exactly.
//!
//! An f32 holds every whole number up to 2²⁴. While no partial sum reaches that, nothing is rounded, and
//! neither the order of the additions nor whether they are fused means anything. Weights whose sums could
//! reach it are split into digits, like the limbs of a long number.

use fairbit_kernels::ConvShape;
use fairbit_kernels::float::conv;
use rayon::prelude::*;

/// Below it every sum of whole numbers is exact.
const EXACT: u64 = 1 << 24;

/// The sums of whole numbers within ±`reach` times codes, `[batch, height', width', c_out]`: those of
/// integers, rounded to f32 once.
pub(super) fn product(shape: &ConvShape, x: &[f32], codes: &[i8], reach: u64) -> Vec<f32> {
    let limbs = limbs(codes, shape.k(), reach);
    let mut parts = limbs.into_iter().map(|(factor, codes)| {
        let codes: Vec<f32> = codes.into_iter().map(f32::from).collect();
        (factor, conv::forward(shape, x, &codes, None))
    });
    let (factor, mut first) = parts.next().expect("one limb or more");
    let rest: Vec<_> = parts.collect();
    if rest.is_empty() {
        return first;
    }
    first.par_iter_mut().enumerate().for_each(|(i, first)| {
        let times = |factor: i32, sum: f32| (sum as i32).wrapping_mul(factor);
        // The true sum fits 32 bits; what leads to it may wrap.
        let add =
            |sum: i32, (factor, part): &(i32, Vec<f32>)| sum.wrapping_add(times(*factor, part[i]));
        *first = rest.iter().fold(times(factor, *first), add) as f32;
    });
    first
}

/// Codes `[rows, k]` as a sum of multiples of smaller ones, so that no product with numbers within ±`reach`
/// has a partial sum of 2²⁴: one where that is so already, else digits in base 16, then 4, then 2, and of
/// codes that are nothing but signs every other one.
fn limbs(codes: &[i8], k: usize, reach: u64) -> Vec<(i32, Vec<i8>)> {
    let size = |code: &i8| u64::from(code.unsigned_abs());
    let longest = codes.chunks(k).map(|row| row.iter().map(size).sum::<u64>());
    if longest.max().unwrap_or(0) * reach < EXACT {
        return vec![(1, codes.to_vec())];
    }
    let base: i32 = match codes.iter().map(size).max() {
        Some(9..) => 16,
        Some(3..) => 4,
        Some(2) => 2,
        _ => {
            let mut parts = limbs(&every_other(codes, k, false), k, reach);
            parts.extend(limbs(&every_other(codes, k, true), k, reach));
            return parts;
        }
    };
    let high = |code: i32| (code + base / 2).div_euclid(base);
    let of = |digit: &dyn Fn(i32) -> i32| -> Vec<i8> {
        codes
            .iter()
            .map(|code| digit(i32::from(*code)) as i8)
            .collect()
    };
    let mut parts = limbs(&of(&high), k, reach);
    for (factor, _) in &mut parts {
        *factor *= base;
    }
    parts.extend(limbs(&of(&|code| code - base * high(code)), k, reach));
    parts
}

/// Of each row of codes `[rows, k]` every second that is not zero, from the first or the next on.
fn every_other(codes: &[i8], k: usize, next: bool) -> Vec<i8> {
    let of_row = |row: &'_ [i8]| {
        let mut odd = next;
        let keep = |code: &i8| {
            odd ^= *code != 0;
            if odd { *code } else { 0 }
        };
        row.iter().map(keep).collect::<Vec<_>>()
    };
    codes.chunks(k).flat_map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product in 64-bit integers, rounded once.
    fn naive(shape: &ConvShape, x: &[f32], codes: &[i8]) -> Vec<f32> {
        let [h, w] = shape.output();
        let [kh, kw] = shape.kernel;
        let (channels, outputs) = (shape.c_in_group(), shape.c_out_group());
        let mut y = Vec::new();
        for b in 0..shape.batch {
            for (at, n) in (0..h * w).flat_map(|at| (0..shape.c_out).map(move |n| (at, n))) {
                let mut sum = 0i64;
                for k in 0..shape.k() {
                    let (c, tap) = (k / (kh * kw), k % (kh * kw));
                    let row = shape.source(0, at / w, tap / kw);
                    let col = shape.source(1, at % w, tap % kw);
                    if let Some((row, col)) = row.zip(col) {
                        let pixel = (b * shape.input[0] + row) * shape.input[1] + col;
                        let x = x[pixel * shape.c_in + n / outputs * channels + c];
                        sum += x as i64 * i64::from(codes[n * shape.k() + k]);
                    }
                }
                y.push(sum as f32);
            }
        }
        y
    }

    fn matrix(k: usize) -> ConvShape {
        ConvShape {
            batch: 1,
            c_in: k,
            c_out: 3,
            input: [2, 1],
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }

    fn image(channels: [usize; 2], kernel: [usize; 2], groups: usize) -> ConvShape {
        ConvShape {
            batch: 2,
            c_in: channels[0],
            c_out: channels[1],
            input: [9, 8],
            kernel,
            stride: [2, 1],
            padding: [kernel[0] / 2, 1],
            dilation: [1, 2],
            groups,
        }
    }

    #[test]
    fn products_of_every_shape_are_those_of_integers() {
        let most = fairbit_kernels::max_k(8);
        for shape in [
            image([3, 5], [3, 3], 1),
            image([65, 7], [3, 3], 1),
            image([9, 6], [3, 1], 3),
            image([129, 2], [1, 1], 1),
            image([7, 7], [5, 3], 7),
            image([520, 3], [3, 3], 1),
            matrix(4608),
            matrix(20_000),
            matrix(most),
        ] {
            let count = shape.batch * shape.input[0] * shape.input[1] * shape.c_in;
            let weights = shape.c_out * shape.k();
            // Up and down, and both extremes: of all, and of one sign against the other.
            let kinds: [fn(usize) -> [i32; 2]; 4] = [
                |i| {
                    [
                        (i * 7919 % 509) as i32 - 254,
                        (i * 104_729 % 255) as i32 - 127,
                    ]
                },
                |_| [254, 127],
                |i| [254 - (i % 2) as i32, -127 + (i % 3) as i32],
                |i| {
                    if i.is_multiple_of(5) {
                        [254, 126]
                    } else {
                        [-254, -125]
                    }
                },
            ];
            for (kind, of) in kinds.iter().enumerate() {
                let x: Vec<f32> = (0..count).map(|i| of(i)[0] as f32).collect();
                let codes: Vec<i8> = (0..weights).map(|i| of(i)[1] as i8).collect();
                let (found, expected) =
                    (product(&shape, &x, &codes, 254), naive(&shape, &x, &codes));
                assert_eq!(found, expected, "{shape:?}, {kind}");
            }
        }
    }

    #[test]
    fn limbs_add_up_and_are_small_enough() {
        for (k, most, reach, parts) in [
            (500, 127, 254, 1),
            (2000, 127, 254, 2),
            (9000, 127, 254, 3),
            (2000, 7, 254, 1),
            (70_000, 1, 254, 2),
            (70_000, 127, 14, 2),
        ] {
            let codes = |i: usize| if i.is_multiple_of(3) { -most } else { most };
            let codes: Vec<i8> = (0..2 * k).map(codes).collect();
            let limbs = limbs(&codes, k, reach);
            assert_eq!(limbs.len(), parts, "{k} {most}");
            for (i, code) in codes.iter().enumerate() {
                let sum: i32 = limbs
                    .iter()
                    .map(|(factor, of)| factor * i32::from(of[i]))
                    .sum();
                assert_eq!(sum, i32::from(*code));
            }
            for (_, of) in &limbs {
                for row in of.chunks(k) {
                    let size: u64 = row.iter().map(|c| u64::from(c.unsigned_abs())).sum();
                    assert!(size * reach < EXACT);
                }
            }
        }
    }
}
