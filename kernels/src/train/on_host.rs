//! The operations on tensors in this process's memory, by the kernels of [`crate::float`]: Flex and
//! NdArray alike.

#![allow(deprecated)] // NdArray, the independent reference backend, ends with this line of releases.

#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata};

use super::host::{Host, tensor, with2};
use super::ops::TrainOps;
use crate::float::elementwise::{self, Curve};
use crate::float::grid::Grid;
use crate::float::norm::{self, Moments, Normalization};
use crate::float::pool::{self, Pool};
use crate::float::{adamw, conv, join, layer_norm};
use crate::shape::ConvShape;

/// The last size.
fn channels<B: Backend>(x: &FloatTensor<B>) -> usize {
    *x.shape().as_slice().last().expect("at least one dimension")
}

fn sizes<B: Backend>(x: &FloatTensor<B>) -> [usize; 4] {
    x.shape().dims()
}

/// x's shape with other channels.
fn with_channels<B: Backend>(x: &FloatTensor<B>, channels: usize) -> Vec<usize> {
    let mut shape = x.shape().as_slice().to_vec();
    *shape.last_mut().expect("at least one dimension") = channels;
    shape
}

/// The moments as a normalization.
fn normalization<B: Host>(
    [gamma, beta, mean, variance]: [&FloatTensor<B>; 4],
    epsilon: f32,
) -> Normalization {
    with2::<B, _>(mean, variance, |mean, variance| {
        with2::<B, _>(gamma, beta, |gamma, beta| {
            Normalization::new(mean, variance, epsilon, gamma, beta)
        })
    })
}

