//! Simultaneous intervals for all signed pairwise contrasts of one rate: max-|t| bands.
//!
//! A maximum minus a minimum over groups is biased upwards and not smooth where groups tie; the signed
//! contrasts c = rate_a − rate_b are neither. With the standard error s of each contrast over the
//! replicates, and k the 95th percentile over replicates of max |c* − c| / s, the bands c ± k s hold all
//! contrasts together with 95 % (Westfall & Young 1993; Romano & Wolf 2005).

use super::quantile::quantile;

/// One signed contrast, `rate[of[0]] − rate[of[1]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// Indices of the two groups.
    pub of: [usize; 2],
    /// On the images at hand.
    pub value: f64,
    /// Standard deviation over the replicates.
    pub se: f64,
    /// Lower and upper end of its band.
    pub band: [f64; 2],
}

/// Most groups whose pairs are compared: 496 pairs.
pub const MAX_COMPARED: usize = 32;

/// Bands for every pair of `rates` (one for each group) at `confidence`; `replicate(r)` gives the same
/// rates in replicate `r` of `replicates`. Replicates in which a rate is undefined (NaN) are left out.
pub fn bands<'a>(
    rates: &[f64],
    replicates: usize,
    replicate: impl Fn(usize) -> &'a [f64],
    confidence: f64,
) -> Vec<Contrast> {
    let pairs: Vec<[usize; 2]> = (0..rates.len())
        .flat_map(|a| (a + 1..rates.len()).map(move |b| [a, b]))
        .collect();
    let whole: Vec<&[f64]> = (0..replicates)
        .map(replicate)
        .filter(|row| row.iter().all(|rate| !rate.is_nan()))
        .collect();
    let contrast = |rates: &[f64], [a, b]: [usize; 2]| rates[a] - rates[b];
    let n = whole.len() as f64;
    let mut found: Vec<Contrast> = pairs
        .iter()
        .map(|&of| {
            let mean = whole.iter().map(|row| contrast(row, of)).sum::<f64>() / n;
            let square = |row: &&[f64]| (contrast(row, of) - mean).powi(2);
            let se = (whole.iter().map(square).sum::<f64>() / (n - 1.0)).sqrt();
            let value = contrast(rates, of);
            Contrast {
                of,
                value,
                se,
                band: [value; 2],
            }
        })
        .collect();
    let mut largest: Vec<f64> = whole
        .iter()
        .map(|row| {
            let t = |c: &Contrast| match c.se > 0.0 {
                true => (contrast(row, c.of) - c.value).abs() / c.se,
                false => 0.0,
            };
            found.iter().map(t).fold(0.0, f64::max)
        })
        .collect();
    largest.sort_unstable_by(f64::total_cmp);
    if !largest.is_empty() {
        let critical = quantile(&largest, confidence);
        for c in &mut found {
            c.band = [c.value - critical * c.se, c.value + critical * c.se];
        }
    }
    found
}
