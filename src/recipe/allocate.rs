//! Plans that are computed: how sensitive each layer is, and the best widths under a budget.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::carry_out::Surroundings;
use super::method::PlanBy;
use crate::compress::allocate::{Allocation, Settings, allocate, allocate_at_random};
use crate::compress::calibration_set::{CalibrationSet, DrawBy};
use crate::compress::latency::LayerTimes;
use crate::compress::plan::{LayerInfo, Plan, WeightBits};
use crate::compress::sensitivity::{self, By, Estimate, Offer, Sample, draw_evenly, sense};
use crate::data::{Augment, Split, loader};
use crate::error::{Error, Fault, Place, Result};
use crate::models::Model;
use crate::quant::ScaleFit;

/// How the widths of layers are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// What a width is thought to cost.
    pub by: Cost,
    /// Images that it is found out on, as evenly from the groups as they allow, each group with the weight
    /// of its share.
    #[serde(default = "images")]
    pub images: usize,
    /// Seed of the images or, at random, of the widths.
    #[serde(default = "seed")]
    pub seed: u64,
    /// What bounds the allocation and what it is best at.
    pub under: Settings,
}

/// What a width is thought to cost: one of the estimates of [`sensitivity`](crate::compress::sensitivity), or
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cost {
    /// The first term of the loss in the rounding error.
    #[serde(rename = "first-order")]
    FirstOrder,
    /// The second, by the diagonal of the Fisher matrix.
    #[serde(rename = "fisher")]
    Fisher,
    /// The second, by the Gauss–Newton matrix.
    #[serde(rename = "gauss-newton")]
    GaussNewton,
    /// Both terms.
    #[serde(rename = "first-order+fisher")]
    FirstOrderFisher,
    /// Both terms.
    #[serde(rename = "first-order+gauss-newton")]
    FirstOrderGaussNewton,
    /// The loss with the layer rounded alone.
    #[serde(rename = "direct")]
    Direct,
    /// Any allocation within the budget, as a control.
    #[serde(rename = "random")]
    Random,
}

impl Cost {
    fn estimate(self) -> Option<Estimate> {
        match self {
            Self::FirstOrder => Some(Estimate::FirstOrder),
            Self::Fisher => Some(Estimate::Fisher),
            Self::GaussNewton => Some(Estimate::GaussNewton),
            Self::FirstOrderFisher => Some(Estimate::FirstOrderFisher),
            Self::FirstOrderGaussNewton => Some(Estimate::FirstOrderGaussNewton),
            Self::Direct => Some(Estimate::Direct),
            Self::Random => None,
        }
    }
}

fn images() -> usize {
    256
}

fn seed() -> u64 {
    1
}

impl Allocate {
    /// Checks what does not depend on a model.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn check(&self) -> Result<()> {
        self.under.check().map_err(under)
    }
}

/// The allocator's own keys as they stand in a method file.
fn under(error: Error) -> Error {
    let mut fault = error.fault().clone();
    if let Place::Key(key) = &fault.place {
        fault.place = Place::Key(format!("plan.allocate.under.{key}"));
    }
    match error {
        Error::Config(_) => fault.config(),
        Error::Data(_) => fault.data(),
        Error::Model(_) => fault.model(),
        Error::Run(_) => fault.run(),
    }
}

/// A computed plan and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Allocated {
    /// The widths, their bytes and what they are thought to cost.
    #[serde(flatten)]
    pub allocation: Allocation,
    /// Groups of `group_loss`.
    pub groups: Vec<String>,
    /// Images that costs were found out on.
    pub images: usize,
    /// Seconds of finding out and of choosing.
    pub seconds: f64,
}

/// Allocates widths to the layers of a folded float model.
///
/// # Errors
/// As [`allocate`] and [`sense`]; data error for a group that the training split lacks.
pub(super) fn plan(
    float: &Model,
    by: &PlanBy,
    how: &Allocate,
    scales: ScaleFit,
    layers: &[LayerInfo],
    around: &Surroundings,
) -> Result<(Plan, Allocated)> {
    let started = Instant::now();
    // What layers may get or keep, and 8 bits, which shares are of.
    let mut widths = how.under.widths.clone();
    widths.extend(how.under.keep.as_ref().map(|keep| keep.at));
    widths.push(WeightBits::Eight);
    widths.sort_unstable();
    widths.dedup();
    let times = match how.under.latency_nanos {
        Some(_) => Some(times(float, by, how, &widths, layers, around)?),
        None => None,
    };
    let offer = Offer {
        widths,
        ends: by.ends,
        granularity: by.granularity,
        times,
    };
    let (problem, found_on) = match how.by.estimate() {
        None => (offer.without_losses(layers), 0),
        Some(estimate) => {
            let faces = around.faces;
            let pool = faces.split(Split::Train);
            let set = draw_evenly(faces.table(), pool, how.images, how.seed)?;
            let sample = Sample::load(faces, &set, 64, around.device.main())?;
            let direct = estimate == Estimate::Direct;
            let mut widths: Vec<u32> = offer.widths.iter().filter_map(|w| w.bits()).collect();
            widths.sort_unstable();
            widths.dedup();
            let settings = sensitivity::Settings {
                widths,
                granularity: by.granularity,
                scales,
                by: By {
                    gradients: !direct,
                    direct,
                },
            };
            let found = sense(float, &sample, &settings, around.progress)?;
            let problem = found.problem(estimate, &offer, layers);
            (problem.expect("its widths were found out"), sample.len())
        }
    };
    let allocation = match how.by.estimate() {
        None => allocate_at_random(&problem, &how.under, how.seed),
        _ => allocate(&problem, &how.under),
    };
    let allocation = allocation.map_err(under)?;
    Ok((
        allocation.to_plan(by.granularity, by.activation),
        Allocated {
            allocation,
            groups: problem.groups,
            images: found_on,
            seconds: started.elapsed().as_secs_f64(),
        },
    ))
}

/// Images that ranges are found on where times are measured; a time hardly depends on them.
const TIMED_ON: usize = 16;

/// How long each layer takes at each width that the plan may give it.
fn times(
    float: &Model,
    by: &PlanBy,
    how: &Allocate,
    widths: &[WeightBits],
    layers: &[LayerInfo],
    around: &Surroundings,
) -> Result<LayerTimes> {
    let faces = around.faces;
    let pool = faces.split(Split::Train);
    let set = CalibrationSet::draw(faces.table(), pool, TIMED_ON, DrawBy::Random, how.seed)?;
    let device = around.device.main();
    let batches = loader(faces, set.records, TIMED_ON, Augment::None, device);
    let batch = batches.iter().next().expect("the set is not empty");
    let images = batch
        .map_err(|e| Fault::plain(e.to_string()).data())?
        .images;
    LayerTimes::measure(
        float,
        layers,
        widths,
        (by.granularity, by.activation),
        images,
    )
}
