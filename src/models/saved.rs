//! A trained model in one file: `model.safetensors`, PyTorch's names and layouts, metadata as text.
//!
//! Format: <https://github.com/huggingface/safetensors#format>. Written here rather than by the
//! safetensors crate, whose header order is random: equal models give equal bytes.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde_json::{Map, Value, json};

use super::import::{Fit, fill};
use super::model::Model;
use super::registry::{Architecture, ModelConfig};
use super::slots::state_dict;
use super::weight_file::WeightFile;
use crate::error::{Error, Fault, Result};
use crate::files;

/// Mean of ImageNet's RGB values in [0, 1].
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's RGB values in [0, 1].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// What `model.safetensors` says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelMeta {
    /// Which of the five.
    pub model: Architecture,
    /// Number of logits.
    pub classes: usize,
    /// Side of the square images in pixels.
    pub px: usize,
    /// Subtracted from RGB values in [0, 1].
    pub mean: [f32; 3],
    /// Then divided by.
    pub std: [f32; 3],
    /// The attribute it predicts.
    pub target: String,
    /// Version of fairbit that wrote it.
    pub version: String,
    /// Further keys, kept as they are.
    pub extra: BTreeMap<String, String>,
}

impl ModelMeta {
    /// Metadata of a model of this version, normalized as ImageNet.
    pub fn new(config: &ModelConfig, target: impl Into<String>) -> Self {
        Self {
            model: config.name,
            classes: config.classes,
            px: config.px,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            target: target.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            extra: BTreeMap::new(),
        }
    }

    /// As text by key, as it stands in files.
    pub fn to_text(&self) -> BTreeMap<String, String> {
        let triple = |t: [f32; 3]| t.map(|v| v.to_string()).join(",");
        let mut text = self.extra.clone();
        text.extend(
            [
                ("model", self.model.to_string()),
                ("classes", self.classes.to_string()),
                ("px", self.px.to_string()),
                ("mean", triple(self.mean)),
                ("std", triple(self.std)),
                ("target", self.target.clone()),
                ("fairbit", self.version.clone()),
                // What PyTorch's own tools write and look for.
                ("format", "pt".into()),
            ]
            .map(|(key, value)| (key.to_string(), value)),
        );
        text
    }

    /// From the metadata of `path`.
    ///
    /// # Errors
    /// Model error naming the key that is missing or impossible.
    pub fn from_text(path: &Path, mut text: BTreeMap<String, String>) -> Result<Self> {
        text.remove("format");
        let mut take = |key: &str| {
            text.remove(key).ok_or_else(|| {
                Fault::new(path, "no such metadata")
                    .key(key)
                    .expected("a model.safetensors written by fairbit")
                    .next("import other weights with --weights")
                    .model()
            })
        };
        let bad = |key: &str, value: &str, expected: &str| {
            Fault::new(path, format!("{value:?}"))
                .key(key)
                .expected(expected)
                .model()
        };
        let number = |key: &str, value: String| -> Result<usize> {
            value
                .parse()
                .map_err(|_| bad(key, &value, "a whole number"))
        };
        let triple = |key: &str, value: String| -> Result<[f32; 3]> {
            let parsed: Option<Vec<f32>> =
                value.split(',').map(|v| v.trim().parse().ok()).collect();
            parsed
                .and_then(|v| v.try_into().ok())
                .filter(|v: &[f32; 3]| v.iter().all(|x| x.is_finite()))
                .ok_or_else(|| bad(key, &value, "three numbers"))
        };
        let model = take("model")?;
        let model = model.parse().map_err(|_: Error| {
            let all = Architecture::ALL.map(Architecture::name).join(", ");
            bad("model", &model, &format!("one of {all}"))
        })?;
        Ok(Self {
            model,
            classes: number("classes", take("classes")?)?,
            px: number("px", take("px")?)?,
            mean: triple("mean", take("mean")?)?,
            std: triple("std", take("std")?)?,
            target: take("target")?,
            version: take("fairbit")?,
            extra: text,
        })
    }
}

/// Writes weights and metadata; equal inputs give equal bytes.
///
/// # Errors
/// Run error naming the path when it cannot be written; nothing is left half-written.
pub fn save(model: &Model, meta: &ModelMeta, path: &Path) -> Result<()> {
    let dict = state_dict(model).into_iter();
    let tensors = dict.map(|(name, t)| (name, StoredTensor::of(&t.values, &t.shape)));
    write_tensors(meta, &tensors.collect(), path)
}

/// A tensor as a safetensors file holds it.
#[derive(Debug, Clone)]
pub struct StoredTensor {
    dtype: &'static str,
    shape: Vec<usize>,
    /// Little-endian.
    bytes: Vec<u8>,
}

impl StoredTensor {
    /// Floats of a shape.
    pub fn of(values: &[f32], shape: &[usize]) -> Self {
        Self {
            dtype: "F32",
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// A tensor of floats.
    pub fn f32<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims();
        let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
        Self::of(&values, &shape)
    }

    /// Words of a shape.
    pub fn u32(words: &[u32], shape: [usize; 2]) -> Self {
        Self {
            dtype: "U32",
            shape: shape.to_vec(),
            bytes: words.iter().flat_map(|w| w.to_le_bytes()).collect(),
        }
    }
}

/// Writes tensors and metadata as safetensors; equal inputs give equal bytes.
///
/// # Errors
/// Run error naming the path when it cannot be written; nothing is left half-written.
pub fn write_tensors(
    meta: &ModelMeta,
    tensors: &BTreeMap<String, StoredTensor>,
    path: &Path,
) -> Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!(meta.to_text()));
    let mut offset = 0;
    for (
        name,
        StoredTensor {
            dtype,
            shape,
            bytes,
        },
    ) in tensors
    {
        let end = offset + bytes.len();
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [offset, end]});
        header.insert(name.clone(), entry);
        offset = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // Spaces up to a multiple of eight, so that the data is aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    files::write_atomic(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for tensor in tensors.values() {
            out.write_all(&tensor.bytes)?;
        }
        Ok(())
    })
}

/// A model whose weights are still to be filled in.
///
/// # Errors
/// Configuration error for a configuration that cannot be.
pub fn empty(config: &ModelConfig, device: &Device) -> Result<Model> {
    config.check()?;
    Ok(Model::new(config, device))
}

/// What a `model.safetensors` says about itself, without its tensors.
///
/// # Errors
/// Model error naming the file or the key.
pub fn read_meta(path: &Path) -> Result<ModelMeta> {
    let file = WeightFile::open(path)?;
    ModelMeta::from_text(path, file.metadata.clone())
}

/// Reads what [`save`] wrote, bit by bit the same.
///
/// # Errors
/// Model error naming file, key or tensor, found and expected: not such a file, cut short, metadata
/// missing or impossible, tensors missing, left over, of another shape, or not finite.
pub fn load(path: &Path, device: &Device) -> Result<(Model, ModelMeta)> {
    let file = WeightFile::open(path)?;
    let meta = ModelMeta::from_text(path, file.metadata.clone())?;
    let config = ModelConfig::new(meta.model, meta.classes, meta.px);
    config.check().map_err(|error| {
        let fault = error.fault().clone();
        Fault {
            file: path.into(),
            ..fault
        }
        .model()
    })?;
    let mut model = empty(&config, device)?;
    fill(&mut model, &file, Fit::Exact)?;
    Ok((model, meta))
}
