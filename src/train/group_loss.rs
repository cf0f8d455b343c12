//! Fairness in the objective: gaps between groups as differentiable penalties, and group DRO.
//!
//! Groups are the intersection cells of the sensitive attributes. A decision s ≥ ½ has no slope, so that
//! the penalties relax it to a sigmoid of the logits' difference; they are then the demographic-parity and
//! equalized-odds gaps of fairness.md with the mean over pairs in place of the largest, which has a slope
//! for every group and not for two only (cf. Padh et al., arXiv:2009.04441).

use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Fault, Result};

/// How groups enter the objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fairness {
    /// A penalty on differences between the groups' relaxed selection rates.
    DemographicParity {
        /// What the penalty is multiplied by.
        weight: f64,
        /// What the difference of the logits is multiplied by before the sigmoid: 1 gives the score.
        #[serde(default = "one")]
        sharpness: f64,
    },
    /// The same among the images of either label: true and false positive rates.
    EqualizedOdds {
        /// What the penalty is multiplied by.
        weight: f64,
        /// As for demographic parity.
        #[serde(default = "one")]
        sharpness: f64,
    },
    /// The loss of the groups that fare worst: group DRO (Sagawa et al., arXiv:1911.08731, algorithm 1).
    GroupDro {
        /// Step size η of the groups' weights.
        step: f64,
    },
}

fn one() -> f64 {
    1.0
}

impl Fairness {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn check(&self, key: &str) -> Result<()> {
        let values: &[(&str, f64)] = match self {
            Self::DemographicParity { weight, sharpness }
            | Self::EqualizedOdds { weight, sharpness } => {
                &[("weight", *weight), ("sharpness", *sharpness)]
            }
            Self::GroupDro { step } => &[("step", *step)],
        };
        match values.iter().find(|(_, v)| !(*v > 0.0 && v.is_finite())) {
            None => Ok(()),
            Some((name, value)) => Err(Fault::plain(value.to_string())
                .key(format!("{key}.{name}"))
                .expected("above 0")
                .config()),
        }
    }

    /// The penalty on a batch, `[1]`; none for group DRO, which weights losses instead.
    ///
    /// # Shapes
    /// `logits` `[B, 2]`, a label and a cell for each image.
    pub(super) fn penalty(
        &self,
        logits: &Tensor<2>,
        labels: &[u8],
        cells: &[u32],
    ) -> Option<Tensor<1>> {
        let (weight, sharpness, by_label) = match *self {
            Self::DemographicParity { weight, sharpness } => (weight, sharpness, false),
            Self::EqualizedOdds { weight, sharpness } => (weight, sharpness, true),
            Self::GroupDro { .. } => return None,
        };
        let of = |class: usize| logits.clone().narrow(1, class, 1); // [B, 1]
        let decided = sigmoid((of(1) - of(0)).mul_scalar(sharpness));
        let gap = |of_label: Option<u8>| {
            let member = |i: usize| of_label.is_none_or(|label| labels[i] == label);
            let (means, _) = means(cells, member, &logits.device());
            let [groups, _] = means.dims();
            let rates = means.matmul(decided.clone()); // [G, 1]
            let pairs = (groups * groups.saturating_sub(1)).max(1);
            let differences = rates.clone() - rates.transpose(); // [G, G], each pair twice
            differences.abs().sum().div_scalar(pairs as f64)
        };
        let gap = match by_label {
            false => gap(None),
            true => gap(Some(0)) + gap(Some(1)),
        };
        Some(gap.mul_scalar(weight))
    }
}

/// A matrix whose product with a column of the batch, `[B, 1]`, is its mean in each cell that has a member,
/// `[G, B]`, and those cells.
fn means(cells: &[u32], member: impl Fn(usize) -> bool, device: &Device) -> (Tensor<2>, Vec<u32>) {
    let members: Vec<usize> = (0..cells.len()).filter(|&i| member(i)).collect();
    let mut present: Vec<u32> = members.iter().map(|&i| cells[i]).collect();
    present.sort_unstable();
    present.dedup();
    let batch = cells.len();
    // Without a member there is one row of zeros, whose mean is 0 and differs from nothing.
    let mut matrix = vec![0.0f32; present.len().max(1) * batch];
    for (g, cell) in present.iter().enumerate() {
        let own: Vec<usize> = members
            .iter()
            .copied()
            .filter(|&i| cells[i] == *cell)
            .collect();
        for &i in &own {
            matrix[g * batch + i] = 1.0 / own.len() as f32;
        }
    }
    let matrix = Tensor::<1>::from_data(matrix.as_slice(), device).reshape([-1, batch as i64]);
    (matrix, present)
}

