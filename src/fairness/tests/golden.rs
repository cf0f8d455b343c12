//! Every metric equal to Fairlearn and scikit-learn: `tests/golden/fairness.py` wrote the values.

use serde_json::Value;

use super::{AttributeColumn, Predictions, images, quick};
use crate::fairness::{
    AuditConfig, FairnessReport, Gap, GroupMetric, Intervals, Orders, Thresholds, audit,
};

/// Rates are one rounded division of the same counts; ECE and AUC add up to 720 terms below 1 in
/// another order, at most 720 · 2⁻⁵³ < 1e-13 apart.
const TOLERANCE: f64 = 1e-12;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

/// Audited with all intersections up to `order`.
fn audited(case: &Value, order: usize) -> FairnessReport {
    let label: Vec<u8> = numbers(&case["label"]).iter().map(|y| *y as u8).collect();
    let n = label.len();
    let attributes = case["attributes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, codes)| {
            let levels = case["levels"][name].as_array().unwrap();
            let values: Vec<&str> = numbers(codes)
                .iter()
                .map(|c| levels[*c as usize].as_str().unwrap())
                .collect();
            AttributeColumn::new(name, &values).unwrap()
        });
    let predictions = Predictions::new(
        images(n),
        vec![None; n],
        attributes.collect(),
        label,
        numbers(&case["score"]),
    )
    .unwrap();
    let threshold = case["threshold"].as_f64().unwrap();
    audit(
        &predictions,
        &AuditConfig {
            thresholds: Thresholds::One(threshold),
            intervals: Intervals::Decisions,
            orders: Orders {
                order,
                primary: None,
            },
            ..quick()
        },
    )
    .unwrap()
}

fn assert_close(found: Option<f64>, expected: &Value, what: &str) {
    let (found, expected) = (found.expect(what), expected.as_f64().expect(what));
    assert!(
        (found - expected).abs() <= TOLERANCE,
        "{what}: {found}, expected {expected}"
    );
}

#[test]
fn every_metric_equals_fairlearn_and_scikit_learn() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/fairness.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        // Each attribute alone and the intersection of all.
        let order = case["attributes"].as_object().unwrap().len();
        compare(case, &audited(case, order));
    }
}

#[test]
fn all_intersections_up_to_an_order_equal_fairlearn_and_scikit_learn() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/fairness.json")).unwrap();
    let cases = golden["crossed"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let report = audited(case, case["order"].as_u64().unwrap() as usize);
        let frames = case["frames"].as_object().unwrap();
        assert!(frames.keys().eq(report.attributes.iter().map(|a| &a.name)));
        compare(case, &report);
    }
}

fn compare(case: &Value, report: &FairnessReport) {
    let what = case["name"].as_str().unwrap();
    for (key, metric) in [
        ("accuracy", GroupMetric::Accuracy),
        ("auc", GroupMetric::Auc),
        ("ece", GroupMetric::Ece),
    ] {
        assert_close(report.overall(metric).value(), &case["overall"][key], what);
    }
    for (name, frame) in case["frames"].as_object().unwrap() {
        let attribute = report.attribute(name).expect(name);
        let groups = frame["groups"].as_array().unwrap();
        assert_eq!(groups.len(), attribute.groups.len());
        for (found, expected) in attribute.groups.iter().zip(groups) {
            let what = format!("{what}, {}", found.name);
            assert_eq!(expected["name"], found.name.as_str());
            assert_close(Some(found.n as f64), &expected["n"], &what);
            for metric in GroupMetric::ALL {
                let what = format!("{what}, {}", metric.key());
                assert_close(
                    found.metric(metric).unwrap().value(),
                    &expected[metric.key()],
                    &what,
                );
            }
        }
        for gap in Gap::ALL {
            let found = attribute.gap(gap).unwrap();
            let what = format!("{what}, {name}, {}", gap.key());
            assert_close(found.estimate.value(), &frame["gaps"][gap.key()], &what);
        }
    }
}
