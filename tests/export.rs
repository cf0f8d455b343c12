//! `fairbit export` through the binary, and what ONNX Runtime makes of its files.
//!
//! The second half needs a Python with numpy and onnxruntime: `FAIRBIT_PYTHON`, else `.venv/bin/python`.
//! Without one it is skipped and says so.

#[allow(dead_code, reason = "shared with the tests of models")]
#[path = "models/formula.rs"]
mod formula;
#[allow(dead_code, reason = "shared with the tests of models")]
#[path = "models/golden.rs"]
mod golden;
#[allow(dead_code, reason = "shared with other tests")]
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use fairbit::compress::artifact;
use fairbit::compress::attach::{Grids, attach};
use fairbit::compress::calibrate::calibrate;
use fairbit::compress::fold::fold;
use fairbit::compress::plan::{Activation, Granularity, LayerPlan, Plan, WeightBits};
use fairbit::compress::rows::layer_infos;
use fairbit::export::onnx;
use fairbit::models::{self, Architecture, Model, ModelConfig, ModelMeta};
use fairbit::nn::graph::{Numbers, Op};
use fairbit::nn::{Flow, Recorder, qdq};
use fairbit::quant::observe::Observer;
use fairbit::quant::{Learn, ScaleFit};
use formula::Mood;
use serde_json::Value;
use support::{refuse, scratch, str, succeed, text};

const PX: usize = 64;
const CLASSES: usize = 3;
const BATCH: usize = 3;

/// Two libraries add up the same products in another order, through some 50 layers of up to 4,608 terms, and
/// normalization is folded on one side only: 50 · √4608 roundings of 6e-8 are 2e-4 of the largest number if
/// all go the same way; they do not.
const TOLERANCE: f64 = 1e-4;

/// A run folder called `called` with a model of made-up weights, running statistics among them.
fn run_folder(name: Architecture, called: &str) -> (PathBuf, Model) {
    let dir = scratch().join(called);
    std::fs::create_dir_all(&dir).unwrap();
    let weights = dir.join("weights.safetensors");
    let shapes = golden::golden(name).shapes(name, CLASSES, PX);
    formula::write_safetensors(&formula::fill(&shapes, Mood::Plain), &weights);
    let config = ModelConfig::new(name, CLASSES, PX);
    let model = models::create(&config, 1, &Device::flex()).unwrap();
    let (model, _) = models::load_weights(model, &weights).unwrap();
    let meta = ModelMeta::new(&config, "Smiling");
    models::save(&model, &meta, &dir.join("model.safetensors")).unwrap();
    (dir, model)
}

/// A Python that has what the check needs, or `None` and a line that says so.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let asked = std::env::var_os("FAIRBIT_PYTHON").map(PathBuf::from);
        let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
        let python = asked.clone().unwrap_or(usual);
        let mut probe = Command::new(&python);
        let probe = probe.args(["-c", "import numpy, onnxruntime"]).output();
        let reason = match probe {
            Ok(out) if out.status.success() => return Some(python),
            Ok(out) => text(&out.stderr),
            Err(e) => e.to_string(),
        };
        let reason = reason.trim().lines().last().unwrap_or_default();
        let python = python.display();
        assert!(asked.is_none(), "FAIRBIT_PYTHON={python}: {reason}");
        // Not by eprintln, which the harness keeps to itself where a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: ONNX Runtime is not asked, as {python} does not work ({reason})"
        );
        None
    };
    PYTHON.get_or_init(find).as_deref()
}

fn write_floats(values: &[f32], path: &Path) {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(path, bytes).unwrap();
}

