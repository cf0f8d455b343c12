//! Further claim: a layer's sensitivity goes with its depth and its function.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::Study;
use super::finding::{Finding, Number, Part, Verdict};
use crate::fairness::compare::family::holm;
use crate::fairness::resample::simultaneous::simultaneous;
use crate::fairness::{replicate_rng, spearman};
use crate::study::analysis::side::Layer;

const CLAIM: &str = "A layer's sensitivity goes with its depth and its function.";
const TEST: &str = "Spearman of layers' sensitivity and depth, per model, mean over models; intervals by resampling layers \
    (simultaneous over models and their mean); kinds of layers: Kruskal–Wallis by permutation, Holm over models";
const EFFECT: &str = "Spearman of sensitivity and depth";

/// Keeps these streams apart from those of replicates.
const LAYERS: u64 = 6 << 60;
const KINDS: u64 = 7 << 60;

/// Depth, sensitivity and kind of a layer.
type Point<'a> = (f64, f64, &'a str);

/// A model with its layers.
type Layers<'a> = (&'a str, Vec<Point<'a>>);

/// How a layer's sensitivity was found.
#[derive(Clone, Copy)]
enum Measure {
    Direct,
    Gradient,
}

impl Measure {
    fn of(self, layer: &Layer) -> Option<f64> {
        match self {
            Self::Direct => layer.direct,
            Self::Gradient => Some(layer.first_order? + layer.gauss_newton.unwrap_or(0.0)),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Direct => "measured change of loss",
            Self::Gradient => "first-order and Gauss–Newton estimate of the change of loss",
        }
    }
}

/// The finding.
pub fn find(study: &Study) -> Finding {
    let Some(all) = study.layers else {
        let reason = "sensitivity.csv is missing: no sensitivities were measured";
        return Finding::not_testable("also", CLAIM, TEST, EFFECT, reason);
    };
    let everybody: Vec<&Layer> = all.iter().filter(|l| l.group.is_empty()).collect();
    let bits = everybody.iter().map(|l| l.bits).min().unwrap_or(0);
    let measure = match everybody
        .iter()
        .all(|l| l.bits != bits || l.direct.is_some())
    {
        true => Measure::Direct,
        false => Measure::Gradient,
    };
    let mut models: BTreeMap<usize, Layers> = BTreeMap::new();
    for layer in everybody.iter().filter(|l| l.bits == bits) {
        let order = study
            .settings
            .models
            .iter()
            .position(|m| *m == layer.model)
            .unwrap_or(usize::MAX);
        let of = models.entry(order).or_insert((&layer.model, Vec::new()));
        if let Some(value) = measure.of(layer) {
            of.1.push((layer.depth, value, &layer.kind));
        }
    }
    let models: Vec<Layers> = models
        .into_values()
        .filter(|(_, layers)| layers.len() >= 4)
        .collect();
    if models.is_empty() {
        return Finding::not_testable(
            "also",
            CLAIM,
            TEST,
            EFFECT,
            "no model has sensitivities of four layers",
        );
    }
    let depth_parts = by_depth(study, &models);
    let kind_parts = by_kind(study, &models);
    let depth = depth_parts
        .last()
        .and_then(|p| p.verdict)
        .unwrap_or(Verdict::Inconclusive);
    let shown = kind_parts
        .iter()
        .filter(|p| p.number.p_adjusted.is_some_and(|p| p <= 0.05))
        .count();
    let tested = kind_parts
        .iter()
        .filter(|p| p.number.p_adjusted.is_some())
        .count();
    let function = match (tested, shown) {
        (0, _) => Verdict::NotTestable,
        (_, 0) => Verdict::Inconclusive,
        _ => Verdict::Supported,
    };
    let effect = depth_parts.last().expect("there is a mean").number.clone();
    Finding {
        id: "also",
        claim: CLAIM,
        verdict: match function {
            Verdict::NotTestable => depth,
            _ => Verdict::all(&[depth, function]),
        },
        test: TEST.into(),
        effect,
        parts: depth_parts.into_iter().chain(kind_parts).collect(),
        notes: vec![
            format!("Sensitivity is the {} at {bits} bits, everybody together.", measure.text()),
            format!(
                "Depth: {}; function: {} ({shown} of {tested} models). No direction was claimed, so that either sign \
                 supports it.",
                depth.text(),
                function.text()
            ),
            "Intervals resample layers of each model: sensitivities of single images are not kept, so that how they vary \
             with the calibration images is not in them."
                .into(),
        ],
        not_allowed: vec!["sensitivities of single calibration images, which their bootstrap would take".into()],
    }
}

