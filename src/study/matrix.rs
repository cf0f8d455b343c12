//! The matrix as units of work: each a folder, a child process, and at most one unit that it needs.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config::{StudyConfig, Variant};
use super::methods::{BASELINE, Chosen};
use crate::error::{Fault, Result};
use crate::models::Architecture;

/// What a unit of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A model under a method.
    Configuration,
    /// What rounding each layer of a model costs.
    Sensitivity,
    /// A method on many calibration sets.
    Draws,
}

/// How calibration images are drawn, and how ranges are found on them.
pub const DRAWS: [(&str, &str); 5] = [
    ("random", "min-max"),
    ("random", "mse"),
    ("balanced", "min-max"),
    ("balanced", "mse"),
    // Min-max ignores the weights of images.
    ("group-weighted", "mse"),
];

/// A unit of work.
#[derive(Debug, Clone)]
pub struct Unit {
    /// What it is.
    pub kind: Kind,
    /// Model.
    pub model: Architecture,
    /// Folder name of the method: `sensitivity` and `draws-…` for what is no configuration.
    pub method: String,
    /// Seed of training.
    pub seed: u64,
    /// Column that is predicted.
    pub target: String,
    /// 1 baselines, 2 quantization impact, 3 mitigation.
    pub phase: u8,
    /// Whether it stands outside of the matrix as something to judge it by.
    pub control: bool,
    /// Whether it can go on where it was interrupted.
    pub trains: bool,
    /// The text of its method file; none of baselines and sensitivity.
    pub method_text: Option<String>,
    /// For calibration draws: sampling and observer.
    pub draw: Option<(&'static str, &'static str)>,
    /// Index of the unit whose model it starts from.
    pub needs: Option<usize>,
    /// Folder below the study's, with forward slashes; also its name in messages and events.
    pub id: String,
}

impl Unit {
    /// Whether it is trained from scratch.
    pub fn is_baseline(&self) -> bool {
        self.kind == Kind::Configuration && self.method == BASELINE
    }

    /// The folder below the study's.
    pub fn folder(&self) -> PathBuf {
        self.id.split('/').collect()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.strip_prefix("runs/").unwrap_or(&self.id))
    }
}

/// All units of a study in their order: by phase, then as in its lists.
///
/// # Errors
/// Configuration error for unknown methods, two methods of one name, controls of models that are not in
/// the study, or a method for draws that trains.
pub fn units(study: &StudyConfig) -> Result<Vec<Unit>> {
    let mut list = List {
        study,
        chosen: HashMap::new(),
        units: Vec::new(),
    };
    let primary = study.run.data.target.as_str();
    let first = study.seeds[0];
    for &seed in &study.seeds {
        list.part(primary, seed, &study.models, &study.methods, false)?;
    }
    let controls = &study.controls;
    list.part(primary, first, &study.models, &controls.methods, true)?;
    if controls.sensitivity.is_some() {
        for &model in &study.models {
            list.baseline(primary, first, model)?;
            list.add(Kind::Sensitivity, primary, first, model, None, None);
        }
    }
    if let Some(draws) = &controls.draws {
        let method = list.method(&draws.method)?;
        if method.trains {
            return Err(Fault::plain(format!("`{}`, which trains", method.name))
                .key("controls.draws.method")
                .expected("a method without training")
                .config());
        }
        for &model in &draws.models {
            for draw in DRAWS {
                list.baseline(primary, first, model)?;
                list.add(
                    Kind::Draws,
                    primary,
                    first,
                    model,
                    Some(&method),
                    Some(draw),
                );
            }
        }
    }
    for Variant {
        targets,
        seeds,
        models,
        methods,
    } in &study.variants
    {
        let models = or(models, &study.models);
        let methods = or(methods, &study.methods);
        for target in or(targets, &[primary.to_string()]) {
            for &seed in or(seeds, &[first]) {
                list.part(target, seed, models, methods, false)?;
            }
        }
    }
    Ok(list.in_order())
}

/// A list, or another one where it is empty.
fn or<'a, T>(list: &'a [T], other: &'a [T]) -> &'a [T] {
    match list.is_empty() {
        true => other,
        false => list,
    }
}

struct List<'a> {
    study: &'a StudyConfig,
    /// By what the study file calls them.
    chosen: HashMap<String, Chosen>,
    units: Vec<Unit>,
}

