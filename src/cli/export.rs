//! `fairbit export`: a trained model for other tools.

use burn::tensor::Device;

use super::args::ExportArgs;
use super::screen::answer;
use super::subject::model_file;
use crate::compress::artifact;
use crate::compress::plan::Activation;
use crate::error::Result;
use crate::{export as formats, models};

/// `export`.
pub fn export(args: &ExportArgs) -> Result<()> {
    // Nothing is computed but the folding, for which one device is as good as another.
    let (file, device) = (model_file(&args.model), Device::flex());
    let (model, meta) = match artifact::is_artifact(&models::read_meta(&file)?.extra) {
        true => {
            let (model, plan, meta) = artifact::read(&file, &device)?;
            if plan
                .layers
                .iter()
                .any(|(_, layer)| layer.activation == Activation::Dynamic8)
            {
                answer(
                    "ranges found for each image have no form in ONNX: those activations stay floats there",
                );
            }
            (model, meta)
        }
        false => models::load(&file, &device)?,
    };
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
