//! AdamW (arXiv:1711.05101) as burn's optimizer trait: one pass on the CPU, burn's own elsewhere.

use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};
use fairbit_kernels::float::adamw::Step;
use fairbit_kernels::train;

/// AdamW with PyTorch's constants; its state is burn's, so that checkpoints are too.
#[derive(Clone)]
pub struct OnePassAdamW {
    weight_decay: f32,
    epsilon: f32,
    burn: AdamW,
}

const BETAS: [f32; 2] = [0.9, 0.999];
/// PyTorch's default, where burn's is 1e-5.
const EPSILON: f32 = 1e-8;

impl OnePassAdamW {
    /// An optimizer with decoupled weight decay.
    pub fn new(weight_decay: f32) -> Self {
        Self::with_epsilon(weight_decay, EPSILON)
    }

    fn with_epsilon(weight_decay: f32, epsilon: f32) -> Self {
        let burn = AdamWConfig::new()
            .with_beta_1(BETAS[0])
            .with_beta_2(BETAS[1])
            .with_weight_decay(weight_decay)
            .with_epsilon(epsilon)
            .build();
        Self {
            weight_decay,
            epsilon,
            burn,
        }
    }
}

impl Optimizer for OnePassAdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        if !train::runs_on(&tensor) || !train::runs_on(&grad) {
            return self.burn.step(lr, tensor, grad, state);
        }
        let (time, moments) = match state {
            Some(AdamWState { momentum }) => {
                (momentum.time, [momentum.moment_1, momentum.moment_2])
            }
            None => (0, [grad.zeros_like(), grad.zeros_like()]),
        };
        let time = time + 1;
        let step = Step {
            lr: lr as f32,
            betas: BETAS,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            time: u32::try_from(time).expect("fewer steps than 2^32"),
        };
        let (tensor, [first, second]) = train::adamw(tensor, grad, moments, step);
        let momentum = AdaptiveMomentumState::new(time, first, second);
        (tensor, Some(AdamWState { momentum }))
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        AdamW::to_device(state, device)
    }
}

/// Adam on the logarithm of positive parameters, to first order: each step is a share of the parameter.
///
/// Adam's steps are as large as the learning rate whatever the gradient, and scales of quantizers lie
/// orders of magnitude apart: what moves one by a thousandth doubles another. Training the logarithm is the
/// remedy of Jain et al., arXiv:1903.08066, sec. 3.3 and appendix B. Without weight decay, which would
/// shrink the grids.
#[derive(Clone)]
pub struct RelativeAdam(OnePassAdamW);

impl RelativeAdam {
    /// An optimizer of positive parameters.
    pub fn new() -> Self {
        // Gradients of a logarithm are the scale times LSQ's factor times a mean over images: 1e-9 is usual,
        // beside which the usual ε would be large.
        Self(OnePassAdamW::with_epsilon(0.0, 1e-15))
    }
}

impl Optimizer for RelativeAdam {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        // ∂/∂ ln s = s · ∂/∂s; the step of a logarithm that is 0, so that it is the step itself.
        let grad = grad * tensor.clone();
        let (step, state) = self.0.step(lr, tensor.zeros_like(), grad, state);
        (tensor * step.exp(), state)
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        AdamW::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_is_the_same_step_as_burns() {
        let device = Device::flex();
        let ours = OnePassAdamW::new(0.01);
        let mut pairs = [(); 2].map(|()| (Tensor::<1>::from_data([0.5, -2.0, 3.0], &device), None));
        for step in 1..=20 {
            let g =
                Tensor::<1>::from_data([0.1, -0.3, 2.0], &device).mul_scalar((step as f32).sin());
            let lr = 0.01 * step as f64;
            let [(a, s), (b, t)] = pairs;
            pairs = [ours.step(lr, a, g.clone(), s), ours.burn.step(lr, b, g, t)];
        }
        let [a, b] = pairs.map(|(p, _)| p.into_data().iter::<f32>().collect::<Vec<_>>());
        for (a, b) in a.iter().zip(&b) {
            // Twenty steps of some roundings each.
            assert!((a - b).abs() < 2e-6 * b.abs().max(1.0), "{a} {b}");
        }
    }
    #[test]
    fn relative_steps_are_shares_whatever_the_size() {
        let device = Device::flex();
        let sizes = [1e-6, 1.0, 1e4];
        let mut s = Tensor::<1>::from_data(sizes, &device);
        let mut state = None;
        for _ in 0..10 {
            let g = Tensor::<1>::from_data([1e-3, -0.5, 1e-2], &device);
            (s, state) = RelativeAdam::new().step(0.01, s, g, state);
        }
        let found: Vec<f32> = s.into_data().iter::<f32>().collect();
        for ((found, size), direction) in found.iter().zip(sizes).zip([-1.0f64, 1.0, -1.0]) {
            // A constant gradient gives steps of the learning rate: ten of one percent.
            let want = size * (direction * 0.1).exp();
            assert!(
                (f64::from(*found) / want - 1.0).abs() < 2e-3,
                "{found} {want}"
            );
        }
    }
}
