//! What `study.toml` says, as far as the analysis needs it.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::error::{Fault, Result};
use crate::fairness::{AuditConfig, CompareConfig, Intervals, Orders, Thresholds};
use crate::toml_fault::toml_fault;

/// A study's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// Models, in the order of tables.
    pub models: Vec<String>,
    /// Methods of the matrix, the baseline first.
    pub methods: Vec<String>,
    /// Seeds; the first is that of the matrix.
    pub seeds: Vec<u64>,
    /// Points above the majority rate that a baseline has to reach.
    pub required_margin: f64,
    /// Methods that are controls.
    pub controls: Vec<String>,
    /// Parts of the matrix again.
    pub variants: Vec<Variant>,
    /// The target of the matrix.
    pub target: String,
    /// Side of the images, pixels, where it is said.
    pub px: Option<u64>,
    /// `celeba` or other layouts where a folder is named, `generated` where none is.
    pub dir_kind: String,
    /// Calibration draws that were planned for each model.
    pub draws: Option<usize>,
    /// Score from which an image is selected.
    pub threshold: f64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Permutations of noise floors.
    pub permutations: usize,
    /// Draws of randomization tests.
    pub swaps: usize,
    /// Seed of all resampling.
    pub seed: u64,
    /// Confidence of intervals.
    pub confidence: f64,
    /// Margin of equivalence, as a share.
    pub margin: f64,
    /// Groups that are looked at.
    pub orders: Orders,
}

/// A part of the matrix for other targets or seeds; without a list, those of the matrix (its first seed).
#[derive(Debug, Clone, Default)]
pub struct Variant {
    /// Targets.
    pub targets: Vec<String>,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Models.
    pub models: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
}

/// The baseline of every model.
pub const BASELINE: &str = "fp32";

impl Settings {
    /// Reads `study.toml`.
    ///
    /// # Errors
    /// Config error naming the file, and the key or line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Fault::new(path, format!("cannot be read ({e})"))
                .next("is this a folder that `fairbit study` wrote?")
                .config()
        })?;
        let table: Table = text.parse().map_err(|e| toml_fault(path, &text, &e))?;
        let root = Keys {
            path: path.into(),
            at: String::new(),
            table,
        };
        let run = root.section("run")?;
        let (audit, data) = (run.section("audit")?, run.section("data")?);
        let controls = root.section("controls")?;
        let draws = controls.section("draws")?;
        let mut variants = Vec::new();
        for part in root.parts("variants")? {
            variants.push(Variant {
                targets: part.texts("targets")?.unwrap_or_default(),
                seeds: part.seeds("seeds")?.unwrap_or_default(),
                models: part.texts("models")?.unwrap_or_default(),
                methods: part.methods("methods")?.unwrap_or_default(),
            });
        }
        let settings = Self {
            name: root.text("name")?.unwrap_or_else(|| "study".into()),
            models: root.texts("models")?.unwrap_or_default(),
            methods: root.methods("methods")?.unwrap_or_default(),
            seeds: root.seeds("seeds")?.unwrap_or_else(|| vec![1]),
            required_margin: root.number("required_margin")?.unwrap_or(5.0),
            controls: controls.methods("methods")?.unwrap_or_default(),
            variants,
            target: data.text("target")?.unwrap_or_else(|| "Smiling".into()),
            px: data.number("px")?.map(|px| px as u64),
            dir_kind: match data.text("dir")? {
                None => "generated".into(),
                Some(_) => match data.text("layout")?.as_deref() {
                    None | Some("auto") => "celeba".into(),
                    Some(layout) => layout.to_string(),
                },
            },
            draws: draws.number("draws")?.map(|n| n as usize),
            threshold: audit.number("threshold")?.unwrap_or(0.5),
            replicates: audit.count("replicates", 2_000)?,
            permutations: audit.count("permutations", 2_000)?,
            swaps: audit.count("draws", 10_000)?,
            seed: audit.number("seed")?.map_or(1, |s| s as u64),
            confidence: audit.number("confidence")?.unwrap_or(0.95),
            margin: audit.number("margin")?.unwrap_or(0.01),
            orders: Orders {
                order: audit.count("order", 2)?,
                primary: audit.text("primary")?,
            },
        };
        for (key, found) in [("models", &settings.models), ("methods", &settings.methods)] {
            if found.is_empty() {
                return Err(root.fault(key, "nothing", "a list of names"));
            }
        }
        if settings.seeds.is_empty() {
            return Err(root.fault("seeds", "no seed", "at least one"));
        }
        if !(settings.confidence > 0.0 && settings.confidence < 1.0) {
            return Err(audit.fault(
                "confidence",
                &settings.confidence.to_string(),
                "between 0 and 1",
            ));
        }
        if !(0.0..=1.0).contains(&settings.threshold) {
            return Err(audit.fault("threshold", &settings.threshold.to_string(), "0 to 1"));
        }
        Ok(settings)
    }

    /// How each model is audited.
    pub fn audit(&self) -> AuditConfig {
        AuditConfig {
            thresholds: Thresholds::One(self.threshold),
            orders: self.orders.clone(),
            replicates: self.replicates,
            permutations: self.permutations,
            seed: self.seed,
            confidence: self.confidence,
            intervals: Intervals::Decisions,
        }
    }

    /// How models are compared.
    pub fn compare(&self) -> CompareConfig {
        CompareConfig {
            replicates: self.replicates,
            draws: self.swaps,
            seed: self.seed,
            confidence: self.confidence,
            margin: self.margin,
        }
    }

    /// Tests in the declared family: every configuration of the matrix but the baselines, DP and EO.
    pub fn family(&self) -> usize {
        let others = self.methods.iter().filter(|m| *m != BASELINE).count();
        2 * self.models.len() * others
    }
}

