//! `fairbit train` through the binary: a whole run, its repetition, its resumption after SIGKILL at
//! any moment, and a device that fails in the middle.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{faces, fairbit, reason_of, refuse, run, scratch, start, str, succeed, text};

/// A run of a few seconds: 32 px, two epochs, a checkpoint after every step.
fn arguments(out: &Path) -> Vec<String> {
    arguments_for(out, "2")
}

fn arguments_for(out: &Path, epochs: &str) -> Vec<String> {
    let fixed = [
        "train",
        "--px",
        "32",
        "--epochs",
        epochs,
        "--batch",
        "32",
        "--seed",
        "3",
        "--device",
        "flex",
        "--set",
        "train.checkpoint_seconds=0",
        "--model",
        "mobilenet_v2",
        "--set",
        "audit.replicates=200",
    ];
    let mut all: Vec<String> = fixed.iter().map(|s| s.to_string()).collect();
    for (flag, path) in [("--data", faces()), ("--out", out)] {
        all.extend([flag.to_string(), str(path).to_string()]);
    }
    all
}

fn train(out: &Path, more: &[&str]) -> String {
    let all = arguments(out);
    let mut args: Vec<&str> = all.iter().map(String::as_str).collect();
    args.extend(more);
    succeed(&args)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// An undisturbed run that others are compared with.
fn reference() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let out = scratch().join("reference");
        let printed = train(&out, &[]);
        for word in ["accuracy", "male*young", "dp"] {
            assert!(
                printed.to_lowercase().contains(word),
                "the table names {word}:\n{printed}"
            );
        }
        let scores = scores(&out);
        let distinct: std::collections::BTreeSet<&String> = scores.iter().collect();
        // Two short epochs leave the running statistics rough; what matters here is that images differ.
        assert!(
            distinct.len() >= 5,
            "the model tells images apart: {} scores",
            distinct.len()
        );
        out
    })
}

fn scores(run: &Path) -> Vec<String> {
    let table = text(&predictions(run));
    table
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().to_string())
        .collect()
}

