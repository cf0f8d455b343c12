//! Adaptive rounding of one layer's weights: AdaRound, Nagel et al., arXiv:2004.10568, with a weight for
//! each sample.
//!
//! Nearest rounding makes the least error in the weights; what matters is the error in the layer's
//! outputs, in which errors of weights that see like inputs can cancel. Which weights to round up and
//! which down is learned, layer by layer, on a calibration set. A weight per sample says whose outputs
//! matter: group-weighted rounding gives the samples of a group theirs.
//!
//! - `layer.rs`: what a layer is, and what may be wrong with it
//! - `objective.rs`: the squared error of the outputs and its gradient (eq. 21 without activation function)
//! - `adaptive.rs`: the variables and their descent (eq. 22 to 24)
//! - `flips.rs`: a local search after it, which the paper does not have
//! - `product.rs`: the one matrix product below them
//!
//! Everything is in steps: errors of weights in units of the row's scale, and each row on its own. No
//! autodiff, and no dependence on the number of threads.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

mod adaptive;
mod flips;
mod layer;
mod objective;
mod product;
#[cfg(test)]
mod tests;

pub use layer::{Layer, RoundingError, Targets};

use adaptive::Rows;
use objective::Objective;

/// Rows that are optimized together by one thread: few enough to share out, enough for matrix products
/// at full speed.
const ROWS: usize = 64;

/// How adaptive rounding is done. Everything that is not said has the default named here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptive {
    /// Steps of Adam.
    pub iterations: usize,
    /// Learning rate of Adam.
    pub lr: f32,
    /// Weight of the regularizer. The error it is weighed against is in squared steps, for inputs of mean
    /// square 1, so that it means the same in every layer: 1 there is the paper's 0.01 where a step
    /// squared times the mean square of the inputs is 0.01.
    pub lambda: f32,
    /// Share of the steps before the regularizer sets in.
    pub warmup: f32,
    /// The regularizer's exponent after warm-up and at the end; half a cosine between.
    pub beta: [f32; 2],
    /// A layer of at most so many inputs k uses all samples in each step, through their matrix of second
    /// moments (4k² bytes), others a batch. Up to 5 times the batch all samples give less error in equal
    /// time; with [`Finish::Flips`], which batches cannot have, also beyond.
    pub all_samples_up_to: usize,
    /// Samples per step of other layers.
    pub batch: usize,
    /// What follows the last step.
    pub finish: Finish,
}

/// What is done with choices when they have been learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// Nothing: AdaRound as published.
    None,
    /// Single choices are reversed as long as that lowers a row's error; layers that learn by batches stay
    /// as they are.
    Flips,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            iterations: 1000,
            lr: 0.01,
            lambda: 1.0,
            warmup: 0.2,
            beta: [20.0, 2.0],
            all_samples_up_to: 1280,
            batch: 256,
            finish: Finish::None,
        }
    }
}

/// A layer's codes and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    /// [rows, k]
    pub codes: Vec<i8>,
    /// Σ over rows of the weighted mean over samples of the squared error of the output, in the outputs'
    /// units.
    pub error: f64,
    /// That of nearest rounding, never less than `error`.
    pub nearest_error: f64,
}

/// Rounds to nearest, ties to even, as packing does.
///
/// # Errors
/// See [`RoundingError`].
///
/// # Panics
/// If shapes disagree, or bits are not 2 to 8.
pub fn nearest(layer: &Layer) -> Result<Rounded, RoundingError> {
    round(layer, None)
}

/// Rounds each weight up or down so that the outputs are nearest to their targets. A row whose error
/// would be above that of nearest rounding is rounded to nearest. `seed` orders the samples of batches;
/// nothing else is random.
///
/// # Errors
/// See [`RoundingError`].
///
/// # Panics
/// If shapes disagree, or bits are not 2 to 8.
pub fn adaptive(layer: &Layer, how: &Adaptive, seed: u64) -> Result<Rounded, RoundingError> {
    round(layer, Some((how, seed)))
}

fn round(layer: &Layer, how: Option<(&Adaptive, u64)>) -> Result<Rounded, RoundingError> {
    layer.check()?;
    let importance = layer.importance()?;
    // Nearest rounding takes no steps, and second moments would not pay.
    let all_samples_up_to = how.map_or(0, |(how, _)| how.all_samples_up_to);
    let rows_per_group = layer.rows_per_group();
    let parts: Vec<Vec<Rounded>> = (0..layer.groups)
        .into_par_iter()
        .map(|group| {
            let objective = Objective::new(layer, group, &importance, all_samples_up_to);
            let first = group * rows_per_group;
            let blocks = (first..first + rows_per_group)
                .into_par_iter()
                .step_by(ROWS);
            blocks
                .map(|row| {
                    let rows = row..(row + ROWS).min(first + rows_per_group);
                    round_rows(layer, &objective, rows, how)
                })
                .collect()
        })
        .collect();
    let mut whole = Rounded {
        codes: Vec::with_capacity(layer.weights.len()),
        error: 0.0,
        nearest_error: 0.0,
    };
    for part in parts.into_iter().flatten() {
        whole.codes.extend(part.codes);
        whole.error += part.error;
        whole.nearest_error += part.nearest_error;
    }
    Ok(whole)
}

/// One block of rows of one group.
fn round_rows(
    layer: &Layer,
    objective: &Objective,
    rows: std::ops::Range<usize>,
    how: Option<(&Adaptive, u64)>,
) -> Rounded {
    let k = layer.k;
    let wanted = objective.wanted(layer, rows.clone());
    let weights = Rows::of(layer, rows.clone());
    let mut codes = weights.nearest();
    let before = objective.errors(&weights.deltas(&codes), &wanted);
    let mut after = before.clone();
    if let Some((how, seed)) = how {
        let mut learned = weights.learn(objective, &wanted, how, seed);
        if how.finish == Finish::Flips {
            flips::descend(&mut learned, &weights, objective, &wanted);
        }
        let errors = objective.errors(&weights.deltas(&learned), &wanted);
        for (row, error) in errors.into_iter().enumerate() {
            if error < after[row] {
                after[row] = error;
                let row = row * k..(row + 1) * k;
                codes[row.clone()].copy_from_slice(&learned[row]);
            }
        }
    }
    let in_units = |errors: &[f64]| {
        let squares = layer.scales[rows.clone()]
            .iter()
            .map(|s| f64::from(*s).powi(2));
        squares.zip(errors).map(|(square, e)| square * e).sum()
    };
    Rounded {
        error: in_units(&after),
        nearest_error: in_units(&before),
        codes,
    }
}
