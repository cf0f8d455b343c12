//! A float model into one that computes with integers.
//!
//! Weights become symmetric codes per output channel, q = rne(w · (1 / s)) with s the largest magnitude
//! over the largest code; activations become 8-bit codes under static ranges, or their ranges are found
//! image by image. What the kernels then compute is written down in `fairbit_kernels::arith`.

use burn::nn::PaddingConfig2d;
use burn::tensor::{Tensor, TensorData};
use fairbit_kernels::arith::largest;
use fairbit_kernels::cpu::Input;
use fairbit_kernels::{
    ActQuant, Activation, ConvShape, Epilogue, Granularity, KernelError, Output, PackedWeights,
};

use super::calibrate::{Range, Ranges};
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::{Act, ConvUnit, LinearUnit, PackedConv, PackedLinear, Parts, Site, UnitMut};

/// How activations are quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// 8-bit codes under ranges from a calibration set; layers pass codes on.
    Static,
    /// 8-bit codes whose range each layer finds for each image; layers pass floats on.
    Dynamic,
}

/// Packs every leaf of a model without batch normalization, see [`fold`](super::fold::fold()); the logits
/// stay floats.
///
/// # Errors
/// Model error naming the layer: a normalization that is not folded, a range that calibration did not
/// see, weights that are not finite or whose sums could overflow.
pub fn pack(
    model: &Model,
    weight_bits: u32,
    activations: Activations,
    ranges: &Ranges,
) -> Result<Model> {
    let mut packed = model.clone();
    let last = packed.layers().pop().map(|layer| layer.name);
    let mut outcome = Ok(());
    packed.units_mut(&mut |path, unit| {
        if outcome.is_err() {
            return;
        }
        let site = Place {
            path,
            weight_bits,
            activations,
            ranges,
            logits: last.as_deref() == Some(path),
        };
        outcome = match unit {
            UnitMut::Conv(unit) => site.conv(unit),
            UnitMut::Linear(unit) => site.linear(unit),
            UnitMut::Joint(joint) if activations == Activations::Static => site
                .quant(Site::Output)
                .map(|quant| joint.out = Some(quant)),
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => Ok(()),
        };
    });
    outcome.map(|()| packed)
}

/// One unit and what is to become of it.
struct Place<'a> {
    path: &'a str,
    weight_bits: u32,
    activations: Activations,
    ranges: &'a Ranges,
    /// The last layer, whose sums are the logits.
    logits: bool,
}

impl Place<'_> {
    fn fault(&self, found: impl Into<String>) -> Fault {
        Fault::plain(found).key(self.path)
    }

    fn kernel(&self, error: &KernelError) -> crate::error::Error {
        self.fault(error.to_string()).model()
    }

    /// The quantizer of what was seen.
    fn quant(&self, site: Site) -> Result<ActQuant> {
        match self.ranges.get(&(self.path.to_string(), site)) {
            Some(Range { low, high }) => Ok(ActQuant::from_range(*low, *high, 8)),
            None => Err(self
                .fault("no range of its activations")
                .expected("calibration images that reach every layer")
                .model()),
        }
    }

    fn of_floats(&self) -> Result<Input> {
        match self.activations {
            Activations::Static => Ok(Input::Static(self.quant(Site::Input)?)),
            Activations::Dynamic => Ok(Input::Dynamic),
        }
    }

    /// Bias, activation and what is stored.
    fn epilogue(&self, act: Act, bias: Option<Vec<f32>>) -> Result<Epilogue> {
        let activation = match act {
            Act::Identity => Activation::Identity,
            Act::Relu => Activation::Relu,
            Act::Relu6 => Activation::Relu6,
            Act::Silu => Activation::Silu,
            Act::Gelu => Activation::Gelu,
            // Applied by the leaf to floats.
            Act::Sigmoid => Activation::Identity,
        };
        let stays_float = self.logits || act == Act::Sigmoid;
        let output = match (stays_float, self.activations) {
            (true, _) | (_, Activations::Dynamic) => Output::F32,
            (false, Activations::Static) if activation.is_piecewise_linear() => {
                Output::Codes(self.quant(Site::Output)?)
            }
            (false, Activations::Static) => Output::table(
                activation,
                self.quant(Site::Sum)?,
                self.quant(Site::Output)?,
            ),
        };
        Ok(Epilogue {
            bias,
            activation,
            output,
        })
    }

    fn conv(&self, unit: &mut ConvUnit) -> Result<()> {
        if unit.norm.is_some() {
            return Err(self
                .fault("batch normalization")
                .expected("a folded model")
                .model());
        }
        let conv = &unit.conv;
        let [c_out, c_in_group, kh, kw] = conv.weight.val().dims();
        // K runs through kernel rows, kernel columns and input channels, the channel fastest.
        let rows = floats(conv.weight.val().permute([0, 2, 3, 1]));
        let weights = self.weights(&rows, [c_out, kh * kw * c_in_group])?;
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
            weights,
            epilogue: self.epilogue(unit.act, conv.bias.as_ref().map(|b| floats(b.val())))?,
            from_floats: self.of_floats()?,
        };
        let packed = PackedConv::new(parts, shape).map_err(|e| self.kernel(&e))?;
        unit.packed = Some(packed);
        Ok(())
    }

    fn linear(&self, unit: &mut LinearUnit) -> Result<()> {
        let linear = &unit.linear;
        let [k, rows] = linear.weight.val().dims();
        let weights = self.weights(&floats(linear.weight.val().transpose()), [rows, k])?;
        let parts = Parts {
            weights,
            epilogue: self.epilogue(unit.act, linear.bias.as_ref().map(|b| floats(b.val())))?,
            from_floats: self.of_floats()?,
        };
        unit.packed = Some(PackedLinear::new(parts).map_err(|e| self.kernel(&e))?);
        Ok(())
    }

    /// Codes of weights `[rows, k]` by nearest rounding, a scale for each row.
    fn weights(&self, values: &[f32], [rows, k]: [usize; 2]) -> Result<PackedWeights> {
        if values.iter().any(|w| !w.is_finite()) {
            return Err(self.fault("a weight that is not finite").model());
        }
        let most = largest(self.weight_bits) as f32;
        let scales: Vec<f32> = values
            .chunks(k)
            .map(|row| {
                let scale = row.iter().fold(0f32, |m, w| m.max(w.abs())) / most;
                // A row of zeros, or of numbers too small to have a reciprocal, has codes 0 under any scale.
                if scale.is_normal() && (1.0 / scale).is_finite() {
                    scale
                } else {
                    1.0
                }
            })
            .collect();
        let codes: Vec<i8> = values
            .chunks(k)
            .zip(&scales)
            .flat_map(|(row, scale)| {
                let inverse = 1.0 / scale;
                let code = move |w: &f32| (w * inverse).round_ties_even().clamp(-most, most) as i8;
                row.iter().map(code)
            })
            .collect();
        PackedWeights::pack(
            &codes,
            scales,
            [rows, k],
            self.weight_bits,
            Granularity::PerChannel,
        )
        .map_err(|e| self.kernel(&e))
    }
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    let data: TensorData = x.into_data().convert::<f32>();
    data.try_to_vec().expect("converted to f32")
}
