//! The report's JSON and table: stable keys, reasons instead of zeros.

use std::fs;

use serde_json::{Value, json};

use super::{AttributeColumn, Predictions, column, faces, images, quick};
use crate::fairness::{AuditConfig, FairnessReport, Gap, GroupMetric, Intervals, Orders, audit};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn json_has_the_documented_keys_in_a_fixed_order() {
    let report = audit(&faces(400, 5), &quick()).unwrap();
    let json = report.to_json();
    let expected = "n threshold replicates seed confidence permutations resampling accuracy auc ece attributes notes";
    assert_eq!(keys(&json).join(" "), expected);
    assert_eq!(keys(&json["accuracy"]), ["value", "ci", "bca"]);
    assert_eq!(keys(&json["ece"]), ["value", "ci"]);
    assert_eq!(keys(&json["attributes"]), ["male", "young", "male*young"]);
    let male = &json["attributes"]["male"];
    let gaps: Vec<&str> = Gap::ALL.iter().map(|g| g.key()).collect();
    assert_eq!(keys(male)[0], "groups");
    assert_eq!(keys(male)[1..=gaps.len()], gaps);
    assert_eq!(keys(male)[gaps.len() + 1..], ["contrasts"]);
    let contrast = &male["contrasts"][0];
    assert_eq!(keys(contrast).join(" "), "rate pair value ci band");
    for gap in gaps {
        assert_eq!(
            keys(&male[gap]),
            ["value", "ci", "noise_floor", "pair"],
            "{gap}"
        );
        let (value, ci) = (male[gap]["value"].as_f64().unwrap(), &male[gap]["ci"]);
        assert!(
            ci[0].as_f64() < ci[1].as_f64() && (0.0..=2.0).contains(&value),
            "{gap}: {value} {ci}"
        );
    }
    let group = &male["groups"][1];
    assert_eq!(group["name"], "male=1");
    let plain = "name n n_pos n_neg accuracy selection_rate tpr fpr ppv auc ece";
    let with_ci = "accuracy_ci selection_rate_ci tpr_ci fpr_ci ppv_ci auc_ci ece_ci";
    let smooth = "accuracy_bca selection_rate_bca tpr_bca fpr_bca ppv_bca auc_bca";
    assert_eq!(keys(group).join(" "), format!("{plain} {with_ci} {smooth}"));
    // Primary: DP, EO and worst-group accuracy of the intersection, nothing else.
    let primary: Vec<String> = json["attributes"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(a, v)| {
            keys(v)
                .into_iter()
                .filter(|g| v[*g].get("primary") == Some(&json!(true)))
                .map(move |g| format!("{a} {g}"))
        })
        .collect();
    assert_eq!(
        primary,
        [
            "male*young dp_gap",
            "male*young eo_gap",
            "male*young worst_group_accuracy"
        ]
    );

    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.json"), dir.path().join("b.json"));
    report.write_json(&a).unwrap();
    audit(&faces(400, 5), &quick())
        .unwrap()
        .write_json(&b)
        .unwrap();
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    assert_eq!(serde_json::to_value(&report).unwrap(), json);
    assert_eq!(fs::read_to_string(&a).unwrap(), format!("{json:#}\n"));
}

#[test]
fn the_pair_is_lowest_then_highest() {
    let score = vec![0.9, 0.9, 0.1, 0.9, 0.1, 0.1];
    let label = vec![1, 0, 1, 0, 1, 0];
    let table = Predictions::new(
        images(6),
        vec![None; 6],
        vec![column("g", &[1, 1, 2, 2, 3, 3])],
        label,
        score,
    );
    let report = audit(&table.unwrap(), &quick()).unwrap();
    let pair = |gap| {
        report
            .attribute("g")
            .unwrap()
            .gap(gap)
            .unwrap()
            .pair
            .clone()
            .unwrap()
    };
    assert_eq!(pair(Gap::Dp), ["g=3", "g=1"]);
    assert_eq!(pair(Gap::Di), ["g=3", "g=1"]);
    assert_eq!(pair(Gap::Eopp), ["g=2", "g=1"]);
    assert_eq!(pair(Gap::WorstGroupAccuracy), ["g=2", "g=1"]);
}

#[test]
fn what_cannot_be_estimated_is_a_reason_and_never_zero() {
    // No old woman smiles, and there is no old man at all.
    let male = column("male", &[0, 0, 0, 1, 1, 0, 1, 0]);
    let young = column("young", &[0, 0, 1, 1, 1, 1, 1, 0]);
    let (label, score) = (
        vec![0, 0, 1, 0, 1, 0, 1, 0],
        vec![0.1, 0.7, 0.6, 0.2, 0.9, 0.3, 0.4, 0.2],
    );
    let table =
        Predictions::new(images(8), vec![None; 8], vec![male, young], label, score).unwrap();
    let report = audit(&table, &quick()).unwrap();
    let json = report.to_json();
    let cells = &json["attributes"]["male*young"];
    let missing = |reason: &str| json!({"value": null, "ci": null, "reason": reason});
    for gap in ["dp_gap", "di_ratio", "accuracy_gap", "worst_group_accuracy"] {
        let mut found = cells[gap].clone();
        found.as_object_mut().unwrap().shift_remove("primary");
        assert_eq!(found, missing("male=1*young=0: no images"), "{gap}");
    }
    assert_eq!(cells["groups"][2]["n"], 0);
    assert_eq!(
        cells["groups"][2]["accuracy"],
        missing("male=1*young=0: no images")
    );
    assert_eq!(cells["groups"][2]["accuracy_ci"], Value::Null);
    assert_eq!(
        cells["groups"][0]["tpr"],
        missing("male=0*young=0: no positive labels")
    );
    assert_eq!(
        cells["groups"][0]["auc"],
        missing("male=0*young=0: no positive labels")
    );
    let old = &json["attributes"]["young"];
    assert_eq!(old["eopp_gap"], missing("young=0: no positive labels"));
    assert_eq!(old["eo_gap"], missing("young=0: no positive labels"));
    assert!(old["pe_gap"]["value"].is_number());
    let text = report.table();
    assert!(
        text.contains("– male*young DP gap: male=1*young=0: no images"),
        "{text}"
    );
}

