//! `calibration-draws.csv`, `timings.csv` and `sensitivity.csv` read back.

use std::path::Path;

use super::configuration::Key;
use super::sheet::Sheet;
use crate::error::Result;

/// One calibration of one model.
#[derive(Debug, Clone)]
pub struct Draw {
    /// The model.
    pub model: String,
    /// `random`, `balanced` or `group-weighted`.
    pub sampling: String,
    /// `min-max` or `mse`.
    pub observer: String,
    /// Number of the draw.
    pub draw: u64,
    /// Accuracy, DP gap, EO gap and worst-group accuracy; NaN where undefined.
    pub levels: [f64; 4],
}

/// What one configuration took.
#[derive(Debug, Clone)]
pub struct Times {
    /// Which one.
    pub key: Key,
    /// All of it.
    pub seconds: Option<f64>,
    /// Of calibration.
    pub calibration_seconds: Option<f64>,
    /// Of training.
    pub training_seconds: Option<f64>,
    /// Per image, 32 at a time.
    pub latency_ms_batch32: Option<f64>,
}

/// Sensitivity of one layer at one width, everybody together.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The model.
    pub model: String,
    /// `conv`, `depthwise`, `linear`.
    pub kind: String,
    /// Place in forward order.
    pub depth: f64,
    /// Width.
    pub bits: u64,
    /// Empty for everybody.
    pub group: String,
    /// First-order estimate of the change of loss.
    pub first_order: Option<f64>,
    /// Second-order estimate.
    pub gauss_newton: Option<f64>,
    /// Measured change of loss.
    pub direct: Option<f64>,
}

fn optional<T>(path: &Path, read: impl FnOnce(&Sheet) -> Result<Vec<T>>) -> Result<Option<Vec<T>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let found = read(&Sheet::read(path)?)?;
    Ok((!found.is_empty()).then_some(found))
}

/// Calibration draws; `None` where the file is missing or has no rows.
///
/// # Errors
/// Data error naming file, line and column.
pub fn draws(path: &Path) -> Result<Option<Vec<Draw>>> {
    optional(path, |sheet| {
        let [model, sampling, observer, draw] =
            ["model", "sampling", "observer", "draw"].map(|c| sheet.column(c));
        let (model, sampling, observer, draw) = (model?, sampling?, observer?, draw?);
        let levels =
            ["accuracy", "dp_gap", "eo_gap", "worst_group_accuracy"].map(|c| sheet.column(c));
        let levels = levels.into_iter().collect::<Result<Vec<_>>>()?;
        (0..sheet.len())
            .map(|r| {
                let mut of = [f64::NAN; 4];
                for (to, c) in of.iter_mut().zip(&levels) {
                    *to = sheet.number(r, *c)?.unwrap_or(f64::NAN);
                }
                Ok(Draw {
                    model: sheet.text(r, model).into(),
                    sampling: sheet.text(r, sampling).into(),
                    observer: sheet.text(r, observer).into(),
                    draw: sheet.needed(r, draw)?,
                    levels: of,
                })
            })
            .collect()
    })
}

/// Times; `None` where the file is missing or has no rows.
///
/// # Errors
/// As [`draws`].
pub fn times(path: &Path) -> Result<Option<Vec<Times>>> {
    optional(path, |sheet| {
        let place = |name| sheet.column(name);
        let (target, seed) = (place("target")?, place("seed")?);
        let (model, method) = (place("model")?, place("method")?);
        let (all, latency) = (place("seconds")?, place("latency_ms_batch32")?);
        let (calibration, training) = (place("calibration_seconds")?, place("training_seconds")?);
        (0..sheet.len())
            .map(|r| {
                Ok(Times {
                    key: Key {
                        target: sheet.text(r, target).into(),
                        seed: sheet.needed(r, seed)?,
                        model: sheet.text(r, model).into(),
                        method: sheet.text(r, method).into(),
                    },
                    seconds: sheet.number(r, all)?,
                    calibration_seconds: sheet.number(r, calibration)?,
                    training_seconds: sheet.number(r, training)?,
                    latency_ms_batch32: sheet.number(r, latency)?,
                })
            })
            .collect()
    })
}

/// Sensitivities; `None` where the file is missing or has no rows.
///
/// # Errors
/// As [`draws`].
pub fn layers(path: &Path) -> Result<Option<Vec<Layer>>> {
    optional(path, |sheet| {
        let texts = ["model", "kind", "group"].map(|c| sheet.column(c));
        let texts = texts.into_iter().collect::<Result<Vec<_>>>()?;
        let numbers = ["depth", "bits", "first_order", "gauss_newton", "direct"];
        let numbers = numbers
            .map(|c| sheet.column(c))
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        (0..sheet.len())
            .map(|r| {
                let text = |i: usize| sheet.text(r, texts[i]).to_string();
                Ok(Layer {
                    model: text(0),
                    kind: text(1),
                    group: text(2),
                    depth: sheet.needed(r, numbers[0])?,
                    bits: sheet.needed(r, numbers[1])?,
                    first_order: sheet.number(r, numbers[2])?,
                    gauss_newton: sheet.number(r, numbers[3])?,
                    direct: sheet.number(r, numbers[4])?,
                })
            })
            .collect()
    })
}
