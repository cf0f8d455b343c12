//! Damaged, foreign and missing files are named.

use std::path::Path;

use super::folder::{Plan, never};
use crate::error::Error;
use crate::study::analysis::analyse;

fn made() -> tempfile::TempDir {
    let plan = Plan {
        images: 200,
        replicates: 50,
        models: &["squeezenet1_1"],
        methods: &["fp32", "ptq-static-int8"],
        controls: &[],
        flips: &never,
        ..Plan::default()
    };
    plan.build()
}

/// What is said of a folder.
fn refused(dir: &Path) -> Error {
    analyse(dir).unwrap_err()
}

#[track_caller]
fn says(error: &Error, code: u8, parts: &[&str]) {
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    assert_eq!(error.exit_code(), code, "{text}");
}

/// A folder without units.
fn committed() -> tempfile::TempDir {
    let dir = made();
    analyse(dir.path()).unwrap();
    std::fs::remove_dir_all(dir.path().join("runs")).unwrap();
    dir
}

fn edit(path: &Path, change: impl Fn(String) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, change(text)).unwrap();
}

#[test]
fn a_truncated_archive_is_named() {
    let dir = committed();
    let path = dir.path().join("predictions.csv.gz");
    let bytes = std::fs::read(&path).unwrap();
    for part in [bytes.len() / 2, 3, 0] {
        std::fs::write(&path, &bytes[..part]).unwrap();
        says(&refused(dir.path()), 3, &["predictions.csv.gz", "gzipped"]);
    }
    std::fs::write(&path, "image,label").unwrap();
    says(&refused(dir.path()), 3, &["predictions.csv.gz"]);
    std::fs::remove_file(&path).unwrap();
    says(
        &refused(dir.path()),
        3,
        &["predictions.csv.gz", "cannot be read"],
    );
}

#[test]
fn a_missing_column_and_a_wrong_number_are_named() {
    let dir = committed();
    let path = dir.path().join("results.csv");
    let whole = std::fs::read_to_string(&path).unwrap();
    edit(&path, |t| t.replacen("size_bytes", "bytes", 1));
    says(
        &refused(dir.path()),
        3,
        &["results.csv, line 1", "`size_bytes`"],
    );
    edit(&path, |_| whole.replacen("10000", "many", 1));
    says(
        &refused(dir.path()),
        3,
        &["results.csv, line 3", "`size_bytes`", "a number"],
    );
    edit(&path, |_| whole.replacen("ptq-static-int8", "qat-int8", 1));
    says(
        &refused(dir.path()),
        3,
        &[
            "predictions.csv.gz",
            "`squeezenet1_1/qat-int8`",
            "no such column",
        ],
    );
    edit(&path, |_| whole.replacen(",200,0.5", ",300,0.5", 1));
    says(
        &refused(dir.path()),
        3,
        &["results.csv", "300", "200", "two data sets"],
    );
    edit(&path, |_| {
        whole
            .lines()
            .take(2)
            .chain(whole.lines().skip(1))
            .map(|l| format!("{l}\n"))
            .collect()
    });
    says(&refused(dir.path()), 3, &["results.csv, line 3", "once"]);
}

#[test]
fn units_of_another_data_set_are_named() {
    let dir = made();
    let unit = dir.path().join("runs/squeezenet1_1/ptq-static-int8/seed-1");
    edit(&unit.join("unit.json"), |t| t.replace("abc", "xyz"));
    says(
        &refused(dir.path()),
        3,
        &["unit.json", "`data_hash`", "xyz", "abc"],
    );
    edit(&unit.join("unit.json"), |t| t.replace("xyz", "abc"));
    edit(&unit.join("predictions-test.csv"), |t| {
        t.replace("17.jpg", "17.png")
    });
    says(&refused(dir.path()), 3, &["predictions-test.csv", "17.jpg"]);
    edit(&unit.join("predictions-test.csv"), |t| {
        t.replace("17.png", "17.jpg")
    });
    std::fs::write(unit.join("quantize.json"), "{\"size_bytes\": ").unwrap();
    says(&refused(dir.path()), 3, &["quantize.json, line 1"]);
}

#[test]
fn settings_and_empty_folders() {
    let dir = tempfile::tempdir().unwrap();
    says(&refused(dir.path()), 2, &["study.toml"]);
    let toml = dir.path().join("study.toml");
    std::fs::write(
        &toml,
        "models = [\"a\"]\nmethods = [\"fp32\"]\nseeds = [-1]\n",
    )
    .unwrap();
    says(&refused(dir.path()), 2, &["study.toml", "`seeds`"]);
    std::fs::write(
        &toml,
        "models = [\"a\"]\nmethods = [\"fp32\"]\n[run.audit]\nreplicates = 1\n",
    )
    .unwrap();
    says(
        &refused(dir.path()),
        2,
        &["study.toml", "`run.audit.replicates`", "at least 2"],
    );
    std::fs::write(&toml, "models = [\"a\"]\nmethods = [\"fp32\"]\n").unwrap();
    says(&refused(dir.path()), 3, &["results.csv", "cannot be read"]);
    std::fs::create_dir(dir.path().join("runs")).unwrap();
    says(
        &refused(dir.path()),
        3,
        &["no configuration with predictions"],
    );
}
