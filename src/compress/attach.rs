//! A plan put onto a model: the grids of weights and activations that it says, as simulated quantization.
//!
//! While it trains the model computes in floats as before, but every number that will be a code is rounded
//! as one. What it decides in evaluation, [`pack`](super::pack::pack) makes integers decide: on the host the
//! logits of a folded model on its grids are those of the packed one, to the last bit.

use burn::tensor::Device;

use super::calibrate::Calibration;
use super::plan::{Activation, LayerPlan, Plan};
use super::rows::{Grid, Rows, change_conv, change_linear};
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::{Act, Joint, LeafQuant, Site, UnitMut};
use crate::quant::observe::Observer;
use crate::quant::{FakeAct, Learn, ScaleFit, weight_scales};

/// How the grids are chosen.
#[derive(Debug, Clone)]
pub struct Grids {
    /// Ranges of activations.
    pub observer: Observer,
    /// Scales of weights.
    pub scales: ScaleFit,
    /// Whether training moves them.
    pub learn: Learn,
}

/// The model under a checked plan; `seen` are its activations without it.
///
/// # Errors
/// Model error naming the layer: a place that calibration did not see, weights that are not finite.
///
/// # Panics
/// For a plan that was not checked against the model.
pub fn attach(model: &Model, plan: &Plan, seen: &Calibration, grids: &Grids) -> Result<Model> {
    let mut attached = model.clone();
    let last = plan.layers.last().map(|(path, _)| path.clone());
    let mut outcome = Ok(());
    // Of the leaf before: a joint rounds as what flows into it does.
    let mut bits = None;
    attached.units_mut(&mut |path, unit| {
        if outcome.is_err() {
            return;
        }
        let place = |layer: LayerPlan, device: Device| Place {
            path,
            layer,
            seen,
            grids,
            device,
            logits: last.as_deref() == Some(path),
        };
        let layer = || plan.get(path).expect("the plan was checked");
        outcome = match unit {
            UnitMut::Conv(unit) => {
                let place = place(layer(), unit.conv.weight.base().device());
                bits = place.layer.activation.static_bits();
                place.leaf(unit.act).and_then(|quant| {
                    unit.quant = quant;
                    let mut outcome = Ok(());
                    change_conv(unit, |rows| outcome = place.weights(rows));
                    outcome
                })
            }
            UnitMut::Linear(unit) => {
                let place = place(layer(), unit.linear.weight.base().device());
                bits = place.layer.activation.static_bits();
                place.leaf(unit.act).and_then(|quant| {
                    unit.quant = quant;
                    let mut outcome = Ok(());
                    change_linear(unit, |rows| outcome = place.weights(rows));
                    outcome
                })
            }
            UnitMut::Joint(joint) => join(path, joint, bits, seen, grids, &model_device(model)),
            UnitMut::Norm(_) | UnitMut::Token(_) => Ok(()),
        };
    });
    outcome.map(|()| attached)
}

fn model_device(model: &Model) -> Device {
    use burn::module::Module;
    model.devices().pop().expect("a model has parameters")
}

fn join(
    path: &str,
    joint: &mut Joint,
    bits: Option<u32>,
    seen: &Calibration,
    grids: &Grids,
    device: &Device,
) -> Result<()> {
    joint.quant = match bits {
        Some(bits) => {
            let quant = seen.quant(path, Site::Output, &grids.observer, bits)?;
            Some(FakeAct::fixed(quant, grids.learn, device))
        }
        None => None,
    };
    Ok(())
}

/// One leaf and what is to become of it.
struct Place<'a> {
    path: &'a str,
    layer: LayerPlan,
    seen: &'a Calibration,
    grids: &'a Grids,
    device: Device,
    /// The last layer, whose sums are the logits.
    logits: bool,
}

impl Place<'_> {
    fn grid(&self, site: Site, bits: u32) -> Result<FakeAct> {
        let quant = self
            .seen
            .quant(self.path, site, &self.grids.observer, bits)?;
        Ok(FakeAct::fixed(quant, self.grids.learn, &self.device))
    }

    /// The grids of its activations; none for a float layer.
    fn leaf(&self, act: Act) -> Result<Option<LeafQuant>> {
        let bits = match self.layer.activation {
            Activation::Float => return Ok(None),
            Activation::Dynamic8 => {
                return Ok(Some(LeafQuant {
                    input: FakeAct::per_image(8),
                    sum: None,
                    output: None,
                }));
            }
            Activation::Static8 => 8,
            Activation::Static4 => 4,
        };
        // The kernels have no sigmoid, which gates and is not multiplied as codes are; logits are floats.
        let codes_leave = !self.logits && act != Act::Sigmoid;
        let table = codes_leave && matches!(act, Act::Silu | Act::Gelu);
        Ok(Some(LeafQuant {
            input: self.grid(Site::Input, bits)?,
            // A table has 256 entries whatever it gives.
            sum: table.then(|| self.grid(Site::Sum, 8)).transpose()?,
            output: codes_leave
                .then(|| self.grid(Site::Output, bits))
                .transpose()?,
        }))
    }

    /// Puts the weights onto their grid.
    fn weights(&self, rows: &mut Rows) -> Result<()> {
        if rows.values.iter().any(|w| !w.is_finite()) {
            return Err(Fault::plain("a weight that is not finite")
                .key(self.path)
                .model());
        }
        let k = rows.shape[1];
        let group = self.layer.granularity.group().map(|size| size as usize);
        rows.grid = self.layer.weight.bits().map(|bits| Grid {
            scales: weight_scales(&rows.values, k, group, bits, self.grids.scales),
            bits,
            group,
            learn: self.grids.learn,
        });
        Ok(())
    }
}
