//! Layers for training on burn tensors: the kernels of [`crate::float`] with gradients, on the CPU
//! backends Flex and NdArray.
//!
//! Activations are channels-last, `[B, H, W, C]`. Each function has the gradients that its arguments ask
//! for; [`runs_on`] says whether a tensor is one that they can work on.

mod backward;
mod gradients;
mod host;
mod on_host;
mod ops;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor};

use crate::float::adamw::Step;
pub use crate::float::elementwise::Curve;
pub use crate::float::grid::Grid;
use crate::float::norm::Moments;
pub use crate::float::pool::Pool;
use crate::shape::ConvShape;
use ops::TrainOps;

/// Whether `x` holds `f32` in this process's memory, on Flex or NdArray.
pub fn runs_on<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device().inner();
    let here = match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(
            unreachable_patterns,
            reason = "only where other devices are compiled in"
        )]
        _ => false,
    };
    here && x.dtype() == DType::F32
}

/// Convolution of `x`, `[B, H, W, C_in]`, with weights `[C_out, C_in / groups, kernel, kernel]`, as
/// `[B, H', W', C_out]`.
///
/// # Panics
/// When sizes do not belong together.
pub fn conv2d(
    x: Tensor<4>,
    weights: Tensor<4>,
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
) -> Tensor<4> {
    let [batch, height, width, c_in] = x.dims();
    let [c_out, _, kernel_height, kernel_width] = weights.dims();
    let shape = ConvShape {
        batch,
        c_in,
        c_out,
        input: [height, width],
        kernel: [kernel_height, kernel_width],
        stride,
        padding,
        dilation,
        groups,
    };
    shape.check().unwrap_or_else(|e| panic!("{e}"));
    Tensor::from_dispatch(Dispatch::t_conv(
        x.into_dispatch(),
        weights.into_dispatch(),
        shape,
    ))
}

/// `[.., d_in]` times weights `[d_in, d_out]`.
pub fn linear<const D: usize>(x: Tensor<D>, weights: Tensor<2>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::t_linear(
        x.into_dispatch(),
        weights.into_dispatch(),
    ))
}

/// curve(x + bias), the bias along the last dimension.
pub fn bias<const D: usize>(x: Tensor<D>, bias: Tensor<1>, curve: Curve) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::t_bias(
        x.into_dispatch(),
        bias.into_dispatch(),
        curve,
    ))
}

/// A normalized batch and the moments it was normalized by.
pub struct Normalized {
    /// curve(γ · (x − mean) / √(variance + ε) + β), as x.
    pub output: Tensor<4>,
    /// Mean of each channel, `[C]`.
    pub mean: Tensor<1>,
    /// Biased variance of each channel, `[C]`.
    pub variance: Tensor<1>,
}

/// Batch normalization by the moments of `x`, `[B, H, W, C]`, and an activation.
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
    curve: Curve,
) -> Normalized {
    let (mean, variance) = Dispatch::t_moments(x.clone().into_dispatch());
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    let x = x.into_dispatch();
    let output = Dispatch::t_norm(
        x,
        gamma,
        beta,
        mean.clone(),
        variance.clone(),
        epsilon,
        curve,
        Moments::Batch,
    );
    Normalized {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// Normalization by given moments, which count as constants.
pub fn normalize(
    x: Tensor<4>,
    [gamma, beta, mean, variance]: [Tensor<1>; 4],
    epsilon: f32,
    curve: Curve,
) -> Tensor<4> {
    let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(Tensor::into_dispatch);
    let output = Dispatch::t_norm(
        x.into_dispatch(),
        gamma,
        beta,
        mean,
        variance,
        epsilon,
        curve,
        Moments::Given,
    );
    Tensor::from_dispatch(output)
}

/// Layer normalization along the last dimension.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> Tensor<D> {
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    Tensor::from_dispatch(Dispatch::t_layer_norm(
        x.into_dispatch(),
        gamma,
        beta,
        epsilon,
    ))
}

/// An activation.
pub fn activation<const D: usize>(x: Tensor<D>, curve: Curve) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::t_curve(x.into_dispatch(), curve))
}

/// Numbers rounded to a grid, straight through inside it; `scale` holds [`Grid::steps`] steps.
///
/// # Panics
/// With another number of steps.
pub fn on_grid<const D: usize>(x: Tensor<D>, scale: Tensor<1>, grid: Grid) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::t_grid(
        x.into_dispatch(),
        scale.into_dispatch(),
        grid,
    ))
}

/// a + b, or ReLU of it.
///
/// # Panics
/// For other curves, and when shapes differ.
pub fn add<const D: usize>(a: Tensor<D>, b: Tensor<D>, curve: Curve) -> Tensor<D> {
    assert_eq!(a.dims(), b.dims(), "two tensors of one shape");
    assert!(
        matches!(curve, Curve::Identity | Curve::Relu),
        "a curve known by its output"
    );
    Tensor::from_dispatch(Dispatch::t_add(a.into_dispatch(), b.into_dispatch(), curve))
}

/// Maximum over windows, `[B, H, W, C]` → `[B, H', W', C]`.
pub fn max_pool2d(x: Tensor<4>, pool: Pool) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::t_max_pool(x.into_dispatch(), pool))
}

/// Mean over positions, `[B, H, W, C]` → `[B, 1, 1, C]`.
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::t_mean(x.into_dispatch()))
}

/// Each channel of `[B, H, W, C]` times its gate, `[B, 1, 1, C]`.
pub fn gate(x: Tensor<4>, gate: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::t_gate(x.into_dispatch(), gate.into_dispatch()))
}

/// Channels of `a`, then those of `b`: `[B, H, W, C₁]`, `[B, H, W, C₂]` → `[B, H, W, C₁ + C₂]`.
///
/// # Panics
/// When the other sizes differ.
pub fn concat(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    assert_eq!(a.dims()[..3], b.dims()[..3], "positions of two tensors");
    Tensor::from_dispatch(Dispatch::t_concat(a.into_dispatch(), b.into_dispatch()))
}

/// One step of AdamW: the new parameter and its two moments.
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    step: Step,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let [first, second] = moments.map(Tensor::into_dispatch);
    let (p, m, v) = Dispatch::t_adamw(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        first,
        second,
        step,
    );
    (
        Tensor::from_dispatch(p),
        [Tensor::from_dispatch(m), Tensor::from_dispatch(v)],
    )
}
