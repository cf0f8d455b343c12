//! `fairbit verify`: a run or an artifact evaluated again and compared with what it stored.

use std::path::Path;

use serde::Deserialize;

use crate::compress::artifact;
use crate::config::RunConfig;
use crate::data::{Faces, Progress, Split};
use crate::device::Selected;
use crate::error::{Fault, Result};
use crate::evaluate;
use crate::fairness::Predictions;

use super::folder;

/// Largest difference between a score and the stored one, and from the threshold at which a decision
/// may differ. Two backends sum in different orders; f32 networks of this depth differ by about 1e-6.
pub const TOLERANCE: f64 = 1e-4;

/// What was compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Images compared.
    pub images: usize,
    /// Backend read off the logits.
    pub backend: String,
    /// Backend that stored the scores.
    pub stored_backend: String,
    /// Largest difference of a score.
    pub largest: f64,
    /// Decisions that differ, all within the tolerance of the threshold.
    pub decisions: usize,
    /// Whether every stored byte of the predictions came out again.
    pub identical: bool,
}

/// Evaluates the model of `run`, the folder of a training run or of an artifact, again on `device` and compares image by image.
///
/// # Errors
/// Run error (exit code 1) at the first difference beyond [`TOLERANCE`]: other data, another image,
/// label, group, score or decision. Data or model error when the run cannot be read.
pub fn verify(
    run: &Path,
    config: &RunConfig,
    device: &Selected,
    progress: &dyn Progress,
) -> Result<Verified> {
    let then = stored(run)?;
    let path = run.join("predictions-test.csv");
    let stored = Predictions::read_csv(&path)?;
    let faces: Faces = Faces::open(&config.data, progress)?;
    if faces.data_hash() != then.data_hash {
        return Err(
            differs(run, "data hash", faces.data_hash(), &then.data_hash)
                .next("give the data that the run was made with, --data DIR")
                .run(),
        );
    }
    let (model, _) = artifact::open(&run.join("model.safetensors"), device.main())?;
    let (again, scored) = evaluate::predict(
        &model,
        &faces,
        Split::Test,
        config.train.eval_batch,
        device.main(),
        &|_| (),
    )?;
    let mut verified = compare(&path, &stored, &again, config.audit.threshold)?;
    verified.backend = scored.backend;
    verified.stored_backend = then.backend;
    Ok(verified)
}

/// What a folder says of the predictions in it.
#[derive(Deserialize)]
struct Stored {
    data_hash: String,
    backend: String,
}

/// Of an artifact's folder, which has `quantize.json`, or of a run's, which has `run.json`.
fn stored(folder: &Path) -> Result<Stored> {
    let file = folder.join("quantize.json");
    if file.exists() {
        let text = std::fs::read(&file).map_err(|e| Fault::new(&file, e.to_string()).data())?;
        return serde_json::from_slice(&text).map_err(|e| {
            Fault::new(&file, e.to_string())
                .expected("what `fairbit quantize` writes")
                .data()
        });
    }
    let run = folder::read_run(folder)?;
    if run.status != folder::Status::Done {
        return Err(
            Fault::new(folder.join("run.json"), format!("status {:?}", run.status))
                .expected("a run that is done")
                .next("finish it with `fairbit train --resume`")
                .data(),
        );
    }
    Ok(Stored {
        data_hash: run.data_hash.unwrap_or_default(),
        backend: run.backend.unwrap_or_default(),
    })
}

fn differs(at: &Path, what: &str, found: &str, stored: &str) -> Fault {
    Fault::new(at, format!("{what} {found}")).expected(format!("{stored} as stored"))
}

fn compare(
    path: &Path,
    stored: &Predictions,
    again: &Predictions,
    threshold: f64,
) -> Result<Verified> {
    if stored.n() != again.n() {
        let fault = differs(
            path,
            "rows",
            &again.n().to_string(),
            &stored.n().to_string(),
        );
        return Err(fault.run());
    }
    let mut out = Verified {
        images: stored.n(),
        backend: String::new(),
        stored_backend: String::new(),
        largest: 0.0,
        decisions: 0,
        identical: stored == again,
    };
    for i in 0..stored.n() {
        // The first row is the second line.
        let at = |what: &str, found: &str, then: &str| {
            Err(differs(path, what, found, then).line(i + 2).run())
        };
        let image = stored.image().get(i);
        if image != again.image().get(i) {
            return at("image", again.image().get(i), image);
        }
        if stored.label()[i] != again.label()[i] {
            return at(
                &format!("{image}: label"),
                &again.label()[i].to_string(),
                &stored.label()[i].to_string(),
            );
        }
        for (a, b) in stored.attributes().iter().zip(again.attributes()) {
            if a.level(i) != b.level(i) {
                return at(&format!("{image}: {}", a.name()), b.level(i), a.level(i));
            }
        }
        let (then, now) = (stored.score()[i], again.score()[i]);
        let difference = (then - now).abs();
        out.largest = out.largest.max(difference);
        let flipped = (then >= threshold) != (now >= threshold);
        out.decisions += usize::from(flipped);
        if difference > TOLERANCE || (flipped && (then - threshold).abs() > TOLERANCE) {
            return at(
                &format!("{image}: score"),
                &now.to_string(),
                &then.to_string(),
            );
        }
    }
    Ok(out)
}
