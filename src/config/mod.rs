//! The configuration of a run: TOML, then `--set key=value`, then flags; unknown keys are errors.

mod audit;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::data::DataConfig;
use crate::data::synth::SynthConfig;
use crate::device::DeviceSpec;
use crate::error::{Fault, Result};
use crate::models::{Architecture, ModelConfig};
use crate::toml_fault::{explain, toml_fault};
use crate::train::TrainConfig;

pub use audit::AuditSection;

/// Everything a training run needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Seed of initial weights, image order, augmentation and dropout.
    pub seed: u64,
    /// Further seeds: with any, one run per seed is made under the run folder.
    pub seeds: Vec<u64>,
    /// Where to train: `auto cpu flex ndarray cuda[:n[,n…]] wgpu[:n]`.
    pub device: String,
    /// Where a run continues whose device failed.
    pub fallback_device: String,
    /// Seconds without a sign of life after which a device counts as hung.
    pub hang_seconds: f64,
    /// Where the images are and what is asked of them.
    pub data: DataConfig,
    /// Faces that are generated where there are no data.
    pub synth: SynthConfig,
    /// The network.
    pub model: ModelSection,
    /// How it is trained.
    pub train: TrainConfig,
    /// How its predictions are judged.
    pub audit: AuditSection,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            seeds: Vec::new(),
            device: "auto".into(),
            fallback_device: "flex".into(),
            hang_seconds: 900.0,
            data: DataConfig::default(),
            synth: SynthConfig::default(),
            model: ModelSection::default(),
            train: TrainConfig::default(),
            audit: AuditSection::default(),
        }
    }
}

/// The network of a run, under `[model]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSection {
    /// `resnet50 mobilenet_v2 efficientnet_b0 vit_small_patch16 squeezenet1_1`.
    pub name: Architecture,
    /// Dropout rate before the classifier; the architecture's own where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Rate of stochastic depth; the architecture's own where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_path: Option<f64>,
    /// `.pth` or `.safetensors` file to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
}

impl Default for ModelSection {
    fn default() -> Self {
        Self {
            name: Architecture::SqueezeNet11,
            dropout: None,
            drop_path: None,
            weights: None,
        }
    }
}

/// The configuration that `fairbit train` uses where none is named.
pub const DEFAULT: &str = include_str!("../../configs/train/default.toml");

impl RunConfig {
    /// Reads `file` (or the built-in default) and applies `overrides` in order.
    ///
    /// # Errors
    /// Configuration error naming the file and line, or the key; an unknown key names the nearest
    /// valid one.
    pub fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Self> {
        let (name, text) = match file {
            None => (PathBuf::from("built-in default.toml"), DEFAULT.to_string()),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    Fault::new(path, format!("cannot be read ({e})"))
                        .next("`fairbit train --print-config` prints one to start from")
                        .config()
                })?;
                (path.to_path_buf(), text)
            }
        };
        let config: Self = read_toml(&name, &text, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// This configuration with other settings.
    ///
    /// # Errors
    /// Configuration error as [`Self::load`].
    pub fn with(&self, overrides: &[Override]) -> Result<Self> {
        let config: Self = read_toml(Path::new(""), &self.to_toml(), overrides)?;
        config.check()?;
        Ok(config)
    }

    /// The configuration as TOML, every key spelled out.
    ///
    /// # Panics
    /// Never for a value that was loaded: all its types have a TOML form.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every configuration type has a TOML form")
    }

    /// What [`crate::models::create`] needs: this model with two classes at the data's px.
    pub fn model_config(&self) -> ModelConfig {
        ModelConfig {
            name: self.model.name,
            classes: 2,
            px: self.data.px,
            dropout: self.model.dropout,
            drop_path: self.model.drop_path,
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn check(&self) -> Result<()> {
        self.data.validate()?;
        self.model_config().check()?;
        self.train.check()?;
        self.device.parse::<DeviceSpec>()?;
        let fallback = self.fallback_device.parse::<DeviceSpec>()?;
        if !matches!(fallback, DeviceSpec::Flex | DeviceSpec::NdArray) {
            return Err(Fault::plain(format!("`{fallback}`"))
                .key("fallback_device")
                .expected("flex or ndarray")
                .config());
        }
        self.audit.check()?;
        let seconds = self.hang_seconds;
        if seconds.is_nan() || seconds <= 0.0 {
            return Err(Fault::plain(seconds.to_string())
                .key("hang_seconds")
                .expected("above 0")
                .config());
        }
        Ok(())
    }
}

/// One setting that wins over the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    key: String,
    value: Value,
}

