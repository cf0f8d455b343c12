//! Whether baselines beat the answer that is right most often.

use serde_json::{Value, json};

use super::Study;
use super::finding::{interval, number};
use crate::study::analysis::settings::BASELINE;

/// One row per baseline of the matrix.
pub fn rows(study: &Study) -> Vec<Value> {
    let Some(slice) = study.main() else {
        return Vec::new();
    };
    let label = slice.measured.table.label();
    let positive = label.iter().map(|y| f64::from(*y)).sum::<f64>() / label.len() as f64;
    let majority = positive.max(1.0 - positive);
    let row = |model: &String| {
        let place = slice.measured.find(model, BASELINE, slice.seed)?;
        let accuracy = slice.measured.entries[place].report.accuracy();
        let value = accuracy.value()?;
        Some(json!({
            "model": model,
            "accuracy": number(Some(value)),
            "ci": interval(accuracy.interval().map(|(lo, hi)| [lo, hi])),
            "majority_rate": number(Some(majority)),
            "margin_points": number(Some(100.0 * (value - majority))),
            "required_points": number(Some(study.settings.required_margin)),
        }))
    };
    study.settings.models.iter().filter_map(row).collect()
}
