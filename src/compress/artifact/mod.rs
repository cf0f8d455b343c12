//! A packed model in one file: `model.safetensors` with integer weights, their scales, and what the rest
//! of the arithmetic needs.
//!
//! ```text
//! LAYER.weight   U32 [rows, words]    packed codes (fairbit_kernels::packed), or F32 in PyTorch's layout
//! LAYER.scales   F32 [rows, groups]   of packed weights
//! LAYER.bias     F32 [rows]
//! others         F32                  layer normalization, tokens, under PyTorch's names
//! metadata       plan (TOML), grids (JSON: scale, zero and bits of each activation), method, calibration,
//!                source (SHA-256 of the float model), and what every model.safetensors says of itself
//! ```
//!
//! What is stored is the model on its grids, and what is read back is it too: packing gives the integers.

mod bytes;
mod read;

pub use bytes::Bytes;
pub use read::read;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use fairbit_kernels::ActQuant;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::rows::Rows;
use crate::error::Result;
use crate::models::{self, Model, ModelMeta, StoredTensor};
use crate::nn::UnitMut;
use crate::quant::FakeAct;

/// The metadata key that tells an artifact from a float model, and its version.
const KEY: &str = "artifact";
const VERSION: &str = "1";

/// Scale, zero and bits of a quantizer.
type Numbers = (f32, i32, u32);

/// The grids of one leaf or joint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grids {
    /// None: found for each image, 8 bits. Not of a joint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    input: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sum: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    output: Option<Numbers>,
}

/// Whether a file says that it is an artifact; not whether it is a whole one.
pub fn is_artifact(meta: &BTreeMap<String, String>) -> bool {
    meta.contains_key(KEY)
}

/// Writes a folded model on its grids; equal inputs give equal bytes. `meta.extra` may hold `method`,
/// `calibration` and `source`.
///
/// # Errors
/// Run error when the file cannot be written; model error for a layer that cannot be packed.
pub fn write(model: &Model, plan: &Plan, meta: &ModelMeta, path: &Path) -> Result<()> {
    let mut tensors = BTreeMap::new();
    let mut grids = BTreeMap::new();
    let mut outcome = Ok(());
    model.clone().units_mut(&mut |name, unit| {
        let mut keep = |suffix: &str, tensor| {
            tensors.insert(format!("{name}.{suffix}"), tensor);
        };
        let leaf = match unit {
            UnitMut::Conv(unit) => {
                let bias = unit.conv.bias.as_ref().map(|b| b.val());
                let float = StoredTensor::f32(unit.conv.weight.base());
                (&unit.quant, Rows::of_conv(&unit.conv), float, bias)
            }
            UnitMut::Linear(unit) => {
                let bias = unit.linear.bias.as_ref().map(|b| b.val());
                let float = StoredTensor::f32(unit.linear.weight.base().transpose());
                (&unit.quant, Rows::of_linear(&unit.linear), float, bias)
            }
            UnitMut::Joint(joint) => {
                if let Some(quant) = joint.quant.as_ref().and_then(FakeAct::quant) {
                    let output = Some(numbers(quant));
                    grids.insert(
                        name.to_string(),
                        Grids {
                            input: None,
                            sum: None,
                            output,
                        },
                    );
                }
                return;
            }
            UnitMut::Norm(norm) => {
                keep("weight", StoredTensor::f32(norm.gamma.val()));
                if let Some(beta) = &norm.beta {
                    keep("bias", StoredTensor::f32(beta.val()));
                }
                return;
            }
            UnitMut::Token(token) => {
                tensors.insert(name.to_string(), StoredTensor::f32(token.val()));
                return;
            }
        };
        let (quant, rows, float, bias) = leaf;
        if let Some(bias) = bias {
            keep("bias", StoredTensor::f32(bias));
        }
        let Some(quant) = quant else {
            keep("weight", float);
            return;
        };
        match super::pack::weights(name, &rows) {
            Ok(packed) => {
                let words = packed.words().len() / packed.rows();
                keep(
                    "weight",
                    StoredTensor::u32(packed.words(), [packed.rows(), words]),
                );
                let shape = [packed.rows(), packed.groups()];
                keep("scales", StoredTensor::of(packed.scales(), &shape));
            }
            Err(e) => outcome = Err(e),
        }
        let of = |grid: &FakeAct| grid.quant().map(numbers);
        let of_leaf = Grids {
            input: of(&quant.input),
            sum: quant.sum.as_ref().and_then(of),
            output: quant.output.as_ref().and_then(of),
        };
        grids.insert(name.to_string(), of_leaf);
    });
    outcome?;
    let mut meta = meta.clone();
    let grids = serde_json::to_string(&grids).expect("names and numbers");
    let text = [
        (KEY, VERSION.to_string()),
        ("plan", plan.to_toml()),
        ("grids", grids),
    ];
    meta.extra
        .extend(text.map(|(key, value)| (key.to_string(), value)));
    models::write_tensors(&meta, &tensors, path)
}

fn numbers(quant: ActQuant) -> Numbers {
    (quant.scale(), quant.zero(), quant.bits())
}

/// A model of any precision, ready to compute: floats, or integers from an artifact.
///
/// # Errors
/// As [`read`] and [`models::load`].
pub fn open(path: &Path, device: &Device) -> Result<(Model, ModelMeta)> {
    match is_artifact(&models::read_meta(path)?.extra) {
        true => {
            let (model, _, meta) = read(path, device)?;
            Ok((super::pack::pack(&model)?, meta))
        }
        false => models::load(path, device),
    }
}
