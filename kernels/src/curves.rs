//! Curves that floats pass, in operations that every processor rounds alike and that vectors have: the same
//! numbers on every machine, whatever its mathematics library.

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Φ(x) by Abramowitz and Stegun 7.1.26, |error| ≤ 1e-7.
#[inline(always)]
pub fn normal(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t
        * (0.254_829_6
            + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * poly * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// eˣ within two units in the last place, without branches: 2ⁿ · e^r with |r| ≤ ln 2 / 2 (Cephes' `expf`).
/// 0 below −87.3, largest finite power above 88.
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub fn exp(x: f32) -> f32 {
    let x = if x < -87.3 { -87.3 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    // Rounds to the nearest integer by losing the fraction's bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_375 + n * 2.121_944_4e-4;
    let poly = 1.987_569_15e-4;
    let poly = poly * r + 1.398_199_95e-3;
    let poly = poly * r + 8.333_452e-3;
    let poly = poly * r + 4.166_579_6e-2;
    let poly = poly * r + 1.666_666_55e-1;
    let poly = poly * r + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (poly * r * r + r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_two_units() {
        for i in -870..880 {
            let x = i as f32 * 0.1 + 0.003;
            let want = f64::from(x).exp();
            let error = (f64::from(exp(x)) - want).abs() / want;
            assert!(x < -87.0 || error < 2.5e-7, "{x}: {error:e}");
        }
        assert!(exp(-1000.0) < 1e-37 && exp(1000.0).is_finite() && exp(0.0) == 1.0);
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        // The error function, Abramowitz and Stegun, table 7.1: erf z = 2 Φ(z √2) − 1.
        for (z, want) in [
            (0.0f32, 0.0f32),
            (0.1, 0.112_462_916),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.0, 0.995_322_3),
        ] {
            let erf = |z: f32| 2.0 * normal(z * std::f32::consts::SQRT_2) - 1.0;
            assert!(
                (erf(z) - want).abs() < 3e-7 && (erf(-z) + want).abs() < 3e-7,
                "{z}"
            );
        }
    }
}
