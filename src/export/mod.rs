//! Models in formats that other tools read.
//!
//! ```text
//! model ─► fold ─► trace (a graph as plain data) ─► onnx (messages) ─► bytes
//! ```

pub mod onnx;
mod proto;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::compress::fold::fold;
use crate::error::Result;
use crate::files;
use crate::models::{Model, ModelMeta};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Operations in the graph.
    pub nodes: usize,
    /// Version of ONNX's set of operations.
    pub opset: i64,
    /// Size of the file.
    pub bytes: usize,
}

/// Writes a model in floats or on its grids (QDQ) as an ONNX file, batch normalization folded. Equal models give equal bytes.
///
/// # Errors
/// Model error naming the layer that has no form there; run error naming the path when it cannot be written.
pub fn write_onnx(model: &Model, meta: &ModelMeta, path: &Path) -> Result<Written> {
    let graph = fold(model.clone()).trace(meta.px)?;
    let mut text = meta.to_text();
    // That of the safetensors file.
    text.remove("format");
    // What only the packed file needs.
    for key in ["artifact", "grids"] {
        text.remove(key);
    }
    let bytes = onnx::encode(&graph, &text);
    files::write_bytes(path, &bytes)?;
    Ok(Written {
        nodes: graph.nodes.len(),
        opset: onnx::opset(&graph),
        bytes: bytes.len(),
    })
}
