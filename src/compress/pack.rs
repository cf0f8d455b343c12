//! A model on its grids into one that computes with integers.
//!
//! Nothing is decided here: codes, scales and ranges are those that [`attach`](super::attach::attach) and
//! training left, and what the kernels compute with them is written down in `fairbit_kernels::arith`.

use fairbit_kernels::cpu::Input;
use fairbit_kernels::{Granularity, KernelError, PackedWeights};

use super::plan::stored_bits;
use super::rows::{Rows, floats};
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::{ConvUnit, LeafQuant, LinearUnit, PackedConv, PackedLinear, Parts, UnitMut};

/// Packs every leaf that has grids; the others stay floats. The model is folded, see
/// [`fold`](super::fold::fold()).
///
/// # Errors
/// Model error naming the layer: a normalization that is not folded, weights whose sums could overflow.
pub fn pack(model: &Model) -> Result<Model> {
    let mut packed = model.clone();
    let mut outcome = Ok(());
    packed.units_mut(&mut |path, unit| {
        if outcome.is_err() {
            return;
        }
        outcome = match unit {
            UnitMut::Conv(unit) => conv(path, unit),
            UnitMut::Linear(unit) => linear(path, unit),
            UnitMut::Joint(joint) => {
                joint.out = joint.quant.take().and_then(|grid| grid.quant());
                Ok(())
            }
            UnitMut::Norm(_) | UnitMut::Token(_) => Ok(()),
        };
    });
    outcome.map(|()| packed)
}

fn kernel(path: &str, error: &KernelError) -> crate::error::Error {
    Fault::plain(error.to_string()).key(path).model()
}

fn conv(path: &str, unit: &mut ConvUnit) -> Result<()> {
    let Some(quant) = unit.quant.take() else {
        return Ok(());
    };
    if unit.norm.is_some() {
        return Err(Fault::plain("batch normalization")
            .key(path)
            .expected("a folded model")
            .model());
    }
    let conv = &unit.conv;
    let [_, _, kh, kw] = conv.weight.base().dims();
    let parts = Parts {
        weights: weights(path, &Rows::of_conv(conv))?,
        epilogue: quant.epilogue(unit.act, conv.bias.as_ref().map(|b| floats(b.val()))),
        from_floats: from_floats(&quant),
    };
    let shape = unit.shape([1, kh, kw]);
    unit.packed = Some(PackedConv::new(parts, shape).map_err(|e| kernel(path, &e))?);
    Ok(())
}

fn linear(path: &str, unit: &mut LinearUnit) -> Result<()> {
    let Some(quant) = unit.quant.take() else {
        return Ok(());
    };
    let linear = &unit.linear;
    let parts = Parts {
        weights: weights(path, &Rows::of_linear(linear))?,
        epilogue: quant.epilogue(unit.act, linear.bias.as_ref().map(|b| floats(b.val()))),
        from_floats: from_floats(&quant),
    };
    unit.packed = Some(PackedLinear::new(parts).map_err(|e| kernel(path, &e))?);
    Ok(())
}

fn from_floats(quant: &LeafQuant) -> Input {
    match quant.input.quant() {
        Some(quant) => Input::Static(quant),
        None => Input::Dynamic,
    }
}

pub(super) fn weights(path: &str, rows: &Rows) -> Result<PackedWeights> {
    let fault = || {
        Fault::plain("activations in codes, weights in floats")
            .key(path)
            .model()
    };
    let (grid, codes) = rows.grid.as_ref().zip(rows.codes()).ok_or_else(fault)?;
    let granularity = match grid.group {
        None => Granularity::PerChannel,
        Some(size) => Granularity::PerGroup(size),
    };
    let (scales, bits) = (grid.scales.clone(), stored_bits(grid.bits));
    PackedWeights::pack(&codes, scales, rows.shape, bits, granularity).map_err(|e| kernel(path, &e))
}
