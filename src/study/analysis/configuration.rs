//! One configuration of a study, and all that were planned.

use super::settings::{BASELINE, Settings};

/// What identifies a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What is predicted.
    pub target: String,
    /// Seed of its training.
    pub seed: u64,
    /// Architecture.
    pub model: String,
    /// Method.
    pub method: String,
}

impl Key {
    /// Its column in the predictions table of its target.
    pub fn column(&self, first_seed: u64) -> String {
        let name = format!("{}/{}", self.model, self.method);
        match self.seed == first_seed {
            true => name,
            false => format!("{name}/seed-{}", self.seed),
        }
    }
}

/// Whether a configuration is part of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One of the sixty.
    Matrix,
    /// A control of the matrix.
    Control,
    /// Another target or seed.
    Variant,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// With predictions.
    Done,
    /// Without.
    Failed,
}

/// What is known of a configuration beside its predictions: the static columns of `results.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// Which one.
    pub key: Key,
    /// Phase of the study.
    pub phase: Option<u64>,
    /// A control.
    pub control: bool,
    /// How it ended.
    pub status: Status,
    /// Why it failed, or why it fell back to another device.
    pub reason: String,
    /// Widths of its weights between the ends: `4`, `4/8`, `float`.
    pub weights: String,
    /// Of its activations.
    pub activations: String,
    /// Parameters of the float model.
    pub params: Option<u64>,
    /// Bytes of the deployed file.
    pub size_bytes: Option<u64>,
    /// Bytes of the float model over those.
    pub compression: Option<f64>,
    /// Where it ran.
    pub device: String,
    /// Where it was to run, if elsewhere.
    pub fell_back_from: String,
    /// Hash of the data.
    pub data_hash: String,
    /// Images that it was tested on.
    pub n: Option<u64>,
    /// Score from which an image is selected.
    pub threshold: Option<f64>,
}

/// Every configuration that the settings ask for, in the order of all tables: targets, seeds, models,
/// methods; each once.
pub fn planned(settings: &Settings) -> Vec<(Key, Part)> {
    let mut found: Vec<(Key, Part)> = Vec::new();
    let mut add = |target: &str, seed: u64, model: &str, method: &str, part: Part| {
        let key = Key {
            target: target.into(),
            seed,
            model: model.into(),
            method: method.into(),
        };
        if !found.iter().any(|(known, _)| *known == key) {
            found.push((key, part));
        }
    };
    let first = settings.seeds[0];
    for &seed in &settings.seeds {
        let part = if seed == first {
            Part::Matrix
        } else {
            Part::Variant
        };
        for model in &settings.models {
            for method in &settings.methods {
                add(&settings.target, seed, model, method, part);
            }
            for method in settings.controls.iter().filter(|_| seed == first) {
                add(&settings.target, seed, model, method, Part::Control);
            }
        }
    }
    for variant in &settings.variants {
        let own = vec![settings.target.clone()];
        let or = |mine: &Vec<String>, all: &Vec<String>| match mine.is_empty() {
            true => all.clone(),
            false => mine.clone(),
        };
        let seeds = match variant.seeds.is_empty() {
            true => vec![first],
            false => variant.seeds.clone(),
        };
        for target in or(&variant.targets, &own) {
            for &seed in &seeds {
                for model in or(&variant.models, &settings.models) {
                    // Whatever is compared needs its baseline, named or not.
                    add(&target, seed, &model, BASELINE, Part::Variant);
                    for method in or(&variant.methods, &settings.methods) {
                        add(&target, seed, &model, &method, Part::Variant);
                    }
                }
            }
        }
    }
    let order = Order::new(settings, &found);
    found.sort_by_key(|(key, _)| order.of(key));
    found
}

/// The order of tables.
pub struct Order {
    targets: Vec<String>,
    seeds: Vec<u64>,
    models: Vec<String>,
    methods: Vec<String>,
}

impl Order {
    fn new(settings: &Settings, planned: &[(Key, Part)]) -> Self {
        let mut order = Self {
            targets: vec![settings.target.clone()],
            seeds: settings.seeds.clone(),
            models: settings.models.clone(),
            methods: settings
                .methods
                .iter()
                .chain(&settings.controls)
                .cloned()
                .collect(),
        };
        for (key, _) in planned {
            let more = |list: &mut Vec<String>, name: &String| {
                if !list.contains(name) {
                    list.push(name.clone());
                }
            };
            more(&mut order.targets, &key.target);
            more(&mut order.models, &key.model);
            more(&mut order.methods, &key.method);
            if !order.seeds.contains(&key.seed) {
                order.seeds.push(key.seed);
            }
        }
        order
    }

    fn of(&self, key: &Key) -> [usize; 4] {
        let place = |list: &[String], name: &String| list.iter().position(|x| x == name);
        [
            place(&self.targets, &key.target),
            self.seeds.iter().position(|s| *s == key.seed),
            place(&self.models, &key.model),
            place(&self.methods, &key.method),
        ]
        .map(|at| at.unwrap_or(usize::MAX))
    }
}

/// Whether a key is a baseline.
pub fn is_baseline(key: &Key) -> bool {
    key.method == BASELINE
}
