//! What a study file says: which models, methods, seeds and targets, and how each is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::config::{Override, RunConfig, read_toml, set};
use crate::error::{Fault, Result};
use crate::models::Architecture;
use crate::toml_fault::toml_fault;

/// The resolved study in its folder.
pub const FILE: &str = "study.toml";

/// A study.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Its name: a folder's, so letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Models, in the order of tables.
    pub models: Vec<Architecture>,
    /// Methods, in the order of tables: `fp32`, names of embedded files, or paths of method files.
    pub methods: Vec<String>,
    /// Seeds of training; the matrix is that of the first one.
    #[serde(default = "seeds")]
    pub seeds: Vec<u64>,
    /// Points of accuracy by which each baseline has to beat the majority rate of the test split.
    #[serde(default = "margin")]
    pub required_margin: f64,
    /// Threads of each process; without it the machine's, divided by the number of processes. Results do
    /// not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Memory that all processes together may use, GiB; without it 0.8 of what is free at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gib: Option<f64>,
    /// Seconds without a sign of life after which another shard's claim counts as left behind.
    #[serde(default = "claim_seconds")]
    pub claim_seconds: f64,
    /// Seconds for which the latency of each artifact is measured, for each of two batch sizes.
    #[serde(default = "latency_seconds")]
    pub latency_seconds: f64,
    /// Settings of every run.
    #[serde(default)]
    pub run: RunConfig,
    /// Settings of one model's runs, by dotted key.
    #[serde(default)]
    pub models_set: BTreeMap<Architecture, Table>,
    /// Settings of every method that has the key's section.
    #[serde(default)]
    pub methods_set: Table,
    /// What is run beside the matrix to judge it by.
    #[serde(default)]
    pub controls: Controls,
    /// Parts of the matrix again, for other targets or seeds.
    #[serde(default)]
    pub variants: Vec<Variant>,
}

/// What is run beside the matrix.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Controls {
    /// More methods, for every model.
    pub methods: Vec<String>,
    /// Sensitivity of the layers of every model.
    pub sensitivity: Option<SensitivityControl>,
    /// Many calibration sets.
    pub draws: Option<DrawsControl>,
}

/// `fairbit sensitivity` of every model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensitivityControl {
    /// Images from the training split.
    pub images: usize,
    /// Widths of weights.
    pub bits: Vec<u32>,
    /// Whether each layer is rounded alone too.
    pub direct: bool,
}

/// One method on many calibration sets: sampling × observer × draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawsControl {
    /// Models.
    pub models: Vec<Architecture>,
    /// The method, without training.
    pub method: String,
    /// Calibration sets.
    pub draws: usize,
    /// Images of each.
    pub images: usize,
}

/// A part of the matrix again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Variant {
    /// Targets, the study's own where none is named.
    pub targets: Vec<String>,
    /// Seeds, the study's first one where none is named.
    pub seeds: Vec<u64>,
    /// Models, the study's own where none is named.
    pub models: Vec<Architecture>,
    /// Methods, the study's own where none is named.
    pub methods: Vec<String>,
}

fn seeds() -> Vec<u64> {
    vec![1]
}

fn margin() -> f64 {
    5.0
}

fn claim_seconds() -> f64 {
    60.0
}

fn latency_seconds() -> f64 {
    0.5
}

impl StudyConfig {
    /// Reads a study file and applies `overrides` in order, such as `run.train.epochs=2`.
    ///
    /// # Errors
    /// Configuration error naming file and line, or the key; unknown names come with the nearest one.
    pub fn load(file: &Path, overrides: &[Override]) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| {
            Fault::new(file, format!("cannot be read ({e})"))
                .next("studies are in configs/study/")
                .config()
        })?;
        // As written first, so that a mistake is reported with its line.
        let _: Self = read_toml(file, &text, &[])?;
        let config: Self = read_toml(file, &nested(file, &text)?, overrides)?;
        config.check(file)?;
        Ok(config)
    }

    /// The study as TOML, every key spelled out.
    ///
    /// # Panics
    /// Never for a study that was loaded: all its types have a TOML form.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every configuration type has a TOML form")
    }

    /// The settings of one training run.
    ///
    /// # Errors
    /// Configuration error naming a key of `models_set` that no run has.
    pub fn run_of(&self, model: Architecture, target: &str, seed: u64) -> Result<RunConfig> {
        let mut overrides = Vec::new();
        if let Some(table) = self.models_set.get(&model) {
            flatten("", table, &mut overrides);
        }
        overrides.extend([
            Override::new("model.name", model.name()),
            Override::new("data.target", target),
            Override::new("seed", i64::try_from(seed).unwrap_or(i64::MAX)),
        ]);
        let mut run = self.run.with(&overrides)?;
        run.seeds = Vec::new();
        Ok(run)
    }

    fn check(&self, file: &Path) -> Result<()> {
        let bad = |key: &str, found: String, expected: &str| {
            Err(Fault::new(file, found).key(key).expected(expected).config())
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(plain) {
            let expected = "letters, digits, `-`, `_` and `.`, not first";
            return bad("name", format!("\"{}\"", self.name), expected);
        }
        if self.models.is_empty() || self.methods.is_empty() || self.seeds.is_empty() {
            return bad(
                "models, methods, seeds",
                "an empty list".into(),
                "one of each at least",
            );
        }
        for (key, value, least) in [
            ("required_margin", self.required_margin, -100.0),
            ("latency_seconds", self.latency_seconds, 0.0),
        ] {
            if !(least..=100.0).contains(&value) {
                return bad(key, value.to_string(), &format!("{least} to 100"));
            }
        }
        if !(self.claim_seconds >= 1.0 && self.claim_seconds <= 86_400.0) {
            return bad(
                "claim_seconds",
                self.claim_seconds.to_string(),
                "1 to 86400",
            );
        }
        if self.threads == Some(0)
            || self
                .memory_gib
                .is_some_and(|gib| gib.is_nan() || gib <= 0.0)
        {
            return bad("threads, memory_gib", "0".into(), "more than 0");
        }
        for &seed in self
            .seeds
            .iter()
            .chain(self.variants.iter().flat_map(|v| &v.seeds))
        {
            if i64::try_from(seed).is_err() {
                return bad("seeds", seed.to_string(), "at most 2^63 − 1");
            }
        }
        if let Some(draws) = &self.controls.draws
            && (draws.draws == 0 || draws.images == 0)
        {
            return bad("controls.draws", "0".into(), "at least 1");
        }
        self.run.check()?;
        for &model in &self.models {
            self.run_of(model, &self.run.data.target, self.seeds[0])?;
        }
        Ok(())
    }

    /// The data of a target.
    pub fn data_dir(&self, out: &Path) -> PathBuf {
        match &self.run.data.dir {
            Some(dir) => dir.clone(),
            None => out.join("data"),
        }
    }
}

