//! How much each layer's rounding costs at each width, over everybody and over each group.
//!
//! ```text
//! folded float model ─┬─► errors: ŵ − w of every layer and width
//! images (sample)  ───┼─► gradient: one backward pass of each image → terms of first and second order
//!                     └─► direct: each layer rounded alone, losses again
//!        numbers of single images (scores) ─► means by group ─► losses of an allocation, tables
//!                                          └► resampled images ─► agreement: rank correlations
//! ```
//!
//! Weights are rounded, activations stay floats. Costs are changes of the mean cross entropy, in nats.

mod agreement;
mod direct;
mod errors;
mod gradient;
mod output;
mod problem;
mod sample;
mod scores;
#[cfg(test)]
mod tests;

pub use agreement::{Agreement, REPLICATES};
pub use errors::SensedLayer;
pub use gradient::Terms;
pub use problem::Offer;
pub use sample::{Group, Sample, draw_evenly, groups};
pub use scores::{Scores, Weighting};

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::calibrate::calibrate;
use super::plan::Granularity;
use crate::error::{Error, Fault, Result};
use crate::models::Model;
use crate::quant::ScaleFit;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Bits of a weight, each from 2 to 8 and once.
    pub widths: Vec<u32>,
    /// Weights under one scale.
    pub granularity: Granularity,
    /// How scales are chosen.
    pub scales: ScaleFit,
    /// What is found out.
    pub by: By,
}

/// What is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// Estimates from gradients.
    pub gradients: bool,
    /// The direct measurement.
    pub direct: bool,
}

/// One number for what rounding a layer costs; see the gradients' own words for the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Estimate {
    /// g · d
    #[serde(rename = "first-order")]
    FirstOrder,
    /// ½ Σ g² d²
    #[serde(rename = "fisher")]
    Fisher,
    /// Both.
    #[serde(rename = "first-order+fisher")]
    FirstOrderFisher,
    /// ½ p (1 − p) (u · d)²
    #[serde(rename = "gauss-newton")]
    GaussNewton,
    /// First order and Gauss–Newton.
    #[default]
    #[serde(rename = "first-order+gauss-newton")]
    FirstOrderGaussNewton,
    /// The layer rounded alone.
    #[serde(rename = "direct")]
    Direct,
}

impl Estimate {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FirstOrder,
        Self::Fisher,
        Self::FirstOrderFisher,
        Self::GaussNewton,
        Self::FirstOrderGaussNewton,
        Self::Direct,
    ];
}

/// What was found out about a model.
#[derive(Debug, Clone)]
pub struct Sensitivity {
    /// The layers, in forward order.
    pub layers: Vec<SensedLayer>,
    /// Bits of a weight.
    pub widths: Vec<u32>,
    /// Everybody first.
    pub groups: Vec<Group>,
    /// The images.
    pub weighting: Weighting,
    /// Cross entropy of each image in floats.
    pub float_loss: Vec<f64>,
    /// What gradients say.
    pub gradients: Option<Terms>,
    /// The direct measurement, `[images, layers · widths]`.
    pub direct: Option<Scores>,
    /// Seconds of the gradients.
    pub gradient_seconds: f64,
    /// Seconds of the direct measurement.
    pub direct_seconds: f64,
}

/// Measures a folded float model on images; `progress` is told what is done, how much of it and of how much.
///
/// # Errors
/// Configuration error for a width that is none or there twice; model error for other than two classes, and
/// naming the layer whose weights, activations or gradients are not finite.
///
/// # Panics
/// For a sample without images.
pub fn sense(
    model: &Model,
    sample: &Sample,
    how: &Settings,
    progress: &dyn Fn(&'static str, usize, usize),
) -> Result<Sensitivity> {
    check_widths(&how.widths)?;
    let errors = errors::errors(model, &how.widths, how.granularity, how.scales)?;
    let classes = model
        .forward(sample.batches[0].clone().narrow(0, 0, 1))
        .dims()[1];
    if classes != 2 {
        let fault = Fault::plain(format!("{classes} classes"));
        return Err(fault.expected("2").model());
    }
    let float_loss = direct::losses(model, sample);
    if float_loss.iter().any(|loss| !loss.is_finite()) {
        let unnamed = || Fault::plain("a loss that is not finite").model();
        return Err(where_broken(model, sample).unwrap_or_else(unnamed));
    }
    let started = Instant::now();
    let gradients = match how.by.gradients {
        true => {
            let progress = |done| progress("gradients", done, sample.len());
            let terms = gradient::terms(model, sample, &errors, &progress);
            // An activation function can swallow NaN, and gradients then lead astray.
            Some(terms.map_err(|e| where_broken(model, sample).unwrap_or(e))?)
        }
        false => None,
    };
    let gradient_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let direct = how.by.direct.then(|| {
        let progress = |done, total| progress("measuring", done, total);
        direct::measured(model, sample, &errors, &float_loss, &progress)
    });
    Ok(Sensitivity {
        layers: errors.into_iter().map(|errors| errors.layer).collect(),
        widths: how.widths.clone(),
        groups: sample.groups.clone(),
        weighting: Weighting::of(sample),
        float_loss,
        gradients,
        direct,
        gradient_seconds,
        direct_seconds: started.elapsed().as_secs_f64(),
    })
}

fn check_widths(widths: &[u32]) -> Result<()> {
    let refused = |found: String, expected: &str| {
        let fault = Fault::plain(found).key("bits");
        Err(fault.expected(expected).config())
    };
    if widths.is_empty() {
        return refused("none".into(), "some of 2 to 8");
    }
    for (i, bits) in widths.iter().enumerate() {
        if !(2..=8).contains(bits) {
            return refused(bits.to_string(), "2 to 8");
        }
        if widths[..i].contains(bits) {
            return refused(format!("{bits} twice"), "each width once");
        }
    }
    Ok(())
}

/// The first layer with an activation that is not finite, as a fault.
fn where_broken(model: &Model, sample: &Sample) -> Option<Error> {
    let batches = sample.batches.iter();
    let batches = batches.map(|batch| Ok((batch.clone(), vec![1.0; batch.dims()[0]])));
    calibrate(model, batches).err()
}

impl Sensitivity {
    /// A number for each image, layer and width, `[images, layers · widths]`; none where it was not found out.
    pub fn scores(&self, estimate: Estimate) -> Option<Scores> {
        let terms = self.gradients.as_ref();
        let sum = |a: &Scores, b: &Scores| a.zip(b, |a, b| a + b);
        match estimate {
            Estimate::FirstOrder => terms.map(|t| t.first.clone()),
            Estimate::Fisher => terms.map(|t| t.fisher.clone()),
            Estimate::FirstOrderFisher => terms.map(|t| sum(&t.first, &t.fisher)),
            Estimate::GaussNewton => terms.map(|t| t.gauss_newton.clone()),
            Estimate::FirstOrderGaussNewton => terms.map(|t| sum(&t.first, &t.gauss_newton)),
            Estimate::Direct => self.direct.clone(),
        }
    }

    /// Means over each group, `[groups][layers · widths]`; none where it was not found out.
    pub fn means(&self, estimate: Estimate) -> Option<Vec<Vec<f64>>> {
        let scores = self.scores(estimate)?;
        Some(self.weighting.means(&self.groups, &scores))
    }

    /// Where a layer's width stands among the columns; none for a width that was not asked for.
    pub fn column(&self, layer: usize, bits: u32) -> Option<usize> {
        let width = self.widths.iter().position(|w| *w == bits)?;
        Some(layer * self.widths.len() + width)
    }
}
