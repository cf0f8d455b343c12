//! H1 to H6 and the further claims: each with its test, effect, interval and verdict.
//!
//! ```text
//! contrast   weighted sums of changes, judged together      finding   verdicts, numbers, JSON
//! h1 … h6, depth    one claim each                          robustness, guidelines   read off them
//! ```
//!
//! The rule: supported if the adjusted interval excludes 0 in the claimed direction, contradicted if it
//! excludes 0 in the other, else inconclusive. Where a claim has several numbers their intervals hold
//! together, and one that is shown is enough unless another is shown to the contrary; where a claim has
//! several halves all are needed.

mod contrast;
mod depth;
mod descriptors;
pub mod finding;
mod guidelines;
mod h1;
mod h2;
mod h3;
mod h4;
mod h5;
mod h6;
mod interaction;
mod majority;
mod ridge;
mod robustness;

use std::path::Path;

use serde_json::json;

use super::configuration::Configuration;
use super::measured::Measured;
use super::settings::Settings;
use super::side::{Draw, Layer, Times};
use crate::error::Result;
use crate::fairness::Gap;
use crate::files::write_atomic;
use contrast::Slice;

/// Everything that hypotheses are tested on.
pub struct Study<'a> {
    /// Its settings.
    pub settings: &'a Settings,
    /// All configurations.
    pub configurations: &'a [Configuration],
    /// Targets, that of the matrix first.
    pub targets: &'a [Measured],
    /// What configurations took, where it is known.
    pub times: Option<&'a [Times]>,
    /// Calibration draws, where they were made.
    pub draws: Option<&'a [Draw]>,
    /// Sensitivities, where they were measured.
    pub layers: Option<&'a [Layer]>,
}

impl<'a> Study<'a> {
    /// The matrix's target and seed; `None` where nothing has predictions.
    pub fn main(&self) -> Option<Slice<'a>> {
        self.slice(&self.settings.target, self.settings.seeds[0])
    }

    /// Any target and seed.
    pub fn slice(&self, target: &str, seed: u64) -> Option<Slice<'a>> {
        Some(Slice {
            measured: self.targets.iter().find(|m| m.target == target)?,
            seed,
            models: &self.settings.models,
            confidence: self.settings.confidence,
        })
    }

    /// A configuration of the matrix or its controls.
    pub fn find(&self, model: &str, method: &str) -> Option<&'a Configuration> {
        self.configurations.iter().find(|c| {
            c.key.target == self.settings.target
                && c.key.seed == self.settings.seeds[0]
                && c.key.model == model
                && c.key.method == method
        })
    }

    /// Parameters of an architecture.
    pub fn params(&self, model: &str) -> Option<u64> {
        let mut of = self.configurations.iter().filter(|c| c.key.model == model);
        of.find_map(|c| c.params)
    }

    /// Seconds of calibration and training of a method, or of the whole unit where neither is known.
    pub fn cost_seconds(&self, model: &str, method: &str) -> Option<f64> {
        let key = &self.find(model, method)?.key;
        let times = self.times?.iter().find(|t| t.key == *key)?;
        match (times.calibration_seconds, times.training_seconds) {
            (None, None) => times.seconds,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        }
    }
}

/// Tests everything and writes `hypotheses.json`.
///
/// # Errors
/// Run error naming the path.
pub fn write(path: &Path, study: &Study) -> Result<()> {
    let findings = [
        h1::find(study),
        h2::find(study),
        h3::find(study),
        h4::find(study),
        h5::find(study),
        h6::find(study),
        depth::find(study),
    ];
    let settings = study.settings;
    let [tested, significant] = family(study);
    let guidelines = guidelines::from(study, &findings, significant);
    let file = json!({
        "family": {
            "size": settings.family(),
            "tested": tested,
            "significant": significant,
            "method": "Romano-Wolf",
            "replicates": settings.replicates,
            "seed": settings.seed,
            "confidence": settings.confidence,
            "margin": settings.margin,
        },
        "hypotheses": findings.iter().map(finding::Finding::json).collect::<Vec<_>>(),
        "robustness": robustness::rows(study),
        "guidelines": guidelines,
        "majority": majority::rows(study),
    });
    write_atomic(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &file)?;
        writeln!(out)
    })
}

/// Tests of the family that were made, and those with an adjusted p of at most what the confidence
/// leaves.
fn family(study: &Study) -> [usize; 2] {
    let mut found = [0; 2];
    for m in study.targets {
        for comparison in m.comparisons.values() {
            let gaps = &comparison.attributes[m.grouping.primary()].gaps;
            for gap in gaps.iter().filter(|g| matches!(g.gap, Gap::Dp | Gap::Eo)) {
                if let Some(adjusted) = gap.adjusted {
                    found[0] += 1;
                    let level = 1.0 - study.settings.confidence + 1e-12;
                    found[1] += usize::from(adjusted.romano_wolf <= level);
                }
            }
        }
    }
    found
}