impl Override {
    /// A setting by its dotted key, such as `train.lr`.
    pub fn new(key: &str, value: impl Into<Value>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }

    /// The dotted key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Reads `key=value`, as `--set` takes it.
    ///
    /// # Errors
    /// Configuration error when there is no `=`.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(Fault::plain(format!("`{text}`"))
                .key("--set")
                .expected("key=value, such as train.lr=3e-4")
                .config());
        };
        // A bare word is a string; everything TOML can read is what TOML reads.
        let parsed = format!("v = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut t| t.remove("v"));
        Ok(Self::new(
            key.trim(),
            parsed.unwrap_or_else(|| Value::String(value.to_string())),
        ))
    }
}

/// The settings in `text`, read from `name`, with `overrides` in order.
///
/// # Errors
/// Configuration error naming the file and line, or the key; an unknown key names the nearest valid one.
pub fn read_toml<T: DeserializeOwned>(
    name: &Path,
    text: &str,
    overrides: &[Override],
) -> Result<T> {
    // First as written, so that a mistake in the file is reported with its line.
    let mut read: T = toml::from_str(text).map_err(|e| toml_fault(name, text, &e))?;
    let mut table: Table = text.parse().map_err(|e| toml_fault(name, text, &e))?;
    for Override { key, value } in overrides {
        set(&mut table, key, value.clone())?;
        read = table.clone().try_into().map_err(|e: toml::de::Error| {
            Fault::plain(explain(e.message()))
                .key(key)
                .next("see `--print-config` for every key")
                .config()
        })?;
    }
    Ok(read)
}

/// Sets a value by its dotted key, making the sections before the last dot.
///
/// # Errors
/// Configuration error when a part before a dot is a value.
pub fn set(table: &mut Table, key: &str, value: Value) -> Result<()> {
    let mut at = table;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            at.insert(part.to_string(), value);
            return Ok(());
        }
        let next = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        at = next.as_table_mut().ok_or_else(|| {
            Fault::plain(format!("`{part}` is a value"))
                .key(key)
                .expected("a section before the dot")
                .config()
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, sets: &[&str]) -> Result<RunConfig> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let sets: Vec<Override> = sets
            .iter()
            .map(|s| Override::parse(s))
            .collect::<Result<_>>()?;
        RunConfig::load(Some(&path), &sets)
    }

    #[test]
    fn the_built_in_default_loads_and_prints_what_it_loads() {
        let config = RunConfig::load(None, &[]).unwrap();
        let again: RunConfig = toml::from_str(&config.to_toml()).unwrap();
        assert_eq!(again.to_toml(), config.to_toml());
    }

    #[test]
    fn overrides_win_over_the_file() {
        let c = load(
            "[train]\nlr = 1e-3\n",
            &["train.lr=3e-4", "model.name=resnet50", "seeds=[1,2]"],
        )
        .unwrap();
        assert_eq!(c.train.lr, 3e-4);
        assert_eq!(c.model.name, Architecture::ResNet50);
        assert_eq!(c.seeds, [1, 2]);
    }

    #[test]
    fn unknown_keys_name_the_line_and_the_nearest_key() {
        let e = load("seed = 1\n[train]\nepoch = 3\n", &[]).unwrap_err();
        assert_eq!(e.exit_code(), 2);
        let text = e.to_string();
        assert!(
            text.contains("line 3") && text.contains("`epochs`"),
            "{text}"
        );
        let text = load("", &["train.learning=3"]).unwrap_err().to_string();
        assert!(text.contains("train.learning"), "{text}");
        let text = load("[train]\nsampler = \"balanced\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(text.contains("`group-balanced`"), "{text}");
    }

    #[test]
    fn wrong_types_and_values_are_configuration_errors() {
        for (text, sets) in [
            ("[train]\nepochs = \"many\"\n", vec![]),
            ("", vec!["train.epochs=0"]),
            ("", vec!["fallback_device=cuda:0"]),
            ("", vec!["no_equals_sign"]),
            ("", vec!["seed.x=1"]),
            ("seed = ", vec![]),
            ("hang_seconds = 0", vec![]),
        ] {
            assert_eq!(
                load(text, &sets).unwrap_err().exit_code(),
                2,
                "{text} {sets:?}"
            );
        }
    }
}
