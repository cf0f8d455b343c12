//! `study` through the binary: one small model, two methods, generated faces.

mod interrupted;
mod refused;
mod shards;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use support::{fairbit, scratch, str, text};

/// Three units: a baseline, a method without training, one with.
const STUDY: &str = "name = \"t\"\nmodels = [\"squeezenet1_1\"]\n\
    methods = [\"fp32\", \"ptq-static-int8\", \"qat-int8\"]\nrequired_margin = -100\nclaim_seconds = 2\n\
    latency_seconds = 0.01\n\
    [run]\ndevice = \"flex\"\n[run.data]\npx = 32\n[run.synth]\nimages = 300\nwidth = 48\nheight = 48\n\
    [run.train]\nepochs = 2\nbatch = 32\nlr = 4e-4\ncheckpoint_seconds = 0.2\n\
    [run.audit]\nreplicates = 100\npermutations = 50\ndraws = 50\n\
    [methods_set]\n\"calibration.images\" = 64\n\"finetune.train.epochs\" = 1\n\
    \"finetune.train.batch\" = 32\n\"finetune.train.checkpoint_seconds\" = 0.2\n";

fn config() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let file = scratch().join("study.toml");
        fs::write(&file, STUDY).unwrap();
        file
    })
}

fn arguments<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["study", "--config", str(config()), "--out", str(out)];
    args.extend(more);
    args
}

/// A study to its end, whatever that is.
fn study(out: &Path, more: &[&str]) -> Output {
    fairbit(&arguments(out, more)).output().unwrap()
}

