//! Where the bytes of an artifact are.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::Serialize;

use crate::error::{Fault, Result};

/// Bytes of an artifact's file by what they are for; they add up to its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Weights in codes, padding to whole words included.
    pub packed_weights: u64,
    /// Their scales.
    pub scales: u64,
    /// Biases, f32.
    pub biases: u64,
    /// Weights that stayed floats.
    pub float_weights: u64,
    /// Tokens and position embeddings, f32.
    pub tokens: u64,
    /// Names, shapes, plan, grids and what the file says of itself.
    pub header: u64,
}

impl Bytes {
    /// Of the artifact in `path`.
    ///
    /// # Errors
    /// Model error when it is not a safetensors file.
    pub fn of(path: &Path) -> Result<Self> {
        let file = std::fs::read(path).map_err(|e| Fault::new(path, e.to_string()).model())?;
        let tensors =
            SafeTensors::deserialize(&file).map_err(|e| Fault::new(path, e.to_string()).model())?;
        let mut bytes = Self {
            header: file.len() as u64,
            ..Self::default()
        };
        for (name, view) in tensors.tensors() {
            let size = view.data().len() as u64;
            let part = match name.rsplit('.').next() {
                Some("weight") if view.dtype() == Dtype::U32 => &mut bytes.packed_weights,
                Some("weight") => &mut bytes.float_weights,
                Some("scales") => &mut bytes.scales,
                Some("bias") => &mut bytes.biases,
                _ => &mut bytes.tokens,
            };
            *part += size;
            bytes.header -= size;
        }
        Ok(bytes)
    }
}
