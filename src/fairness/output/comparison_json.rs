//! `against` of `fairness.json`, and `comparisons.json`: what changed between two models.

use serde_json::{Map, Value, json};

use super::json::{bounds_of, estimate};
use crate::fairness::compare::{
    Comparison, ContrastChange, Flipped, FrameChange, GapChange, Settings,
};
use crate::fairness::measure::estimate::Estimate;

/// `comparisons.json`: one object per candidate, by name.
pub fn comparisons(base: &str, all: &[Comparison]) -> Value {
    let candidates: Map<String, Value> = all
        .iter()
        .map(|c| (c.name.clone(), comparison(c)))
        .collect();
    json!({"base": base, "candidates": candidates})
}

/// One comparison.
pub fn comparison(of: &Comparison) -> Value {
    let frames = of.attributes.iter();
    let attributes: Map<String, Value> = frames
        .clone()
        .map(|frame| (frame.name.clone(), attribute(frame, &of.settings)))
        .collect();
    let flips: Vec<Value> = frames
        .flat_map(|frame| &frame.groups)
        .map(flipped)
        .collect();
    let mut accuracy = delta(&of.overall.accuracy);
    let all = flipped(&of.overall);
    for key in [
        "mcnemar_p",
        "cohens_h",
        "odds_ratio",
        "right_to_wrong",
        "wrong_to_right",
    ] {
        accuracy[key] = all[key].clone();
    }
    let mut auc = delta(&of.auc.delta);
    auc["p"] = json!(of.auc.p);
    auc["method"] = of.auc.method.into();
    json!({
        "accuracy": accuracy,
        "auc": auc,
        "attributes": attributes,
        "flips": flips,
        "settings": {
            "replicates": of.settings.replicates,
            "draws": of.settings.draws,
            "seed": of.settings.seed,
            "confidence": of.settings.confidence,
            "margin": of.settings.margin,
            "family": of.settings.family,
            "resampling": if of.settings.clustered { "cluster by identity" } else { "stratified" },
        },
    })
}

fn attribute(frame: &FrameChange, settings: &Settings) -> Value {
    let gaps = frame.gaps.iter();
    let mut object: Map<String, Value> = gaps
        .map(|found| (found.gap.key().to_string(), gap(found, settings)))
        .collect();
    object.insert(
        "contrasts".into(),
        frame.contrasts.iter().map(contrast).collect(),
    );
    object.into()
}

fn gap(found: &GapChange, settings: &Settings) -> Value {
    let mut object = delta(&found.delta);
    object["p"] = json!(found.p);
    object["p_sharp"] = json!(found.p_sharp);
    // Null outside of the family that was declared.
    object["p_adjusted"] = json!(found.adjusted.map(|a| a.romano_wolf));
    object["p_holm"] = json!(found.adjusted.map(|a| a.holm));
    object["q_exploratory"] = json!(found.q);
    match &found.equivalence {
        Ok(of) => {
            object["equivalent_within"] = settings.margin.into();
            object["equivalent"] = (of.attainable <= settings.margin).into();
            object["tost_p"] = of.p.into();
            object["attainable_margin"] = of.attainable.into();
        }
        Err(reason) => {
            object["equivalent_within"] = Value::Null;
            object["not_tested"] = reason.as_str().into();
        }
    }
    object
}

fn contrast(of: &ContrastChange) -> Value {
    json!({"rate": of.rate.key(), "pair": of.pair, "delta": of.value, "ci": bounds_of(&of.ci), "band": of.band})
}

fn flipped(of: &Flipped) -> Value {
    // JSON has no infinity: odds against nothing are null.
    let finite = |x: f64| if x.is_finite() { json!(x) } else { Value::Null };
    json!({
        "group": of.group,
        "n": of.n,
        "right_to_wrong": of.right_to_wrong,
        "wrong_to_right": of.wrong_to_right,
        "to_positive": of.to_positive,
        "to_negative": of.to_negative,
        "accuracy": delta(&of.accuracy),
        "mcnemar_p": of.mcnemar_p,
        "cohens_h": of.cohens_h,
        "odds_ratio": of.odds_ratio.map(|(value, ci)| json!({"value": finite(value), "ci": ci.map(finite)})),
    })
}

/// `{"delta", "ci"}`.
fn delta(found: &Estimate) -> Value {
    let mut object = estimate(found);
    let map = object.as_object_mut().expect("an object");
    let mut renamed = Map::new();
    for (key, value) in std::mem::take(map) {
        let key = if key == "value" { "delta".into() } else { key };
        renamed.insert(key, value);
    }
    renamed.into()
}