/// A table of the file and where it stands.
struct Keys {
    path: PathBuf,
    at: String,
    table: Table,
}

impl Keys {
    fn name(&self, key: &str) -> String {
        match self.at.is_empty() {
            true => key.to_string(),
            false => format!("{}.{key}", self.at),
        }
    }

    fn fault(&self, key: &str, found: &str, expected: &str) -> crate::error::Error {
        Fault::new(&self.path, found)
            .key(self.name(key))
            .expected(expected)
            .config()
    }

    fn of<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let found = read(value);
        found
            .map(Some)
            .ok_or_else(|| self.fault(key, &value.to_string(), expected))
    }

    /// A table below; an empty one where it is missing.
    fn section(&self, key: &str) -> Result<Keys> {
        let table = self.of(key, "a table", |v| v.as_table().cloned())?;
        Ok(Keys {
            path: self.path.clone(),
            at: self.name(key),
            table: table.unwrap_or_default(),
        })
    }

    /// An array of tables.
    fn parts(&self, key: &str) -> Result<Vec<Keys>> {
        let tables = self.of(key, "tables", |v| {
            v.as_array()?
                .iter()
                .map(|t| t.as_table().cloned())
                .collect::<Option<Vec<_>>>()
        })?;
        let keys = tables.unwrap_or_default().into_iter();
        Ok(keys
            .map(|table| Keys {
                path: self.path.clone(),
                at: self.name(key),
                table,
            })
            .collect())
    }

    fn text(&self, key: &str) -> Result<Option<String>> {
        self.of(key, "a text", |v| v.as_str().map(String::from))
    }

    fn number(&self, key: &str) -> Result<Option<f64>> {
        self.of(key, "a number", |v| {
            v.as_float().or(v.as_integer().map(|i| i as f64))
        })
    }

    fn count(&self, key: &str, otherwise: usize) -> Result<usize> {
        let found = self.number(key)?.map_or(otherwise, |n| n as usize);
        let least = if key == "order" { 1 } else { 2 };
        match found >= least {
            true => Ok(found),
            false => Err(self.fault(key, &found.to_string(), &format!("at least {least}"))),
        }
    }

    fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        self.of(key, "a list of names", |v| {
            v.as_array()?
                .iter()
                .map(|t| t.as_str().map(String::from))
                .collect()
        })
    }

    /// Names of methods; of a path, the name in that file, or the file's where it is not at hand.
    fn methods(&self, key: &str) -> Result<Option<Vec<String>>> {
        let stem = |name: String| match Path::new(&name).extension() {
            Some(end) if end == "toml" => {
                let text = std::fs::read_to_string(&name).unwrap_or_default();
                let own = text.parse::<Table>().unwrap_or_default();
                if let Some(own) = own.get("name").and_then(Value::as_str) {
                    return own.to_string();
                }
                let stem = Path::new(&name).file_stem().unwrap_or_default();
                stem.to_string_lossy().into_owned()
            }
            _ => name,
        };
        Ok(self
            .texts(key)?
            .map(|names| names.into_iter().map(stem).collect()))
    }

    fn seeds(&self, key: &str) -> Result<Option<Vec<u64>>> {
        self.of(key, "a list of whole numbers", |v| {
            let seeds = v.as_array()?.iter();
            seeds
                .map(|s| s.as_integer().and_then(|s| u64::try_from(s).ok()))
                .collect()
        })
    }
}
