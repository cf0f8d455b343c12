//! Rank correlation.

/// Spearman's rank correlation: Pearson's of the mid-ranks, so that ties share theirs (Kendall and Gibbons
/// 1990, section 3.8). None for fewer than two pairs, where one side has a single value, or for NaN.
///
/// # Panics
/// When there are not as many of both.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "pairs");
    if a.iter().chain(b).any(|x| x.is_nan()) {
        return None;
    }
    // Deviations of mid-ranks from their mean, (n + 1) / 2, are exact in binary.
    let (a, b) = (deviations(a), deviations(b));
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

/// Exact one-sided p of Spearman's correlation: the share of all n! orders of `b` whose correlation with
/// `a` is at most, or at least, the observed one, as `side` says. The smallest is 1/n! without ties: 1/120 for
/// five pairs. None where [`spearman`] is, and above nine pairs (362,880 orders).
///
/// # Panics
/// When there are not as many of both.
pub fn exact_spearman_p(a: &[f64], b: &[f64], side: Side) -> Option<f64> {
    let observed = spearman(a, b)?;
    if a.len() > 9 {
        return None;
    }
    let sign = match side {
        Side::Negative => -1.0,
        Side::Positive => 1.0,
    };
    let (mut reached, mut all) = (0u32, 0u32);
    each_order(&mut b.to_vec(), 0, &mut |order| {
        let rho = spearman(a, order).expect("the same numbers in another order");
        all += 1;
        // Rounding must not separate what is equal.
        reached += u32::from(sign * rho >= sign * observed - 1e-9);
    });
    Some(f64::from(reached) / f64::from(all))
}

/// Which correlations count as extreme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those at most as large as that observed.
    Negative,
    /// Those at least as large.
    Positive,
}

fn each_order(values: &mut [f64], from: usize, visit: &mut impl FnMut(&[f64])) {
    if from + 1 >= values.len() {
        return visit(values);
    }
    for i in from..values.len() {
        values.swap(from, i);
        each_order(values, from + 1, visit);
        values.swap(from, i);
    }
}

/// Mid-ranks less their mean.
fn deviations(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let middle = (values.len() as f64 + 1.0) / 2.0;
    let mut out = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&i| out[i] = rank - middle);
        before += tied.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_textbook_one() {
        let a = [
            106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0,
        ];
        let b = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        // 1 - 6 Σ d² / (n (n² - 1)) with Σ d² = 194.
        let rho = spearman(&a, &b).unwrap();
        assert!((rho - (1.0 - 6.0 * 194.0 / 990.0)).abs() < 1e-12, "{rho}");
        let reversed: Vec<f64> = a.iter().map(|x| -x).collect();
        assert!((spearman(&a, &reversed).unwrap() + 1.0).abs() < 1e-12);
    }

    #[test]
    fn exact_p_is_scipys() {
        let text = include_str!("../../../tests/golden/study.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in golden["spearman"].as_array().unwrap() {
            let of = |key: &str| -> Vec<f64> {
                let values = case[key].as_array().unwrap().iter();
                values.map(|x| x.as_f64().unwrap()).collect()
            };
            let (a, b) = (of("a"), of("b"));
            for (side, key) in [(Side::Negative, "negative"), (Side::Positive, "positive")] {
                let found = exact_spearman_p(&a, &b, side).unwrap();
                assert!(
                    (found - case[key].as_f64().unwrap()).abs() < 1e-12,
                    "{case} {found}"
                );
            }
        }
        assert_eq!(
            exact_spearman_p(&[1.0, 2.0], &[3.0, 3.0], Side::Positive),
            None
        );
    }

    #[test]
    fn ties_share_their_rank_and_a_constant_has_none() {
        // Ranks 1.5 1.5 3 4 against 1 2 3.5 3.5: Pearson of those by hand, 4 / 4.5.
        let rho = spearman(&[5.0, 5.0, 6.0, 7.0], &[1.0, 2.0, 3.0, 3.0]).unwrap();
        assert!((rho - 4.0 / 4.5).abs() < 1e-12, "{rho}");
        // Zeros are equal whatever their sign.
        let zeros = spearman(&[0.0, -0.0, 1.0], &[1.0, 1.0, 2.0]).unwrap();
        assert!((zeros - 1.0).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0, f64::NAN], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
    }
}
