//! The command of each unit's child process.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::config::StudyConfig;
use super::matrix::{Kind, Unit};
use crate::config::RunConfig;
use crate::error::Result;
use crate::files;
use crate::train::checkpoint::CHECKPOINTS;

/// What the child of a unit is given.
#[derive(Debug)]
pub struct Order<'a> {
    /// The study.
    pub study: &'a StudyConfig,
    /// The unit.
    pub unit: &'a Unit,
    /// The folder that it writes.
    pub part: &'a Path,
    /// The folder of the unit that it starts from.
    pub base: Option<&'a Path>,
    /// The folder with the data.
    pub data: &'a Path,
    /// Where it computes.
    pub device: &'a str,
}

impl Order<'_> {
    /// Writes what the child reads, and says its arguments. A training that was interrupted in `part`
    /// goes on.
    ///
    /// # Errors
    /// Run error when the folder cannot be written; configuration error for settings that no run has.
    pub fn arguments(&self) -> Result<Vec<OsString>> {
        match (self.unit.kind, self.base) {
            (Kind::Configuration, None) => self.train(),
            (Kind::Configuration, Some(base)) => self.quantize(base),
            (Kind::Sensitivity, base) => Ok(self.sensitivity(base.unwrap_or(self.part))),
            (Kind::Draws, base) => self.draws(base.unwrap_or(self.part)),
        }
    }

    fn train(&self) -> Result<Vec<OsString>> {
        let place = [
            arg("--data"),
            self.data.into(),
            arg("--device"),
            arg(self.device),
            arg("--out"),
            self.part.into(),
        ];
        let mut all = vec![arg("train")];
        if self.part.join("run.json").exists() && self.part.join("config.toml").exists() {
            all.push(arg("--resume"));
        } else {
            let unit = self.unit;
            let run = self.study.run_of(unit.model, &unit.target, unit.seed)?;
            let file = self.part.join("config.toml");
            files::write_bytes(&file, run.to_toml().as_bytes())?;
            all.extend([arg("--config"), file.into()]);
        }
        all.extend(place);
        Ok(all)
    }

    fn quantize(&self, base: &Path) -> Result<Vec<OsString>> {
        let method = self.write_method()?;
        let mut all = self.with_model("quantize", base);
        all.extend([arg("--method"), method]);
        if self.part.join(CHECKPOINTS).join("latest").exists() {
            all.push(arg("--resume"));
        }
        Ok(all)
    }

    fn sensitivity(&self, base: &Path) -> Vec<OsString> {
        let mut all = self.with_model("sensitivity", base);
        if let Some(how) = &self.study.controls.sensitivity {
            let bits: Vec<String> = how.bits.iter().map(u32::to_string).collect();
            all.extend([
                arg("--images"),
                arg(&how.images.to_string()),
                arg("--bits"),
                arg(&bits.join(",")),
            ]);
            if !how.direct {
                all.push(arg("--no-direct"));
            }
        }
        all
    }

    fn draws(&self, base: &Path) -> Result<Vec<OsString>> {
        let method = self.write_method()?;
        let mut all = self.with_model("draws", base);
        all.extend([arg("--method"), method]);
        if let (Some(how), Some((sampling, observer))) =
            (&self.study.controls.draws, self.unit.draw)
        {
            all.extend([
                arg("--sampling"),
                arg(sampling),
                arg("--observer"),
                arg(observer),
                arg("--draws"),
                arg(&how.draws.to_string()),
                arg("--images"),
                arg(&how.images.to_string()),
            ]);
        }
        Ok(all)
    }

    fn with_model(&self, command: &str, base: &Path) -> Vec<OsString> {
        vec![
            arg(command),
            base.into(),
            arg("--data"),
            self.data.into(),
            arg("--device"),
            arg(self.device),
            arg("--out"),
            self.part.into(),
        ]
    }

    fn write_method(&self) -> Result<OsString> {
        let file = self.part.join("method.toml");
        let text = self.unit.method_text.as_deref().unwrap_or_default();
        files::write_bytes(&file, text.as_bytes())?;
        Ok(file.into())
    }
}

/// The command that measures the latency of a finished model, into its folder.
pub fn latency(part: &Path, device: &str, seconds: f64) -> Vec<OsString> {
    vec![
        arg("latency"),
        part.into(),
        arg("--device"),
        arg(device),
        arg("--seconds"),
        arg(&seconds.to_string()),
        arg("--out"),
        part.into(),
    ]
}

/// Whether a unit's unfinished folder is worth going on with.
pub fn resumable(unit: &Unit, part: &Path) -> bool {
    let begun = |name: &str| fs::symlink_metadata(part.join(name)).is_ok();
    match unit.is_baseline() {
        true => begun("run.json"),
        false => unit.trains && part.join(CHECKPOINTS).join("latest").exists(),
    }
}

/// The settings that decide what a unit computes, as text.
///
/// # Errors
/// Configuration error for settings that no run has.
pub fn settings(study: &StudyConfig, unit: &Unit) -> Result<String> {
    Ok(match unit.kind {
        Kind::Configuration if unit.is_baseline() => {
            let run = study.run_of(unit.model, &unit.target, unit.seed)?;
            // Audits are made anew from the predictions; where faces come from is in their hash.
            let weights = match &run.model.weights {
                Some(file) => files::sha256(file)?,
                None => String::new(),
            };
            let default = RunConfig::default();
            let hash = crate::train::config_hash(&RunConfig {
                audit: default.audit,
                synth: default.synth,
                ..run
            });
            format!("{hash} {weights}")
        }
        Kind::Configuration => String::new(),
        Kind::Sensitivity => format!("{:?}", study.controls.sensitivity),
        Kind::Draws => {
            let how = study.controls.draws.as_ref();
            let (draws, images) = how.map_or((0, 0), |how| (how.draws, how.images));
            format!("{draws} draws of {images} images, {:?}", unit.draw)
        }
    })
}

fn arg(text: &str) -> OsString {
    text.into()
}