/// The study with `"train.lr" = 1` written as `train = { lr = 1 }` where settings are of other files, so
/// that `--set` finds what it is to replace.
fn nested(file: &Path, text: &str) -> Result<String> {
    let mut study: Table = text.parse().map_err(|e| toml_fault(file, text, &e))?;
    let nest = |value: &mut Value| -> Result<()> {
        if let Value::Table(table) = value {
            let mut settings = Vec::new();
            flatten("", table, &mut settings);
            let mut nested = Table::new();
            for setting in settings {
                set(&mut nested, setting.key(), setting.value().clone())?;
            }
            *table = nested;
        }
        Ok(())
    };
    if let Some(methods) = study.get_mut("methods_set") {
        nest(methods)?;
    }
    if let Some(Value::Table(models)) = study.get_mut("models_set") {
        models.iter_mut().try_for_each(|(_, model)| nest(model))?;
    }
    Ok(toml::to_string(&study).expect("a table has a TOML form"))
}

/// Settings of a table by their dotted keys.
pub(super) fn flatten(prefix: &str, table: &Table, into: &mut Vec<Override>) {
    for (key, value) in table {
        let key = match prefix {
            "" => key.clone(),
            _ => format!("{prefix}.{key}"),
        };
        match value {
            Value::Table(inner) => flatten(&key, inner, into),
            value => into.push(Override::new(&key, value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name = \"s\"\nmodels = [\"resnet50\"]\nmethods = [\"fp32\"]\n";

    fn load(text: &str, sets: &[&str]) -> Result<StudyConfig> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.toml");
        std::fs::write(&file, text).unwrap();
        let sets: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
        StudyConfig::load(&file, &sets)
    }

    #[test]
    fn a_resolved_study_reads_back_as_itself() {
        let more = "[models_set.resnet50]\n\"train.lr\" = 4e-4\n[controls]\nmethods = [\"int6\"]\n\
            [[variants]]\ntargets = [\"Young\"]\nmodels = [\"resnet50\"]\nmethods = [\"fp32\"]\n";
        let study = load(&format!("{SMALL}{more}"), &["run.train.epochs=2"]).unwrap();
        let again = load(&study.to_toml(), &[]).unwrap();
        assert_eq!(again.to_toml(), study.to_toml());
        let run = study.run_of(Architecture::ResNet50, "Young", 3).unwrap();
        let faster = load(
            &format!("{SMALL}{more}"),
            &["models_set.resnet50.train.lr=1e-2"],
        )
        .unwrap();
        let faster = faster.run_of(Architecture::ResNet50, "Young", 3).unwrap();
        assert_eq!(faster.train.lr, 1e-2, "--set wins over the file");
        assert_eq!(
            (run.train.lr, run.train.epochs, run.seed, run.data.target),
            (4e-4, 2, 3, "Young".into())
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, needle) in [
            (format!("{SMALL}metods = []\n"), "`methods`"),
            (
                SMALL.replace("resnet50", "resnet5"),
                "did you mean `resnet50`",
            ),
            (SMALL.replace("\"s\"", "\"../s\""), "letters"),
            (format!("seeds = []\n{SMALL}"), "empty"),
            (format!("claim_seconds = 0\n{SMALL}"), "claim_seconds"),
            (
                format!("{SMALL}[models_set.resnet50]\n\"train.rate\" = 1\n"),
                "train.rate",
            ),
        ] {
            let e = load(&text, &[]).unwrap_err();
            assert_eq!(e.exit_code(), 2, "{e}");
            assert!(e.to_string().contains(needle), "{e}");
        }
    }
}
