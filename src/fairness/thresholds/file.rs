//! `thresholds.toml`: decision thresholds that a person can read, edit and pass back.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

use super::fit::Fitted;
use crate::error::{Fault, Result};
use crate::fairness::measure::decide::Thresholds;
use crate::files::write_bytes;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// One for all.
    threshold: Option<f64>,
    /// The attribute or intersection of `groups`.
    frame: Option<String>,
    /// One for each group.
    groups: Option<BTreeMap<String, f64>>,
}

/// Reads thresholds: either `threshold = 0.47`, or `frame = "male*young"` and a table `[groups]` with a
/// threshold for each of its groups.
///
/// # Errors
/// Config error naming the file for anything else. Whether the groups are those of a table is found when
/// decisions are made.
pub fn read(path: &Path) -> Result<Thresholds> {
    let fail = |found: String| {
        Fault::new(path, found)
            .expected("`threshold = 0.5`, or `frame = \"male*young\"` and a table `[groups]`")
            .next("audit --fit-thresholds writes such a file")
            .config()
    };
    let text = std::fs::read_to_string(path).map_err(|e| fail(format!("cannot be read ({e})")))?;
    let file: File =
        toml::from_str(&text).map_err(|e| fail(e.message().trim().replace('\n', " ")))?;
    match (file.threshold, file.frame, file.groups) {
        (Some(threshold), None, None) => Ok(Thresholds::One(threshold)),
        (None, Some(frame), Some(of)) if !of.is_empty() => Ok(Thresholds::PerGroup { frame, of }),
        _ => Err(fail("neither one threshold nor one for each group".into())),
    }
}

/// Writes thresholds so that [`read`] gives them back, with where they come from as comments.
///
/// # Errors
/// Run error when the file cannot be written.
pub fn write(path: &Path, fitted: &Fitted, source: &str) -> Result<()> {
    let mut text = format!(
        "# Fitted on {source} for {}, tolerance {}.\n# There: accuracy {:.4} (with 0.5: {:.4})",
        fitted.criterion.key(),
        fitted.tolerance,
        fitted.accuracy,
        fitted.accuracy_before
    );
    if let (Some(gap), Some(before)) = (fitted.gap, fitted.gap_before) {
        // Writing to a String cannot fail.
        let _ = write!(text, ", gap {gap:.4} (with 0.5: {before:.4})");
    }
    text.push('\n');
    match &fitted.thresholds {
        Thresholds::One(threshold) => {
            let _ = writeln!(text, "threshold = {threshold:?}");
        }
        Thresholds::PerGroup { frame, of } => {
            let _ = writeln!(text, "frame = {}\n\n[groups]", quoted(frame));
            for (group, threshold) in of {
                let _ = writeln!(text, "{} = {threshold:?}", quoted(group));
            }
        }
    }
    write_bytes(path, text.as_bytes())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}
