//! What `eval` and `quantize` start from: a model of any precision, and the faces it is asked about.

use std::path::{Path, PathBuf};

use super::args::ConfigArgs;
use super::screen::Screen;
use super::train::overrides;
use crate::compress::artifact;
use crate::config::{Override, RunConfig};
use crate::data::Faces;
use crate::device::{self, Selected};
use crate::error::{Fault, Result};
use crate::models::{Model, ModelMeta};

/// A model and the faces it is asked about.
pub struct Subject {
    /// The file that the model was read from.
    pub file: PathBuf,
    /// Floats or, from an artifact, integers.
    pub model: Model,
    /// What the file says of it.
    pub meta: ModelMeta,
    /// Where it computes.
    pub device: Selected,
    /// Settings, those that the model was made for among them.
    pub config: RunConfig,
    /// The data set.
    pub faces: Faces,
}

impl Subject {
    /// As [`Self::open`], for what begins with a float model.
    pub fn open_float(
        model: &Path,
        data: &Path,
        device: &str,
        config: &ConfigArgs,
        screen: &Screen,
    ) -> Result<Self> {
        let subject = Self::open(model, data, device, config, screen)?;
        if artifact::is_artifact(&subject.meta.extra) {
            return Err(
                Fault::new(&subject.file, "a model that is quantized already")
                    .expected("a float model")
                    .model(),
            );
        }
        Ok(subject)
    }

    /// Opens a run folder, a `model.safetensors` or a packed artifact, and the data set.
    pub fn open(
        model: &Path,
        data: &Path,
        device: &str,
        config: &ConfigArgs,
        screen: &Screen,
    ) -> Result<Self> {
        let run = model.is_dir().then_some(model);
        let file = model_file(model);
        let mut overrides = overrides(config)?;
        overrides.push(path_override("data.dir", data)?);
        let stored = run.map(|r| r.join("config.toml"));
        let base = config.config.as_deref().or(stored.as_deref());
        let device = device::select(&device.parse()?)?;
        if let Some(note) = &device.note {
            screen.note(note);
        }
        let (model, meta) = artifact::open(&file, device.main())?;
        // What the model was made for wins over what a configuration says.
        overrides.push(Override::new("data.px", meta.px as i64));
        if !meta.target.is_empty() {
            overrides.push(Override::new("data.target", meta.target.as_str()));
        }
        let config = RunConfig::load(base, &overrides)?;
        if meta.classes != 2 {
            return Err(Fault::new(&file, format!("{} classes", meta.classes))
                .expected("2: predictions are of one positive class")
                .model());
        }
        let faces = Faces::open(&config.data, &screen.bar())?;
        Ok(Self {
            file,
            model,
            meta,
            device,
            config,
            faces,
        })
    }
}

/// The model's file, given that or its run folder.
pub fn model_file(model: &Path) -> PathBuf {
    match model.is_dir() {
        true => model.join("model.safetensors"),
        false => model.into(),
    }
}

/// A setting that is a path.
pub fn path_override(key: &str, path: &Path) -> Result<Override> {
    let text = path
        .to_str()
        .ok_or_else(|| Fault::new(path, "a path that is not UTF-8").config())?;
    Ok(Override::new(key, text))
}
