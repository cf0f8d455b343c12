//! The study's tables for LaTeX: `baselines`, `quantization`, `mitigation`, `hypotheses`, `efficiency`, `reported`.

mod changes;
mod measured;
mod verdicts;

use super::Study;
use crate::error::Result;
use crate::files::{create_dir, write_bytes};
use crate::report::text::{fixed, signed};
use crate::report::{Measured, Table};

/// All tables with the names of their files, in the order of a report.
pub fn tables(study: &Study) -> Vec<(&'static str, Table)> {
    vec![
        ("baselines", measured::baselines(study)),
        ("quantization", changes::quantization(study)),
        ("mitigation", changes::mitigation(study)),
        ("hypotheses", verdicts::hypotheses(study)),
        ("efficiency", measured::efficiency(study)),
        ("reported", measured::reported(study)),
    ]
}

/// Writes `tables/<name>.tex` into the study's folder.
///
/// # Errors
/// Run error when a file cannot be written.
pub fn write_tables(study: &Study) -> Result<()> {
    let dir = study.dir.join("tables");
    create_dir(&dir)?;
    for (name, table) in tables(study) {
        write_bytes(
            &dir.join(format!("{name}.tex")),
            table.to_latex().as_bytes(),
        )?;
    }
    Ok(())
}

/// What is not there.
const NOTHING: &str = "–";

/// A share in percent, with its interval: `91.2 [90.0, 92.3]`.
fn percent(found: Option<Measured>) -> String {
    with_interval(found, |share| fixed(100.0 * share, 1))
}

/// A change in points, with its interval: `+1.2 [-0.3, +2.6]`.
fn points(found: Option<Measured>) -> String {
    with_interval(found, |share| signed(100.0 * share, 1))
}

fn with_interval(found: Option<Measured>, text: impl Fn(f64) -> String) -> String {
    let Some(found) = found.filter(|m| m.value.is_finite()) else {
        return NOTHING.into();
    };
    let value = text(found.value);
    match found.interval {
        Some((lo, hi)) => format!("{value} [{}, {}]", text(lo), text(hi)),
        None => value,
    }
}

/// A number with decimals, or nothing.
fn number(value: Option<f64>, decimals: usize) -> String {
    let value = value.filter(|v| v.is_finite());
    value.map_or_else(|| NOTHING.into(), |v| fixed(v, decimals))
}

/// Where the numbers come from.
fn source(study: &Study) -> String {
    let mut text = format!(
        "{} test images, target {}, seed {}",
        study.n(),
        study.target,
        study.seed
    );
    if let Some(family) = study.findings.as_ref().map(|f| &f.family) {
        let percent = crate::report::text::hundredfold(family.confidence);
        text.push_str(&format!(
            "; brackets: {percent} % intervals from {} bootstrap replicates (seed {})",
            family.replicates, family.seed
        ));
    }
    if let Some(provenance) = &study.provenance {
        let data = &provenance.data;
        if !data.dir_kind.is_empty() {
            text.push_str(&format!("; {} faces", data.dir_kind));
        }
        text.push_str(&format!("; fairbit {}", provenance.fairbit));
    }
    text + "."
}
