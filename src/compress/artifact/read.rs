//! Reading an artifact, which may be anybody's: every size, number and name is checked before it is used.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use fairbit_kernels::{ActQuant, Granularity, PackedWeights};
use safetensors::{Dtype, SafeTensors};

use super::{Grids, KEY, Numbers, VERSION};
use crate::compress::plan::{LayerPlan, Plan, stored_bits};
use crate::compress::rows::{Grid, Rows, layer_infos};
use crate::error::{Fault, Result};
use crate::models::{self, Model, ModelConfig, ModelMeta};
use crate::nn::{LeafQuant, UnitMut};
use crate::quant::{FakeAct, Learn};

/// Reads what [`write`](super::write) wrote: the model on its grids, its plan, and what it says of itself.
///
/// # Errors
/// Model error naming the file and the tensor or key: not such a file, cut short, another version,
/// metadata that do not fit together, tensors that are missing, left over, of another type or shape, codes
/// or numbers that cannot be. Nothing is allocated beyond the file's own size and the model's.
pub fn read(path: &Path, device: &Device) -> Result<(Model, Plan, ModelMeta)> {
    let bytes = std::fs::read(path).map_err(|e| Fault::new(path, e.to_string()).model())?;
    let whole = |e: safetensors::SafeTensorError| {
        Fault::new(path, e.to_string())
            .expected("a whole packed model")
            .model()
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(whole)?;
    let text = header.metadata().clone().unwrap_or_default();
    let meta = ModelMeta::from_text(path, text.into_iter().collect())?;
    let extra = |key: &str| {
        let fault = || Fault::new(path, "no such metadata").key(key).model();
        meta.extra.get(key).ok_or_else(fault)
    };
    if extra(KEY)? != VERSION {
        return Err(Fault::new(path, format!("version {:?}", extra(KEY)?))
            .key(KEY)
            .expected(format!("version {VERSION}"))
            .next("quantize the float model again with this version")
            .model());
    }
    let config = ModelConfig::new(meta.model, meta.classes, meta.px);
    config.check().map_err(|e| {
        let fault = e.fault().clone();
        Fault {
            file: path.into(),
            ..fault
        }
        .model()
    })?;
    let mut model = models::empty(&config, device)?;
    let plan =
        Plan::parse(path, extra("plan")?).and_then(|plan| plan.check(path, &layer_infos(&model)));
    let plan = plan.map_err(|e| e.fault().clone().model())?;
    let grids: BTreeMap<String, Grids> = serde_json::from_str(extra("grids")?)
        .map_err(|e| Fault::new(path, e.to_string()).key("grids").model())?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(whole)?;
    let mut file = Reader {
        path,
        tensors,
        grids,
        used: 0,
        device,
    };
    let mut outcome = Ok(());
    model.units_mut(&mut |name, unit| {
        if outcome.is_ok() {
            outcome = file.fill(name, unit, plan.get(name));
        }
    });
    outcome?;
    file.finish()?;
    Ok((model, plan, meta))
}

/// An artifact on its way into a model.
struct Reader<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    /// Those that no unit has taken yet.
    grids: BTreeMap<String, Grids>,
    /// Tensors taken.
    used: usize,
    device: &'a Device,
}

