//! Several numbers judged together: bands that hold all of them, and step-down p-values.
//!
//! With the standard error s of each number over its replicates, and k the quantile over replicates of
//! the largest |θ* − θ| / s, the bands θ ± k s hold all numbers together with the confidence (Westfall &
//! Young 1993; Romano & Wolf 2005); see [`bands`](super::bands) for contrasts of one rate.

use super::quantile::quantile;
use crate::fairness::compare::family::romano_wolf;

/// Standard errors below this are rounding.
const NOTHING: f64 = 1e-12;

/// One number of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// On the data.
    pub value: f64,
    /// Standard deviation over the replicates; 0 where nothing varies.
    pub se: f64,
    /// Ends of its simultaneous band.
    pub band: [f64; 2],
    /// Two-sided bootstrap p of 0, on its own; 1 where nothing varies.
    pub p: f64,
    /// The same adjusted over all numbers (Romano–Wolf).
    pub p_adjusted: f64,
}

/// Judges `values` together; `replicates[j]` are those of number j, all of one length and drawn together.
/// Replicates in which any number is undefined (NaN) are left out.
///
/// # Panics
/// When the replicates are not equally many, or a value has none.
pub fn simultaneous(values: &[f64], replicates: &[Vec<f64>], confidence: f64) -> Vec<Judged> {
    assert_eq!(values.len(), replicates.len(), "replicates for each value");
    let count = replicates.first().map_or(0, Vec::len);
    assert!(replicates.iter().all(|r| r.len() == count));
    let whole: Vec<usize> = (0..count)
        .filter(|r| replicates.iter().all(|of| !of[*r].is_nan()))
        .collect();
    let n = whole.len() as f64;
    let errors: Vec<f64> = replicates
        .iter()
        .map(|of| {
            let mean = whole.iter().map(|r| of[*r]).sum::<f64>() / n;
            let squares: f64 = whole.iter().map(|r| (of[*r] - mean).powi(2)).sum();
            let se = (squares / (n - 1.0)).sqrt();
            if se > NOTHING { se } else { 0.0 }
        })
        .collect();
    let studentized = |change: f64, se: f64| if se > 0.0 { change.abs() / se } else { 0.0 };
    let centred: Vec<Vec<f64>> = (0..values.len())
        .map(|j| {
            let of = whole.iter().map(|r| replicates[j][*r] - values[j]);
            of.map(|change| studentized(change, errors[j])).collect()
        })
        .collect();
    let t: Vec<f64> = (values.iter().zip(&errors))
        .map(|(value, se)| studentized(*value, *se))
        .collect();
    let columns: Vec<&[f64]> = centred.iter().map(Vec::as_slice).collect();
    let adjusted = romano_wolf(&t, &columns);
    let mut largest: Vec<f64> = (0..whole.len())
        .map(|r| centred.iter().map(|of| of[r]).fold(0.0, f64::max))
        .collect();
    largest.sort_unstable_by(f64::total_cmp);
    let critical = match largest.is_empty() {
        true => f64::INFINITY,
        false => quantile(&largest, confidence),
    };
    (0..values.len())
        .map(|j| {
            let reached = centred[j].iter().filter(|c| **c >= t[j]).count();
            let (value, se) = (values[j], errors[j]);
            Judged {
                value,
                se,
                band: [-1.0, 1.0].map(|side| value + side * critical * se),
                p: match se > 0.0 {
                    true => (1 + reached) as f64 / (whole.len() + 1) as f64,
                    false => 1.0,
                },
                p_adjusted: if se > 0.0 { adjusted[j] } else { 1.0 },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::resample::draw::replicate_rng;
    use rand_distr::{Distribution, Normal};

    /// Independent normal numbers: the band of k of them is that of Šidák.
    #[test]
    fn bands_of_independent_numbers_are_sidaks() {
        let mut rng = replicate_rng(1, 0);
        let normal = Normal::new(0.0, 2.0).unwrap();
        let values = [0.0, 1.0, 7.0];
        let replicates = values.map(|v| (0..20_000).map(|_| v + normal.sample(&mut rng)).collect());
        let found = simultaneous(&values, &replicates, 0.95);
        // (1 + 0.95^(1/3)) / 2 is the quantile 2.3877 of the standard normal.
        for (judged, value) in found.iter().zip(values) {
            let half = (judged.band[1] - judged.band[0]) / 2.0;
            assert!((half / 2.0 - 2.3877).abs() < 0.05, "{judged:?}");
            assert!((judged.band[0] + half - value).abs() < 1e-9);
        }
        assert!(found[0].p > 0.99 && found[2].p < 0.002, "{found:?}");
        assert!(found[2].p_adjusted < 0.01 && found[1].p_adjusted > found[1].p);
    }

    #[test]
    fn what_does_not_vary_is_not_significant() {
        let found = simultaneous(&[0.5, 0.0], &[vec![0.5; 9], vec![0.0; 9]], 0.95);
        assert!(found.iter().all(|j| j.p == 1.0 && j.p_adjusted == 1.0));
        assert_eq!(found[0].band, [0.5, 0.5]);
    }
}