/// The same code for every backend whose memory is ours; a macro because the trait's tensors are the
/// backend's own.
macro_rules! on_host {
    ($backend:ty) => {
        impl TrainOps for $backend {
            fn t_conv(
                x: FloatTensor<Self>,
                weights: FloatTensor<Self>,
                shape: ConvShape,
            ) -> FloatTensor<Self> {
                let y = with2::<Self, _>(&x, &weights, |x, w| conv::forward(&shape, x, w, None));
                let [h, w] = shape.output();
                tensor::<Self>(y, [shape.batch, h, w, shape.c_out], &x)
            }

            fn t_conv_input(
                g: FloatTensor<Self>,
                weights: FloatTensor<Self>,
                shape: ConvShape,
            ) -> FloatTensor<Self> {
                let dx = with2::<Self, _>(&g, &weights, |g, w| conv::backward_input(&shape, g, w));
                let [h, w] = shape.input;
                tensor::<Self>(dx, [shape.batch, h, w, shape.c_in], &g)
            }

            fn t_conv_weights(
                x: FloatTensor<Self>,
                g: FloatTensor<Self>,
                shape: ConvShape,
            ) -> FloatTensor<Self> {
                let dw = with2::<Self, _>(&x, &g, |x, g| conv::backward_weights(&shape, x, g));
                let [h, w] = shape.kernel;
                tensor::<Self>(dw, [shape.c_out, shape.c_in_group(), h, w], &g)
            }

            fn t_linear(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
                let size = weights.shape().dims();
                let y = with2::<Self, _>(&x, &weights, |x, w| conv::linear(x, w, None, size));
                tensor::<Self>(y, with_channels::<Self>(&x, size[1]), &x)
            }

            fn t_linear_input(
                g: FloatTensor<Self>,
                weights: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let size = weights.shape().dims();
                let dx =
                    with2::<Self, _>(&g, &weights, |g, w| conv::linear_backward_input(g, w, size));
                tensor::<Self>(dx, with_channels::<Self>(&g, size[0]), &g)
            }

            fn t_linear_weights(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
                let size = [channels::<Self>(&x), channels::<Self>(&g)];
                let dw = with2::<Self, _>(&x, &g, |x, g| conv::linear_backward_weights(x, g, size));
                tensor::<Self>(dw, size, &g)
            }

            fn t_bias(
                x: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                let y = with2::<Self, _>(&x, &bias, |x, bias| norm::bias(x, bias, curve));
                tensor::<Self>(y, x.shape(), &x)
            }

            fn t_bias_back(
                x: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                g: FloatTensor<Self>,
                curve: Curve,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let [dx, db] = with2::<Self, _>(&x, &bias, |x, bias| {
                    Self::with(&g, |g| norm::bias_backward(x, bias, g, curve))
                });
                (
                    tensor::<Self>(dx, x.shape(), &x),
                    tensor::<Self>(db, bias.shape(), &x),
                )
            }

            fn t_moments(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let c = channels::<Self>(&x);
                let (mean, variance) = Self::with(&x, |x| norm::moments(x, c));
                (
                    tensor::<Self>(mean, [c], &x),
                    tensor::<Self>(variance, [c], &x),
                )
            }

            fn t_norm(
                x: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                variance: FloatTensor<Self>,
                epsilon: f32,
                curve: Curve,
                _: Moments,
            ) -> FloatTensor<Self> {
                let by = normalization::<Self>([&gamma, &beta, &mean, &variance], epsilon);
                let y = Self::with(&x, |x| by.forward(x, curve));
                tensor::<Self>(y, x.shape(), &x)
            }

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
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let by = normalization::<Self>([&gamma, &beta, &mean, &variance], epsilon);
                let [dx, dgamma, dbeta] =
                    with2::<Self, _>(&x, &g, |x, g| by.backward(x, g, curve, moments));
                let vector = |v| tensor::<Self>(v, gamma.shape(), &x);
                (
                    tensor::<Self>(dx, x.shape(), &x),
                    vector(dgamma),
                    vector(dbeta),
                )
            }

            fn t_layer_norm(
                x: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                epsilon: f32,
            ) -> FloatTensor<Self> {
                let y = with2::<Self, _>(&gamma, &beta, |gamma, beta| {
                    Self::with(&x, |x| layer_norm::forward(x, gamma, beta, epsilon))
                });
                tensor::<Self>(y, x.shape(), &x)
            }

            fn t_layer_norm_back(
                x: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                g: FloatTensor<Self>,
                epsilon: f32,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let [dx, dgamma, dbeta] = with2::<Self, _>(&x, &g, |x, g| {
                    Self::with(&gamma, |gamma| layer_norm::backward(x, gamma, g, epsilon))
                });
                let vector = |v| tensor::<Self>(v, gamma.shape(), &x);
                (
                    tensor::<Self>(dx, x.shape(), &x),
                    vector(dgamma),
                    vector(dbeta),
                )
            }

            fn t_curve(x: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                let y = Self::with(&x, |x| curve.forward(x));
                tensor::<Self>(y, x.shape(), &x)
            }

            fn t_curve_back(
                x: FloatTensor<Self>,
                g: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                let dx = with2::<Self, _>(&x, &g, |x, g| curve.backward(x, g));
                tensor::<Self>(dx, x.shape(), &x)
            }

            fn t_grid(
                x: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                grid: Grid,
            ) -> FloatTensor<Self> {
                let y = with2::<Self, _>(&x, &scale, |x, scale| grid.forward(x, scale));
                tensor::<Self>(y, x.shape(), &x)
            }

            fn t_grid_back(
                x: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                g: FloatTensor<Self>,
                grid: Grid,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let [dx, ds] = with2::<Self, _>(&x, &scale, |x, scale| {
                    Self::with(&g, |g| grid.backward(x, scale, g))
                });
                (
                    tensor::<Self>(dx, x.shape(), &x),
                    tensor::<Self>(ds, scale.shape(), &x),
                )
            }

            fn t_add(
                a: FloatTensor<Self>,
                b: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                let y = with2::<Self, _>(&a, &b, |a, b| elementwise::add(a, b, curve));
                tensor::<Self>(y, a.shape(), &a)
            }

            fn t_max_pool(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
                let y = Self::with(&x, |x| pool.forward(x));
                tensor::<Self>(y, pool.output_shape(), &x)
            }

            fn t_max_pool_back(
                x: FloatTensor<Self>,
                g: FloatTensor<Self>,
                pool: Pool,
            ) -> FloatTensor<Self> {
                let dx = with2::<Self, _>(&x, &g, |x, g| pool.backward(x, g));
                tensor::<Self>(dx, x.shape(), &x)
            }

            fn t_mean(x: FloatTensor<Self>) -> FloatTensor<Self> {
                let [b, h, w, c] = sizes::<Self>(&x);
                let y = Self::with(&x, |x| pool::mean(x, [b, h * w, c]));
                tensor::<Self>(y, [b, 1, 1, c], &x)
            }

            fn t_mean_back(g: FloatTensor<Self>, h: usize, w: usize) -> FloatTensor<Self> {
                let [b, _, _, c] = sizes::<Self>(&g);
                let dx = Self::with(&g, |g| pool::mean_backward(g, [b, h * w, c]));
                tensor::<Self>(dx, [b, h, w, c], &g)
            }

            fn t_gate(x: FloatTensor<Self>, gate: FloatTensor<Self>) -> FloatTensor<Self> {
                let [b, h, w, c] = sizes::<Self>(&x);
                let y = with2::<Self, _>(&x, &gate, |x, gate| pool::gate(x, gate, [b, h * w, c]));
                tensor::<Self>(y, [b, h, w, c], &x)
            }

            fn t_gate_back(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
                let [b, h, w, c] = sizes::<Self>(&x);
                let dgate =
                    with2::<Self, _>(&x, &g, |x, g| pool::gate_backward(x, g, [b, h * w, c]));
                tensor::<Self>(dgate, [b, 1, 1, c], &x)
            }

            fn t_concat(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
                let sizes = [channels::<Self>(&a), channels::<Self>(&b)];
                let y = with2::<Self, _>(&a, &b, |a, b| join::concat(a, b, sizes));
                tensor::<Self>(y, with_channels::<Self>(&a, sizes[0] + sizes[1]), &a)
            }

            fn t_slice(x: FloatTensor<Self>, from: usize, count: usize) -> FloatTensor<Self> {
                let all = channels::<Self>(&x);
                let y = Self::with(&x, |x| join::slice(x, all, from, count));
                tensor::<Self>(y, with_channels::<Self>(&x, count), &x)
            }

            fn t_adamw(
                parameter: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                first: FloatTensor<Self>,
                second: FloatTensor<Self>,
                step: adamw::Step,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let [p, m, v] = with2::<Self, _>(&parameter, &gradient, |p, g| {
                    with2::<Self, _>(&first, &second, |m, v| step.apply(p, g, m, v))
                });
                let like = |values| tensor::<Self>(values, parameter.shape(), &parameter);
                (like(p), like(m), like(v))
            }
        }
    };
}

on_host!(Flex);
#[cfg(feature = "ndarray")]
on_host!(NdArray);
