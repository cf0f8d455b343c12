//! A model on its grids into one that computes with integers.
//!
//! Nothing is decided here: codes, scales and ranges are those that [`attach`](super::attach::attach) and
//! training left, and what the kernels compute with them is written down in `fairbit_kernels::arith`.

use burn::nn::PaddingConfig2d;
use fairbit_kernels::cpu::Input;
use fairbit_kernels::{
    Activation, ConvShape, Epilogue, Granularity, KernelError, Output, PackedWeights,
};

use super::plan::stored_bits;
use super::rows::{Rows, floats};
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::{Act, ConvUnit, LeafQuant, LinearUnit, PackedConv, PackedLinear, Parts, UnitMut};

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
    let [c_out, c_in_group, kh, kw] = conv.weight.base().dims();
    let PaddingConfig2d::Explicit(top, left, _, _) = conv.padding else {
        unreachable!("padding is always explicit here")
    };
    let shape = ConvShape {
        batch: 1,
        c_in: c_in_group * conv.groups,
        c_out,
        input: [kh, kw],
        kernel: [kh, kw],
        stride: conv.stride,
        padding: [top, left],
        dilation: conv.dilation,
        groups: conv.groups,
    };
    let parts = Parts {
        weights: weights(path, &Rows::of_conv(conv))?,
        epilogue: epilogue(
            unit.act,
            conv.bias.as_ref().map(|b| floats(b.val())),
            &quant,
        ),
        from_floats: from_floats(&quant),
    };
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
        epilogue: epilogue(
            unit.act,
            linear.bias.as_ref().map(|b| floats(b.val())),
            &quant,
        ),
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

/// What the kernels call an activation; a sigmoid is applied by the leaf to floats.
pub(super) fn of_kernels(act: Act) -> Activation {
    match act {
        Act::Identity | Act::Sigmoid => Activation::Identity,
        Act::Relu => Activation::Relu,
        Act::Relu6 => Activation::Relu6,
        Act::Silu => Activation::Silu,
        Act::Gelu => Activation::Gelu,
    }
}

/// Bias, activation and what is stored.
fn epilogue(act: Act, bias: Option<Vec<f32>>, quant: &LeafQuant) -> Epilogue {
    let activation = of_kernels(act);
    let of = |grid: &crate::quant::FakeAct| grid.quant().expect("grids of outputs are static");
    let output = match (&quant.sum, &quant.output) {
        (_, None) => Output::F32,
        (None, Some(output)) => Output::Codes(of(output)),
        (Some(sum), Some(output)) => Output::table(activation, of(sum), of(output)),
    };
    Epilogue {
        bias,
        activation,
        output,
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
