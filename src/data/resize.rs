//! Antialiased bilinear resize of an RGB square, byte for byte what Pillow makes of it.
//!
//! Pillow's `Resample.c`: each output pixel is the mean of the input under a triangle as wide as the
//! scale, first along rows, then along columns, in fixed point with 22 fractional bits and 8-bit
//! values between the passes. torchvision's transforms on PIL images call exactly this, so a model
//! trained on either side sees the same bytes.

/// Fraction bits of a weight: 255 × 2^22 leaves a sign and a rounding bit in 32.
const FRACTION_BITS: u32 = 22;
/// Half a level, so that the shift rounds to nearest.
const HALF: i32 = 1 << (FRACTION_BITS - 1);

/// Rows that the first pass takes at once: neighbours along a row have different weights, so the
/// lanes of a vector are the same column of several rows.
const ROWS: usize = 8;
/// Bytes of one column of [`ROWS`] rows.
const LANES: usize = ROWS * 4;

/// Weights and buffers for squares of one size; made again when the size changes.
#[derive(Default)]
pub struct Resizer {
    side: usize,
    px: usize,
    windows: Vec<Window>,
    /// Some rows of the crop side by side, `[side, ROWS, 4]`; the fourth byte is idle.
    lanes: Vec<[u8; LANES]>,
    /// Rows of the crop after the first pass, `[side, px, 3]`.
    narrow: Vec<u8>,
    /// One output row in fixed point, `[px, 3]`.
    row: Vec<i32>,
}

/// The input positions that one output position is made of.
struct Window {
    first: usize,
    /// Fixed point; they add up to 1 but for rounding.
    weights: Vec<i32>,
}

impl Resizer {
    /// Resizes the square of `side` pixels at (`left`, `top`) of an RGB image with rows of `width`
    /// pixels into `out`, `[px, px, 3]`.
    ///
    /// # Panics
    /// When the square is empty or reaches beyond `pixels`, or `out` is not px × px × 3 long.
    pub fn resize(
        &mut self,
        pixels: &[u8],
        width: usize,
        (left, top): (usize, usize),
        side: usize,
        px: usize,
        out: &mut [u8],
    ) {
        assert_eq!(out.len(), px * px * 3, "out holds one image");
        let rows = pixels.chunks_exact(width * 3).skip(top).take(side);
        let rows = rows.map(|row| &row[left * 3..(left + side) * 3]); // [side, 3]
        if side == px {
            out.chunks_exact_mut(px * 3)
                .zip(rows)
                .for_each(|(to, from)| to.copy_from_slice(from));
            return;
        }
        if (self.side, self.px) != (side, px) {
            (self.side, self.px) = (side, px);
            self.windows = (0..px).map(|at| window(at, side, px)).collect();
            self.lanes = vec![[0; LANES]; side];
            self.narrow = vec![0; side * px * 3];
            self.row = vec![0; px * 3];
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe { self.passes_avx2(rows, out) };
            return;
        }
        self.passes(rows, out);
    }

    /// [`Self::passes`] compiled for AVX2: the x86-64 baseline has no 32-bit vector product. The
    /// arithmetic is on integers, so the result is the same.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn passes_avx2<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>, out: &mut [u8]) {
        self.passes(rows, out);
    }

    /// Along rows into `narrow`, then along columns into `out`.
    #[inline(always)]
    fn passes<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>, out: &mut [u8]) {
        let line = self.px * 3;
        let mut rows = rows;
        for narrow in self.narrow.chunks_mut(ROWS * line) {
            for (at, row) in rows.by_ref().take(narrow.len() / line).enumerate() {
                for (lanes, rgb) in self.lanes.iter_mut().zip(row.chunks_exact(3)) {
                    lanes[at * 4..at * 4 + 3].copy_from_slice(rgb);
                }
            }
            for (x, window) in self.windows.iter().enumerate() {
                let mut sums = [HALF; LANES];
                for (lanes, &weight) in self.lanes[window.first..].iter().zip(&window.weights) {
                    sums.iter_mut()
                        .zip(lanes)
                        .for_each(|(sum, &v)| *sum += i32::from(v) * weight);
                }
                let levels = sums.map(level);
                for (row, rgb) in narrow.chunks_exact_mut(line).zip(levels.chunks_exact(4)) {
                    row[x * 3..x * 3 + 3].copy_from_slice(&rgb[..3]);
                }
            }
        }
        for (to, window) in out.chunks_exact_mut(line).zip(&self.windows) {
            self.row.fill(HALF);
            let rows = self.narrow.chunks_exact(line).skip(window.first);
            for (from, &weight) in rows.zip(&window.weights) {
                self.row
                    .iter_mut()
                    .zip(from)
                    .for_each(|(sum, &v)| *sum += i32::from(v) * weight);
            }
            to.iter_mut()
                .zip(&self.row)
                .for_each(|(v, &sum)| *v = level(sum));
        }
    }
}

/// Weights are not negative and add up to 1 within 2^-16, so no level leaves 0..=255.
#[inline(always)]
fn level(sum: i32) -> u8 {
    (sum >> FRACTION_BITS) as u8
}

/// Weights of output position `at`, with the same operations in the same order as in C.
fn window(at: usize, side: usize, px: usize) -> Window {
    let scale = side as f64 / px as f64;
    // Never narrower than a pixel: enlarging interpolates between neighbours.
    let support = scale.max(1.0);
    let centre = (at as f64 + 0.5) * scale;
    let first = (centre - support + 0.5).max(0.0) as usize;
    let end = ((centre + support + 0.5) as usize).min(side);
    let inverse = 1.0 / support;
    let triangle = |i: usize| {
        let distance = ((i as f64 - centre + 0.5) * inverse).abs();
        if distance < 1.0 { 1.0 - distance } else { 0.0 }
    };
    let exact: Vec<f64> = (first..end).map(triangle).collect();
    let sum: f64 = exact.iter().sum();
    let fixed = |w: f64| (0.5 + w / sum * f64::from(1 << FRACTION_BITS)) as i32;
    Window {
        first,
        weights: exact.into_iter().map(fixed).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_image_stays_flat_at_any_size() {
        for (side, px) in [(1, 8), (7, 8), (8, 8), (9, 8), (178, 64), (1000, 8)] {
            for value in [0u8, 1, 127, 255] {
                let mut out = vec![9; px * px * 3];
                let pixels = vec![value; side * side * 3];
                Resizer::default().resize(&pixels, side, (0, 0), side, px, &mut out);
                assert!(out.iter().all(|&v| v == value), "{side} -> {px}: {value}");
            }
        }
    }
}
