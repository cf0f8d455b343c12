//! Why papers contradict each other: how verdicts change with the metric, the target and the seed.
//!
//! Along targets and seeds only architectures that all levels have are compared, so that a verdict does
//! not change merely because others were looked at.

use serde_json::{Value, json};

use super::Study;
use super::contrast::{Outcome, Slice, headline};
use super::finding::{Verdict, interval, number};
use super::{h1, h4, h5};
use crate::study::analysis::metric::Metric;

/// Hypotheses that are looked at again.
const AGAIN: [&str; 3] = ["H1", "H4", "H5"];

/// A verdict and its number.
struct Again {
    verdict: Verdict,
    effect: Option<Outcome>,
    what: &'static str,
    architectures: usize,
}

/// All rows: by metric, by target, by seed.
pub fn rows(study: &Study) -> Vec<Value> {
    let mut rows = Vec::new();
    if let Some(slice) = study.main() {
        for id in AGAIN {
            for metric in Metric::PRIMARY {
                let again = test(study, slice, id, &[metric]);
                rows.push(row(id, "metric", metric.title().into(), &again));
            }
        }
    }
    let first = study.settings.seeds[0];
    let targets: Vec<(String, Slice)> = study
        .targets
        .iter()
        .filter_map(|m| Some((m.target.clone(), study.slice(&m.target, first)?)))
        .collect();
    rows.extend(levels(study, "target", &targets));
    let mut seeds = Vec::new();
    if let Some(main) = study
        .targets
        .iter()
        .find(|m| m.target == study.settings.target)
    {
        let mut known: Vec<u64> = main.entries.iter().map(|e| e.key.seed).collect();
        known.dedup();
        seeds = known
            .iter()
            .filter_map(|seed| Some((format!("seed {seed}"), study.slice(&main.target, *seed)?)))
            .collect();
    }
    rows.extend(levels(study, "seed", &seeds));
    rows
}

/// Rows along targets or seeds; none with a single level.
fn levels(study: &Study, by: &str, slices: &[(String, Slice)]) -> Vec<Value> {
    if slices.len() < 2 {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for id in AGAIN {
        let methods = needs(id);
        let there = |model: &&String| {
            slices
                .iter()
                .all(|(_, slice)| methods.iter().all(|method| slice.has(model, method)))
        };
        let models: Vec<String> = study
            .settings
            .models
            .iter()
            .filter(there)
            .cloned()
            .collect();
        for (level, slice) in slices {
            let slice = Slice {
                models: &models,
                ..*slice
            };
            rows.push(row(
                id,
                by,
                level.clone(),
                &test(study, slice, id, metrics(id)),
            ));
        }
    }
    rows
}

fn metrics(id: &str) -> &'static [Metric] {
    match id {
        "H5" => &Metric::ALL,
        _ => &Metric::PRIMARY,
    }
}

/// Methods without which there is nothing to test.
fn needs(id: &str) -> &'static [&'static str] {
    match id {
        "H1" => &["fp32"],
        "H4" => &["mixed-sensitivity", "int6", "random-allocation"],
        _ => &["fp32", "ptq-static-int8", "ptq-static-int4"],
    }
}

fn test(study: &Study, slice: Slice, id: &str, metrics: &[Metric]) -> Again {
    let headline = |outcomes: &[Outcome]| headline(outcomes, Metric::Eo).cloned();
    match id {
        "H1" => {
            // Methods that every architecture at hand has.
            let methods: Vec<String> = study
                .settings
                .methods
                .iter()
                .filter(|method| slice.models.iter().any(|model| slice.has(model, method)))
                .cloned()
                .collect();
            let found = h1::slopes(slice, &methods, &|model| study.params(model), metrics);
            Again {
                verdict: found.as_ref().map_or(Verdict::NotTestable, |f| f.verdict),
                architectures: found.as_ref().map_or(0, |f| f.architectures),
                effect: found.and_then(|f| headline(&f.outcomes)),
                what: "slope per tenfold of parameters",
            }
        }
        "H4" => {
            let found = h4::balance(slice, "mixed-sensitivity", metrics);
            Again {
                verdict: found.verdict,
                architectures: slice.models_with(needs(id)).len(),
                effect: headline(&found.outcomes),
                what: "mixed-sensitivity − uniform INT6",
            }
        }
        _ => {
            let found = h5::sweet_spot(slice, metrics, study.settings.margin);
            Again {
                verdict: found.verdict,
                architectures: slice.models_with(needs(id)).len(),
                effect: headline(&found.worse),
                what: "INT4 − INT8",
            }
        }
    }
}

fn row(id: &str, by: &str, level: String, again: &Again) -> Value {
    let effect = again.effect.as_ref();
    let mut row = json!({
        "hypothesis": id,
        "by": by,
        "level": level,
        "verdict": again.verdict.text(),
        "value": number(effect.map(|o| 100.0 * o.value)),
        "ci": interval(effect.map(|o| o.ci.map(|end| 100.0 * end))),
        "unit": "points",
        "name": effect.map(|o| format!("{}, {}", again.what, o.metric.title())),
        "architectures": again.architectures,
    });
    if effect.is_none() {
        row["reason"] = json!("not enough configurations for this level");
    }
    row
}
