//! What a step minimizes: cross entropy with label smoothing (arXiv:1512.00567, sec. 7), optionally drawn
//! towards a teacher (knowledge distillation, Hinton et al., arXiv:1503.02531, sec. 2), with weights per
//! intersection cell or a fairness term.

use std::sync::Arc;

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use super::group_loss::{Fairness, group_dro};
use crate::error::{Fault, Result};
use crate::models::Model;

/// What a training step minimizes.
#[derive(Debug, Clone, Default)]
pub struct Objective {
    /// `s` of `q(k) = (1 − s)·[k = y] + s/K`.
    pub label_smoothing: f64,
    /// Weight of each intersection cell's loss; empty = all alike.
    pub cell_weights: Vec<f32>,
    /// Who is imitated, and how much.
    pub teacher: Option<(Arc<Model>, Distill)>,
    /// How groups enter.
    pub fairness: Option<Fairness>,
    /// Weights of the groups before this step, where group DRO moves them; one per cell.
    pub group_weights: Vec<f64>,
}

/// How much a model that is trained imitates its teacher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distill {
    /// Share of the teacher's term in the loss, in [0, 1]; the labels have the rest.
    pub weight: f64,
    /// Temperature T of both softmaxes; the term is multiplied by T².
    #[serde(default = "two")]
    pub temperature: f64,
}

fn two() -> f64 {
    2.0
}

impl Distill {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn check(&self, key: &str) -> Result<()> {
        let (name, value, expected) = match self {
            Self { weight, .. } if !(0.0..=1.0).contains(weight) => ("weight", weight, "0 to 1"),
            Self { temperature, .. } if !(*temperature > 0.0 && temperature.is_finite()) => {
                ("temperature", temperature, "above 0")
            }
            _ => return Ok(()),
        };
        Err(Fault::plain(value.to_string())
            .key(format!("{key}.{name}"))
            .expected(expected)
            .config())
    }
}

/// What a batch is judged by.
#[derive(Debug)]
pub struct Judged<'a> {
    /// `[B, K]`
    pub logits: Tensor<2>,
    /// The teacher's, `[B, K]`, where there is one.
    pub teacher: Option<Tensor<2>>,
    /// `[B]`
    pub labels: Tensor<1, Int>,
    /// The same on the host.
    pub label_list: &'a [u8],
    /// Cell index of each image.
    pub cells: &'a [u32],
}

impl Objective {
    /// Loss of a batch, `[1]`, and the weights of the groups after it (empty but for group DRO).
    ///
    /// Without groups and penalties `Σ w_i · ℓ_i / Σ w_i`, the convention of PyTorch's class weights.
    ///
    /// # Panics
    /// If a cell has no weight in a table that is not empty.
    pub fn loss(&self, batch: Judged) -> (Tensor<1>, Vec<f64>) {
        let [images, _] = batch.logits.dims();
        let penalty = self
            .fairness
            .and_then(|by| by.penalty(&batch.logits, batch.label_list, batch.cells));
        let (device, cells) = (batch.logits.device(), batch.cells);
        let each = self.each(batch); // [B, 1]
        if let Some(Fairness::GroupDro { step }) = self.fairness {
            return group_dro(each, cells, &self.group_weights, step);
        }
        let mean = if self.cell_weights.is_empty() {
            each.mean()
        } else {
            let weights: Vec<f32> = cells
                .iter()
                .map(|&c| self.cell_weights[c as usize])
                .collect();
            // An all-zero batch has no loss; without the floor it would have NaN.
            let total = weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
            let weights = Tensor::<1>::from_floats(weights.as_slice(), &device);
            (each * weights.reshape([images, 1]))
                .sum()
                .div_scalar(total)
        };
        let loss = match penalty {
            Some(penalty) => mean + penalty,
            None => mean,
        };
        (loss, Vec::new())
    }

    /// Loss of each image, `[B, 1]`.
    fn each(&self, batch: Judged) -> Tensor<2> {
        let [images, classes] = batch.logits.dims();
        let log_p = log_softmax(batch.logits.clone(), 1);
        let picked = log_p.clone().gather(1, batch.labels.reshape([images, 1])); // [B, 1]
        let mut each = picked.neg();
        if self.label_smoothing > 0.0 {
            let spread = log_p.sum_dim(1).neg().div_scalar(classes as f64); // [B, 1]
            each = each.mul_scalar(1.0 - self.label_smoothing)
                + spread.mul_scalar(self.label_smoothing);
        }
        match (&self.teacher, batch.teacher) {
            (Some((_, how)), Some(teacher)) => {
                let apart = divergence(teacher, batch.logits, how.temperature);
                each.mul_scalar(1.0 - how.weight) + apart.mul_scalar(how.weight)
            }
            _ => each,
        }
    }
}

