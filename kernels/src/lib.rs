//! Packed INT8/INT4 arithmetic on burn tensors: the integer products that burn does not have.
//!
//! What every kernel here obeys (see `docs` of the workspace for the models' side):
//!
//! - weights are symmetric, with codes in ±(2^(b−1) − 1), one scale per output channel or group;
//! - activations are `q = rne(x / scale) + zero`, stored as `q − 128` within ±127;
//! - products accumulate in `i32`; a layer whose K could overflow is refused at packing.
//!
//! [`max_k`] is that last rule.

/// Largest number of products of a `weight_bits`-bit weight and an 8-bit activation (±127) that an
/// `i32` accumulator holds for certain.
///
/// # Panics
/// If `weight_bits` is not 2 to 8.
pub fn max_k(weight_bits: u32) -> usize {
    assert!((2..=8).contains(&weight_bits), "weights have 2 to 8 bits");
    let largest_weight = (1usize << (weight_bits - 1)) - 1;
    i32::MAX as usize / (largest_weight * 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_sum_fits_and_one_more_need_not() {
        for bits in 2..=8 {
            let step = ((1i64 << (bits - 1)) - 1) * 127;
            let k = max_k(bits) as i64;
            assert!(k * step <= i64::from(i32::MAX), "{bits} bits");
            assert!((k + 1) * step > i64::from(i32::MAX), "{bits} bits");
        }
        // ResNet50's largest layer sums 512 · 3 · 3 products.
        assert!(max_k(8) > 512 * 9);
    }
}