fn weights(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

fn predictions(run: &Path) -> Vec<u8> {
    fs::read(run.join("predictions-test.csv")).unwrap()
}

#[test]
fn a_run_leaves_the_documented_folder() {
    let dir = reference();
    let run = json(&dir.join("run.json"));
    assert_eq!(run["status"], "done");
    assert_eq!(run["backend"], "flex");
    assert_eq!(run["model"], "mobilenet_v2");
    assert!(run["images_per_s"].as_f64().unwrap() > 0.0);
    assert!(run["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(run["data_hash"].as_str().unwrap().len(), 64);
    let metrics = fs::read_to_string(dir.join("metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 1 + 2 * 2, "{metrics}");
    assert_eq!(
        metrics.lines().next().unwrap(),
        "epoch,split,loss,accuracy,lr,images_per_s"
    );
    let table = text(&predictions(dir));
    assert_eq!(
        table.lines().next().unwrap(),
        "image,identity,male,young,label,score"
    );
    let fairness = json(&dir.join("fairness-test.json"));
    assert_eq!(fairness["n"], table.lines().count() - 1);
    let accuracy = &fairness["accuracy"];
    assert!(
        accuracy["ci"][0].as_f64() < accuracy["value"].as_f64(),
        "{accuracy}"
    );
    assert!(
        accuracy["value"].as_f64() < accuracy["ci"][1].as_f64(),
        "{accuracy}"
    );
    for group in ["male", "young", "male*young"] {
        let groups = fairness["attributes"][group]["groups"].as_array().unwrap();
        let n: u64 = groups.iter().map(|g| g["n"].as_u64().unwrap()).sum();
        assert_eq!(fairness["n"], n, "{group}");
        assert!(fairness["attributes"][group]["dp_gap"]["value"].is_number());
    }
    for file in ["config.toml", "log.txt", "model.safetensors"] {
        assert!(dir.join(file).exists(), "{file}");
    }
}

#[test]
fn equal_runs_are_equal_to_the_last_byte() {
    let out = scratch().join("again");
    train(&out, &[]);
    assert!(predictions(&out) == predictions(reference()));
    assert!(
        fs::read(out.join("model.safetensors")).unwrap()
            == fs::read(reference().join("model.safetensors")).unwrap()
    );
    assert!(
        fs::read(out.join("fairness-test.json")).unwrap()
            == fs::read(reference().join("fairness-test.json")).unwrap()
    );
}

#[test]
fn another_schedule_gives_another_model() {
    let out = scratch().join("other-seed");
    train(
        &out,
        &["--set", "train.lr=3e-4", "--set", "train.warmup=0.5"],
    );
    assert!(predictions(&out) != predictions(reference()));
}

#[test]
fn a_run_killed_again_and_again_ends_with_the_same_bytes() {
    reference();
    let out = scratch().join("killed");
    let all = arguments(&out);
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let resume = ["train", "--resume", "--out", str(&out)];
    let mut process = start(&args);
    let mut kills = 0;
    // Later and later, so that start-up, both epochs, validation and the end are all hit.
    let mut life = Duration::from_millis(700);
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        let born = Instant::now();
        let ended = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if born.elapsed() > life {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(
            Instant::now() < deadline,
            "the run makes progress between kills"
        );
        match ended {
            Some(status) if status.success() => break,
            // Killed before run.json was there: nothing to resume, so begin again.
            Some(_) => process = start(&args),
            None => {
                process.kill().unwrap();
                process.wait().unwrap();
                kills += 1;
                let begun = out.join("run.json").exists() && out.join("config.toml").exists();
                process = start(if begun { &resume } else { &args });
            }
        }
        life += Duration::from_millis(450);
    }
    assert!(kills >= 3, "the run was long enough to be killed: {kills}");
    assert!(
        predictions(&out) == predictions(reference()) && weights(&out) == weights(reference()),
        "after {kills} kills"
    );
    assert_eq!(json(&out.join("run.json"))["status"], "done");
}

#[test]
fn a_device_that_dies_is_replaced() {
    // One step before the last, so that the slow reference backend has little left to do.
    let last = json_steps() - 2;
    for (fault, fallback) in [
        ("abort", "flex"),
        ("panic", "flex"),
        ("hang", "flex"),
        ("abort", "ndarray"),
        ("panic", "ndarray"),
    ] {
        let out = scratch().join(format!("fault-{fault}-{fallback}"));
        let all = arguments(&out);
        let mut args: Vec<&str> = all.iter().map(String::as_str).collect();
        let fallback_set = format!("fallback_device={fallback}");
        args.extend(["--set", &fallback_set, "--set", "hang_seconds=8"]);
        let done = fairbit(&args)
            .env("FAIRBIT_FAULT", format!("step:{last}:{fault}"))
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{fault} {fallback}: {}",
            text(&done.stderr)
        );
        let run = json(&out.join("run.json"));
        assert_eq!(run["status"], "done");
        assert_eq!(run["device"], fallback);
        assert_eq!(run["backend"], fallback);
        let event = &run["fallbacks"][0];
        assert_eq!(event["from"], "flex");
        assert_eq!(event["to"], fallback);
        assert_eq!(event["at_step"], last);
        assert!(event["unix_time"].as_u64().unwrap() > 1_700_000_000);
        assert!(!event["reason"].as_str().unwrap().is_empty());
        if fallback == "flex" {
            assert!(
                weights(&out) == weights(reference()),
                "{fault}: nothing was lost or done twice"
            );
        }
    }
}

/// Steps of the reference run.
fn json_steps() -> usize {
    reference();
    let table = fs::read_to_string(faces().join("list_eval_partition.txt")).unwrap();
    let train = table.lines().filter(|l| l.ends_with(" 0")).count();
    train / 32 * 2
}

#[test]
fn a_misspelt_fault_is_refused() {
    let out = scratch().join("fault-misspelt");
    let all = arguments(&out);
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let done = fairbit(&args)
        .env("FAIRBIT_FAULT", "step:x:abort")
        .output()
        .unwrap();
    let reason = reason_of(2, &done);
    assert!(reason.contains("FAIRBIT_FAULT"), "{reason}");
    assert_eq!(json(&out.join("run.json"))["status"], "failed");
}

#[test]
fn verify_agrees_on_both_backends_and_notices_a_changed_score() {
    let dir = reference();
    let same = succeed(&["verify", str(dir)]);
    assert!(same.contains("identical to the last bit"), "{same}");
    let other = succeed(&["verify", str(dir), "--device", "ndarray"]);
    assert!(other.contains("ndarray now, flex then"), "{other}");

    let copy = scratch().join("tampered");
    fs::create_dir_all(&copy).unwrap();
    for file in [
        "config.toml",
        "run.json",
        "model.safetensors",
        "predictions-test.csv",
    ] {
        fs::copy(dir.join(file), copy.join(file)).unwrap();
    }
    let path = copy.join("predictions-test.csv");
    let mut lines: Vec<String> = fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(String::from)
        .collect();
    let (head, score) = lines[7].rsplit_once(',').unwrap();
    let changed = (score.parse::<f64>().unwrap() - 0.01).abs();
    lines[7] = format!("{head},{changed}");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let reason = refuse(1, &["verify", str(&copy)]);
    assert!(reason.contains("line 8"), "{reason}");
}

#[test]
fn eval_repeats_the_predictions_on_both_backends() {
    let dir = reference();
    let out = scratch().join("eval");
    succeed(&[
        "eval",
        str(dir),
        "--data",
        str(faces()),
        "--out",
        str(&out),
        "--device",
        "flex",
    ]);
    assert!(fs::read(out.join("predictions-test.csv")).unwrap() == predictions(dir));
    assert!(out.join("fairness-test.json").exists());
    let model = dir.join("model.safetensors");
    let val = scratch().join("eval-val");
    succeed(&[
        "eval",
        str(&model),
        "--data",
        str(faces()),
        "--split",
        "val",
        "--out",
        str(&val),
        "--device",
        "ndarray",
    ]);
    assert!(val.join("predictions-val.csv").exists());
    assert!(val.join("fairness-val.json").exists());
}

#[test]
fn a_second_process_is_refused() {
    let out = scratch().join("two");
    let all = arguments(&out);
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut first = start(&args);
    while !out.join("run.json").exists() {
        assert!(
            first.try_wait().unwrap().is_none(),
            "the first process is at work"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let reason = refuse(1, &["train", "--resume", "--out", str(&out)]);
    assert!(reason.contains("another process"), "{reason}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_a_checkpoint_and_says_how_to_resume() {
    let out = scratch().join("interrupted");
    let all = arguments_for(&out, "50");
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let process = fairbit(&args)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !out.join("checkpoint/latest").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let done = process.wait_with_output().unwrap();
    let reason = reason_of(1, &done);
    assert!(reason.contains("--resume"), "{reason}");
    assert_eq!(json(&out.join("run.json"))["status"], "interrupted");
}

#[test]
fn a_resumed_run_keeps_its_settings() {
    let dir = reference();
    let copy = scratch().join("settings");
    fs::create_dir_all(&copy).unwrap();
    fs::copy(dir.join("config.toml"), copy.join("config.toml")).unwrap();
    let mut run_json = json(&dir.join("run.json"));
    run_json["status"] = "interrupted".into();
    fs::write(copy.join("run.json"), run_json.to_string()).unwrap();
    let reason = refuse(
        2,
        &["train", "--resume", "--out", str(&copy), "--epochs", "9"],
    );
    assert!(reason.contains("keeps its settings"), "{reason}");
    let done = run(&["train", "--resume", "--out", str(dir)]);
    assert!(done.status.success() && text(&done.stderr).contains("complete"));
}