/// One part per model, then their mean.
fn by_depth(study: &Study, models: &[Layers]) -> Vec<Part> {
    let rho = |layers: &[Point]| {
        let depth: Vec<f64> = layers.iter().map(|l| l.0).collect();
        let value: Vec<f64> = layers.iter().map(|l| l.1).collect();
        spearman(&depth, &value).unwrap_or(0.0)
    };
    let mut values: Vec<f64> = models.iter().map(|(_, layers)| rho(layers)).collect();
    let resampled = |m: usize, r: u64| {
        let mut rng = replicate_rng(study.settings.seed, LAYERS | (m as u64) << 32 | r);
        let layers = &models[m].1;
        let drawn: Vec<_> = (0..layers.len())
            .map(|_| layers[rng.random_range(0..layers.len())])
            .collect();
        rho(&drawn)
    };
    let count = study.settings.replicates as u64;
    let mut replicates: Vec<Vec<f64>> = (0..models.len())
        .map(|m| {
            (0..count)
                .into_par_iter()
                .map(|r| resampled(m, r))
                .collect()
        })
        .collect();
    let n = models.len() as f64;
    values.push(values.iter().sum::<f64>() / n);
    let mean = (0..count as usize)
        .map(|r| replicates.iter().map(|of| of[r]).sum::<f64>() / n)
        .collect();
    replicates.push(mean);
    let judged = simultaneous(&values, &replicates, study.settings.confidence);
    let names = models
        .iter()
        .map(|m| format!("{}, {} layers", m.0, m.1.len()));
    let names = names.chain(std::iter::once(format!("mean of {} models", models.len())));
    names
        .zip(judged)
        .map(|(label, j)| Part {
            label,
            number: Number {
                ci: Some(j.band.map(|end| end.clamp(-1.0, 1.0))),
                p: Some(j.p),
                p_adjusted: Some(j.p_adjusted),
                ..Number::plain(EFFECT, j.value, "correlation")
            },
            // Either direction is what is claimed.
            verdict: Some(Verdict::of(j.band, j.value)),
        })
        .collect()
}

/// Whether kinds of layers differ, per model.
fn by_kind(study: &Study, models: &[Layers]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut p = Vec::new();
    for (m, (model, layers)) in models.iter().enumerate() {
        let mut kinds: Vec<&str> = layers.iter().map(|l| l.2).collect();
        kinds.sort_unstable();
        kinds.dedup();
        // A kind of one or two layers (the classifier) says nothing of a kind.
        kinds.retain(|kind| layers.iter().filter(|l| l.2 == *kind).count() >= 3);
        let of: Vec<(f64, usize)> = layers
            .iter()
            .filter_map(|l| Some((l.1, kinds.iter().position(|k| *k == l.2)?)))
            .collect();
        let label = format!("{model}, kinds {}", kinds.join(", "));
        if kinds.len() < 2 {
            parts.push(Part {
                label: format!("{model}, kinds of layers"),
                number: Number::missing(
                    "Kruskal–Wallis H",
                    "H",
                    "fewer than two kinds with three layers",
                ),
                verdict: None,
            });
            continue;
        }
        let values: Vec<f64> = of.iter().map(|o| o.0).collect();
        let mut codes: Vec<usize> = of.iter().map(|o| o.1).collect();
        let observed = kruskal_wallis(&values, &codes, kinds.len());
        let permutations = study.settings.replicates;
        let mut rng = replicate_rng(study.settings.seed, KINDS | m as u64);
        let reached = (0..permutations)
            .filter(|_| {
                codes.shuffle(&mut rng);
                kruskal_wallis(&values, &codes, kinds.len()) >= observed - 1e-9
            })
            .count();
        p.push((1 + reached) as f64 / (permutations + 1) as f64);
        parts.push(Part {
            label,
            number: Number {
                p: p.last().copied(),
                ..Number::plain("Kruskal–Wallis H", observed, "H")
            },
            verdict: None,
        });
    }
    let mut held = holm(&p).into_iter();
    for part in parts.iter_mut().filter(|part| part.number.p.is_some()) {
        part.number.p_adjusted = held.next();
    }
    parts
}

/// H of Kruskal & Wallis 1952 without a correction for ties, which a permutation does not need.
fn kruskal_wallis(values: &[f64], kind: &[usize], kinds: usize) -> f64 {
    let n = values.len() as f64;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut sums = vec![(0.0, 0.0); kinds];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for i in tied {
            sums[kind[*i]].0 += rank;
            sums[kind[*i]].1 += 1.0;
        }
        before += tied.len();
    }
    let squares: f64 = sums
        .iter()
        .filter(|s| s.1 > 0.0)
        .map(|(sum, n)| sum * sum / n)
        .sum();
    12.0 / (n * (n + 1.0)) * squares - 3.0 * (n + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::analysis::tests::{golden, numbers};

    #[test]
    fn kruskal_wallis_is_scipys() {
        for case in golden("kruskal") {
            let kinds: Vec<usize> = numbers(&case["kinds"])
                .iter()
                .map(|k| *k as usize)
                .collect();
            let count = kinds.iter().max().unwrap() + 1;
            let found = kruskal_wallis(&numbers(&case["values"]), &kinds, count);
            assert!(
                (found - case["h"].as_f64().unwrap()).abs() < 1e-9,
                "{found}"
            );
        }
    }
}
