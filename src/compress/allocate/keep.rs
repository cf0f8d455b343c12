//! Sensitive layers that stay wide whatever it costs: which, and at which of their choices.

use super::limits::{find, width};
use super::{Keep, Kept, LayerChoices, Objective, Problem};
use crate::error::{Error, Fault, Result};
use crate::toml_fault::nearest;

/// Indices of the layers that stay wide; `open` is what the widths allow each layer.
///
/// # Errors
/// Configuration error: a layer that the problem lacks, or that has no choice of the kept width.
pub(super) fn kept_layers(
    problem: &Problem,
    objective: Objective,
    keep: &Keep,
    open: &[Vec<usize>],
) -> Result<Vec<usize>> {
    let layers = &problem.layers;
    let count = match &keep.which {
        Kept::Named(paths) => {
            let index = |path: &String| {
                let known = layers.iter().position(|layer| layer.path == *path);
                known.ok_or_else(|| unknown(path, layers))
            };
            return paths.iter().map(index).collect();
        }
        Kept::MostSensitive(count) => *count,
        Kept::MostSensitiveShare(share) => {
            // 0.07 × 100 layers are 7, not 8.
            (share * layers.len() as f64 - 1e-9).ceil() as usize
        }
    };
    let sensitivity = |(layer, open): (&LayerChoices, &Vec<usize>)| {
        let wide = &layer.choices[kept_choice(layer, keep)?];
        let narrow = open.iter().min_by_key(|&&c| layer.choices[c].weight);
        let narrow = narrow.map_or(wide, |&c| &layer.choices[c]);
        let rises = narrow.group_loss.iter().zip(&wide.group_loss);
        let rises: Vec<f64> = rises.map(|(narrow, wide)| narrow - wide).collect();
        Ok(objective.value(narrow.loss - wide.loss, &rises))
    };
    let rises: Result<Vec<f64>> = layers.iter().zip(open).map(sensitivity).collect();
    let rises = rises?;
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by(|&a, &b| rises[b].total_cmp(&rises[a]));
    order.truncate(count);
    Ok(order)
}

/// Index of the kept width among a layer's choices.
///
/// # Errors
/// Configuration error when it has none.
pub(super) fn kept_choice(layer: &LayerChoices, keep: &Keep) -> Result<usize> {
    find(layer, keep.at).ok_or_else(|| {
        Fault::plain(format!("no choice of {}", width(keep.at)))
            .key(&layer.path)
            .next("keep another layer, or at another width")
            .config()
    })
}

fn unknown(path: &str, layers: &[LayerChoices]) -> Error {
    let fault = Fault::plain("the model has no such layer").key(path);
    let near = nearest(path, layers.iter().map(|layer| layer.path.as_str()));
    match near {
        Some(near) => fault.next(format!("did you mean `{near}`?")).config(),
        None => fault.config(),
    }
}
