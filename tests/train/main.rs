//! `fairbit train` through the binary: whole runs in `whole.rs`, and what stops them (SIGKILL at any
//! moment, Ctrl-C, a device that fails in the middle) in `interrupted.rs`.

mod interrupted;
#[path = "../support/mod.rs"]
mod support;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{faces, fairbit, reason_of, refuse, run, scratch, str, succeed, text};

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

/// Starts without waiting.
fn start(args: &[&str]) -> std::process::Child {
    fairbit(args)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts")
}