impl Reader<'_> {
    fn fault(&self, key: &str, found: impl Into<String>) -> Fault {
        Fault::new(self.path, found).key(key)
    }

    /// The numbers of a tensor of exactly this type and shape, four bytes each.
    fn take(&mut self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<[u8; 4]>> {
        let view = self.tensors.tensor(name);
        let view = view.map_err(|_| self.fault(name, "no such tensor").model())?;
        if view.dtype() != dtype || view.shape() != shape {
            return Err(self
                .fault(name, format!("{:?} {:?}", view.dtype(), view.shape()))
                .expected(format!("{dtype:?} {shape:?}"))
                .model());
        }
        self.used += 1;
        let bytes = view.data().chunks_exact(4);
        Ok(bytes.map(|b| b.try_into().expect("four bytes")).collect())
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let numbers = self.take(name, Dtype::F32, shape)?;
        let numbers: Vec<f32> = numbers.into_iter().map(f32::from_le_bytes).collect();
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(self.fault(name, "a number that is not finite").model());
        }
        Ok(numbers)
    }

    fn param<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Param<Tensor<D>>> {
        let values = self.floats(name, &shape)?;
        Ok(Param::from_data(
            TensorData::new(values, shape),
            self.device,
        ))
    }

    fn fill(&mut self, name: &str, unit: UnitMut<'_>, layer: Option<LayerPlan>) -> Result<()> {
        let key = |suffix: &str| format!("{name}.{suffix}");
        match unit {
            UnitMut::Conv(unit) => {
                // What was normalized is folded.
                unit.norm = None;
                let [rows, c_in, kh, kw] = unit.conv.weight.lazy_shape().dims();
                unit.conv.bias = Some(self.param(&key("bias"), [rows])?);
                unit.quant = self.leaf(name, layer)?;
                let packed = self.packed(name, [rows, c_in * kh * kw], layer)?;
                match packed {
                    Some(packed) => unit.conv = packed.into_conv(unit.conv.clone()),
                    None => {
                        unit.conv.weight = self.param(&key("weight"), [rows, c_in, kh, kw])?;
                    }
                }
            }
            UnitMut::Linear(unit) => {
                let [k, rows] = unit.linear.weight.lazy_shape().dims();
                unit.linear.bias = Some(self.param(&key("bias"), [rows])?);
                unit.quant = self.leaf(name, layer)?;
                match self.packed(name, [rows, k], layer)? {
                    Some(packed) => unit.linear = packed.into_linear(unit.linear.clone()),
                    None => {
                        let values = self.floats(&key("weight"), &[rows, k])?;
                        let rows = Rows {
                            values,
                            shape: [rows, k],
                            grid: None,
                        };
                        unit.linear = rows.into_linear(unit.linear.clone());
                    }
                }
            }
            UnitMut::Joint(joint) => {
                let grids = self.grids.remove(name);
                joint.quant = match grids.and_then(|grids| grids.output) {
                    Some(numbers) => Some(self.grid(name, numbers)?),
                    None => None,
                };
            }
            UnitMut::Norm(norm) => {
                let [width] = norm.gamma.lazy_shape().dims();
                norm.gamma = self.param(&key("weight"), [width])?;
                if norm.beta.is_some() {
                    norm.beta = Some(self.param(&key("bias"), [width])?);
                }
            }
            UnitMut::Token(token) => {
                let shape = token.lazy_shape().dims();
                *token = self.param(name, shape)?;
            }
        }
        Ok(())
    }

    fn grid(&self, name: &str, (scale, zero, bits): Numbers) -> Result<FakeAct> {
        let quant = ActQuant::new(scale, zero, bits);
        let quant = quant.map_err(|e| self.fault(name, e.to_string()).model())?;
        Ok(FakeAct::fixed(quant, Learn::Fixed, self.device))
    }

    /// The grids of a leaf's activations, which have to be as its plan says.
    fn leaf(&mut self, name: &str, layer: Option<LayerPlan>) -> Result<Option<LeafQuant>> {
        let layer = layer.unwrap_or(LayerPlan::FLOAT);
        let grids = match (self.grids.remove(name), layer == LayerPlan::FLOAT) {
            (None, true) => return Ok(None),
            (Some(grids), false) => grids,
            (found, _) => {
                let found = if found.is_some() { "grids" } else { "no grids" };
                return Err(self
                    .fault(name, found)
                    .expected("what the plan says")
                    .model());
            }
        };
        if grids.input.map(|(_, _, bits)| bits) != layer.activation.static_bits() {
            return Err(self
                .fault(name, format!("input {:?}", grids.input))
                .expected(format!("{:?}, as the plan says", layer.activation))
                .model());
        }
        let grid = |numbers: Option<Numbers>| numbers.map(|n| self.grid(name, n)).transpose();
        Ok(Some(LeafQuant {
            input: grid(grids.input)?.unwrap_or_else(|| FakeAct::per_image(8)),
            sum: grid(grids.sum)?,
            output: grid(grids.output)?,
        }))
    }

    /// Packed weights; none for a float layer.
    fn packed(
        &mut self,
        name: &str,
        shape: [usize; 2],
        layer: Option<LayerPlan>,
    ) -> Result<Option<Rows>> {
        let Some((layer, bits)) = layer.and_then(|layer| Some((layer, layer.weight.bits()?)))
        else {
            return Ok(None);
        };
        let [rows, k] = shape;
        let stored = stored_bits(bits);
        let group = layer.granularity.group().map(|size| size as usize);
        let (weight, scales) = (format!("{name}.weight"), format!("{name}.scales"));
        let words = self.take(
            &weight,
            Dtype::U32,
            &[rows, k.div_ceil((32 / stored) as usize)],
        )?;
        let words = words.into_iter().map(u32::from_le_bytes).collect();
        let scales = self.floats(&scales, &[rows, group.map_or(1, |size| k.div_ceil(size))])?;
        let granularity = group.map_or(Granularity::PerChannel, Granularity::PerGroup);
        // Checks every code and scale.
        let packed = PackedWeights::from_parts(words, scales, shape, stored, granularity);
        let packed = packed.map_err(|e| self.fault(&weight, e.to_string()).model())?;
        let codes = packed.unpack();
        let most = (1i32 << (bits - 1)) - 1;
        if codes.iter().any(|code| i32::from(*code).abs() > most) {
            return Err(self
                .fault(&weight, "a code beyond its width")
                .expected(format!("±{most} at {bits} bits"))
                .model());
        }
        let grid = Grid {
            scales: packed.scales().to_vec(),
            bits,
            group,
            learn: Learn::Fixed,
        };
        let mut whole = Rows {
            values: vec![0.0; rows * k],
            shape,
            grid: Some(grid),
        };
        whole.set_codes(&codes);
        Ok(Some(whole))
    }

    fn finish(self) -> Result<()> {
        if let Some(name) = self.grids.keys().next() {
            return Err(self.fault(name, "grids of no layer").model());
        }
        if self.used < self.tensors.len() {
            let found = format!("{} tensors", self.tensors.len());
            let expected = format!("the {} of this model and plan", self.used);
            return Err(Fault::new(self.path, found).expected(expected).model());
        }
        Ok(())
    }
}
