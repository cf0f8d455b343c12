//! `fairness-*.json`: the report with stable keys in a stable order, so that equal reports are equal bytes.

use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::report::{
    AttributeReport, FairnessReport, GapReport, GroupReport, Rank, RateContrast, Resampling,
};
use crate::error::Result;
use crate::fairness::measure::counts::GroupMetric;
use crate::fairness::measure::decide::Thresholds;
use crate::fairness::measure::estimate::{Estimate, Interval};
use crate::files::write_bytes;

impl FairnessReport {
    /// The report as JSON.
    ///
    /// A number with an interval is `{"value", "ci": [lo, hi]}`; what cannot be estimated is
    /// `{"value": null, "ci": null, "reason"}`. A group's metrics are plain numbers, their intervals
    /// stand beside them as `…_ci`; one that cannot be estimated is such an object with the reason.
    pub fn to_json(&self) -> Value {
        let attributes: Map<String, Value> = self
            .attributes
            .iter()
            .map(|a| (a.name.clone(), attribute(a)))
            .collect();
        let resampling = match &self.resampling {
            Resampling::Stratified { strata } => {
                json!({"scheme": "stratified", "strata": strata})
            }
            Resampling::ByIdentity { identities } => {
                json!({"scheme": "cluster by identity", "identities": identities})
            }
        };
        let threshold = match &self.thresholds {
            Thresholds::One(threshold) => json!(threshold),
            Thresholds::PerGroup { of, .. } => json!(of),
        };
        let overall = |metric: GroupMetric| {
            let mut object = estimate(self.overall(metric));
            if let Some(bca) = self.everyone.bca[metric as usize] {
                object["bca"] = json!(bca);
            }
            object
        };
        json!({
            "n": self.n,
            "threshold": threshold,
            "replicates": self.replicates,
            "seed": self.seed,
            "confidence": self.confidence,
            "permutations": self.permutations,
            "resampling": resampling,
            "accuracy": overall(GroupMetric::Accuracy),
            "auc": overall(GroupMetric::Auc),
            "ece": overall(GroupMetric::Ece),
            "attributes": attributes,
            "notes": self.notes,
        })
    }

    /// Writes [`to_json`](Self::to_json), indented, wholly or not at all.
    ///
    /// # Errors
    /// Run error when the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        write_bytes(path, format!("{:#}\n", self.to_json()).as_bytes())
    }
}

impl Serialize for FairnessReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

fn attribute(report: &AttributeReport) -> Value {
    let mut object = Map::new();
    object.insert("groups".into(), report.groups.iter().map(group).collect());
    for g in &report.gaps {
        let mut value = gap(g);
        if report.rank == Rank::Primary && g.gap.is_primary() {
            value["primary"] = true.into();
        }
        object.insert(g.gap.key().into(), value);
    }
    let contrast = |c: &RateContrast| json!({"rate": c.rate.key(), "pair": c.pair, "value": c.value, "ci": bounds_of(&c.ci), "band": c.band});
    object.insert(
        "contrasts".into(),
        report.contrasts.iter().map(contrast).collect(),
    );
    object.into()
}

fn gap(report: &GapReport) -> Value {
    let mut object = estimate(&report.estimate);
    if report.estimate.value().is_some() {
        object["noise_floor"] = report.noise_floor.into();
        object["pair"] = json!(report.pair);
    }
    object
}

fn group(report: &GroupReport) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), report.name.as_str().into());
    for (key, count) in [
        ("n", report.n),
        ("n_pos", report.n_pos),
        ("n_neg", report.n_neg),
    ] {
        object.insert(key.into(), count.into());
    }
    for (metric, found) in &report.metrics {
        let value = match found.value() {
            Some(value) => value.into(),
            None => estimate(found),
        };
        object.insert(metric.key().into(), value);
    }
    for (metric, found) in &report.metrics {
        object.insert(format!("{}_ci", metric.key()), bounds(found));
    }
    for ((metric, _), bca) in report.metrics.iter().zip(&report.bca) {
        if let Some(bca) = bca {
            object.insert(format!("{}_bca", metric.key()), json!(bca));
        }
    }
    object.into()
}

/// `{"value", "ci"}`, with the reason where one is missing.
pub(super) fn estimate(found: &Estimate) -> Value {
    let mut object = json!({"value": found.value(), "ci": bounds(found)});
    if let Some(reason) = found.reason() {
        object["reason"] = reason.into();
    }
    object
}

fn bounds(found: &Estimate) -> Value {
    match found {
        Estimate::Value { ci, .. } => bounds_of(ci),
        Estimate::NotEstimable { .. } => Value::Null,
    }
}

/// `[lo, hi]`, or null.
pub(super) fn bounds_of(interval: &Interval) -> Value {
    match interval {
        Interval::Bounds { lo, hi } => json!([lo, hi]),
        Interval::NotEstimable { .. } => Value::Null,
    }
}
