//! Batch normalization with PyTorch's running statistics.
//!
//! burn 0.22.1 keeps the biased batch variance in its running state; PyTorch normalizes by the biased
//! one but keeps the unbiased one, n/(n−1) larger. At 64 px the last stages see few values per
//! channel, so the difference shows at evaluation. Batch normalization: arXiv:1502.03167, algorithms 1 and 2.

use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;

/// Applies `norm` to `x` of shape `[B, C, H, W]`.
///
/// On an autodiff device, unless the module is frozen, batch statistics are used and the running ones
/// updated; otherwise the running ones are used.
pub(super) fn batch_norm(norm: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    let device = x.device();
    if !(device.is_autodiff() && norm.training.is_enabled()) {
        return norm.forward(x);
    }
    let [b, _, h, w] = x.dims();
    let n = (b * h * w) as f64;
    // One value per channel has no unbiased variance; PyTorch refuses it, here it stays biased.
    let unbias = if n > 1.0 { n / (n - 1.0) } else { 1.0 };
    let batch = batch_norm_train(x, norm.gamma.val(), norm.beta.val(), norm.epsilon);
    let keep = 1.0 - norm.momentum;
    let mean = norm
        .running_mean
        .value_sync()
        .to_device(&device)
        .mul_scalar(keep)
        + batch.mean.detach().mul_scalar(norm.momentum);
    let var = norm
        .running_var
        .value_sync()
        .to_device(&device)
        .mul_scalar(keep)
        + batch.variance.detach().mul_scalar(norm.momentum * unbias);
    norm.running_mean.update(mean.detach());
    norm.running_var.update(var.detach());
    batch.output
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
        let x = Tensor::<4>::from_data([[[[0.0, 1.0], [2.0, 3.0]]]], &device);
        batch_norm(&norm, x);
        let mean: f32 = norm.running_mean.value_sync().into_scalar();
        let var: f32 = norm.running_var.value_sync().into_scalar();
        assert!((mean - 0.15).abs() < 1e-6, "{mean}");
        assert!((var - (0.9 + 0.1 * 5.0 / 3.0)).abs() < 1e-6, "{var}");
    }
}
