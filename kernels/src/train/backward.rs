//! The operations on an autodiff backend: computed by the backend inside, and remembered for the backward pass.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};

use super::gradients::{
    Add, Bias, Concat, Conv, Curved, Gate, LayerNorm, Linear, MaxPool, Mean, Norm, OnGrid,
};
use super::ops::TrainOps;
use crate::float::adamw;
use crate::float::elementwise::Curve;
use crate::float::grid::Grid;
use crate::float::norm::Moments;
use crate::float::pool::Pool;
use crate::shape::ConvShape;

/// Runs an operation and keeps `state` for its backward pass where one will come.
macro_rules! track {
    ($op:expr, [$($parent:expr),+], $state:expr, $output:expr) => {
        match $op.prepare::<C>([$($parent.node()),+]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = $state;
                prep.finish(state, $output)
            }
            OpsKind::UnTracked(prep) => prep.finish($output),
        }
    };
}

/// The operation is one of a backward or optimizer step, where nothing is tracked.
const NO_GRAPH: &str = "gradients of gradients are not offered";

impl<B: TrainOps, C: CheckpointStrategy> TrainOps for Autodiff<B, C> {
    fn t_conv(
        x: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        shape: ConvShape,
    ) -> FloatTensor<Self> {
        let nodes = (x.clone(), weights.clone());
        let (x, w) = (x.into_primitive(), weights.into_primitive());
        track!(
            Conv,
            [nodes.0, nodes.1],
            (x.clone(), w.clone(), shape),
            B::t_conv(x, w, shape)
        )
    }

    fn t_conv_input(_: FloatTensor<Self>, _: FloatTensor<Self>, _: ConvShape) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_conv_weights(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: ConvShape,
    ) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_linear(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = (x.clone(), weights.clone());
        let (x, w) = (x.into_primitive(), weights.into_primitive());
        track!(
            Linear,
            [nodes.0, nodes.1],
            (x.clone(), w.clone()),
            B::t_linear(x, w)
        )
    }

    fn t_linear_input(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_linear_weights(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let nodes = (x.clone(), bias.clone());
        let (x, bias) = (x.into_primitive(), bias.into_primitive());
        track!(
            Bias,
            [nodes.0, nodes.1],
            (x.clone(), bias.clone(), curve),
            B::t_bias(x, bias, curve)
        )
    }

    fn t_bias_back(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Curve,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_GRAPH}")
    }

    fn t_moments(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (mean, variance) = B::t_moments(x.into_primitive());
        (Self::from_inner(mean), Self::from_inner(variance))
    }

    fn t_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f32,
        curve: Curve,
        moments: Moments,
    ) -> FloatTensor<Self> {
        let nodes = (x.clone(), gamma.clone(), beta.clone());
        let [x, gamma, beta, mean, variance] =
            [x, gamma, beta, mean, variance].map(|t| t.into_primitive());
        let kept = [&x, &gamma, &beta, &mean, &variance].map(Clone::clone);
        track!(
            Norm,
            [nodes.0, nodes.1, nodes.2],
            (kept, epsilon, curve, moments),
            B::t_norm(x, gamma, beta, mean, variance, epsilon, curve, moments)
        )
    }

    fn t_norm_back(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
        _: Curve,
        _: Moments,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_GRAPH}")
    }

    fn t_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let nodes = (x.clone(), gamma.clone(), beta.clone());
        let [x, gamma, beta] = [x, gamma, beta].map(|t| t.into_primitive());
        track!(
            LayerNorm,
            [nodes.0, nodes.1, nodes.2],
            (x.clone(), gamma.clone(), epsilon),
            B::t_layer_norm(x, gamma, beta, epsilon)
        )
    }

    fn t_layer_norm_back(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_GRAPH}")
    }

    fn t_curve(x: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let node = x.clone();
        let x = x.into_primitive();
        track!(Curved, [node], (x.clone(), curve), B::t_curve(x, curve))
    }

    fn t_curve_back(_: FloatTensor<Self>, _: FloatTensor<Self>, _: Curve) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_grid(x: FloatTensor<Self>, scale: FloatTensor<Self>, grid: Grid) -> FloatTensor<Self> {
        let nodes = (x.clone(), scale.clone());
        let (x, scale) = (x.into_primitive(), scale.into_primitive());
        track!(
            OnGrid,
            [nodes.0, nodes.1],
            (x.clone(), scale.clone(), grid),
            B::t_grid(x, scale, grid)
        )
    }

    fn t_grid_back(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Grid,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_GRAPH}")
    }

    fn t_add(a: FloatTensor<Self>, b: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let nodes = (a.clone(), b.clone());
        let y = B::t_add(a.into_primitive(), b.into_primitive(), curve);
        let state = (curve != Curve::Identity).then(|| (y.clone(), curve));
        track!(Add, [nodes.0, nodes.1], state, y)
    }

    fn t_max_pool(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        let node = x.clone();
        let x = x.into_primitive();
        track!(MaxPool, [node], (x.clone(), pool), B::t_max_pool(x, pool))
    }

    fn t_max_pool_back(_: FloatTensor<Self>, _: FloatTensor<Self>, _: Pool) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_mean(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let [_, h, w, _] = x.shape().dims();
        let node = x.clone();
        track!(Mean, [node], [h, w], B::t_mean(x.into_primitive()))
    }

    fn t_mean_back(_: FloatTensor<Self>, _: usize, _: usize) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_gate(x: FloatTensor<Self>, gate: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = (x.clone(), gate.clone());
        let (x, gate) = (x.into_primitive(), gate.into_primitive());
        track!(
            Gate,
            [nodes.0, nodes.1],
            (x.clone(), gate.clone()),
            B::t_gate(x, gate)
        )
    }

    fn t_gate_back(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_concat(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let last = |x: &FloatTensor<Self>| *x.shape().as_slice().last().expect("channels");
        let sizes = [last(&a), last(&b)];
        let nodes = (a.clone(), b.clone());
        let y = B::t_concat(a.into_primitive(), b.into_primitive());
        track!(Concat, [nodes.0, nodes.1], sizes, y)
    }

    fn t_slice(_: FloatTensor<Self>, _: usize, _: usize) -> FloatTensor<Self> {
        unreachable!("{NO_GRAPH}")
    }

    fn t_adamw(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: adamw::Step,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_GRAPH}")
    }
}