#[test]
fn one_row_is_audited_without_intervals_or_gaps() {
    let table = Predictions::new(
        images(1),
        vec![None],
        vec![column("male", &[1])],
        vec![1],
        vec![0.8],
    )
    .unwrap();
    for identity in [None, Some("p".to_string())] {
        let table = Predictions::new(
            table.image().iter().map(String::from).collect(),
            vec![identity],
            table.attributes().to_vec(),
            table.label().to_vec(),
            table.score().to_vec(),
        );
        let report = audit(&table.unwrap(), &quick()).unwrap();
        assert_eq!(
            (report.accuracy().value(), report.accuracy().interval()),
            (Some(1.0), None)
        );
        assert_eq!(
            report.overall(GroupMetric::Auc).reason(),
            Some("all images: no negative labels")
        );
        let male = report.attribute("male").unwrap();
        for gap in &male.gaps {
            // The lowest accuracy of one group is its accuracy; there is no gap.
            assert_eq!(
                gap.estimate.value().is_some(),
                gap.gap == Gap::WorstGroupAccuracy,
                "{}",
                gap.gap.key()
            );
        }
        assert_eq!(
            male.gap(Gap::Dp).unwrap().estimate.reason(),
            Some("male: one group only, nothing to compare it with")
        );
        assert!(report.table().contains("DP gap"));
    }
}

#[test]
fn decisions_only_gives_the_same_values_without_score_intervals() {
    let predictions = faces(400, 5);
    let all = audit(&predictions, &quick()).unwrap();
    let fast = audit(
        &predictions,
        &AuditConfig {
            intervals: Intervals::Decisions,
            ..quick()
        },
    )
    .unwrap();
    let overall = |report: &FairnessReport, metric| report.overall(metric).clone();
    let auc = [&all, &fast].map(|report| overall(report, GroupMetric::Auc));
    assert_eq!(auc[0].value(), auc[1].value());
    // DeLong's interval and the bootstrap's are nearly the same.
    let [(a, b), (c, d)] = auc.map(|auc| auc.interval().unwrap());
    assert!(
        (a - c).abs() < 0.01 && (b - d).abs() < 0.01,
        "{a} {b}, {c} {d}"
    );
    assert_eq!(overall(&fast, GroupMetric::Ece).interval(), None);
    assert!(fast.accuracy().interval().is_some());
    for (a, b) in all.attributes.iter().zip(&fast.attributes) {
        for (x, y) in a.gaps.iter().zip(&b.gaps) {
            assert_eq!(
                (x.estimate.value(), x.noise_floor, &x.pair),
                (y.estimate.value(), y.noise_floor, &y.pair)
            );
        }
        let ece = b.groups[0].metric(GroupMetric::Ece).unwrap();
        assert!(ece.value().is_some() && ece.interval().is_none());
    }
}

#[test]
fn the_table_reads_in_blocks_and_flags_the_80_percent_rule() {
    let n = 400;
    let base = faces(n, 5);
    let race: Vec<&str> = (0..n).map(|i| ["Asian", "Black", "White"][i % 3]).collect();
    let mut attributes = base.attributes().to_vec();
    attributes.push(AttributeColumn::new("race", &race).unwrap());
    // One race is hardly ever selected.
    let score = base
        .score()
        .iter()
        .zip(&race)
        .map(|(s, r)| if *r == "Black" { s * 0.6 } else { *s })
        .collect();
    let table = Predictions::new(
        images(n),
        vec![None; n],
        attributes,
        base.label().to_vec(),
        score,
    )
    .unwrap();
    let config = AuditConfig {
        orders: Orders {
            order: 3,
            primary: None,
        },
        ..quick()
    };
    let report = audit(&table, &config).unwrap();
    let text = report.table();
    let of = |title: &str| {
        text.lines()
            .filter(|l| l.starts_with(title))
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    // Seven frames: three side by side, the widest intersection last with the primary marks.
    let dp = of("DP gap");
    assert_eq!(dp.len(), 3, "{text}");
    assert!(!dp[0].contains('*') && dp[2].ends_with('*'), "{text}");
    assert!(of("DI ratio")[0].ends_with('!'), "{text}");
    assert_eq!(
        of("worst-group accuracy")[2].matches('*').count(),
        1,
        "{text}"
    );
    let male = report
        .attribute("male")
        .unwrap()
        .gap(Gap::Dp)
        .unwrap()
        .estimate
        .value()
        .unwrap();
    assert!(dp[0].contains(&format!("{male:.3} [")), "{text}");
    assert!(text.contains("other people's perception"), "{text}");
    assert!(text.lines().all(|l| !l.ends_with(' ')));
}
