//! What gradients say that rounding a layer costs, image by image, from one backward pass of each.
//!
//! With z the second logit less the first, u its gradient by the weights of a layer, d = ŵ − w their
//! rounding error, y the label and p = σ(z), an image's own loss has the gradient g = (p − y) u, and
//!
//! ```text
//! first order        g · d                  Molchanov et al. (arXiv:1611.06440, eq. 6; arXiv:1906.10771, eq. 7)
//! Fisher diagonal    ½ Σ_j g_j² d_j²        Theis et al. (arXiv:1801.05787, eqs. 5 to 7)
//! Gauss–Newton       ½ p (1 − p) (u · d)²   Schraudolph (2002, section 3); Martens (arXiv:1412.1193, section 8)
//! ```
//!
//! Means over images are terms of the loss's expansion: the first, and the second with the Hessian replaced
//! by the diagonal of the empirical Fisher matrix or by the Gauss–Newton matrix, which is the Fisher matrix
//! of labels as the model itself gives them. Along the one direction d no diagonal is needed; and where a
//! model has learnt its images by heart, p − y vanishes with their g, and p (1 − p) less so.
//!
//! Squares are of single images' gradients: those of a batch's would lose what cancels within it.

use burn::module::Module;
use burn::tensor::{Gradients, Tensor, TensorData};
use rayon::prelude::*;

use super::errors::LayerErrors;
use super::sample::Sample;
use super::scores::Scores;
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::UnitMut;

/// The weight of a leaf, which is asked for its gradient.
enum Weight {
    Conv(Tensor<4>),
    Linear(Tensor<2>),
}

impl Weight {
    fn gradient(&self, gradients: &Gradients) -> Option<TensorData> {
        let data = match self {
            Self::Conv(weight) => weight.grad(gradients)?.into_data(),
            Self::Linear(weight) => weight.grad(gradients)?.into_data(),
        };
        Some(data.convert::<f32>())
    }
}

/// The model ready for a backward pass in which nothing is drawn: only the weights of leaves have gradients,
/// and neither dropout nor stochastic depth acts.
pub(super) fn differentiable(model: &Model) -> Model {
    let mut frozen = model.clone().freeze();
    frozen.units_mut(&mut |_, unit| match unit {
        UnitMut::Conv(unit) => {
            unit.conv.weight = unit.conv.weight.clone().set_require_grad(true);
        }
        UnitMut::Linear(unit) => {
            unit.linear.weight = unit.linear.weight.clone().set_require_grad(true);
        }
        UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => {}
    });
    frozen.train()
}

/// Terms of every layer and width, `[images, layers · widths]` each.
#[derive(Debug, Clone)]
pub struct Terms {
    /// First order.
    pub first: Scores,
    /// Second order by the diagonal of the empirical Fisher matrix.
    pub fisher: Scores,
    /// Second order by the Gauss–Newton matrix.
    pub gauss_newton: Scores,
}

/// The terms of a model of two classes.
///
/// # Errors
/// Model error naming the layer whose gradient is not finite.
pub(super) fn terms(
    model: &Model,
    sample: &Sample,
    errors: &[LayerErrors],
    progress: &dyn Fn(usize),
) -> Result<Terms> {
    let mut model = differentiable(model);
    let mut weights = Vec::new();
    model.units_mut(&mut |_, unit| match unit {
        UnitMut::Conv(unit) => weights.push(Weight::Conv(unit.conv.weight.val())),
        UnitMut::Linear(unit) => weights.push(Weight::Linear(unit.linear.weight.val())),
        UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => {}
    });
    let columns = errors.iter().map(|errors| errors.deltas.len()).sum();
    let none = || Scores {
        values: Vec::with_capacity(sample.len() * columns),
        columns,
    };
    let mut terms = Terms {
        first: none(),
        fisher: none(),
        gauss_newton: none(),
    };
    let images = sample.batches.iter().flat_map(|batch| {
        let each = 0..batch.dims()[0];
        each.map(move |i| batch.clone().narrow(0, i, 1)) // [1, 3, px, px]
    });
    for (done, (image, &label)) in images.zip(&sample.labels).enumerate() {
        let logits = model.forward(Tensor::from_inner(image)); // [1, 2]
        let margin = logits.clone().narrow(1, 1, 1) - logits.narrow(1, 0, 1); // [1, 1]
        let z = f64::from(margin.clone().into_scalar::<f32>());
        let gradients = margin.sum().backward();
        let gradients: Vec<Option<TensorData>> = weights
            .iter()
            .map(|weight| weight.gradient(&gradients))
            .collect();
        // Layer by layer, so that sums do not depend on threads.
        let sums: Vec<Vec<(f64, f64)>> = gradients
            .par_iter()
            .zip(errors)
            .map(|(gradient, errors)| {
                // A layer that no logit depends on has none.
                let Some(gradient) = gradient else {
                    return vec![(0.0, 0.0); errors.deltas.len()];
                };
                let gradient = gradient.as_slice::<f32>().expect("converted to f32");
                let of = |delta: &Vec<f32>| sums(gradient, delta);
                errors.deltas.iter().map(of).collect()
            })
            .collect();
        // Probabilities of the label's other class and of the label, without cancellation.
        let wrong = 1.0 / (1.0 + if label == 1 { z } else { -z }.exp());
        let slope = if label == 1 { -wrong } else { wrong };
        for (sums, errors) in sums.iter().zip(errors) {
            for (product, squares) in sums {
                if !(product.is_finite() && squares.is_finite()) {
                    return Err(Fault::plain("a gradient that is not finite")
                        .key(&errors.layer.path)
                        .next("the model's weights have diverged")
                        .model());
                }
                terms.first.values.push(slope * product);
                terms.fisher.values.push(0.5 * slope * slope * squares);
                let curvature = wrong * (1.0 - wrong);
                let second = 0.5 * curvature * product * product;
                terms.gauss_newton.values.push(second);
            }
        }
        progress(done + 1);
    }
    Ok(terms)
}

/// Σ u d and Σ (u d)².
fn sums(gradient: &[f32], delta: &[f32]) -> (f64, f64) {
    // Eight sums side by side, which is what lets the compiler use wide registers.
    let (mut product, mut square) = ([0f64; 8], [0f64; 8]);
    let whole = gradient.len() / 8 * 8;
    let eights = gradient[..whole]
        .chunks_exact(8)
        .zip(delta[..whole].chunks_exact(8));
    for (g, d) in eights {
        for k in 0..8 {
            let p = f64::from(g[k]) * f64::from(d[k]);
            product[k] += p;
            square[k] += p * p;
        }
    }
    let rest = gradient[whole..].iter().zip(&delta[whole..]);
    for (g, d) in rest {
        let p = f64::from(*g) * f64::from(*d);
        product[0] += p;
        square[0] += p * p;
    }
    (product.iter().sum(), square.iter().sum())
}