/// Group DRO on a batch: Σ q_g · (mean loss of group g), and the weights q that it was made with, updated
/// by q_g ← q_g · exp(η · loss_g) and normalized first. A group without an image keeps its share.
///
/// # Shapes
/// `each` `[B, 1]`, a cell for each image, `weights` one per cell of the data set.
pub(super) fn group_dro(
    each: Tensor<2>,
    cells: &[u32],
    weights: &[f64],
    step: f64,
) -> (Tensor<1>, Vec<f64>) {
    let (means, present) = means(cells, |_| true, &each.device());
    let losses = means.matmul(each); // [G, 1]
    let values: Vec<f32> = losses.clone().detach().into_data().iter::<f32>().collect();
    let mut updated = weights.to_vec();
    for (cell, loss) in present.iter().zip(values) {
        updated[*cell as usize] *= (step * f64::from(loss)).exp();
    }
    let total: f64 = updated.iter().sum();
    updated.iter_mut().for_each(|q| *q /= total);
    let mine: Vec<f32> = present
        .iter()
        .map(|c| updated[*c as usize] as f32)
        .collect();
    let mine = Tensor::<1>::from_data(mine.as_slice(), &losses.device()).reshape([-1, 1]);
    ((losses * mine).sum(), updated)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positive scores 0.5, σ(2), σ(−1), σ(1).
    fn logits() -> Tensor<2> {
        let rows = [[0.0, 0.0], [0.0, 2.0], [1.0, 0.0], [-0.5, 0.5]];
        Tensor::from_data(rows, &Device::flex().autodiff())
    }

    fn score(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn penalty(by: Fairness, labels: &[u8], cells: &[u32]) -> f64 {
        let found = by.penalty(&logits(), labels, cells).unwrap();
        f64::from(found.into_scalar::<f32>())
    }

    #[test]
    fn penalties_are_mean_differences_of_relaxed_rates() {
        let parity = Fairness::DemographicParity {
            weight: 2.0,
            sharpness: 1.0,
        };
        let rates = [(0.5 + score(2.0)) / 2.0, (score(-1.0) + score(1.0)) / 2.0];
        let found = penalty(parity, &[0, 1, 0, 1], &[0, 0, 3, 3]);
        assert!((found - 2.0 * (rates[0] - rates[1]).abs()).abs() < 1e-6);
        // Three groups: the mean over three pairs.
        let r = [0.5, score(2.0), (score(-1.0) + score(1.0)) / 2.0];
        let pairs = [(0, 1), (0, 2), (1, 2)].map(|(a, b): (usize, usize)| (r[a] - r[b]).abs());
        let found = penalty(parity, &[0, 1, 0, 1], &[0, 1, 2, 2]);
        assert!((found - 2.0 * pairs.iter().sum::<f64>() / 3.0).abs() < 1e-6);
        // One group differs from nothing.
        assert_eq!(penalty(parity, &[0, 1, 0, 1], &[2; 4]), 0.0);
        let odds = Fairness::EqualizedOdds {
            weight: 1.0,
            sharpness: 3.0,
        };
        let found = penalty(odds, &[0, 1, 0, 1], &[0, 0, 1, 1]);
        let want = (0.5 - score(-3.0)).abs() + (score(6.0) - score(3.0)).abs();
        assert!((found - want).abs() < 1e-6, "{found} {want}");
        // No image of one label: nothing to differ there.
        let found = penalty(odds, &[1; 4], &[0, 0, 1, 1]);
        let want = ((0.5 + score(6.0)) / 2.0 - (score(-3.0) + score(3.0)) / 2.0).abs();
        assert!((found - want).abs() < 1e-6, "{found} {want}");
    }

    #[test]
    fn descending_a_penalty_closes_the_gap() {
        let device = Device::flex().autodiff();
        let mut x = logits().require_grad();
        let parity = Fairness::DemographicParity {
            weight: 1.0,
            sharpness: 1.0,
        };
        let gap = |x: &Tensor<2>| {
            let found = parity.penalty(x, &[0; 4], &[0, 0, 1, 1]).unwrap();
            (found.clone().into_scalar::<f32>(), found)
        };
        let before = gap(&x).0;
        for _ in 0..50 {
            let grads = gap(&x).1.backward();
            let g = x.grad(&grads).expect("asked for");
            let next = x.inner() - g;
            x = Tensor::from_data(next.into_data(), &device).require_grad();
        }
        assert!(gap(&x).0 < 0.2 * before, "{before} {}", gap(&x).0);
    }

    #[test]
    fn group_dro_moves_weight_to_the_group_with_the_loss() {
        let device = Device::flex().autodiff();
        let each = Tensor::<2>::from_data([[1.0], [3.0], [0.5], [0.5]], &device);
        let (loss, q) = group_dro(each, &[0, 0, 2, 2], &[0.25, 0.5, 0.25], 0.1);
        // Group means 2 and 0.5; cell 1 has no image.
        let raw = [0.25 * 0.2f64.exp(), 0.5, 0.25 * 0.05f64.exp()];
        let total: f64 = raw.iter().sum();
        for (q, raw) in q.iter().zip(raw) {
            assert!((q - raw / total).abs() < 1e-7);
        }
        let want = q[0] * 2.0 + q[2] * 0.5;
        assert!((f64::from(loss.into_scalar::<f32>()) - want).abs() < 1e-6);
    }

    #[test]
    fn settings_are_checked_and_spelled_out() {
        let read = |text: &str| toml::from_str::<Fairness>(text);
        let found = read("by = \"equalized-odds\"\nweight = 2.0").unwrap();
        let want = Fairness::EqualizedOdds {
            weight: 2.0,
            sharpness: 1.0,
        };
        assert_eq!(found, want);
        assert!(read("by = \"group-dro\"\nstep = 0.1\nweight = 1.0").is_err());
        assert!(read("by = \"demographic-parity\"").is_err());
        let bad = Fairness::GroupDro { step: 0.0 };
        let e = bad.check("finetune.fairness").unwrap_err();
        assert!(e.to_string().contains("finetune.fairness.step"), "{e}");
    }
}
