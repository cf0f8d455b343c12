//! Quantiles of replicates.
//!
//! Definition: Hyndman & Fan 1996, type 7 (linear interpolation between order statistics; the default
//! of R and NumPy): with sorted x_0 … x_{m−1} and h = (m − 1) p, the quantile is
//! x_⌊h⌋ + (h − ⌊h⌋)(x_⌊h⌋₊₁ − x_⌊h⌋).

/// Where the quantile of more than this share of undefined replicates would be meaningless, none is
/// given; up to this share, the undefined replicates are left out.
pub const MAX_UNDEFINED: f64 = 0.05;

/// Quantile `p` in [0, 1] of ascending values, type 7.
///
/// # Panics
/// When `sorted` is empty.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let h = (sorted.len() - 1) as f64 * p;
    let below = h.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (h - below as f64) * (sorted[above] - sorted[below])
}

/// Sorts the replicates of one statistic, leaving out the undefined (NaN).
///
/// # Errors
/// The share of undefined replicates, where it is above [`MAX_UNDEFINED`].
pub fn defined(replicates: impl ExactSizeIterator<Item = f64>) -> Result<Vec<f64>, f64> {
    let all = replicates.len();
    let mut values: Vec<f64> = replicates.filter(|x| !x.is_nan()).collect();
    let undefined = (all - values.len()) as f64 / all.max(1) as f64;
    if values.is_empty() || undefined > MAX_UNDEFINED {
        return Err(undefined);
    }
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_numpy() {
        // numpy.quantile([0.3, 1.7, 2.0, 4.5, 9.1, 11.0, 12.5], p), NumPy 2.4.6.
        let x = [0.3, 1.7, 2.0, 4.5, 9.1, 11.0, 12.5];
        let numpy = [
            (0.0, 0.3),
            (0.025, 0.51),
            (0.25, 1.85),
            (0.5, 4.5),
            (0.6, 7.26),
            (0.975, 12.275),
            (1.0, 12.5),
        ];
        for (p, expected) in numpy {
            // One rounded product and sum of numbers up to 12.5.
            assert!(
                (quantile(&x, p) - expected).abs() < 12.5 * 4.0 * f64::EPSILON,
                "p = {p}"
            );
        }
        assert_eq!(quantile(&[3.0], 0.4), 3.0);
    }

    #[test]
    fn few_undefined_replicates_are_left_out_and_many_are_a_reason() {
        let with = |undefined: usize| {
            (0..100).map(move |i| {
                if i < undefined {
                    f64::NAN
                } else {
                    f64::from(100 - i as u32)
                }
            })
        };
        let five = defined(with(5)).unwrap();
        assert_eq!((five.len(), five[0], five[94]), (95, 1.0, 95.0));
        assert_eq!(defined(with(6)), Err(0.06));
        assert_eq!(defined(with(100)), Err(1.0));
    }
}