/// T² · KL(teacher ‖ student) of each image at temperature T, `[B, 1]`.
fn divergence(teacher: Tensor<2>, student: Tensor<2>, temperature: f64) -> Tensor<2> {
    let teacher = teacher.div_scalar(temperature);
    let gap = log_softmax(teacher.clone(), 1) - log_softmax(student.div_scalar(temperature), 1);
    let each = (softmax(teacher, 1) * gap).sum_dim(1);
    each.mul_scalar(temperature * temperature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn batch(device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        let logits = Tensor::<2>::from_floats([[1.0, 3.0], [0.5, -0.5]], device);
        (logits, Tensor::<1, Int>::from_ints([1, 1], device))
    }

    fn value(objective: &Objective, teacher: Option<Tensor<2>>) -> f64 {
        let (logits, labels) = batch(&Device::flex());
        let judged = Judged {
            logits,
            teacher,
            labels,
            label_list: &[1, 1],
            cells: &[0, 1],
        };
        f64::from(objective.loss(judged).0.into_scalar::<f32>())
    }

    fn loss(label_smoothing: f64, cell_weights: Vec<f32>) -> f64 {
        let objective = Objective {
            label_smoothing,
            cell_weights,
            ..Objective::default()
        };
        value(&objective, None)
    }

    // −log softmax by hand: image 0 gives ln(1 + e^−2), image 1 ln(1 + e).
    const L0: f64 = 0.126_928_011_042_972_5;
    const L1: f64 = 1.313_261_687_518_223;

    #[test]
    fn plain_loss_is_the_mean_of_minus_log_p() {
        assert!((loss(0.0, vec![]) - (L0 + L1) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn smoothing_mixes_in_the_other_class() {
        // The other class costs 2 more for image 0 and 1 less for image 1.
        let want = (L0 + 0.05 * 2.0 + L1 - 0.05 * 1.0) / 2.0;
        assert!((loss(0.1, vec![]) - want).abs() < 1e-6);
    }

    #[test]
    fn cell_weights_give_a_weighted_mean() {
        assert!((loss(0.0, vec![3.0, 1.0]) - (3.0 * L0 + L1) / 4.0).abs() < 1e-6);
        assert!((loss(0.0, vec![0.0, 1.0]) - L1).abs() < 1e-6);
        assert_eq!(loss(0.0, vec![0.0, 0.0]), 0.0);
    }

    #[test]
    fn a_teacher_pulls_by_the_divergence_at_its_temperature() {
        let device = Device::flex();
        let config =
            crate::models::ModelConfig::new(crate::models::Architecture::SqueezeNet11, 2, 32);
        let model = crate::models::create(&config, 1, &device).unwrap();
        let how = Distill {
            weight: 0.25,
            temperature: 3.0,
        };
        let objective = Objective {
            teacher: Some((Arc::new(model), how)),
            ..Objective::default()
        };
        let (logits, _) = batch(&device);
        // Who agrees with the teacher pays for the labels only.
        let found = value(&objective, Some(logits));
        assert!((found - 0.75 * (L0 + L1) / 2.0).abs() < 1e-6, "{found}");
        let teacher = Tensor::<2>::from_floats([[2.0, -1.0], [0.5, -0.5]], &device);
        let p = |d: f64| 1.0 / (1.0 + (-d / 3.0).exp());
        // Image 0: the teacher's difference is −3, the student's 2.
        let (t, s) = (p(-3.0), p(2.0));
        let kl = t * (t / s).ln() + (1.0 - t) * ((1.0 - t) / (1.0 - s)).ln();
        let want = 0.75 * (L0 + L1) / 2.0 + 0.25 * 9.0 * kl / 2.0;
        let found = value(&objective, Some(teacher));
        assert!((found - want).abs() < 1e-6, "{found} {want}");
    }

    #[test]
    fn a_penalty_is_added_to_the_mean() {
        let fairness = Some(Fairness::DemographicParity {
            weight: 0.5,
            sharpness: 1.0,
        });
        let objective = Objective {
            fairness,
            ..Objective::default()
        };
        let p = |x: f64| 1.0 / (1.0 + (-x).exp());
        let want = (L0 + L1) / 2.0 + 0.5 * (p(2.0) - p(-1.0));
        let found = value(&objective, None);
        assert!((found - want).abs() < 1e-6, "{found} {want}");
    }
}
