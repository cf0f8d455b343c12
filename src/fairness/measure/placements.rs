//! Placement values: how each image stands among those of the other class. What AUC is a mean of, and
//! what its variance comes from (DeLong et al. 1988; the O(n log n) form of Sun & Xu 2014).

use super::ranked::sorted;

/// AUC with the placement value of every image.
#[derive(Debug, Clone, PartialEq)]
pub struct Placements {
    /// P(score of a positive > score of a negative) + ½ P(equal).
    pub auc: f64,
    /// Of a positive, the share of negatives below it (ties ½); of a negative, the share of positives
    /// above it.
    pub value: Vec<f64>,
    /// Positives and negatives.
    pub of: [usize; 2],
}

/// Placements of images with labels 0 or 1; `None` unless both classes occur.
///
/// # Panics
/// When `score` is shorter than `label`.
pub fn placements(label: &[u8], score: &[f64]) -> Option<Placements> {
    let positives = label.iter().filter(|y| **y == 1).count();
    let negatives = label.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let order = sorted(&score[..label.len()]);
    let mut value = vec![0.0; label.len()];
    // Images of each class below the scores at hand.
    let mut below = [0usize; 2];
    for tied in order.chunk_by(|a, b| score[*a as usize] == score[*b as usize]) {
        let here = tied.iter().filter(|i| label[**i as usize] == 1).count();
        let tie = [tied.len() - here, here];
        for i in tied {
            let i = *i as usize;
            // Twice the count, so that ties (½) stay whole.
            value[i] = match label[i] {
                1 => (2 * below[0] + tie[0]) as f64 / (2 * negatives) as f64,
                _ => (2 * (positives - below[1] - tie[1]) + tie[1]) as f64 / (2 * positives) as f64,
            };
        }
        below[0] += tie[0];
        below[1] += tie[1];
    }
    let of_positives = (0..label.len()).filter(|i| label[*i] == 1);
    Some(Placements {
        auc: of_positives.map(|i| value[i]).sum::<f64>() / positives as f64,
        value,
        of: [positives, negatives],
    })
}

impl Placements {
    /// Influence of each image on the AUC: (placement − AUC) / (number in its class).
    pub fn influence(&self, label: &[u8]) -> Vec<f64> {
        let [positives, negatives] = self.of.map(|n| n as f64);
        let one = |(value, y): (&f64, &u8)| {
            (value - self.auc) / if *y == 1 { positives } else { negatives }
        };
        self.value.iter().zip(label).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::measure::ranked::auc;

    #[test]
    fn placements_are_shares_of_the_other_class() {
        let (label, score) = ([1, 0, 1, 0, 0], [0.9, 0.2, 0.4, 0.4, 0.7]);
        let found = placements(&label, &score).unwrap();
        assert_eq!(found.value, [1.0, 1.0, 0.5, 0.75, 0.5]);
        assert_eq!(Ok(found.auc), auc(&label, &score));
        assert_eq!(placements(&[1, 1], &[0.1, 0.2]), None);
    }
}
