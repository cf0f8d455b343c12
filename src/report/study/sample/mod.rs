//! A made-up study folder for tests: plausible numbers from closed formulas, the same everywhere.

mod details;
mod findings;
mod results;

use std::fs;
use std::path::Path;

/// What the folder holds.
pub struct Sample {
    pub models: Vec<&'static str>,
    pub methods: Vec<&'static str>,
    pub controls: Vec<&'static str>,
    /// A configuration that failed, `(model, method)`.
    pub failed: Option<(&'static str, &'static str)>,
    /// Targets and seeds besides the primary ones, of the last model only.
    pub variants: Vec<(&'static str, u64)>,
}

pub const MODELS: [&str; 5] = [
    "resnet50",
    "mobilenet_v2",
    "efficientnet_b0",
    "vit_small_patch16",
    "squeezenet1_1",
];

const METHODS: [&str; 12] = [
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

impl Default for Sample {
    fn default() -> Self {
        Self {
            models: MODELS.to_vec(),
            methods: METHODS.to_vec(),
            controls: vec!["int6", "random-allocation", "fp32-finetune"],
            failed: None,
            variants: vec![("Attractive", 1), ("Smiling", 2)],
        }
    }
}

impl Sample {
    /// Writes all files of a study into `dir`.
    pub fn write(&self, dir: &Path) {
        let put = |name: &str, text: String| fs::write(dir.join(name), text).unwrap();
        put("results.csv", results::results(self));
        put("groups.csv", results::groups(self));
        put("comparisons.csv", results::comparisons(self));
        put("timings.csv", details::timings(self));
        put("sensitivity.csv", details::sensitivity(self));
        put("calibration-draws.csv", details::draws(self));
        put("allocations.csv", details::allocations(self));
        put("training.csv", details::training(self));
        put("hypotheses.json", findings::hypotheses(self));
        put("pareto.json", findings::pareto(self));
        put("provenance.json", findings::provenance(self));
        put(
            "study.toml",
            format!("name = \"sample\"\nmodels = {:?}\n", self.models),
        );
    }

    /// Of the primary target and seed: model, method, whether a control.
    fn configurations(&self) -> Vec<(&'static str, &'static str, bool)> {
        let controls = if self.models.len() > 1 { 5 } else { 1 };
        let of_model = |(m, model): (usize, &&'static str)| {
            let matrix = self.methods.iter().map(|method| (*model, *method, false));
            let some = self.controls.iter().filter(move |_| m < controls);
            let controls = some.map(|method| (*model, *method, true));
            matrix.chain(controls).collect::<Vec<_>>()
        };
        self.models.iter().enumerate().flat_map(of_model).collect()
    }
}

/// One cell of the intersection.
pub struct Cell {
    pub name: &'static str,
    pub n: u64,
    pub n_pos: u64,
}

pub const CELLS: [Cell; 4] = [
    Cell {
        name: "male=0*young=0",
        n: 129,
        n_pos: 71,
    },
    Cell {
        name: "male=0*young=1",
        n: 1042,
        n_pos: 562,
    },
    Cell {
        name: "male=1*young=0",
        n: 333,
        n_pos: 134,
    },
    Cell {
        name: "male=1*young=1",
        n: 496,
        n_pos: 198,
    },
];

/// A number in [−1, 1) that looks random: FNV-1a of the key, mixed.
pub fn noise(key: &str) -> f64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    (hash >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// How much a method hurts, 0 for none.
pub fn severity(method: &str) -> f64 {
    match method {
        "fp32" => 0.0,
        "ptq-static-int8" | "ptq-dynamic-int8" => 0.25,
        "qat-int8" | "bias-aware-int8" => 0.1,
        "fp32-finetune" => -0.3,
        "qat-int4" => 1.0,
        "fair-finetune-int4" | "fair-mixed" => 0.8,
        "mixed-sensitivity" => 0.9,
        "int6" => 0.5,
        "bias-aware-int4" => 2.6,
        "random-allocation" => 2.0,
        _ => 3.4,
    }
}

/// Bits of the weights.
pub fn bits(method: &str) -> f64 {
    match method {
        "fp32" | "fp32-finetune" => 32.0,
        "mixed-sensitivity" | "fair-mixed" | "random-allocation" | "int6" => 6.2,
        m if m.ends_with("int8") => 8.2,
        _ => 4.4,
    }
}

/// Number of parameters.
pub fn params(model: &str) -> u64 {
    match model {
        "resnet50" => 23_512_130,
        "mobilenet_v2" => 2_226_434,
        "efficientnet_b0" => 4_010_110,
        "vit_small_patch16" => 21_589_000,
        _ => 723_522,
    }
}

#[test]
fn a_sample_can_be_looked_at() {
    // FAIRBIT_STUDY=/tmp/study cargo test report::study
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("FAIRBIT_STUDY");
    let dir = dir.as_deref().map_or(elsewhere.path(), Path::new);
    fs::create_dir_all(dir).unwrap();
    Sample::default().write(dir);
    let study = super::Study::read(dir).unwrap();
    assert_eq!(study.matrix().count(), 60);
    assert_eq!((study.target.as_str(), study.seed), ("Smiling", 1));
}
