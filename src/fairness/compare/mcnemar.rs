//! McNemar's test of equal accuracy on the same images, and the effect sizes that go with it.

use statrs::distribution::{Beta, Binomial, ChiSquared, ContinuousCDF, Discrete, DiscreteCDF};

/// Mid-p of McNemar's test for `b` images that got worse and `c` that got better (Fagerland, Lydersen &
/// Laake 2013): the exact conditional two-sided p minus half of twice the point probability; 1 without
/// any.
pub fn mid_p(b: u64, c: u64) -> f64 {
    let n = b + c;
    if n == 0 {
        return 1.0;
    }
    let half = Binomial::new(0.5, n).expect("a share of one half");
    let least = b.min(c);
    if b == c {
        return 1.0 - half.pmf(least) / 2.0;
    }
    2.0 * half.cdf(least) - half.pmf(least)
}

/// p of the cluster-robust version, from the difference (worse − better) of each identity: the sum of the
/// differences squared over the sum of their squares is χ² with one degree of freedom (Obuchowski 1998;
/// under equal accuracy the differences of independent people have mean 0).
pub fn clustered_p(differences: impl IntoIterator<Item = i64>) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for d in differences {
        sum += d as f64;
        squares += (d * d) as f64;
    }
    match squares > 0.0 {
        true => ChiSquared::new(1.0)
            .expect("one degree of freedom")
            .sf(sum * sum / squares),
        false => 1.0,
    }
}

/// Exact bounds (Clopper & Pearson 1934) of a share seen `k` times in `n`, each with probability `alpha`
/// of being wrong.
pub fn clopper_pearson(k: u64, n: u64, alpha: f64) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (hits, misses) = (k as f64, (n - k) as f64);
    let quantile =
        |a: f64, b: f64, p: f64| Beta::new(a, b).expect("positive shapes").inverse_cdf(p);
    let lo = match k {
        0 => 0.0,
        // The quantile has this closed form, and the library's search is not needed.
        _ if k == n => alpha.powf(1.0 / hits),
        _ => quantile(hits, misses + 1.0, alpha),
    };
    let hi = match k {
        0 => 1.0 - alpha.powf(1.0 / misses),
        _ if k == n => 1.0,
        _ => quantile(hits + 1.0, misses, 1.0 - alpha),
    };
    [lo, hi]
}

/// Paired odds ratio, images that got worse over images that got better, with its exact interval from
/// that of b / (b + c). `None` where nothing changed; infinite where none got better.
pub fn odds_ratio(b: u64, c: u64, confidence: f64) -> Option<(f64, [f64; 2])> {
    if b + c == 0 {
        return None;
    }
    let odds = |share: f64| share / (1.0 - share);
    let bounds = clopper_pearson(b, b + c, (1.0 - confidence) / 2.0);
    Some((b as f64 / c as f64, bounds.map(odds)))
}

/// Cohen's h of two shares, 2 asin √p − 2 asin √q (Cohen 1988): 0.2 is small, 0.5 medium, 0.8 large.
pub fn cohens_h(p: f64, q: f64) -> f64 {
    2.0 * p.sqrt().asin() - 2.0 * q.sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        // Fagerland et al. 2013, table 3: airway hyper-responsiveness 1 and 7, complete response 6 and 16.
        assert!((mid_p(1, 7) - 0.039).abs() < 5e-4);
        assert!((mid_p(16, 6) - 0.035).abs() < 5e-4);
        assert_eq!((mid_p(0, 0), mid_p(1, 1)), (1.0, 0.75));
    }

    #[test]
    fn no_flip_is_still_no_proof() {
        // The rule of three: 1 − 0.05^(1/n) is about 3/n.
        let [lo, hi] = clopper_pearson(0, 100, 0.05);
        assert!(lo == 0.0 && (hi - 0.02951).abs() < 1e-5, "{hi}");
        assert_eq!(clopper_pearson(5, 5, 0.05)[1], 1.0);
        assert_eq!(odds_ratio(0, 0, 0.95), None);
        assert_eq!(odds_ratio(3, 0, 0.95).unwrap().0, f64::INFINITY);
        assert_eq!(clustered_p([0, 0]), 1.0);
    }
}