impl List<'_> {
    fn method(&mut self, name: &str) -> Result<Chosen> {
        if let Some(known) = self.chosen.get(name) {
            return Ok(known.clone());
        }
        let found = Chosen::find(self.study, name)?;
        if self.chosen.values().any(|other| other.name == found.name) {
            return Err(Fault::plain(format!("two methods called `{}`", found.name))
                .key("methods")
                .config());
        }
        self.chosen.insert(name.into(), found.clone());
        Ok(found)
    }

    /// Models × methods for one target and seed, baselines among them whether named or not.
    fn part(
        &mut self,
        target: &str,
        seed: u64,
        models: &[Architecture],
        methods: &[String],
        control: bool,
    ) -> Result<()> {
        for &model in models {
            for name in methods {
                let method = self.method(name)?;
                if method.name != BASELINE {
                    self.baseline(target, seed, model)?;
                }
                let kind = Kind::Configuration;
                let at = self.add(kind, target, seed, model, Some(&method), None);
                self.units[at].control |= control;
            }
        }
        Ok(())
    }

    fn baseline(&mut self, target: &str, seed: u64, model: Architecture) -> Result<()> {
        let method = self.method(BASELINE)?;
        let kind = Kind::Configuration;
        self.add(kind, target, seed, model, Some(&method), None);
        Ok(())
    }

    /// Adds a unit unless it is there; its index.
    fn add(
        &mut self,
        kind: Kind,
        target: &str,
        seed: u64,
        model: Architecture,
        method: Option<&Chosen>,
        draw: Option<(&'static str, &'static str)>,
    ) -> usize {
        let folder = match (kind, draw, method) {
            (Kind::Draws, Some((sampling, observer)), _) => format!("draws-{sampling}-{observer}"),
            (Kind::Configuration, _, Some(method)) => method.name.clone(),
            _ => "sensitivity".into(),
        };
        let top = match target == self.study.run.data.target {
            true => "runs".to_string(),
            false => format!("targets/{target}"),
        };
        let id = format!("{top}/{model}/{folder}/seed-{seed}");
        if let Some(at) = self.units.iter().position(|unit| unit.id == id) {
            return at;
        }
        let is_baseline = kind == Kind::Configuration && folder == BASELINE;
        self.units.push(Unit {
            kind,
            model,
            seed,
            target: target.into(),
            phase: match kind {
                Kind::Configuration => method.map_or(2, |m| m.phase),
                Kind::Sensitivity => 2,
                Kind::Draws => 3,
            },
            control: kind != Kind::Configuration,
            trains: kind == Kind::Configuration && method.is_some_and(|m| m.trains),
            method_text: method.filter(|_| !is_baseline).map(|m| m.text.clone()),
            draw,
            needs: None,
            method: folder,
            id,
        });
        self.units.len() - 1
    }

    /// By phase, and what each needs.
    fn in_order(mut self) -> Vec<Unit> {
        self.units.sort_by_key(|unit| unit.phase);
        let key = |unit: &Unit| (unit.target.clone(), unit.model, unit.seed);
        let baselines: HashMap<_, usize> = self
            .units
            .iter()
            .enumerate()
            .filter(|(_, unit)| unit.is_baseline())
            .map(|(at, unit)| (key(unit), at))
            .collect();
        for unit in &mut self.units {
            if !unit.is_baseline() {
                unit.needs = baselines.get(&key(unit)).copied();
            }
        }
        self.units
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn study(more: &str) -> StudyConfig {
        let text = format!(
            "name = \"s\"\nmodels = [\"resnet50\", \"squeezenet1_1\"]\n\
             methods = [\"fp32\", \"ptq-static-int8\", \"fair-mixed\"]\n{more}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_studies_that_come_with_the_program_are_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/study");
        let mut sixties = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let study = StudyConfig::load(&file, &[]).unwrap_or_else(|e| panic!("{e}"));
            let units = units(&study).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let first = study.seeds[0];
            let matrix = units.iter().filter(|unit| {
                unit.kind == Kind::Configuration
                    && !unit.control
                    && unit.seed == first
                    && unit.target == study.run.data.target
            });
            sixties += usize::from(matrix.count() == 60);
        }
        assert_eq!(sixties, 3, "quick, celeba10k-64px and celeba-224");
    }

    #[test]
    fn the_matrix_is_models_times_methods_and_baselines_come_first() {
        let units = units(&study("")).unwrap();
        let ids: Vec<String> = units.iter().map(Unit::to_string).collect();
        assert_eq!(
            ids,
            [
                "resnet50/fp32/seed-1",
                "squeezenet1_1/fp32/seed-1",
                "resnet50/ptq-static-int8/seed-1",
                "squeezenet1_1/ptq-static-int8/seed-1",
                "resnet50/fair-mixed/seed-1",
                "squeezenet1_1/fair-mixed/seed-1",
            ]
        );
        assert_eq!(units[3].needs, Some(1));
        assert_eq!(units[0].needs, None);
        assert!(units.iter().all(|unit| !unit.control));
    }

    #[test]
    fn controls_and_variants_are_added_once_with_the_baselines_that_they_need() {
        let study = study(
            "[controls]\nmethods = [\"int6\"]\nsensitivity = { images = 8, bits = [4], direct = true }\n\
             draws = { models = [\"squeezenet1_1\"], method = \"ptq-static-int4\", draws = 2, images = 8 }\n\
             [[variants]]\ntargets = [\"Young\"]\nmodels = [\"resnet50\"]\nmethods = [\"int6\"]\n\
             [[variants]]\nmodels = [\"resnet50\"]\nmethods = [\"fp32\"]\n",
        );
        let units = units(&study).unwrap();
        // 6 of the matrix, 2 × int6, 2 × sensitivity, 5 kinds of draws, int6 and its baseline for Young.
        assert_eq!(units.len(), 6 + 2 + 2 + 5 + 2);
        let controls = units.iter().filter(|unit| unit.control).count();
        assert_eq!(controls, 2 + 2 + 5);
        let young = units
            .iter()
            .find(|u| u.id == "targets/Young/resnet50/int6/seed-1")
            .unwrap();
        assert_eq!(
            units[young.needs.unwrap()].id,
            "targets/Young/resnet50/fp32/seed-1"
        );
        for unit in &units {
            assert_eq!(unit.needs.is_none(), unit.is_baseline(), "{unit}");
        }
    }

    #[test]
    fn draws_of_a_method_that_trains_are_refused() {
        let study = study(
            "[controls]\ndraws = { models = [\"resnet50\"], method = \"qat-int4\", draws = 2, images = 8 }\n",
        );
        let e = units(&study).unwrap_err();
        assert!(e.to_string().contains("controls.draws.method"), "{e}");
    }
}
