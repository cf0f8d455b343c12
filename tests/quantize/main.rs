//! `quantize` and `eval` of artifacts through the binary, on a small model of generated faces.

mod finetune;
mod refused;
mod sensitivity;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use support::{faces, refuse, scratch, str, succeed};

/// MobileNetV2 after one epoch on 32 px: enough for its channels to differ.
fn trained() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let run = scratch().join("trained");
        let faces = str(faces());
        succeed(&[
            "train",
            "--data",
            faces,
            "--model",
            "mobilenet_v2",
            "--px",
            "32",
            "--epochs",
            "1",
            "--batch",
            "32",
            "--set",
            "audit.replicates=200",
            "--out",
            str(&run),
        ]);
        run
    })
}

fn methods() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/methods");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// The method with fewer images and steps: what it does, at a size for tests.
fn small(method: &Path) -> PathBuf {
    let mut text = fs::read_to_string(method).unwrap();
    let sizes = [
        ("images", 128),
        ("samples", 256),
        ("iterations", 20),
        ("epochs", 1),
    ];
    for (key, value) in sizes {
        let lines = text
            .lines()
            .map(|line| match line.starts_with(&format!("{key} = ")) {
                true => format!("{key} = {value}\n"),
                false => format!("{line}\n"),
            });
        text = lines.collect();
    }
    let folder = scratch().join("small");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(method.file_name().unwrap());
    fs::write(&file, text).unwrap();
    file
}

fn quantize(method: &Path, out: &Path, more: &[&str]) -> String {
    let mut args = vec![
        "quantize",
        str(trained()),
        "--method",
        str(method),
        "--data",
        str(faces()),
        "--set",
        "audit.replicates=200",
        "--out",
        str(out),
    ];
    args.extend(more);
    succeed(&args)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Tensors and grids of an artifact: what decides how it computes.
fn arithmetic(artifact: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(artifact).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut all: BTreeMap<String, Vec<u8>> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.data().to_vec()))
        .collect();
    let metadata = header.metadata().clone().unwrap();
    all.insert("grids".into(), metadata["grids"].clone().into_bytes());
    all
}

#[test]
fn every_method_file_makes_another_model_and_stores_what_it_runs() {
    let float = fs::metadata(trained().join("model.safetensors"))
        .unwrap()
        .len();
    let mut seen: Vec<(String, BTreeMap<String, Vec<u8>>)> = Vec::new();
    for method in methods() {
        let name = method.file_stem().unwrap().to_str().unwrap();
        let out = scratch().join("methods").join(name);
        quantize(&small(&method), &out, &[]);
        let artifact = out.join("model.safetensors");
        let said = json(&out.join("quantize.json"));
        assert_eq!(said["method"], name, "a method is called what its file is");
        let size = fs::metadata(&artifact).unwrap().len();
        assert_eq!(said["size_bytes"], size, "{name}: the size is the file's");
        let parts = said["bytes"].as_object().unwrap().values();
        assert_eq!(parts.filter_map(Value::as_u64).sum::<u64>(), size, "{name}");
        let floats = said["bytes"]["float_weights"].as_u64().unwrap();
        let may_have_floats = name.starts_with("fp32") || name == "fair-mixed";
        assert!(floats == 0 || may_have_floats, "{name}: {floats}");
        let ratio = float as f64 / size as f64;
        let at_least = match name {
            n if n.starts_with("fp32") => 0.9,
            n if n.contains("int8") || n == "int6" => 3.5,
            // The bytes of 6 bits.
            "mixed-sensitivity" | "fair-mixed" | "random-allocation" => 4.2,
            _ => 6.0,
        };
        assert!(ratio > at_least, "{name}: {ratio}");
        let kernels = said["kernels"].as_array().unwrap();
        let floats = kernels
            .iter()
            .filter(|k| k.as_str().unwrap().starts_with("float"));
        match name {
            "fair-mixed" => {}
            _ if name.starts_with("fp32") => assert_eq!(floats.count(), 53),
            _ => assert_eq!(floats.count(), 0, "{name}: {kernels:?}"),
        }
        for layer in said["layers"].as_array().unwrap() {
            let at_least = match layer["weight"].as_u64() {
                None => continue,
                Some(8) => 35.0,
                Some(6) => 22.0,
                _ => 9.0,
            };
            let db = layer["sqnr_db"].as_f64().unwrap();
            assert!(db > at_least, "{name}: {layer}");
        }
        // Read back, it gives the same predictions.
        let again = out.join("again");
        succeed(&[
            "eval",
            str(&artifact),
            "--data",
            str(faces()),
            "--set",
            "audit.replicates=200",
            "--out",
            str(&again),
        ]);
        let [first, second] =
            [&out, &again].map(|dir| fs::read(dir.join("predictions-test.csv")).unwrap());
        assert!(
            first == second,
            "{name}: the artifact predicts something else"
        );
        let arithmetic = arithmetic(&artifact);
        for (other, before) in &seen {
            assert!(
                *before != arithmetic,
                "{name} and {other} are the same model"
            );
        }
        seen.push((name.into(), arithmetic));
    }
    assert!(seen.len() >= 8, "{}", seen.len());
}

