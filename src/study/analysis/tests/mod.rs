//! Tests on study folders that are built in code, with known answers.

mod bad_input;
mod folder;
mod known;
mod repeats;

use std::path::Path;

use serde_json::Value;

/// Cases of `tests/golden/study.json`.
pub fn golden(key: &str) -> Vec<Value> {
    let text = include_str!("../../../../tests/golden/study.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let cases = all[key].as_array().unwrap().clone();
    assert!(cases.len() > 1, "{key}");
    cases
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

/// A JSON file of a study folder.
fn json(dir: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(dir.join(name)).unwrap()).unwrap()
}

/// One hypothesis of a study folder.
fn hypothesis(dir: &Path, id: &str) -> Value {
    let all = json(dir, "hypotheses.json");
    let found = all["hypotheses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|h| h["id"] == id);
    found.unwrap().clone()
}
