//! `results.csv`: one row per configuration.

use std::collections::BTreeMap;
use std::path::Path;

use super::cells::{Cells, Row};
use crate::error::Result;
use crate::report::Measured;

/// What stands for every configuration, measured or not.
const STATIC: [&str; 18] = [
    "target",
    "model",
    "method",
    "seed",
    "phase",
    "control",
    "status",
    "reason",
    "weights",
    "activations",
    "params",
    "size_bytes",
    "compression",
    "device",
    "fell_back_from",
    "data_hash",
    "n",
    "threshold",
];

/// Gaps and group metrics, on the intersection without a prefix and on each attribute with one.
pub const GAPS: [&str; 9] = [
    "dp_gap",
    "eo_gap",
    "eo_mean",
    "eo_sum",
    "eopp_gap",
    "pe_gap",
    "di_ratio",
    "accuracy_gap",
    "worst_group_accuracy",
];

/// One configuration. Rates and gaps are shares from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// The attribute that was learned, `Smiling`.
    pub target: String,
    /// `resnet50`.
    pub model: String,
    /// `ptq-static-int8`.
    pub method: String,
    /// Seed of its baseline's training.
    pub seed: u64,
    /// Phase of the study, 1 to 3.
    pub phase: Option<u64>,
    /// Whether it is a control, outside of the matrix.
    pub control: bool,
    /// Whether it was carried out to the end.
    pub done: bool,
    /// Why not, or what else there is to say.
    pub reason: Option<String>,
    /// How weights are held, `i8 per-channel`.
    pub weights: String,
    /// How activations are held.
    pub activations: String,
    /// Number of parameters.
    pub params: Option<u64>,
    /// Bytes on disk.
    pub size_bytes: Option<u64>,
    /// Bytes of the baseline by bytes of this one.
    pub compression: Option<f64>,
    /// Where it ran.
    pub device: String,
    /// The device that failed before.
    pub fell_back_from: Option<String>,
    /// SHA-256 of the data.
    pub data_hash: String,
    /// Number of test images.
    pub n: u64,
    /// Where scores become decisions.
    pub threshold: Option<f64>,
    /// Images that became wrong against the baseline.
    pub right_to_wrong: Option<u64>,
    /// Images that became right against the baseline.
    pub wrong_to_right: Option<u64>,
    estimates: BTreeMap<String, Measured>,
    floors: BTreeMap<String, f64>,
    changes: BTreeMap<String, Change>,
}

/// A difference to the baseline on the same images.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// This one − baseline.
    pub delta: Measured,
    /// p of no change, unadjusted.
    pub p: Option<f64>,
    /// p adjusted over the declared family (Romano–Wolf); `None` outside of it.
    pub p_adjusted: Option<f64>,
    /// Holm's, likewise.
    pub p_holm: Option<f64>,
    /// p of the two models being exchangeable.
    pub p_sharp: Option<f64>,
    /// Whether the change lies within the margin.
    pub equivalent: Option<bool>,
    /// p of that test.
    pub tost_p: Option<f64>,
    /// The margin.
    pub margin: Option<f64>,
}

impl Configuration {
    /// A number with its interval by its column, `accuracy`, `dp_gap` or `male.eo_gap`; `None` where it cannot be
    /// estimated.
    pub fn estimate(&self, column: &str) -> Option<Measured> {
        self.estimates.get(column).copied()
    }

    /// 95th percentile of a gap when group labels are permuted, by the gap's column.
    pub fn noise_floor(&self, gap: &str) -> Option<f64> {
        self.floors.get(gap).copied()
    }

    /// The difference of an estimate to the baseline, by the estimate's column; `None` for baselines and where
    /// it cannot be estimated.
    pub fn change(&self, column: &str) -> Option<&Change> {
        self.changes.get(column)
    }

    /// Whether it is a baseline.
    pub fn is_baseline(&self) -> bool {
        self.method == super::order::BASELINE
    }
}

