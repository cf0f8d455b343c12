//! Weights from a seed.
//!
//! Each tensor has its own ChaCha stream, keyed by seed and PyTorch name, drawn on the host: the same
//! seed gives the same weights on every device, whatever the order or the thread count. The laws are
//! torchvision's and timm's; He initialization: arXiv:1502.01852, eq. 10 and 14.

use burn::tensor::Device;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::model::Model;
use super::registry::ModelConfig;
use super::slots::{HostTensor, Role, for_each_slot, param_id};
use crate::error::Result;

/// The distribution a tensor is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// One value everywhere.
    Constant(f32),
    /// N(0, σ²); the field is σ.
    Normal(f64),
    /// U(−bound, bound).
    Uniform(f64),
    /// N(0, 2 / fan_out), fan_out = output channels × kernel area, whatever the groups.
    HeNormalFanOut,
    /// U(±√(6 / fan_in)), fan_in = input channels per group × kernel area.
    HeUniformFanIn,
}

impl Law {
    /// Draws a tensor of the given shape.
    fn draw(self, shape: &[usize], rng: &mut ChaCha8Rng) -> Vec<f32> {
        let n = shape.iter().product();
        let area: usize = shape.iter().skip(2).product();
        match self {
            Self::Constant(value) => vec![value; n],
            Self::Normal(std) => normal(n, std, rng),
            Self::Uniform(bound) => uniform(n, bound, rng),
            Self::HeNormalFanOut => normal(n, (2.0 / (shape[0] * area) as f64).sqrt(), rng),
            Self::HeUniformFanIn => uniform(n, (6.0 / (shape[1] * area) as f64).sqrt(), rng),
        }
    }
}

/// Uniform in [0, 1), 53 bits.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 * (-53f64).exp2()
}

fn uniform(n: usize, bound: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..n)
        .map(|_| ((2.0 * unit(rng) - 1.0) * bound) as f32)
        .collect()
}

/// Box–Muller, both halves used.
fn normal(n: usize, std: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut out = Vec::with_capacity(n + 1);
    while out.len() < n {
        // 1 − u lies in (0, 1], so that the logarithm is finite.
        let radius = std * (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * unit(rng)).sin_cos();
        out.extend([(radius * cos) as f32, (radius * sin) as f32]);
    }
    out.truncate(n);
    out
}

fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let key = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(name)
        .finalize();
    ChaCha8Rng::from_seed(key.into())
}

/// Builds a model and draws its weights from `seed`.
///
/// # Errors
/// Configuration error if [`ModelConfig::check`] finds one.
pub fn create(config: &ModelConfig, seed: u64, device: &Device) -> Result<Model> {
    config.check()?;
    let mut model = Model::new(config, device);
    let mut plan = Vec::new();
    for_each_slot(&mut model, &mut |name, role, slot| {
        let shape = slot.shape();
        let law = match role {
            Role::NormWeight | Role::RunningVar => Law::Constant(1.0),
            Role::NormBias | Role::RunningMean => Law::Constant(0.0),
            Role::Weight | Role::Bias | Role::Token => config.name.law(&name, &shape),
        };
        plan.push((name, shape, law));
    });
    let drawn: Vec<Vec<f32>> = plan
        .par_iter()
        .map(|(name, shape, law)| law.draw(shape, &mut stream(seed, name)))
        .collect();
    let mut drawn = plan.into_iter().zip(drawn);
    for_each_slot(&mut model, &mut |name, _, slot| {
        let ((planned, shape, _), values) = drawn.next().expect("both walks lend the same slots");
        assert_eq!(planned, name, "both walks lend the same slots");
        slot.write(HostTensor { shape, values }, param_id(&name));
    });
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let var = values
            .iter()
            .map(|&v| (f64::from(v) - mean).powi(2))
            .sum::<f64>()
            / n;
        (mean, var.sqrt())
    }

    #[test]
    fn each_law_has_its_moments_and_bounds() {
        let shape = [64, 32, 3, 3]; // 18,432 values; fan_in 288, fan_out 576
        let n = 18_432f64;
        let cases = [
            (Law::Normal(0.5), 0.5, f64::INFINITY),
            (Law::Uniform(0.3), 0.3 / 3f64.sqrt(), 0.3),
            (Law::HeNormalFanOut, (2f64 / 576.0).sqrt(), f64::INFINITY),
            (
                Law::HeUniformFanIn,
                (2f64 / 288.0).sqrt(),
                (6f64 / 288.0).sqrt(),
            ),
        ];
        for (law, std, bound) in cases {
            let values = law.draw(&shape, &mut stream(1, "w"));
            let (mean, got) = moments(&values);
            // Five standard errors of the mean, σ/√n, and of the deviation, at most σ/√(2n).
            assert!(mean.abs() < 5.0 * std / n.sqrt(), "{law:?}: mean {mean}");
            assert!(
                (got - std).abs() < 5.0 * std / (2.0 * n).sqrt(),
                "{law:?}: deviation {got}, not {std}"
            );
            assert!(
                values
                    .iter()
                    .all(|v| f64::from(v.abs()) <= bound * 1.000_001),
                "{law:?} leaves its bounds"
            );
        }
    }

    #[test]
    fn streams_differ_by_name_and_by_seed() {
        let draw = |seed, name| Law::Normal(1.0).draw(&[8], &mut stream(seed, name));
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }
}