#[test]
fn a_repetition_gives_the_same_bytes_and_a_plan_can_be_edited() {
    let method = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/methods/ptq-static-int4.toml");
    let [a, b, c] = ["a", "b", "c"].map(|name| scratch().join("edited").join(name));
    quantize(&method, &a, &[]);
    quantize(&method, &b, &[]);
    for file in [
        "model.safetensors",
        "plan.toml",
        "predictions-test.csv",
        "fairness-test.json",
    ] {
        let [a, b] = [&a, &b].map(|dir| fs::read(dir.join(file)).unwrap());
        // The report names its source.
        assert!(file.ends_with("json") || a == b, "{file}");
    }
    let plan = fs::read_to_string(a.join("plan.toml")).unwrap();
    let line = "\"features.1.conv.1\" = { weight = 4, ";
    assert!(plan.contains(line), "{plan}");
    let edited = scratch().join("edited.toml");
    fs::write(&edited, plan.replace(line, &line.replace('4', "8"))).unwrap();
    quantize(&method, &c, &["--plan", str(&edited)]);
    let written = fs::read_to_string(c.join("plan.toml")).unwrap();
    assert_eq!(written, fs::read_to_string(&edited).unwrap());
    let [four, eight] = [&a, &c].map(|dir| arithmetic(&dir.join("model.safetensors")));
    let differ: Vec<&String> = four
        .keys()
        .filter(|key| four[*key] != eight[*key])
        .collect();
    assert_eq!(
        differ,
        ["features.1.conv.1.scales", "features.1.conv.1.weight"]
    );
}

#[test]
fn an_artifact_is_verified_on_the_other_backend_too() {
    for name in ["ptq-static-int8", "ptq-dynamic-int4"] {
        let file = format!("configs/methods/{name}.toml");
        let method = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let out = scratch().join("verified").join(name);
        quantize(&small(&method), &out, &[]);
        for device in ["flex", "ndarray"] {
            let said = succeed(&["verify", str(&out), "--device", device]);
            assert!(
                said.contains("identical to the last bit"),
                "{device}: {said}"
            );
            assert!(said.contains(device), "{said}");
        }
        // One score in the stored predictions becomes another.
        let predictions = out.join("predictions-test.csv");
        let text = fs::read_to_string(&predictions).unwrap();
        let last = text.trim_end().rsplit(',').next().unwrap();
        let other = if last.starts_with("0.9") {
            "0.1"
        } else {
            "0.95"
        };
        let end = text.trim_end().len() - last.len();
        fs::write(&predictions, format!("{}{other}\n", &text[..end])).unwrap();
        let reason = refuse(1, &["verify", str(&out)]);
        assert!(
            reason.contains("score") && reason.contains(other),
            "{reason}"
        );
    }
}

#[test]
fn a_method_that_nobody_wrote_code_for_works() {
    let file = scratch().join("thirteenth.toml");
    fs::write(
        &file,
        "name = \"thirteenth\"\nscales = \"min-max\"\n[plan]\nweight = 4\ngranularity = \"group-32\"\n\
         activation = \"static-8\"\nends = \"float\"\n[calibration]\nimages = 96\nbatch = 32\n\
         draw = \"balanced\"\nseed = 9\nrange = { observer = \"percentile\", percentile = 99.9 }\n",
    )
    .unwrap();
    let out = scratch().join("thirteenth");
    quantize(&file, &out, &[]);
    let said = json(&out.join("quantize.json"));
    assert_eq!(said["calibration"]["range"]["percentile"], 99.9);
    let floats = said["kernels"].as_array().unwrap().iter();
    let floats: Vec<&str> = floats
        .filter_map(|k| k.as_str().filter(|k| k.starts_with("float")))
        .collect();
    assert_eq!(floats, ["float-conv", "float-linear"]);
}