/// Reads `results.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn read(file: &Path) -> Result<Option<Vec<Configuration>>> {
    let Some(table) = Cells::read(file, &required())? else {
        return Ok(None);
    };
    let named = |suffix: &str| -> Vec<String> {
        let found = table.header().iter().filter_map(|c| c.strip_suffix(suffix));
        found.map(str::to_string).collect()
    };
    let (floors, with_interval) = (named("_noise_floor"), named("_lo"));
    let (changed, estimated): (Vec<String>, Vec<String>) = with_interval
        .into_iter()
        .partition(|name| name.starts_with("d_"));
    let rows = table.each(|row| {
        let mut estimates = BTreeMap::new();
        for name in &estimated {
            if let Some(found) = row.measured(name)? {
                estimates.insert(name.clone(), found);
            }
        }
        // The only one without an interval.
        if let Some(ece) = row.measured("ece")? {
            estimates.insert("ece".into(), ece);
        }
        let mut changes = BTreeMap::new();
        for column in &changed {
            if let Some(found) = change(row, column)? {
                changes.insert(column[2..].to_string(), found);
            }
        }
        let mut noise = BTreeMap::new();
        for gap in &floors {
            if let Some(found) = row.number(&format!("{gap}_noise_floor"))? {
                noise.insert(gap.clone(), found);
            }
        }
        Ok(Configuration {
            target: row.text("target").into(),
            model: row.text("model").into(),
            method: row.text("method").into(),
            seed: row.some_count("seed")?,
            phase: row.count("phase")?,
            control: row.flag("control")?.unwrap_or(false),
            done: row.text("status") == "done",
            reason: row.some_text("reason"),
            weights: row.text("weights").into(),
            activations: row.text("activations").into(),
            params: row.count("params")?,
            size_bytes: row.count("size_bytes")?,
            compression: row.number("compression")?,
            device: row.text("device").into(),
            fell_back_from: row.some_text("fell_back_from"),
            data_hash: row.text("data_hash").into(),
            n: row.count("n")?.unwrap_or(0),
            threshold: row.number("threshold")?,
            right_to_wrong: row.count("right_to_wrong")?,
            wrong_to_right: row.count("wrong_to_right")?,
            estimates,
            floors: noise,
            changes,
        })
    })?;
    Ok(Some(rows))
}

fn change(row: &Row<'_>, column: &str) -> Result<Option<Change>> {
    let Some(delta) = row.measured(column)? else {
        return Ok(None);
    };
    let number = |suffix: &str| row.number(&format!("{column}_{suffix}"));
    Ok(Some(Change {
        delta,
        p: number("p")?,
        p_adjusted: number("p_adjusted")?,
        p_holm: number("p_holm")?,
        p_sharp: number("p_sharp")?,
        equivalent: row.flag(&format!("{column}_equivalent"))?,
        tost_p: number("tost_p")?,
        margin: number("margin")?,
    }))
}

fn required() -> Vec<String> {
    let measured = ["accuracy", "auc"].into_iter().chain(GAPS);
    let changed = ["accuracy", "auc"].into_iter().chain(GAPS);
    let tested = ["p_adjusted", "equivalent", "margin"];
    let with = |name: String, suffixes: &[&str]| -> Vec<String> {
        let suffixed = suffixes.iter().map(|s| format!("{name}_{s}"));
        std::iter::once(name.clone()).chain(suffixed).collect()
    };
    STATIC
        .iter()
        .chain(&["ece"])
        .map(|s| s.to_string())
        .chain(measured.flat_map(|m| with(m.into(), &["lo", "hi"])))
        .chain(changed.flat_map(|m| with(format!("d_{m}"), &["lo", "hi", "p"])))
        .chain(
            ["dp_gap", "eo_gap"]
                .map(|g| format!("d_{g}"))
                .into_iter()
                .flat_map(|g| with(g, &tested)),
        )
        .collect()
}