#[track_caller]
fn done(out: &Path, more: &[&str]) -> String {
    let ended = study(out, more);
    let said = text(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    said
}

fn start(out: &Path, more: &[&str]) -> Child {
    fairbit(&arguments(out, more))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The study that nothing happened to.
fn reference() -> &'static Path {
    static OUT: OnceLock<PathBuf> = OnceLock::new();
    OUT.get_or_init(|| {
        let out = scratch().join("reference");
        done(&out, &[]);
        out
    })
}

/// A copy of it to do things to.
fn copy(name: &str) -> PathBuf {
    let out = scratch().join(name);
    copy_folder(reference(), &out);
    out
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}

fn place(out: &Path, method: &str) -> PathBuf {
    out.join("runs/squeezenet1_1").join(method).join("seed-1")
}

/// Everything that a study computes, by file name.
fn results(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for method in ["fp32", "ptq-static-int8", "qat-int8"] {
        for file in ["predictions-test.csv", "model.safetensors"] {
            let bytes = fs::read(place(out, method).join(file)).unwrap();
            all.insert(format!("{method}/{file}"), bytes);
        }
    }
    all
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Units of the events of one kind.
fn events(out: &Path, what: &str) -> Vec<String> {
    let text = fs::read_to_string(out.join("events.jsonl")).unwrap();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["event"] == what)
        .map(|event| event["unit"].as_str().unwrap_or_default().to_string())
        .collect()
}

fn begun(out: &Path) -> Vec<String> {
    let _ = fs::remove_file(out.join("events.jsonl"));
    done(out, &[]);
    let mut units = events(out, "start");
    units.sort();
    units
}

#[test]
fn a_study_leaves_whole_folders_and_a_second_time_does_nothing() {
    let out = copy("twice");
    for method in ["fp32", "ptq-static-int8", "qat-int8"] {
        let unit = json(&place(&out, method).join("unit.json"));
        assert_eq!(unit["method"], method);
        assert_eq!(unit["kind"], "configuration");
        assert_eq!(unit["device"], "flex");
        assert_eq!(unit["identity"].as_str().unwrap().len(), 64);
        assert!(unit["fell_back_from"].is_null() && unit["reason"].is_null());
        assert!(unit["files"]["predictions-test.csv"].is_string());
        let timing = json(&place(&out, method).join("timing.json"));
        for key in ["seconds", "latency_ms_batch1", "latency_ms_batch32"] {
            assert!(timing[key].as_f64().unwrap() > 0.0, "{method}: {key}");
        }
        let trained = timing["training_images"].as_u64();
        assert_eq!(trained.is_some(), method != "ptq-static-int8", "{method}");
        assert!(!place(&out, method).join("checkpoint").exists());
    }
    let left: Vec<_> = fs::read_dir(out.join("runs/squeezenet1_1/fp32"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["seed-1"], "no temporary folder is left");
    assert_eq!(begun(&out), Vec::<String>::new());
}

#[test]
fn a_changed_setting_reruns_exactly_what_it_touches() {
    let out = copy("changed");
    fs::remove_file(out.join("events.jsonl")).unwrap();
    // Calibration concerns everything but the baseline.
    done(&out, &["--set", "methods_set.calibration.images=80"]);
    let mut units = events(&out, "start");
    units.sort();
    let of = |method: &str| format!("runs/squeezenet1_1/{method}/seed-1");
    assert_eq!(units, [of("ptq-static-int8"), of("qat-int8")]);
    // Audits are made anew from predictions.
    fs::remove_file(out.join("events.jsonl")).unwrap();
    done(
        &out,
        &[
            "--set",
            "methods_set.calibration.images=80",
            "--set",
            "run.audit.replicates=60",
        ],
    );
    assert_eq!(events(&out, "start"), Vec::<String>::new());
}

#[test]
fn damaged_folders_are_set_aside_and_made_again() {
    let out = copy("damaged");
    let torn = place(&out, "ptq-static-int8").join("predictions-test.csv");
    let text = fs::read_to_string(&torn).unwrap();
    fs::write(&torn, &text[..text.len() / 2]).unwrap();
    fs::write(place(&out, "qat-int8").join("unit.json"), "{").unwrap();
    let said = done(&out, &[]);
    assert!(
        said.contains("predictions-test.csv was changed; set aside"),
        "{said}"
    );
    assert!(said.contains("unit.json"), "{said}");
    assert!(
        out.join("set-aside/runs_squeezenet1_1_qat-int8_seed-1.1")
            .is_dir()
    );
    assert!(results(&out) == results(reference()));
}

#[test]
fn a_unit_that_fails_is_recorded_and_the_others_go_on() {
    let out = copy("failing");
    fs::remove_dir_all(place(&out, "qat-int8")).unwrap();
    // More calibration images than there are: every unit but the baseline is refused by its child.
    let broken = ["--set", "methods_set.calibration.images=100000"];
    let ended = study(&out, &broken);
    let reason = support::reason_of(1, &ended);
    assert!(reason.contains("2 of 3 units failed"), "{reason}");
    let failed = json(&out.join("runs/squeezenet1_1/qat-int8/seed-1.failed.json"));
    assert_eq!(failed["exit_code"], 2);
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("calibration.images")
    );
    // The same command without the mistake tries again, and the record goes.
    done(&out, &[]);
    assert!(
        !out.join("runs/squeezenet1_1/qat-int8/seed-1.failed.json")
            .exists()
    );
    assert!(results(&out) == results(reference()));
}

#[test]
fn phases_run_alone_and_in_order() {
    let out = scratch().join("phases");
    let reason = support::reason_of(1, &study(&out, &["--phase", "2"]));
    assert!(reason.contains("--phase 1"), "{reason}");
    done(&out, &["--phase", "1"]);
    assert!(place(&out, "fp32").exists() && !place(&out, "ptq-static-int8").exists());
    done(&out, &["--phase", "2"]);
    assert!(results(&out) == results(reference()));
    // No unit of this study is of phase 3.
    done(&out, &["--phase", "3"]);
}

#[test]
fn a_study_is_verified_as_a_whole() {
    let out = copy("verified");
    let said = support::succeed(&["verify", str(&out)]);
    assert!(said.contains("3 of 3 configurations agree"), "{said}");
    let file = place(&out, "ptq-static-int8").join("predictions-test.csv");
    let stored = fs::read_to_string(&file).unwrap();
    let last = stored.trim_end().rsplit(',').next().unwrap();
    let end = stored.trim_end().len() - last.len();
    let other = if last.starts_with("0.9") {
        "0.1"
    } else {
        "0.95"
    };
    fs::write(&file, format!("{}{other}\n", &stored[..end])).unwrap();
    let reason = support::refuse(1, &["verify", str(&out)]);
    assert!(reason.contains("score"), "{reason}");
}
