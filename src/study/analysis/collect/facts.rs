//! What a unit's own files say of it: parameters, bytes and widths.

use std::path::Path;

use serde::Deserialize;

use super::unit::json;
use crate::error::{Fault, Result};
use crate::study::analysis::configuration::{Key, is_baseline};

/// Facts of one configuration.
#[derive(Debug, Default)]
pub struct Facts {
    /// Widths of weights.
    pub weights: String,
    /// Of activations.
    pub activations: String,
    /// Parameters; of baselines only.
    pub params: Option<u64>,
    /// Bytes of the deployed file.
    pub size_bytes: Option<u64>,
    /// Bytes of the float model over those.
    pub compression: Option<f64>,
}

#[derive(Deserialize)]
struct Run {
    params: Option<u64>,
}

/// The part of `quantize.json` that is used.
#[derive(Deserialize)]
pub struct Quantized {
    size_bytes: Option<u64>,
    compression: Option<f64>,
    /// Whether widths were computed rather than given.
    #[serde(default)]
    pub allocation: Option<serde_json::Value>,
    /// Every layer, in forward order.
    #[serde(default)]
    pub layers: Vec<Layer>,
}

/// A layer of a plan.
#[derive(Deserialize)]
pub struct Layer {
    /// Its path.
    pub layer: String,
    weight: serde_json::Value,
    activation: serde_json::Value,
    /// Bytes of its weights.
    #[serde(default)]
    pub bytes: u64,
}

impl Layer {
    /// `2` to `8`, or `float`.
    pub fn weight(&self) -> String {
        plain(&self.weight)
    }

    /// `static-8`, `dynamic-8`, `float`.
    pub fn activation(&self) -> String {
        plain(&self.activation)
    }
}

fn plain(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), String::from)
}

/// Reads the facts of a finished configuration.
///
/// # Errors
/// Data error naming the file that is missing or damaged.
pub fn read(folder: &Path, key: &Key) -> Result<Facts> {
    let float = || "float".to_string();
    if is_baseline(key) {
        let run: Run = json(&folder.join("run.json"))?;
        let model = folder.join("model.safetensors");
        let size = std::fs::metadata(&model)
            .map_err(|e| Fault::new(&model, format!("cannot be read ({e})")).data())?;
        return Ok(Facts {
            weights: float(),
            activations: float(),
            params: run.params,
            size_bytes: Some(size.len()),
            compression: Some(1.0),
        });
    }
    let found: Quantized = json(&folder.join("quantize.json"))?;
    Ok(Facts {
        weights: widths(&found.layers, Layer::weight),
        activations: widths(&found.layers, Layer::activation),
        params: None,
        size_bytes: found.size_bytes,
        compression: found.compression,
    })
}

/// Different widths of the layers between the first and the last, which recipes keep at 8 bits.
fn widths(layers: &[Layer], of: impl Fn(&Layer) -> String) -> String {
    let inner = match layers.len() {
        0..=2 => layers,
        n => &layers[1..n - 1],
    };
    let mut found: Vec<String> = Vec::new();
    for layer in inner {
        let width = of(layer);
        if !found.contains(&width) {
            found.push(width);
        }
    }
    found.sort();
    found.join("/")
}
