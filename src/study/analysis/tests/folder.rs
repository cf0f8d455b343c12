//! A study folder as the engine leaves it, with decisions that tests choose.

use std::fmt::Write as _;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::fairness::replicate_rng;

pub const MODELS: [&str; 5] = [
    "resnet50",
    "mobilenet_v2",
    "efficientnet_b0",
    "vit_small_patch16",
    "squeezenet1_1",
];

/// Parameters of [`MODELS`].
pub const PARAMS: [u64; 5] = [23_512_130, 2_226_434, 4_010_110, 21_597_314, 723_522];

pub const METHODS: [&str; 12] = [
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
];

pub const CONTROLS: [&str; 3] = ["int6", "random-allocation", "fp32-finetune"];

/// One image.
#[derive(Clone, Copy)]
pub struct Image {
    pub male: u8,
    pub young: u8,
    pub label: u8,
    /// The baseline's decision.
    pub base: u8,
}

/// What to build.
pub struct Plan<'a> {
    pub images: usize,
    pub seed: u64,
    /// People of four images each, or nobody known.
    pub people: bool,
    pub models: &'a [&'a str],
    pub methods: &'a [&'a str],
    pub controls: &'a [&'a str],
    pub replicates: usize,
    /// Whether a method changes the decision on an image.
    pub flips: &'a dyn Fn(&str, &str, &Image, &mut ChaCha8Rng) -> bool,
}

/// Changes nothing.
pub fn never(_: &str, _: &str, _: &Image, _: &mut ChaCha8Rng) -> bool {
    false
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            images: 2000,
            seed: 1,
            people: false,
            models: &MODELS,
            methods: &METHODS,
            controls: &CONTROLS,
            replicates: 300,
            flips: &never,
        }
    }
}

impl Plan<'_> {
    /// The folder, with one unit for each configuration.
    pub fn build(&self) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        self.settings(dir.path(), "");
        for m in 0..self.models.len() {
            for method in self.methods.iter().chain(self.controls) {
                self.unit(dir.path(), ["runs", "Smiling"], m, method, 1);
            }
        }
        dir
    }

    /// Writes `study.toml`; `more` comes at its end.
    pub fn settings(&self, dir: &Path, more: &str) {
        let text = format!(
            "name = \"made up\"\nmodels = {:?}\nmethods = {:?}\nseeds = [1]\nrequired_margin = 10\n\
             [run.data]\ntarget = \"Smiling\"\npx = 64\n\
             [run.audit]\nreplicates = {}\npermutations = 50\ndraws = 100\nseed = 1\nmargin = 0.01\n\
             [controls]\nmethods = {:?}\n{more}",
            self.models, self.methods, self.replicates, self.controls
        );
        std::fs::write(dir.join("study.toml"), text).unwrap();
    }

    fn images(&self, model: usize, seed: u64) -> Vec<Image> {
        let mut people: ChaCha8Rng = replicate_rng(self.seed, 0);
        let mut errors = replicate_rng(self.seed, 100 * seed + model as u64);
        (0..self.images)
            .map(|_| {
                let male = u8::from(people.random_bool(0.4));
                let young = u8::from(people.random_bool(0.7));
                let rate = 0.6 - 0.2 * f64::from(male);
                let label = u8::from(people.random_bool(rate));
                let wrong = errors.random_bool(0.08);
                Image {
                    male,
                    young,
                    label,
                    base: label ^ u8::from(wrong),
                }
            })
            .collect()
    }

    /// Writes the folder of one unit; `place` is the folder of its target and the target.
    pub fn unit(&self, dir: &Path, place: [&str; 2], m: usize, method: &str, seed: u64) {
        let ([root, target], model) = (place, self.models[m]);
        let folder = dir
            .join(root)
            .join(model)
            .join(method)
            .join(format!("seed-{seed}"));
        std::fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
        let phase = if method == "fp32" { 1 } else { 2 };
        let control = CONTROLS.contains(&method);
        put(
            "unit.json",
            format!(
                "{{\"identity\": \"x\", \"kind\": \"configuration\", \"model\": \"{model}\", \"method\": \"{method}\", \
                 \"seed\": {seed}, \"target\": \"{target}\", \"phase\": {phase}, \"control\": {control}, \"device\": \"flex\", \
                 \"fell_back_from\": null, \"reason\": null, \"data_hash\": \"abc\", \"version\": \"0.1.0\", \"files\": {{}}}}"
            ),
        );
        let dear = if method.contains("qat") || method.contains("finetune") {
            100.0
        } else {
            2.0
        };
        put(
            "timing.json",
            format!(
                "{{\"seconds\": {dear}, \"calibration_seconds\": {dear}, \"latency_ms_batch32\": {}}}",
                1.0 + m as f64
            ),
        );
        if method == "fp32" {
            put(
                "run.json",
                format!("{{\"status\": \"done\", \"params\": {}}}", PARAMS[m]),
            );
            put("model.safetensors", "x".repeat(40_000 + m));
            put(
                "metrics.csv",
                "epoch,split,loss,accuracy,lr,images_per_s\n1,train,0.5,0.8,0.001,10\n".into(),
            );
        } else {
            let width = if method.contains("int4") { 4 } else { 8 };
            let allocation = if method.contains("mixed") || method.contains("random") {
                "{}"
            } else {
                "null"
            };
            let layer = |name: &str, width: u8| {
                format!(
                    "{{\"layer\": \"{name}\", \"weight\": {width}, \"activation\": \"static-8\", \"bytes\": 10}}"
                )
            };
            let layers = [layer("a", 8), layer("b", width), layer("c", 8)].join(", ");
            put(
                "quantize.json",
                format!(
                    "{{\"size_bytes\": {}, \"compression\": 4.0, \"allocation\": {allocation}, \"layers\": [{layers}]}}",
                    10_000 + m
                ),
            );
        }
        let stream = method
            .bytes()
            .fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
        let mut rng = replicate_rng(self.seed, (stream % (1 << 40)) * 64 + 8 * seed + m as u64);
        let mut table = String::from("image,identity,male,young,label,score\n");
        for (i, image) in self.images(m, seed).iter().enumerate() {
            let flip = method != "fp32" && (self.flips)(model, method, image, &mut rng);
            let decision = image.base ^ u8::from(flip);
            let score = 0.25 + 0.5 * f64::from(decision) + (i * 37 % 100) as f64 / 1000.0;
            let person = if self.people {
                format!("p{}", i / 4)
            } else {
                String::new()
            };
            let Image {
                male, young, label, ..
            } = image;
            writeln!(table, "{i}.jpg,{person},{male},{young},{label},{score}").unwrap();
        }
        put("predictions-test.csv", table);
    }
}
