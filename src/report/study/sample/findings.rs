//! Verdicts, the front, where everything comes from.

use serde_json::{Value, json};

use super::details::timings;
use super::results::metrics;
use super::{Sample, bits, noise, params};

/// `hypotheses.json`.
pub fn hypotheses(sample: &Sample) -> String {
    let claims = [
        ("H1", "Larger models are more resilient", "inconclusive"),
        ("H2", "QAT is better, but expensive", "supported"),
        (
            "H3",
            "Balanced or bias-aware calibration helps",
            "contradicted",
        ),
        ("H4", "Mixed precision balances", "inconclusive"),
        ("H5", "INT8 is the sweet spot", "supported"),
        ("H6", "Architecture predicts behaviour", "not testable"),
        ("depth", "Sensitivity correlates with depth", "inconclusive"),
    ];
    let hypotheses: Vec<Value> = claims
        .iter()
        .map(|(id, claim, verdict)| {
            let value = 3.0 * noise(id);
            let effect = match *verdict {
                "not testable" => json!({"name": "effect", "value": null, "ci": null, "p": null,
                    "p_adjusted": null, "unit": "points", "reason": "one Transformer only"}),
                _ => json!({"name": "change of the EO gap", "value": value, "ci": [value - 1.5, value + 1.4],
                    "p": 0.03, "p_adjusted": 0.2, "unit": "points"}),
            };
            let parts: Vec<Value> = sample
                .models
                .iter()
                .map(|model| {
                    let value = 2.0 * noise(&format!("{id}{model}"));
                    json!({"label": format!("{model}, INT4"), "name": "ΔEO gap", "value": value,
                        "ci": [value - 1.0, value + 1.0], "p": 0.2, "p_adjusted": null, "unit": "points",
                        "verdict": null})
                })
                .collect();
            json!({"id": id, "claim": claim, "verdict": verdict, "test": "paired bootstrap", "effect": effect,
                "parts": parts, "notes": ["One seed."], "not_allowed": ["More seeds."]})
        })
        .collect();
    let majority: Vec<Value> = sample
        .models
        .iter()
        .map(|model| {
            let accuracy = metrics(model, "fp32", "")["accuracy"];
            json!({"model": model, "accuracy": accuracy, "ci": [accuracy - 0.012, accuracy + 0.012],
                "majority_rate": 0.5175, "margin_points": 100.0 * (accuracy - 0.5175), "required_points": 5})
        })
        .collect();
    let found = json!({
        "family": {"size": 110, "method": "Romano-Wolf", "replicates": 2000, "seed": 1, "confidence": 0.95,
            "margin": 0.01},
        "hypotheses": hypotheses,
        "robustness": [{"hypothesis": "H5", "by": "metric", "level": "DP gap", "verdict": "inconclusive",
            "value": 0.4, "ci": [-0.1, 0.9]}, {"hypothesis": "H5", "by": "seed", "level": "2",
            "verdict": "not testable", "value": null, "ci": null, "reason": "one seed only"}],
        "guidelines": [{"text": "INT8 first.", "from": ["H5"], "strength": "shown"}],
        "majority": majority,
    });
    format!("{found:#}\n")
}

/// `pareto.json`.
pub fn pareto(sample: &Sample) -> String {
    let times = timings(sample);
    let latency = |model: &str, method: &str| -> Option<f64> {
        let start = format!("Smiling,{model},{method},1,");
        let line = times.lines().find(|l| l.starts_with(&start))?;
        line.split(',').nth(8)?.parse().ok()
    };
    let mut points: Vec<Value> = Vec::new();
    for (model, method, control) in sample.configurations() {
        if control || sample.failed == Some((model, method)) {
            continue;
        }
        let found = metrics(model, method, "");
        let (accuracy, eo) = (found["accuracy"], found["eo_gap"]);
        points.push(
            json!({"model": model, "method": method, "accuracy": accuracy,
            "accuracy_lo": accuracy - 0.012, "accuracy_hi": accuracy + 0.012,
            "eo_gap": eo, "eo_gap_lo": (eo - 0.04).max(0.0), "eo_gap_hi": eo + 0.05,
            "size_bytes": (params(model) as f64 * bits(method) / 8.0).round() as u64,
            "latency_ms_batch32": latency(model, method), "on_front": false, "frequency": 0.0}),
        );
    }
    let value = |p: &Value, axis: &str| p[axis].as_f64().unwrap_or(0.0);
    let dominated = |p: &Value| {
        points.iter().any(|o| {
            value(o, "accuracy") > value(p, "accuracy")
                && ["eo_gap", "size_bytes", "latency_ms_batch32"]
                    .iter()
                    .all(|a| value(o, a) < value(p, a))
        })
    };
    let front: Vec<bool> = points.iter().map(|p| !dominated(p)).collect();
    for (point, front) in points.iter_mut().zip(front) {
        let share = 0.5 + 0.4 * noise(&point["model"].to_string());
        point["on_front"] = front.into();
        point["frequency"] = (if front { share } else { 0.2 * share }).into();
    }
    let axes = ["accuracy", "eo_gap", "size_bytes", "latency_ms_batch32"];
    format!("{:#}\n", json!({"axes": axes, "points": points}))
}

/// `provenance.json`.
pub fn provenance(sample: &Sample) -> String {
    let planned = sample.configurations().len();
    let failed = usize::from(sample.failed.is_some());
    let found = json!({"fairbit": "0.1.0", "study": "sample",
        "data": {"hash": "3f9a0c5e1d77b6a4", "train": 8000, "val": 2000, "test": 2000, "px": 64,
            "dir_kind": "generated", "identities": false},
        "devices": {"flex": planned - failed}, "seconds": 1234.5, "cpu": "a processor", "threads": 2,
        "configurations": {"planned": planned, "done": planned - failed, "failed": failed},
        "replicates": 2000, "budget": ["One seed: training variance was not estimated."]});
    format!("{found:#}\n")
}
