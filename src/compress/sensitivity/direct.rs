//! What rounding a layer does cost: the layer alone is rounded, and the images are classified again.

use burn::tensor::Tensor;

use super::errors::{LayerErrors, rounded};
use super::sample::Sample;
use super::scores::Scores;
use crate::compress::rows::{change_conv, change_linear, floats};
use crate::models::Model;
use crate::nn::UnitMut;

/// Cross entropy of each image, nats.
pub(super) fn losses(model: &Model, sample: &Sample) -> Vec<f64> {
    let logits = sample.batches.iter().flat_map(|batch| {
        let logits: Tensor<2> = model.forward(batch.clone()); // [B, classes]
        let classes = logits.dims()[1];
        let logits: Vec<Vec<f32>> = floats(logits)
            .chunks_exact(classes)
            .map(<[f32]>::to_vec)
            .collect();
        logits
    });
    let each = logits.zip(&sample.labels);
    each.map(|(logits, &label)| cross_entropy(&logits, usize::from(label)))
        .collect()
}

/// In f64, so that differences of losses that hardly differ are not noise of the logarithm.
fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    let right = f64::from(logits[label]);
    let sum: f64 = logits.iter().map(|l| (f64::from(*l) - right).exp()).sum();
    // A logit far above the right one overflows; then the loss is their difference.
    if sum.is_infinite() {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        return f64::from(most) - right;
    }
    sum.ln()
}

/// Cross entropy with each layer rounded alone less that of the float model, `[images, layers · widths]`;
/// `float` is the latter.
pub(super) fn measured(
    model: &Model,
    sample: &Sample,
    errors: &[LayerErrors],
    float: &[f64],
    progress: &dyn Fn(usize, usize),
) -> Scores {
    let columns = errors.iter().map(|errors| errors.grids.len()).sum();
    let mut values = vec![0.0; sample.len() * columns];
    let mut column = 0;
    for errors in errors {
        for (grid, sqnr_db) in errors.grids.iter().zip(&errors.layer.sqnr_db) {
            // Weights that rounding leaves as they are cost nothing.
            if sqnr_db.is_some() {
                let alone = with_rounded(model, errors, grid);
                let losses = losses(&alone, sample);
                for (i, (loss, float)) in losses.iter().zip(float).enumerate() {
                    values[i * columns + column] = loss - float;
                }
            }
            column += 1;
            progress(column, columns);
        }
    }
    Scores { values, columns }
}

/// The model with one layer on a grid.
fn with_rounded(model: &Model, errors: &LayerErrors, grid: &crate::compress::rows::Grid) -> Model {
    let mut model = model.clone();
    model.units_mut(&mut |path, unit| match unit {
        UnitMut::Conv(unit) if path == errors.layer.path => {
            change_conv(unit, |rows| *rows = rounded(rows.clone(), grid));
        }
        UnitMut::Linear(unit) if path == errors.layer.path => {
            change_linear(unit, |rows| *rows = rounded(rows.clone(), grid));
        }
        _ => {}
    });
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_is_that_of_softmax_and_never_overflows() {
        assert!((cross_entropy(&[0.0, 0.0], 1) - 2f64.ln()).abs() < 1e-15);
        // ln(1 + e^-2).
        assert!((cross_entropy(&[1.0, 3.0], 1) - 0.126_928_011_042_972_5).abs() < 1e-15);
        assert_eq!(cross_entropy(&[0.0, 2000.0], 0), 2000.0);
        assert_eq!(cross_entropy(&[0.0, 2000.0], 1), 0.0);
        assert!(cross_entropy(&[f32::NAN, 0.0], 1).is_nan());
    }
}
