//! `hypotheses.json`, `pareto.json` and `provenance.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Fault, Result};
use crate::report::Measured;

/// `hypotheses.json`: what was asked and what came out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Findings {
    /// The declared family of tests.
    pub family: Family,
    /// H1 to H6 and the further claims.
    #[serde(default)]
    pub hypotheses: Vec<Hypothesis>,
    /// How verdicts change with metric, target and seed.
    #[serde(default)]
    pub robustness: Vec<Robustness>,
    /// What follows for practice.
    #[serde(default)]
    pub guidelines: Vec<Guideline>,
    /// Baselines against always giving the more frequent answer.
    #[serde(default)]
    pub majority: Vec<Majority>,
}

/// The declared family of tests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Family {
    /// Number of tests, as declared.
    pub size: u64,
    /// How many of them could be made.
    #[serde(default)]
    pub tested: Option<u64>,
    /// How many of these are significant after adjustment.
    #[serde(default)]
    pub significant: Option<u64>,
    /// How p was adjusted, `Romano-Wolf`.
    pub method: String,
    /// Bootstrap replicates.
    pub replicates: u64,
    /// Their seed.
    pub seed: u64,
    /// Confidence of intervals, 0.95.
    pub confidence: f64,
    /// Margin of equivalence, in units of a rate.
    pub margin: f64,
}

/// One claim and its verdict.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Hypothesis {
    /// `H1`.
    pub id: String,
    /// What is claimed.
    pub claim: String,
    /// `supported`, `contradicted`, `inconclusive` or `not testable`.
    pub verdict: String,
    /// How it was tested.
    #[serde(default)]
    pub test: String,
    /// The effect that the verdict rests on.
    #[serde(default)]
    pub effect: Option<Effect>,
    /// Further effects.
    #[serde(default)]
    pub parts: Vec<Effect>,
    /// What else has to be said.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the budget did not allow.
    #[serde(default)]
    pub not_allowed: Vec<String>,
}

/// An effect with its interval.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Effect {
    /// Which part of a hypothesis, `resnet50, INT8`; empty for the main effect.
    #[serde(default)]
    pub label: String,
    /// What was measured.
    #[serde(default)]
    pub name: String,
    /// The estimate, in `unit`.
    pub value: Option<f64>,
    /// Its interval.
    #[serde(default)]
    pub ci: Option<[Option<f64>; 2]>,
    /// p, unadjusted.
    #[serde(default)]
    pub p: Option<f64>,
    /// p, adjusted.
    #[serde(default)]
    pub p_adjusted: Option<f64>,
    /// `points`.
    #[serde(default)]
    pub unit: String,
    /// The verdict on this part alone.
    #[serde(default)]
    pub verdict: Option<String>,
    /// Why there is no value.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A verdict under another metric, target or seed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Robustness {
    /// `H5`.
    pub hypothesis: String,
    /// What was changed: `metric`, `target`, `seed`.
    pub by: String,
    /// To what.
    pub level: String,
    /// What the verdict is then.
    pub verdict: String,
    /// What was measured, `INT4 − INT8, EO gap`; may be empty.
    #[serde(default)]
    pub name: Option<String>,
    /// The unit of `value`, `points`; may be empty.
    #[serde(default)]
    pub unit: String,
    /// The effect then.
    #[serde(default)]
    pub value: Option<f64>,
    /// Its interval.
    #[serde(default)]
    pub ci: Option<[Option<f64>; 2]>,
    /// Why there is no value.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A rule for practice that follows from verdicts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Guideline {
    /// The rule.
    pub text: String,
    /// The hypotheses it follows from.
    #[serde(default)]
    pub from: Vec<String>,
    /// `shown`, `suggested` or `open`.
    #[serde(default)]
    pub strength: String,
}

