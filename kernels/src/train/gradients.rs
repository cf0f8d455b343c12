//! Gradients of the operations: which of them each backward pass calls.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;

use super::ops::TrainOps;
use crate::float::elementwise::Curve;
use crate::float::grid::Grid;
use crate::float::norm::Moments;
use crate::float::pool::Pool;
use crate::shape::ConvShape;

/// Gives gradients that were computed together to the parents that have one.
macro_rules! hand_out {
    ($parents:expr, $gradients:expr, $grads:ident) => {
        for (parent, gradient) in $parents.into_iter().zip($gradients) {
            if let Some(parent) = parent {
                $grads.register::<B>(parent.id, gradient);
            }
        }
    };
}

/// Defines an operation's backward pass: a unit type, what it keeps, and its gradients.
macro_rules! backward {
    ($name:ident, $parents:literal, $state:ty, |$g:ident, $s:ident| [$($gradient:expr),+]) => {
        #[derive(Debug)]
        pub(super) struct $name;

        impl<B: TrainOps> Backward<B, $parents> for $name {
            type State = $state;

            fn backward(self, ops: Ops<Self::State, $parents>, grads: &mut Gradients, _: &mut Checkpointer) {
                let $g = grads.consume::<B>(&ops.node);
                let $s = ops.state;
                let mut parents = ops.parents.into_iter();
                $(if let Some(parent) = parents.next().flatten() {
                    let gradient = $gradient;
                    grads.register::<B>(parent.id, gradient);
                })+
            }
        }
    };
}

backward!(
    Conv,
    2,
    (FloatTensor<B>, FloatTensor<B>, ConvShape),
    |g, s| [
        B::t_conv_input(g.clone(), s.1.clone(), s.2),
        B::t_conv_weights(s.0.clone(), g.clone(), s.2)
    ]
);
backward!(Linear, 2, (FloatTensor<B>, FloatTensor<B>), |g, s| [
    B::t_linear_input(g.clone(), s.1.clone()),
    B::t_linear_weights(s.0.clone(), g.clone())
]);
backward!(Curved, 1, (FloatTensor<B>, Curve), |g, s| [
    B::t_curve_back(s.0, g, s.1)
]);
backward!(MaxPool, 1, (FloatTensor<B>, Pool), |g, s| [
    B::t_max_pool_back(s.0, g, s.1)
]);
backward!(Mean, 1, [usize; 2], |g, s| [B::t_mean_back(g, s[0], s[1])]);
backward!(Gate, 2, (FloatTensor<B>, FloatTensor<B>), |g, s| [
    B::t_gate(g.clone(), s.1.clone()),
    B::t_gate_back(s.0.clone(), g.clone())
]);

backward!(Concat, 2, [usize; 2], |g, s| [
    B::t_slice(g.clone(), 0, s[0]),
    B::t_slice(g.clone(), s[0], s[1])
]);

/// Residual addition: both sides get the same gradient.
#[derive(Debug)]
pub(super) struct Add;

impl<B: TrainOps> Backward<B, 2> for Add {
    /// The output, whose sign is that of the sum; nothing for the identity.
    type State = Option<(FloatTensor<B>, Curve)>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let g = match ops.state {
            Some((y, curve)) => B::t_curve_back(y, g, curve),
            None => g,
        };
        for parent in ops.parents.into_iter().flatten() {
            grads.register::<B>(parent.id, g.clone());
        }
    }
}

/// Bias and activation.
#[derive(Debug)]
pub(super) struct Bias;

impl<B: TrainOps> Backward<B, 2> for Bias {
    type State = (FloatTensor<B>, FloatTensor<B>, Curve);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, bias, curve) = ops.state;
        let (dx, dbias) = B::t_bias_back(x, bias, g, curve);
        hand_out!(ops.parents, [dx, dbias], grads);
    }
}

/// Rounding to a grid.
#[derive(Debug)]
pub(super) struct OnGrid;

impl<B: TrainOps> Backward<B, 2> for OnGrid {
    type State = (FloatTensor<B>, FloatTensor<B>, Grid);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, scale, grid) = ops.state;
        let (dx, dscale) = B::t_grid_back(x, scale, g, grid);
        hand_out!(ops.parents, [dx, dscale], grads);
    }
}

/// Batch normalization and activation.
#[derive(Debug)]
pub(super) struct Norm;

impl<B: TrainOps> Backward<B, 3> for Norm {
    /// x, γ, β, mean, variance; ε, the curve, and what the moments are.
    type State = ([FloatTensor<B>; 5], f32, Curve, Moments);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let ([x, gamma, beta, mean, variance], epsilon, curve, moments) = ops.state;
        let (dx, dgamma, dbeta) =
            B::t_norm_back(x, gamma, beta, mean, variance, g, epsilon, curve, moments);
        hand_out!(ops.parents, [dx, dgamma, dbeta], grads);
    }
}

/// Layer normalization.
#[derive(Debug)]
pub(super) struct LayerNorm;

impl<B: TrainOps> Backward<B, 3> for LayerNorm {
    /// x, γ and ε.
    type State = (FloatTensor<B>, FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, gamma, epsilon) = ops.state;
        let (dx, dgamma, dbeta) = B::t_layer_norm_back(x, gamma, g, epsilon);
        hand_out!(ops.parents, [dx, dgamma, dbeta], grads);
    }
}
