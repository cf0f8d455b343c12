//! A model's scores on a split of the data: the one road from tensors to predictions.

use std::time::Instant;

use burn::tensor::Device;
use fairbit_kernels::trace;

use crate::data::{Augment, Faces, Split, loader};
use crate::device::backend_of;
use crate::error::{Fault, Result};
use crate::fairness::{AttributeColumn, Predictions, exact_score};
use crate::models::Model;

/// Scores of one split, in the order of `records`.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Record indices into the table.
    pub records: Vec<usize>,
    /// Probability of the positive class, by softmax.
    pub scores: Vec<f32>,
    /// Mean cross entropy.
    pub loss: f64,
    /// Images whose score is on their label's side of one half.
    pub correct: usize,
    /// Seconds, loading included.
    pub seconds: f64,
    /// Backend read off the last logits.
    pub backend: String,
    /// Our kernels that ran for the first batch, first to last: one per layer that has one.
    pub kernels: Vec<String>,
}

/// Scores `records` in batches of `batch`; `progress` is told the number of images done.
///
/// A score does not depend on the image's batch mates: every model is in evaluation mode.
///
/// # Errors
/// Data error when images cannot be loaded; run error when a score is not finite.
///
/// # Panics
/// If the model is on an autodiff device or does not have two classes.
pub fn score(
    model: &Model,
    faces: &Faces,
    records: Vec<usize>,
    batch: usize,
    device: &Device,
    progress: &dyn Fn(usize),
) -> Result<Scored> {
    assert!(!device.is_autodiff(), "evaluation runs without autodiff");
    let started = Instant::now();
    let mut out = Scored {
        scores: Vec::with_capacity(records.len()),
        loss: 0.0,
        correct: 0,
        seconds: 0.0,
        backend: String::new(),
        kernels: Vec::new(),
        records,
    };
    let batches = loader(faces, out.records.clone(), batch, Augment::None, device);
    for loaded in batches.iter() {
        let loaded = loaded.map_err(|e| Fault::plain(e.to_string()).data())?;
        let decide = || {
            let logits = model.forward(loaded.images); // [B, 2]
            assert_eq!(logits.dims()[1], 2, "predictions are of two classes");
            let backend = backend_of(&logits);
            let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
            (logits, backend)
        };
        let logits;
        if out.scores.is_empty() {
            ((logits, out.backend), out.kernels) = trace::during(decide);
        } else {
            (logits, out.backend) = decide();
        }
        for (pair, &label) in logits.chunks_exact(2).zip(&loaded.label_list) {
            // Softmax of two classes, here and not by a backend: equal logits give equal scores.
            let probability = |class: usize| 1.0 / (1.0 + (pair[1 - class] - pair[class]).exp());
            let (score, right) = (probability(1), probability(usize::from(label)));
            out.loss -= f64::from(right.max(f32::MIN_POSITIVE)).ln();
            out.correct += usize::from((score >= 0.5) == (label == 1));
            out.scores.push(score);
        }
        progress(out.scores.len());
    }
    if let Some(at) = out.scores.iter().position(|s| !s.is_finite()) {
        let image = &faces.table().records[out.records[at]].image;
        return Err(Fault::plain("a score is not a number")
            .key(image)
            .next("the model's weights have diverged")
            .run());
    }
    out.loss /= out.scores.len().max(1) as f64;
    out.seconds = started.elapsed().as_secs_f64();
    Ok(out)
}

/// Scores of a whole split as the table that every fairness number comes from.
///
/// # Errors
/// As [`score`]; data error when the split is empty.
pub fn predict(
    model: &Model,
    faces: &Faces,
    split: Split,
    batch: usize,
    device: &Device,
    progress: &dyn Fn(usize),
) -> Result<(Predictions, Scored)> {
    let records = faces.split(split);
    if records.is_empty() {
        return Err(Fault::new(
            &faces.table().root,
            format!("the {split} split has no images"),
        )
        .data());
    }
    let scored = score(model, faces, records, batch, device, progress)?;
    Ok((predictions(faces, &scored)?, scored))
}

fn predictions(faces: &Faces, scored: &Scored) -> Result<Predictions> {
    let table = faces.table();
    let rows = || scored.records.iter().map(|&i| &table.records[i]);
    let attributes = table
        .attributes
        .iter()
        .enumerate()
        .map(|(a, attribute)| {
            let values: Vec<&str> = rows()
                .map(|r| attribute.levels[usize::from(r.groups[a])].as_str())
                .collect();
            AttributeColumn::new(&attribute.name, &values)
        })
        .collect::<Result<_>>()?;
    Predictions::new(
        rows().map(|r| r.image.clone()).collect(),
        rows().map(|r| r.identity.clone()).collect(),
        attributes,
        rows().map(|r| r.label).collect(),
        scored.scores.iter().map(|&s| exact_score(s)).collect(),
    )
}
