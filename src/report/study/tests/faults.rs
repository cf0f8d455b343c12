//! Damaged files are refused with their place.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::report::study::sample::Sample;
use crate::report::study::{Study, write_figures};

/// A folder in which `file` has been changed.
fn damaged(file: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Sample::default().write(dir.path());
    let path = dir.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
    dir
}

fn refused(dir: &Path, words: &[&str]) {
    let error = write_figures(dir).unwrap_err();
    assert!(matches!(error, Error::Data(_)), "{error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!dir.join("figures").exists());
}

#[test]
fn a_column_that_is_missing_is_named() {
    let columns = [
        ("results.csv", "d_eo_gap_p_adjusted"),
        ("groups.csv", "selection_rate_lo"),
        ("timings.csv", "latency_ms_batch32"),
        ("sensitivity.csv", "gauss_newton"),
        ("calibration-draws.csv", "observer"),
        ("allocations.csv", "weight"),
        ("training.csv", "loss"),
        ("comparisons.csv", "delta_hi"),
    ];
    for (file, column) in columns {
        let dir = damaged(file, |text| {
            let (header, rest) = text.split_once('\n').unwrap();
            let names = header
                .split(',')
                .map(|c| if c == column { "other" } else { c });
            format!("{}\n{rest}", names.collect::<Vec<_>>().join(","))
        });
        refused(
            dir.path(),
            &[file, &format!("`{column}`"), "no such column"],
        );
    }
}

#[test]
fn a_cell_that_is_no_number_is_found_by_line_and_column() {
    let dir = damaged("results.csv", |text| {
        text.replacen(",0.908112,", ",much,", 1)
    });
    refused(
        dir.path(),
        &[
            "results.csv",
            "line 2",
            "\"much\"",
            "`accuracy`",
            "expected a number",
        ],
    );
    let dir = damaged("results.csv", |text| {
        text.replacen(",0.908112,", ",NaN,", 1)
    });
    refused(dir.path(), &["results.csv", "line 2", "\"NaN\""]);
    let dir = damaged("allocations.csv", |text| text.replacen(",8,", ",eight,", 1));
    refused(
        dir.path(),
        &["allocations.csv", "line 2", "\"eight\"", "`weight`"],
    );
    let dir = damaged("groups.csv", |text| text.replacen(",129,", ",-129,", 1));
    refused(
        dir.path(),
        &["groups.csv", "line 2", "\"-129\"", "`n`", "whole number"],
    );
}

#[test]
fn tables_that_were_cut_off_are_refused() {
    let dir = damaged("results.csv", |text| text[..text.len() - 40].to_string());
    refused(dir.path(), &["results.csv", "line 82", "broken table"]);
    let dir = damaged("results.csv", |text| {
        text.lines().next().unwrap().to_string() + "\n"
    });
    refused(dir.path(), &["results.csv", "no results here"]);
    let dir = damaged("hypotheses.json", |text| text[..text.len() / 2].to_string());
    refused(dir.path(), &["hypotheses.json", "line ", "EOF"]);
    let dir = damaged("pareto.json", |text| {
        text.replacen("\"axes\"", "\"axis\"", 1)
    });
    refused(dir.path(), &["pareto.json", "axes"]);
}

#[test]
fn a_folder_without_a_study_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    refused(
        dir.path(),
        &["results.csv", "no results here", "fairbit study --out DIR"],
    );
    let study = Study::read(&dir.path().join("nowhere"));
    assert!(study.unwrap_err().to_string().contains("nowhere"));
}
