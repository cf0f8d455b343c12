//! The backend operations that [`super`]'s functions call.

#![allow(deprecated)] // NdArray, the independent reference backend, ends with this line of releases.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use crate::float::adamw;
use crate::float::elementwise::Curve;
use crate::float::grid::Grid;
use crate::float::norm::Moments;
use crate::float::pool::Pool;
use crate::shape::ConvShape;

/// Forward and backward passes on channels-last `f32` tensors.
///
/// Shapes: activations `[B, H, W, C]` for convolutions and pools, `[rows, C]` or any shape with channels
/// last elsewhere; vectors `[C]`.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Autodiff)]
pub trait TrainOps: Backend {
    /// Convolution; weights `[c_out, c_in / groups, kernel, kernel]`.
    fn t_conv(
        x: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        shape: ConvShape,
    ) -> FloatTensor<Self>;
    /// Gradient of [`Self::t_conv`]'s input.
    fn t_conv_input(
        g: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        shape: ConvShape,
    ) -> FloatTensor<Self>;
    /// Gradient of [`Self::t_conv`]'s weights.
    fn t_conv_weights(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        shape: ConvShape,
    ) -> FloatTensor<Self>;
    /// Linear layer without bias; weights `[d_in, d_out]`.
    fn t_linear(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Gradient of [`Self::t_linear`]'s input.
    fn t_linear_input(g: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Gradient of [`Self::t_linear`]'s weights.
    fn t_linear_weights(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;
    /// curve(x + bias).
    fn t_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;
    /// Gradients of [`Self::t_bias`]'s x and bias.
    fn t_bias_back(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        g: FloatTensor<Self>,
        curve: Curve,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Mean and biased variance of each channel; not differentiable.
    fn t_moments(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// curve(γ · (x − mean) / √(variance + ε) + β).
    #[allow(clippy::too_many_arguments)]
    fn t_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f32,
        curve: Curve,
        moments: Moments,
    ) -> FloatTensor<Self>;
    /// Gradients of [`Self::t_norm`]'s x, γ and β.
    #[allow(clippy::too_many_arguments)]
    fn t_norm_back(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        g: FloatTensor<Self>,
        epsilon: f32,
        curve: Curve,
        moments: Moments,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// γ · (x − mean) / √(variance + ε) + β along the last dimension.
    fn t_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;
    /// Gradients of [`Self::t_layer_norm`]'s x, γ and β.
    fn t_layer_norm_back(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        g: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// An activation.
    fn t_curve(x: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;
    /// `g` times the slope at x.
    fn t_curve_back(x: FloatTensor<Self>, g: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;
    /// Numbers rounded to a grid under `scale`, `[steps]`.
    fn t_grid(x: FloatTensor<Self>, scale: FloatTensor<Self>, grid: Grid) -> FloatTensor<Self>;
    /// Gradients of [`Self::t_grid`]'s x and scale.
    fn t_grid_back(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        g: FloatTensor<Self>,
        grid: Grid,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// curve(a + b), the curve being the identity or ReLU.
    fn t_add(a: FloatTensor<Self>, b: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;
    /// Maximum over windows.
    fn t_max_pool(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self>;
    /// Gradient of [`Self::t_max_pool`]'s input.
    fn t_max_pool_back(x: FloatTensor<Self>, g: FloatTensor<Self>, pool: Pool)
    -> FloatTensor<Self>;
    /// Mean over positions, `[B, H, W, C]` → `[B, 1, 1, C]`.
    fn t_mean(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `[B, 1, 1, C]` spread over `h × w` positions and divided by their number.
    fn t_mean_back(g: FloatTensor<Self>, h: usize, w: usize) -> FloatTensor<Self>;
    /// Each channel times its gate `[B, 1, 1, C]`.
    fn t_gate(x: FloatTensor<Self>, gate: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Gradient of [`Self::t_gate`]'s gate.
    fn t_gate_back(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Channels of `a`, then those of `b`.
    fn t_concat(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Channels `from .. from + count`.
    fn t_slice(x: FloatTensor<Self>, from: usize, count: usize) -> FloatTensor<Self>;
    /// One step of AdamW: the parameter and its two moments.
    fn t_adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: adamw::Step,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}
