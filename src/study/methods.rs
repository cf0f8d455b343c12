//! The methods of a study: files that the binary carries with it, or paths of others, with the study's
//! own settings applied.

use std::path::Path;

use toml::Table;

use super::config::{StudyConfig, flatten};
use crate::config::{read_toml, set};
use crate::error::{Fault, Result};
use crate::recipe::Method;
use crate::toml_fault::{nearest, toml_fault};

/// The baseline: trained, not made small.
pub const BASELINE: &str = "fp32";

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../configs/methods/", $name, ".toml")))),*]
    };
}

/// The files in `configs/methods/`: the study's twelve in their order, then its controls.
pub const EMBEDDED: [(&str, &str); 17] = embedded![
    "fp32",
    "ptq-static-int8",
    "ptq-dynamic-int8",
    "ptq-static-int4",
    "ptq-dynamic-int4",
    "qat-int8",
    "qat-int4",
    "mixed-sensitivity",
    "bias-aware-int8",
    "bias-aware-int4",
    "fair-finetune-int4",
    "fair-mixed",
    "int6",
    "random-allocation",
    "fp32-finetune",
    "ptq-adaptive-int4",
    "w4a4",
];

/// Methods of phase 3, mitigation; all others show in phase 2 what quantization does.
const MITIGATION: [&str; 6] = [
    "mixed-sensitivity",
    "bias-aware-int8",
    "bias-aware-int4",
    "fair-finetune-int4",
    "fair-mixed",
    "random-allocation",
];

/// A method as this study carries it out.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its name in tables and folders.
    pub name: String,
    /// The phase that it belongs to: 1 to 3.
    pub phase: u8,
    /// The file's content with the study's settings, every key spelled out.
    pub text: String,
    /// Whether it trains: then it can go on where it was interrupted.
    pub trains: bool,
}

impl Chosen {
    /// The method that `name` (an embedded file's, or a path) means in this study.
    ///
    /// # Errors
    /// Configuration error for an unknown name (with the nearest one), a file that is no method, or a
    /// setting that the method does not take.
    pub fn find(study: &StudyConfig, name: &str) -> Result<Self> {
        let file = Path::new(name);
        let text = match EMBEDDED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => (*text).to_string(),
            None if name.ends_with(".toml") || name.contains('/') => std::fs::read_to_string(file)
                .map_err(|e| {
                    Fault::new(file, format!("cannot be read ({e})"))
                        .key("methods")
                        .config()
                })?,
            None => {
                let near = nearest(name, EMBEDDED.iter().map(|(known, _)| *known));
                return Err(Fault::plain(format!("method `{name}`"))
                    .key("methods")
                    .expected("a name of a file in configs/methods/, or a path")
                    .next(format!("did you mean `{}`?", near.unwrap_or(BASELINE)))
                    .config());
            }
        };
        let text = with_settings(file, &text, &study.methods_set)?;
        let method = Method::parse(file, &text)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if method.name.starts_with('.') || !method.name.chars().all(plain) {
            return Err(Fault::new(file, format!("\"{}\"", method.name))
                .key("name")
                .expected("letters, digits, `-`, `_` and `.`, not first: it names a folder")
                .config());
        }
        let phase = match method.name.as_str() {
            BASELINE => 1,
            name if MITIGATION.contains(&name) => 3,
            _ => 2,
        };
        Ok(Self {
            phase,
            trains: phase == 1 || method.finetune.is_some(),
            text: method.to_toml(),
            name: method.name,
        })
    }
}

/// A method's text with those settings whose section it has.
fn with_settings(file: &Path, text: &str, settings: &Table) -> Result<String> {
    let mut overrides = Vec::new();
    flatten("", settings, &mut overrides);
    let mut table: Table = text.parse().map_err(|e| toml_fault(file, text, &e))?;
    for setting in overrides {
        let section = setting.key().rsplit_once('.').map_or("", |(head, _)| head);
        if has_section(&table, section) {
            set(&mut table, setting.key(), setting.value().clone())?;
            // At once, so that a mistake is reported with its key.
            let _: Method = read_toml(file, text, &[setting])?;
        }
    }
    Ok(toml::to_string(&table).expect("a table has a TOML form"))
}

fn has_section(table: &Table, section: &str) -> bool {
    let mut at = table;
    for part in section.split('.').filter(|part| !part.is_empty()) {
        match at.get(part).and_then(toml::Value::as_table) {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(more: &str) -> StudyConfig {
        let text = format!("name = \"s\"\nmodels = [\"resnet50\"]\nmethods = [\"fp32\"]\n{more}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn every_embedded_method_is_what_its_file_is_called() {
        let study = study("");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/methods");
        assert_eq!(
            std::fs::read_dir(folder).unwrap().count(),
            EMBEDDED.len(),
            "the binary carries every method file"
        );
        for (name, _) in EMBEDDED {
            let chosen = Chosen::find(&study, name).unwrap();
            assert_eq!(chosen.name, name);
            let trains = [
                "fp32",
                "qat-int8",
                "qat-int4",
                "fair-finetune-int4",
                "fp32-finetune",
            ];
            assert_eq!(chosen.trains, trains.contains(&name), "{name}");
        }
    }

    #[test]
    fn settings_reach_the_methods_that_have_the_section() {
        let study =
            study("[methods_set]\n\"finetune.train.epochs\" = 7\n\"calibration.images\" = 64\n");
        let of = |name| {
            Method::parse(Path::new(name), &Chosen::find(&study, name).unwrap().text).unwrap()
        };
        let qat = of("qat-int4");
        assert_eq!(qat.finetune.unwrap().train.epochs, 7);
        assert_eq!(qat.calibration.images, 64);
        assert!(of("int6").finetune.is_none());
    }

    #[test]
    fn mistakes_are_named() {
        let e = Chosen::find(&study(""), "ptq-statik-int8").unwrap_err();
        assert_eq!(e.exit_code(), 2);
        assert!(
            e.to_string().contains("did you mean `ptq-static-int8`"),
            "{e}"
        );
        let e = Chosen::find(&study(""), "nowhere/m.toml").unwrap_err();
        assert!(e.to_string().contains("cannot be read"), "{e}");
        let e = Chosen::find(
            &study("[methods_set]\n\"calibration.imges\" = 64\n"),
            "int6",
        )
        .unwrap_err();
        assert!(e.to_string().contains("calibration.imges"), "{e}");
    }
}
