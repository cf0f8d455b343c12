//! Batch normalization with PyTorch's running statistics.
//!
//! burn 0.22.1 keeps the biased batch variance in its running state; PyTorch normalizes by the biased
//! one but keeps the unbiased one, n/(n−1) larger. At 64 px the last stages see few values per
//! channel, so the difference shows at evaluation. Batch normalization: arXiv:1502.03167, algorithms 1 and 2.

use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;
use fairbit_kernels::train;

use super::Act;

/// Applies `norm`, then `act`, to `x` of shape `[B, H, W, C]`.
///
/// On an autodiff device, unless its statistics are frozen, batch statistics are used and the running ones
/// updated; otherwise the running ones are used.
pub(super) fn batch_norm(norm: &BatchNorm, x: Tensor<4>, act: Act) -> Tensor<4> {
    let device = x.device();
    let here = train::runs_on(&x);
    if !(device.is_autodiff() && norm.training.is_enabled()) {
        if here {
            let vectors = [
                norm.gamma.val(),
                norm.beta.val(),
                norm.running_mean.value_sync().to_device(&device),
                norm.running_var.value_sync().to_device(&device),
            ];
            return train::normalize(x, vectors, norm.epsilon as f32, act.curve());
        }
        let y = norm.forward(x.permute([0, 3, 1, 2]));
        return act.apply(y.permute([0, 2, 3, 1]));
    }
    let [b, h, w, _] = x.dims();
    let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
    let (output, mean, variance) = if here {
        let batch = train::batch_norm(x, gamma, beta, norm.epsilon as f32, act.curve());
        (batch.output, batch.mean, batch.variance)
    } else {
        let batch = batch_norm_train(x.permute([0, 3, 1, 2]), gamma, beta, norm.epsilon);
        let output = act.apply(batch.output.permute([0, 2, 3, 1]));
        (output, batch.mean.detach(), batch.variance.detach())
    };
    let n = (b * h * w) as f64;
    // One value per channel has no unbiased variance; PyTorch refuses it, here it stays biased.
    let unbias = if n > 1.0 { n / (n - 1.0) } else { 1.0 };
    let keep = 1.0 - norm.momentum;
    let running = |state: Tensor<1>, batch: Tensor<1>, by: f64| {
        state.to_device(&device).mul_scalar(keep) + batch.mul_scalar(norm.momentum * by)
    };
    let mean = running(norm.running_mean.value_sync(), mean, 1.0);
    let var = running(norm.running_var.value_sync(), variance, unbias);
    norm.running_mean.update(mean.detach());
    norm.running_var.update(var.detach());
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::BatchNormConfig;
    use burn::tensor::Device;

    #[test]
    fn running_variance_is_the_unbiased_one() {
        let device = Device::flex().autodiff();
        let norm = BatchNormConfig::new(1).init(&device);
        // Values 0, 1, 2, 3: mean 1.5, unbiased variance 5/3.
        let x = Tensor::<4>::from_data([[[[0.0], [1.0]], [[2.0], [3.0]]]], &device);
        batch_norm(&norm, x, Act::Identity);
        let mean: f32 = norm.running_mean.value_sync().into_scalar();
        let var: f32 = norm.running_var.value_sync().into_scalar();
        assert!((mean - 0.15).abs() < 1e-6, "{mean}");
        assert!((var - (0.9 + 0.1 * 5.0 / 3.0)).abs() < 1e-6, "{var}");
    }
}