/// A baseline against always giving the more frequent answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Majority {
    /// The model.
    pub model: String,
    /// Its accuracy.
    pub accuracy: Option<f64>,
    /// Interval of that.
    #[serde(default)]
    pub ci: Option<[Option<f64>; 2]>,
    /// Share of the more frequent label.
    pub majority_rate: f64,
    /// By how much it is better, points.
    pub margin_points: Option<f64>,
    /// By how much it has to be.
    pub required_points: f64,
}

/// `pareto.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Pareto {
    /// What is traded off, by column.
    pub axes: Vec<String>,
    /// The configurations.
    pub points: Vec<ParetoPoint>,
}

/// One configuration among all.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ParetoPoint {
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// Share of right decisions.
    pub accuracy: Option<f64>,
    /// Lower end.
    #[serde(default)]
    pub accuracy_lo: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub accuracy_hi: Option<f64>,
    /// EO gap.
    pub eo_gap: Option<f64>,
    /// Lower end.
    #[serde(default)]
    pub eo_gap_lo: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub eo_gap_hi: Option<f64>,
    /// Bytes on disk.
    #[serde(default)]
    pub size_bytes: Option<u64>,
    /// Per image, 32 at a time, ms.
    #[serde(default)]
    pub latency_ms_batch32: Option<f64>,
    /// Whether nothing is at least as good in everything and better in something.
    #[serde(default)]
    pub on_front: bool,
    /// Share of bootstrap replicates in which that is so.
    #[serde(default)]
    pub frequency: Option<f64>,
}

/// `provenance.json`: where the numbers come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Provenance {
    /// Version.
    pub fairbit: String,
    /// Name of the study.
    #[serde(default)]
    pub study: String,
    /// The data.
    #[serde(default)]
    pub data: DataSource,
    /// Configurations by device.
    #[serde(default)]
    pub devices: BTreeMap<String, u64>,
    /// All of it, s.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// The processor.
    #[serde(default)]
    pub cpu: Option<String>,
    /// Threads used.
    #[serde(default)]
    pub threads: Option<u64>,
    /// Configurations by state.
    #[serde(default)]
    pub configurations: BTreeMap<String, u64>,
    /// Bootstrap replicates.
    #[serde(default)]
    pub replicates: Option<u64>,
    /// What the budget did not allow.
    #[serde(default)]
    pub budget: Vec<String>,
}

/// The data of a study.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct DataSource {
    /// SHA-256 of its content.
    #[serde(default)]
    pub hash: String,
    /// Images to learn from.
    #[serde(default)]
    pub train: Option<u64>,
    /// Images to choose by.
    #[serde(default)]
    pub val: Option<u64>,
    /// Images that all numbers are of.
    #[serde(default)]
    pub test: Option<u64>,
    /// Side of an image.
    #[serde(default)]
    pub px: Option<u64>,
    /// `celeba` or `generated`.
    #[serde(default)]
    pub dir_kind: String,
    /// Whether it is known which images show one person.
    #[serde(default)]
    pub identities: bool,
}

impl Effect {
    /// Value and interval; `None` where there is no value.
    pub fn measured(&self) -> Option<Measured> {
        measured(self.value, self.ci)
    }
}

impl Robustness {
    /// Value and interval; `None` where there is no value.
    pub fn measured(&self) -> Option<Measured> {
        measured(self.value, self.ci)
    }
}

impl Majority {
    /// Accuracy and its interval.
    pub fn measured(&self) -> Option<Measured> {
        measured(self.accuracy, self.ci)
    }
}

fn measured(value: Option<f64>, ci: Option<[Option<f64>; 2]>) -> Option<Measured> {
    let interval = ci.and_then(|[lo, hi]| lo.zip(hi));
    value.map(|value| Measured { value, interval })
}

/// Reads one of these files; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and what is wrong there.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Fault::new(file, format!("cannot be read ({e})")).data()),
    };
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Fault::new(file, e.to_string())
            .line(e.line())
            .next("run `fairbit study --phase 4` again, which writes it anew")
            .data()
    })
}