/// What ONNX Runtime finds; see check.py.
fn ask(python: &Path, file: &Path, images: &[f32], logits: &[f32], how: &str) -> Value {
    let (given, wanted) = (
        file.with_extension("images.f32"),
        file.with_extension("logits.f32"),
    );
    write_floats(images, &given);
    write_floats(logits, &wanted);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/check.py");
    let mut command = Command::new(python);
    let out = command
        .arg(script)
        .args([file, &given, &wanted])
        .arg(how)
        .output();
    let out = out.unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn onnx_runtime_computes_the_same_logits() {
    for name in Architecture::ALL {
        let (run, model) = run_folder(name, name.name());
        let file = run.join("model.onnx");
        let printed = succeed(&["export", str(&run), "--onnx", str(&file)]);
        assert!(printed.contains(name.name()) && printed.contains("opset 17"));
        let again = run.join("again.onnx");
        let weights = run.join("model.safetensors");
        succeed(&["export", str(&weights), "--onnx", str(&again)]);
        let same = std::fs::read(&file).unwrap() == std::fs::read(&again).unwrap();
        assert!(same, "{name}: equal models give equal bytes");
        let Some(python) = python() else { continue };
        let images = formula::images(BATCH, PX);
        let data = TensorData::new(images.clone(), [BATCH, 3, PX, PX]);
        let logits = model.forward(Tensor::from_data(data, &Device::flex()));
        let logits: Vec<f32> = logits.into_data().try_to_vec().unwrap();
        // A model that hardly looks at its images would agree with many wrong ones.
        let largest = logits.iter().fold(0f32, |most, l| most.max(l.abs()));
        let moved = (0..CLASSES).map(|c| (logits[c] - logits[CLASSES + c]).abs() / largest);
        let moved = moved.fold(0.0, f32::max);
        assert!(moved > 0.01, "{name}: images differ by {moved}");
        let found = ask(python, &file, &images, &logits, "optimized");
        let number = |key: &str| found[key].as_f64().unwrap();
        let relative = number("difference") / number("largest");
        eprintln!("{name}: {relative:.1e} of the largest logit");
        assert!(relative <= TOLERANCE, "{name}: {found}");
        let expected = [
            ("model", name.name()),
            ("classes", "3"),
            ("px", "64"),
            ("mean", "0.485,0.456,0.406"),
            ("std", "0.229,0.224,0.225"),
            ("target", "Smiling"),
            ("fairbit", env!("CARGO_PKG_VERSION")),
        ];
        for (key, value) in expected {
            assert_eq!(found["metadata"][key], value, "{name}: {key}");
        }
    }
}

/// An artifact of made-up weights, and the model on its grids.
fn artifact(name: Architecture, weight: WeightBits) -> (PathBuf, Model) {
    let called = format!("{}-{weight}", name.name());
    let (dir, model) = run_folder(name, &called);
    let model = fold(model);
    let data = TensorData::new(formula::images(8, PX), [8, 3, PX, PX]);
    let images = Tensor::from_data(data, &Device::flex());
    let seen = calibrate(&model, std::iter::once(Ok((images, vec![1.0; 8])))).unwrap();
    let plan = Plan {
        default: Some(LayerPlan {
            weight,
            granularity: Granularity::Channel,
            activation: Activation::Static8,
        }),
        layers: Vec::new(),
    };
    let plan = plan.check(&dir, &layer_infos(&model)).unwrap();
    let grids = Grids {
        observer: Observer::MinMax,
        scales: ScaleFit::MinMax,
        learn: Learn::Fixed,
    };
    let model = attach(&model, &plan, &seen, &grids).unwrap();
    let config = ModelConfig::new(name, CLASSES, PX);
    let file = dir.join("model.safetensors");
    artifact::write(&model, &plan, &ModelMeta::new(&config, "Smiling"), &file).unwrap();
    (file, model)
}

#[test]
fn onnx_runtime_computes_artifacts_on_their_grids() {
    for name in Architecture::ALL {
        for (weight, opset) in [(WeightBits::Eight, 17), (WeightBits::Four, 21)] {
            let (file, model) = artifact(name, weight);
            let onnx = file.with_extension("onnx");
            let printed = succeed(&["export", str(&file), "--onnx", str(&onnx)]);
            assert!(printed.contains(&format!("opset {opset},")), "{printed}");
            let sizes = [&file, &onnx].map(|f| std::fs::metadata(f).unwrap().len() as f64);
            // Weights are codes there too.
            assert!(
                sizes[1] < 1.2 * sizes[0] + 2e5,
                "{name} {weight}: {sizes:?}"
            );
            let Some(python) = python() else { continue };
            let images = formula::images(BATCH, PX);
            let data = TensorData::new(images.clone(), [BATCH, 3, PX, PX]);
            let logits = model.forward(Tensor::from_data(data, &Device::flex()));
            let logits: Vec<f32> = logits.into_data().try_to_vec().unwrap();
            let found = ask(python, &onnx, &images, &logits, "as-written");
            let number = |key: &str| found[key].as_f64().unwrap();
            let relative = number("difference") / number("largest");
            eprintln!("{name}, {weight} bits: {relative:.1e} of the largest logit");
            // Sums in another order put single numbers onto the next step of their grid, and the layers
            // after them likewise: made-up weights let that grow through normalized layers, as our own
            // integers show too. SqueezeNet has none of those.
            let tolerance = match name {
                Architecture::SqueezeNet11 => 0.02,
                _ => 0.25,
            };
            assert!(relative <= tolerance, "{name} {weight}: {relative}");
        }
    }
}

#[test]
fn onnx_runtime_reads_quantized_graphs() {
    let codes: [i8; 9] = [1, -2, 3, -4, 5, -6, 7, -8, 0];
    let scales = [0.5, 0.25, 1.0];
    let cases = [
        (Numbers::I8(codes.to_vec()), qdq::Zero::U8(128), "int8"),
        (Numbers::I4(codes.to_vec()), qdq::Zero::I8(0), "int4"),
    ];
    let images = formula::images(BATCH, 2);
    // Steps of 1/8 are exact in floats, and so is everything below.
    let grid = |x: f32| (x * 8.0).round_ties_even() / 8.0;
    let mut logits = Vec::new();
    for image in images.chunks(12) {
        let mean = |c: usize| image[4 * c..][..4].iter().map(|x| grid(*x)).sum::<f32>() / 4.0;
        for (row, scale) in codes.chunks(3).zip(scales) {
            let sum = |c: usize| f32::from(row[c]) * scale * mean(c);
            logits.push(sum(0) + sum(1) + sum(2));
        }
    }
    for (codes, zero, name) in cases {
        let (recorder, x) = Recorder::start("images", 2, Default::default());
        let x = qdq::activations(&x, "input", 0.125, zero);
        let weight = qdq::weights(&x, "weight", &[3, 3, 1, 1], codes, &scales, 0);
        let op = Op::Conv {
            stride: [1, 1],
            padding: [0; 4],
            dilation: [1, 1],
            groups: 1,
        };
        let x = x.then("mixed", op, &[weight], [1, 2, 2, 3]);
        let Flow::Symbol(last) = Flow::Symbol(x).global_avg_pool().flatten() else {
            unreachable!("symbols in, symbols out")
        };
        let file = scratch().join(format!("{name}.onnx"));
        let bytes = onnx::encode(&recorder.finish(&last, "logits"), &Default::default());
        std::fs::write(&file, bytes).unwrap();
        let Some(python) = python() else { continue };
        let found = ask(python, &file, &images, &logits, "optimized");
        assert!(found["difference"].as_f64().unwrap() < 1e-5, "{found}");
    }
}

#[test]
fn what_cannot_be_exported_is_said_in_one_line() {
    let file = scratch().join("never.onnx");
    let absent = scratch().join("absent.safetensors");
    let reason = refuse(3, &["export", str(&absent), "--onnx", str(&file)]);
    assert!(reason.contains("absent.safetensors"), "{reason}");
    let other = scratch().join("other.safetensors");
    std::fs::write(&other, b"no model").unwrap();
    refuse(3, &["export", str(&other), "--onnx", str(&file)]);
    assert!(!file.exists());
    let (run, _) = run_folder(Architecture::SqueezeNet11, "refused");
    let nowhere = scratch().join("no/such/folder/model.onnx");
    let reason = refuse(1, &["export", str(&run), "--onnx", str(&nowhere)]);
    assert!(reason.contains("no/such/folder/model.onnx"), "{reason}");
    refuse(2, &["export", str(&run)]);
}
