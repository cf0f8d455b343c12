//! Cross entropy with label smoothing (arXiv:1512.00567, sec. 7) and weights per intersection cell.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// What a training step minimizes.
#[derive(Debug, Clone)]
pub struct Objective {
    /// `s` of `q(k) = (1 − s)·[k = y] + s/K`.
    pub label_smoothing: f64,
    /// Weight of each intersection cell's loss; empty = all alike.
    pub cell_weights: Vec<f32>,
}

impl Objective {
    /// Mean loss of a batch: `Σ w_i · ℓ_i / Σ w_i`, the convention of PyTorch's class weights.
    ///
    /// # Shapes
    /// - `logits`: `[B, K]`, `labels`: `[B]`, `cells`: cell index of each image, `B` of them
    /// - output: `[1]`
    ///
    /// # Panics
    /// If a cell has no weight in a table that is not empty.
    pub fn loss(&self, logits: Tensor<2>, labels: Tensor<1, Int>, cells: &[u32]) -> Tensor<1> {
        let [batch, classes] = logits.dims();
        let device = logits.device();
        let log_p = log_softmax(logits, 1);
        let picked = log_p.clone().gather(1, labels.reshape([batch, 1])); // [B, 1]
        let mut each = picked.neg();
        if self.label_smoothing > 0.0 {
            let spread = log_p.sum_dim(1).neg().div_scalar(classes as f64); // [B, 1]
            each = each.mul_scalar(1.0 - self.label_smoothing)
                + spread.mul_scalar(self.label_smoothing);
        }
        if self.cell_weights.is_empty() {
            return each.mean();
        }
        let weights: Vec<f32> = cells
            .iter()
            .map(|&c| self.cell_weights[c as usize])
            .collect();
        // An all-zero batch has no loss; without the floor it would have NaN.
        let total = weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let weights = Tensor::<1>::from_floats(weights.as_slice(), &device).reshape([batch, 1]);
        (each * weights).sum().div_scalar(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn loss(smoothing: f64, cell_weights: Vec<f32>) -> f32 {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[1.0, 3.0], [0.5, -0.5]], &device);
        let labels = Tensor::<1, Int>::from_ints([1, 1], &device);
        Objective {
            label_smoothing: smoothing,
            cell_weights,
        }
        .loss(logits, labels, &[0, 1])
        .into_scalar::<f32>()
    }

    // −log softmax by hand: image 0 gives ln(1 + e^−2), image 1 ln(1 + e).
    const L0: f64 = 0.126_928_011_042_972_5;
    const L1: f64 = 1.313_261_687_518_223;

    #[test]
    fn plain_loss_is_the_mean_of_minus_log_p() {
        assert!((f64::from(loss(0.0, vec![])) - (L0 + L1) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn smoothing_mixes_in_the_other_class() {
        // The other class costs 2 more for image 0 and 1 less for image 1.
        let want = (L0 + 0.05 * 2.0 + L1 - 0.05 * 1.0) / 2.0;
        assert!((f64::from(loss(0.1, vec![])) - want).abs() < 1e-6);
    }

    #[test]
    fn cell_weights_give_a_weighted_mean() {
        assert!((f64::from(loss(0.0, vec![3.0, 1.0])) - (3.0 * L0 + L1) / 4.0).abs() < 1e-6);
        assert!((f64::from(loss(0.0, vec![0.0, 1.0])) - L1).abs() < 1e-6);
        assert_eq!(loss(0.0, vec![0.0, 0.0]), 0.0);
    }
}
