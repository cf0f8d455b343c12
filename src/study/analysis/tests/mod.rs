//! Tests on study folders that are built in code, with known answers.

mod bad_input;
mod folder;
mod known;
mod repeats;

use std::path::Path;

use serde_json::Value;

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
