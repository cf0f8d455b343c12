//! `fairbit verify`: a run evaluated again and compared with what it stored.

use std::path::Path;

use crate::config::RunConfig;
use crate::data::{Faces, Progress, Split};
use crate::device::Selected;
use crate::error::{Fault, Result};
use crate::evaluate;
use crate::fairness::Predictions;
use crate::models;

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

/// Evaluates the model of `run` again on `device` and compares image by image.
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
    let stored_run = folder::read_run(run)?;
    if stored_run.status != folder::Status::Done {
        return Err(Fault::new(
            run.join("run.json"),
            format!("status {:?}", stored_run.status),
        )
        .expected("a run that is done")
        .next("finish it with `fairbit train --resume`")
        .data());
    }
    let path = run.join("predictions-test.csv");
    let stored = Predictions::read_csv(&path)?;
    let faces: Faces = Faces::open(&config.data, progress)?;
    let stored_hash = stored_run.data_hash.unwrap_or_default();
    if faces.data_hash() != stored_hash {
        return Err(differs(run, "data hash", faces.data_hash(), &stored_hash)
            .next("give the data that the run was made with, --data DIR")
            .run());
    }
    let (model, _) = models::load(&run.join("model.safetensors"), device.main())?;
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
    verified.stored_backend = stored_run.backend.unwrap_or_default();
    Ok(verified)
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
