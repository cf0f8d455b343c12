//! Many tests at once: adjusted p-values.

/// Romano–Wolf step-down (Romano & Wolf 2005, 2016): keeps the probability of any false rejection in the
/// family at the level, and is stronger than Holm because it knows how the tests hang together.
///
/// `t[j]` is the absolute studentized statistic of hypothesis j, `replicates[j][r]` the absolute centred
/// one in bootstrap replicate r; an undefined replicate counts as infinite. The largest t is compared with
/// the maximum over all hypotheses, the next with the maximum over the rest, and so on:
/// p = (1 + #{r: max ≥ t}) / (B + 1), never below that of the step before.
///
/// # Panics
/// When the replicates are not equally many.
pub fn romano_wolf(t: &[f64], replicates: &[&[f64]]) -> Vec<f64> {
    let count = replicates.first().map_or(0, |r| r.len());
    assert!(replicates.iter().all(|r| r.len() == count) && t.len() == replicates.len());
    let mut order: Vec<usize> = (0..t.len()).collect();
    order.sort_by(|a, b| t[*b].total_cmp(&t[*a]));
    let mut largest = vec![0.0f64; count];
    let mut adjusted = vec![1.0; t.len()];
    // From the last step to the first, the maximum grows by one hypothesis at a time.
    for &j in order.iter().rev() {
        let mut reached = 0;
        for (most, r) in largest.iter_mut().zip(replicates[j]) {
            *most = most.max(if r.is_nan() { f64::INFINITY } else { *r });
            reached += usize::from(*most >= t[j]);
        }
        adjusted[j] = (1 + reached) as f64 / (count + 1) as f64;
    }
    let mut least = 0.0f64;
    for &j in &order {
        least = least.max(adjusted[j]);
        adjusted[j] = least;
    }
    adjusted
}

/// Holm 1979: the family-wise error whatever the dependence.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut most = 0.0f64;
    for (rank, &j) in order.iter().enumerate() {
        most = most.max((p[j] * (p.len() - rank) as f64).min(1.0));
        adjusted[j] = most;
    }
    adjusted
}

/// Benjamini & Hochberg 1995: the false discovery rate, for exploration.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least = 1.0f64;
    for (below, &j) in order.iter().enumerate() {
        let rank = p.len() - below;
        least = least.min(p[j] * p.len() as f64 / rank as f64);
        adjusted[j] = least;
    }
    adjusted
}
