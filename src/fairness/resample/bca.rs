//! BCa intervals (Efron 1987; Davison & Hinkley 1997, §5.3): bias-corrected and accelerated percentiles,
//! for smooth statistics only (rates, accuracy, AUC), never for a maximum minus a minimum.
//!
//! With B replicates θ*, estimate θ and the influence u_i of each unit (image or identity) on θ:
//!
//! ```text
//! z0 = Φ⁻¹((#{θ* < θ} + #{θ* ≤ θ}) / 2B)             a = Σ u³ / (6 (Σ u²)^1.5)
//! α  = Φ(z0 + (z0 + z) / (1 − a (z0 + z)))            for z = Φ⁻¹ of both ends
//! ```
//!
//! u is centred within strata; it is the infinitesimal jackknife, which for a rate has the same a as the
//! jackknife that leaves one image out.

use statrs::distribution::{ContinuousCDF, Normal};

use super::draw::Resampler;
use super::quantile::quantile;

/// The interval at `confidence` from ascending replicates, or `None` where it does not exist: all
/// replicates on one side of the estimate, or a denominator that is not positive.
pub fn bca(estimate: f64, sorted: &[f64], acceleration: f64, confidence: f64) -> Option<[f64; 2]> {
    let below = sorted.partition_point(|r| *r < estimate);
    let up_to = sorted.partition_point(|r| *r <= estimate);
    let share = (below + up_to) as f64 / (2 * sorted.len()) as f64;
    if share <= 0.0 || share >= 1.0 {
        return None;
    }
    let normal = Normal::standard();
    let z0 = normal.inverse_cdf(share);
    let tail = (1.0 - confidence) / 2.0;
    let end = |p: f64| {
        let z = z0 + normal.inverse_cdf(p);
        let denominator = 1.0 - acceleration * z;
        (denominator > 0.0).then(|| quantile(sorted, normal.cdf(z0 + z / denominator)))
    };
    Some([end(tail)?, end(1.0 - tail)?])
}

/// Acceleration a from the influence of each image, added up by unit and centred within strata; 0 where
/// nothing varies.
///
/// # Panics
/// When there is not one number for each image.
pub fn acceleration(influence: &[f64], resampler: &Resampler) -> f64 {
    assert_eq!(influence.len(), resampler.n(), "one number for each image");
    let (mut squares, mut cubes) = (0.0, 0.0);
    for stratum in resampler.strata() {
        let of = |unit: u32| -> f64 {
            let images = resampler.unit(unit as usize);
            images.iter().map(|i| influence[*i as usize]).sum()
        };
        let mean = stratum.clone().map(of).sum::<f64>() / stratum.len() as f64;
        for unit in stratum.clone() {
            let u = of(unit) - mean;
            squares += u * u;
            cubes += u * u * u;
        }
    }
    match squares > 0.0 {
        true => cubes / (6.0 * squares.powf(1.5)),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbiased_symmetric_bootstrap_gives_percentiles() {
        let sorted: Vec<f64> = (0..=1000).map(f64::from).collect();
        let [lo, hi] = bca(500.0, &sorted, 0.0, 0.95).unwrap();
        assert!(
            (lo - 25.0).abs() < 1e-6 && (hi - 975.0).abs() < 1e-6,
            "{lo} {hi}"
        );
        // A statistic that the replicates overshoot is corrected downwards.
        let [low, _] = bca(300.0, &sorted, 0.0, 0.95).unwrap();
        assert!(low < lo);
        assert_eq!(bca(-1.0, &sorted, 0.0, 0.95), None);
    }

    #[test]
    fn acceleration_of_a_share_is_its_skewness() {
        // 1 of 10: a = (1 − 2p) / (6 √(n p (1 − p))).
        let mut influence = vec![-0.01; 10];
        influence[3] = 0.09;
        let one = Resampler::stratified(&[0; 10], 1);
        let expected = 0.8 / (6.0 * (10.0f64 * 0.1 * 0.9).sqrt());
        assert!((acceleration(&influence, &one) - expected).abs() < 1e-12);
        // Pairs of images that are always together count as one.
        let people: Vec<u32> = (0..20).map(|i| i / 2).collect();
        let doubled: Vec<f64> = influence.iter().flat_map(|u| [u / 2.0; 2]).collect();
        let pairs = Resampler::clustered(&people, 10);
        assert!((acceleration(&doubled, &pairs) - expected).abs() < 1e-12);
    }
}
