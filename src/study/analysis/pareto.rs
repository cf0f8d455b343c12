//! The front of accuracy, fairness, bytes and latency, and how sure it is.

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::hypotheses::Study;
use super::hypotheses::finding::number;
use super::metric::Metric;
use crate::error::Result;
use crate::fairness::Gap;
use crate::files::write_atomic;

/// A configuration: what it costs is fixed, accuracy and gap have replicates.
struct Point {
    entry: usize,
    size: f64,
    latency: Option<f64>,
}

/// Writes `pareto.json`: configurations of the matrix with their bytes known.
///
/// # Errors
/// Run error naming the path.
pub fn write(path: &Path, study: &Study) -> Result<()> {
    let mut axes = vec!["accuracy", "eo_gap", "size_bytes", "latency_ms_batch32"];
    let mut notes = Vec::new();
    let mut points = Vec::new();
    let mut found = Vec::new();
    if let Some(slice) = study.main() {
        let m = slice.measured;
        for (place, entry) in m.entries.iter().enumerate() {
            let configuration = &study.configurations[entry.at];
            if entry.key.seed != slice.seed || configuration.control {
                continue;
            }
            let Some(size) = configuration.size_bytes else {
                notes.push(format!(
                    "{}: bytes are not known, left out",
                    entry.candidate.name
                ));
                continue;
            };
            let time = study
                .times
                .and_then(|t| t.iter().find(|t| t.key == entry.key));
            points.push(Point {
                entry: place,
                size: size as f64,
                latency: time.and_then(|t| t.latency_ms_batch32),
            });
        }
        if points.iter().any(|p| p.latency.is_none()) {
            axes.pop();
            notes.push(
                "latency was not measured for every configuration: the front is of the other axes"
                    .into(),
            );
            points.iter_mut().for_each(|p| p.latency = None);
        }
        let level = |p: &Point, metric: Metric, r: Option<usize>| {
            let entry = &m.entries[p.entry];
            match r {
                None => entry.levels[metric as usize],
                Some(r) => entry.replicates[metric as usize][r],
            }
        };
        let front = |r: Option<usize>| -> Vec<bool> {
            let at: Vec<[f64; 4]> = points
                .iter()
                .map(|p| {
                    // All to be small.
                    let accuracy = -level(p, Metric::Accuracy, r);
                    [
                        accuracy,
                        level(p, Metric::Eo, r),
                        p.size,
                        p.latency.unwrap_or(0.0),
                    ]
                })
                .collect();
            let dominates = |a: &[f64; 4], b: &[f64; 4]| {
                a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
            };
            at.iter()
                .map(|p| p.iter().all(|x| !x.is_nan()) && !at.iter().any(|q| dominates(q, p)))
                .collect()
        };
        let now = front(None);
        let count = study.settings.replicates;
        let fronts: Vec<Vec<bool>> = (0..count).into_par_iter().map(|r| front(Some(r))).collect();
        for (i, point) in points.iter().enumerate() {
            let entry = &m.entries[point.entry];
            let often = fronts.iter().filter(|f| f[i]).count() as f64 / count as f64;
            let accuracy = entry.report.accuracy();
            let eo = entry
                .report
                .primary()
                .and_then(|f| f.gap(Gap::Eo))
                .map(|g| &g.estimate);
            let ends = |e: Option<(f64, f64)>| [number(e.map(|e| e.0)), number(e.map(|e| e.1))];
            let [accuracy_lo, accuracy_hi] = ends(accuracy.interval());
            let [eo_lo, eo_hi] = ends(eo.and_then(|e| e.interval()));
            found.push(json!({
                "model": entry.key.model,
                "method": entry.key.method,
                "accuracy": number(accuracy.value()),
                "accuracy_lo": accuracy_lo,
                "accuracy_hi": accuracy_hi,
                "eo_gap": number(eo.and_then(|e| e.value())),
                "eo_gap_lo": eo_lo,
                "eo_gap_hi": eo_hi,
                "size_bytes": point.size as u64,
                "latency_ms_batch32": number(point.latency),
                "on_front": now[i],
                "frequency": number(Some(often)),
            }));
        }
    }
    let file: Value = json!({ "axes": axes, "points": found, "notes": notes });
    write_atomic(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &file)?;
        writeln!(out)
    })
}
