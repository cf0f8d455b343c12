//! AUC and calibration error: the metrics that need scores, not only decisions.
//!
//! A group's images are sorted by score once; both metrics are then one pass over integer image
//! weights, so that a bootstrap replicate costs O(n). AUC is the Mann–Whitney statistic (Hanley &
//! McNeil 1982); ECE is Naeini et al. 2015 on the positive class, with equal-width bins.

use rayon::prelude::*;

use super::estimate::{Point, Undefined};

/// Number of equal-width score bins of the calibration error.
pub const ECE_BINS: usize = 15;

/// The images of one group in ascending order of score.
#[derive(Debug, Clone)]
pub struct Ranked {
    steps: Vec<Step>,
}

/// One image of the sorted group.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Index of the image, and so of its weight.
    image: u32,
    label: u8,
    /// What ends after this image: [`TIE`], [`BIN`], both or nothing.
    ends: u8,
    /// s − y: its weighted sum over a bin is n_b (mean s − mean y).
    residual: f64,
}

/// The next image has another score.
const TIE: u8 = 1;
/// The next image falls into another bin.
const BIN: u8 = 2;

impl Ranked {
    /// The images `order` (indices into `label` and `score`), which are sorted by score, see [`sorted`].
    ///
    /// # Panics
    /// When an index is out of range.
    pub fn new(order: &[u32], label: &[u8], score: &[f64]) -> Self {
        let steps = order
            .iter()
            .enumerate()
            .map(|(at, image)| {
                let i = *image as usize;
                let next = order.get(at + 1).map(|next| score[*next as usize]);
                let tie_ends = next != Some(score[i]);
                let bin_ends = next.map(bin) != Some(bin(score[i]));
                Step {
                    image: *image,
                    label: label[i],
                    ends: u8::from(tie_ends) * TIE + u8::from(bin_ends) * BIN,
                    residual: score[i] - f64::from(label[i]),
                }
            })
            .collect();
        Self { steps }
    }

    /// [`auc`](Self::auc) and [`ece`](Self::ece) of the images counted `weight[image]` times each, in
    /// one pass.
    ///
    /// # Panics
    /// When `weight` is shorter than the images this was built from.
    pub fn auc_ece(&self, weight: &[u32]) -> (Point, Point) {
        // Twice the Mann-Whitney count, so that ties (½) stay whole.
        let mut twice_wins = 0u64;
        let (mut below, mut tied) = ([0u64; 2], [0u64; 2]);
        let (mut bin_residual, mut distance) = (0.0, 0.0);
        for step in &self.steps {
            let w = weight[step.image as usize];
            tied[usize::from(step.label & 1)] += u64::from(w);
            bin_residual += f64::from(w) * step.residual;
            if step.ends & TIE != 0 {
                twice_wins += tied[1] * (2 * below[0] + tied[0]);
                below[0] += tied[0];
                below[1] += tied[1];
                tied = [0; 2];
            }
            if step.ends & BIN != 0 {
                distance += f64::abs(bin_residual);
                bin_residual = 0.0;
            }
        }
        let [negatives, positives] = below;
        let n = negatives + positives;
        if n == 0 {
            return (Err(Undefined::NoImages), Err(Undefined::NoImages));
        }
        let auc = match (positives, negatives) {
            (0, _) => Err(Undefined::NoPositives),
            (_, 0) => Err(Undefined::NoNegatives),
            _ => Ok(twice_wins as f64 / 2.0 / (positives as f64 * negatives as f64)),
        };
        (auc, Ok(distance / n as f64))
    }
}

/// All images in ascending order of score, equal scores in their own order.
///
/// # Panics
/// Beyond 2³² images.
pub fn sorted(score: &[f64]) -> Vec<u32> {
    let n = u32::try_from(score.len()).expect("images are counted with 32 bits");
    let mut order: Vec<u32> = (0..n).collect();
    order.par_sort_by(|a, b| score[*a as usize].total_cmp(&score[*b as usize]));
    order
}

/// The bin [k/15, (k+1)/15) that a score in [0, 1] falls into; 1 belongs to the last.
fn bin(score: f64) -> usize {
    ((score * ECE_BINS as f64) as usize).min(ECE_BINS - 1)
}

/// Area under the ROC curve: P(score of a positive > score of a negative) + ½ P(equal).
///
/// Range [0, 1], ideal 1, chance 0.5; undefined without positives or without negatives.
///
/// # Panics
/// When `score` is shorter than `label`.
pub fn auc(label: &[u8], score: &[f64]) -> Point {
    whole(label, score).0
}

/// Expected calibration error: Σ_b n_b / n · |mean score − mean label| over [`ECE_BINS`] equal-width
/// bins of the score.
///
/// Range [0, 1], ideal 0; undefined without images.
///
/// # Panics
/// When `score` is shorter than `label`.
pub fn ece(label: &[u8], score: &[f64]) -> Point {
    whole(label, score).1
}

fn whole(label: &[u8], score: &[f64]) -> (Point, Point) {
    Ranked::new(&sorted(score), label, score).auc_ece(&vec![1; label.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_same_as_repeated_images() {
        let label = [0, 1, 1, 0, 1, 0, 1];
        let score = [0.1, 0.1, 0.4, 0.4, 0.9, 1.0, 1.0 / 15.0];
        let weight = [2, 0, 3, 1, 1, 4, 1];
        let (mut labels, mut scores) = (Vec::new(), Vec::new());
        for i in 0..label.len() {
            for _ in 0..weight[i] {
                labels.push(label[i]);
                scores.push(score[i]);
            }
        }
        let (a, e) = Ranked::new(&sorted(&score), &label, &score).auc_ece(&weight);
        // AUC counts whole numbers: exact. ECE adds at most 12 terms below 1 in another order.
        assert_eq!(a, auc(&labels, &scores));
        assert!((e.unwrap() - ece(&labels, &scores).unwrap()).abs() < 12.0 * f64::EPSILON);
    }

    #[test]
    fn known_values_and_undefined_cases() {
        assert_eq!(auc(&[0, 0, 1, 1], &[0.1, 0.4, 0.35, 0.8]), Ok(0.75));
        assert_eq!(auc(&[0, 1], &[0.3, 0.3]), Ok(0.5));
        assert_eq!(auc(&[1, 1], &[0.3, 0.4]), Err(Undefined::NoNegatives));
        assert_eq!(auc(&[0], &[0.3]), Err(Undefined::NoPositives));
        assert_eq!(ece(&[], &[]), Err(Undefined::NoImages));
        // Scores 0 and 1 are in the first and last bin; certain and right is calibrated.
        assert_eq!(ece(&[0, 1], &[0.0, 1.0]), Ok(0.0));
        assert_eq!(ece(&[1, 0], &[0.0, 1.0]), Ok(1.0));
    }
}
