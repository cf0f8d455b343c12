//! `fairbit export`: a trained model for other tools.

use burn::tensor::Device;

use super::args::ExportArgs;
use super::judge::model_file;
use super::screen::answer;
use crate::error::Result;
use crate::{export as formats, models};

/// `export`.
pub fn export(args: &ExportArgs) -> Result<()> {
    // Nothing is computed but the folding, for which one device is as good as another.
    let (model, meta) = models::load(&model_file(&args.model), &Device::flex())?;
    let written = formats::write_onnx(&model, &meta, &args.onnx)?;
    answer(format!(
        "{}: {} for {} px, {} operations of ONNX opset {}, {:.1} MB",
        args.onnx.display(),
        meta.model,
        meta.px,
        written.nodes,
        written.opset,
        written.bytes as f64 / 1e6
    ));
    Ok(())
}
