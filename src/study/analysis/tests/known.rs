//! Studies with known answers.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::folder::{Image, Plan};
use super::{hypothesis, json};
use crate::study::analysis::analyse;
use crate::study::analysis::sheet::Sheet;

/// Positive decisions of old men are lost at 4 bits without training; half of them at 6.
fn old_men_lose(_: &str, method: &str, image: &Image, rng: &mut ChaCha8Rng) -> bool {
    let share = match method {
        "ptq-static-int4" | "ptq-dynamic-int4" | "bias-aware-int4" => 0.4,
        "int6" => 0.2,
        _ => 0.0,
    };
    let hit = image.male == 1 && image.young == 0 && image.base == 1;
    rng.random_bool(0.002) || (hit && rng.random_bool(share))
}

#[test]
fn int4_that_harms_one_group_is_found() {
    let plan = Plan {
        flips: &old_men_lose,
        ..Plan::default()
    };
    let dir = plan.build();
    analyse(dir.path()).unwrap();
    let h5 = hypothesis(dir.path(), "H5");
    let worse: Vec<_> = h5["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["label"] == "INT4 − INT8, mean of architectures")
        .collect();
    assert_eq!(worse.len(), 4);
    for part in &worse {
        assert_eq!(part["verdict"], "supported", "{part}");
        let ci = part["ci"].as_array().unwrap();
        assert!(ci[0].as_f64().unwrap() * ci[1].as_f64().unwrap() > 0.0);
    }
    // 2,000 images cannot show INT8 within a point in a small group.
    assert_eq!(h5["verdict"], "inconclusive");
    let h2 = hypothesis(dir.path(), "H2");
    let gain = |width: &str| {
        let label = format!("mean of architectures, {width}");
        let parts = h2["parts"].as_array().unwrap();
        let part = parts
            .iter()
            .find(|p| p["label"] == label && p["name"].as_str().unwrap().contains("DP"));
        part.unwrap()["verdict"].clone()
    };
    assert_eq!(
        (gain("INT4"), gain("INT8")),
        ("supported".into(), "inconclusive".into())
    );
    assert_eq!(h2["verdict"], "supported");
    let all = json(dir.path(), "hypotheses.json");
    assert_eq!(all["family"]["size"], 110);
    assert_eq!(all["family"]["tested"], 110);
    let significant = all["family"]["significant"].as_u64().unwrap();
    // Three methods on five architectures are harmed.
    assert!(significant >= 15, "{significant}");
    let guidelines = all["guidelines"].to_string();
    assert!(
        guidelines.contains("Prefer INT8 to static INT4"),
        "{guidelines}"
    );
    // Every baseline is above the majority by what its errors leave.
    for row in all["majority"].as_array().unwrap() {
        assert!(row["margin_points"].as_f64().unwrap() > 30.0, "{row}");
    }
    let results = Sheet::read(&dir.path().join("results.csv")).unwrap();
    assert_eq!(results.len(), 75);
    let column = |name: &str| results.column(name).unwrap();
    let row = (0..75).find(|r| {
        results.text(*r, column("model")) == "resnet50"
            && results.text(*r, column("method")) == "ptq-static-int4"
    });
    let row = row.unwrap();
    let number = |name: &str| results.needed::<f64>(row, column(name)).unwrap();
    assert!(number("d_dp_gap") > 0.05 && number("d_dp_gap_p_adjusted") < 0.05);
    assert!(number("d_eo_gap_lo") > 0.0 && number("right_to_wrong") > 20.0);
    assert_eq!(results.text(row, column("weights")), "4");
    assert_eq!(number("params"), 23_512_130.0);
}

/// Nothing changes anywhere: nothing is significant, and no interval has no width.
#[test]
fn no_change_is_no_proof() {
    let plan = Plan {
        images: 600,
        replicates: 200,
        ..Plan::default()
    };
    let dir = plan.build();
    analyse(dir.path()).unwrap();
    let all = json(dir.path(), "hypotheses.json");
    for h in all["hypotheses"].as_array().unwrap() {
        assert!(
            h["verdict"] == "inconclusive" || h["verdict"] == "not testable",
            "{} {}",
            h["id"],
            h["verdict"]
        );
        for part in h["parts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["unit"] == "points")
        {
            if let Some(ci) = part["ci"].as_array() {
                assert!(ci[0].as_f64() < ci[1].as_f64(), "{part}");
            }
        }
    }
    assert_eq!(all["family"]["significant"], 0);
    assert!(
        all["guidelines"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("No claim was settled")
    );
    let results = Sheet::read(&dir.path().join("results.csv")).unwrap();
    for name in [
        "d_accuracy",
        "d_dp_gap",
        "d_eo_gap",
        "d_worst_group_accuracy",
    ] {
        let ends = ["_lo", "_hi"].map(|end| results.column(&format!("{name}{end}")).unwrap());
        // The row of resnet50's static INT8.
        let [lo, hi] = ends.map(|c| results.needed::<f64>(1, c).unwrap());
        assert!(lo < 0.0 && hi > 0.0, "{name}: {lo} {hi}");
    }
    // With ten times the images the same zero flips are equivalence on accuracy.
    let parts = hypothesis(dir.path(), "H5")["parts"]
        .as_array()
        .unwrap()
        .clone();
    let margin = |metric: &str| {
        let name = format!("smallest margin shown for {metric}");
        let part = parts.iter().find(|p| p["name"] == name.as_str()).unwrap();
        (part["value"].as_f64().unwrap(), part["verdict"].clone())
    };
    // No flip in 600: 1 − 0.025^(1/600) = 0.61 points.
    assert!(
        (margin("accuracy").0 - 0.613).abs() < 0.01,
        "{:?}",
        margin("accuracy")
    );
    assert_eq!(margin("accuracy").1, "supported");
    assert_eq!(margin("EO gap").1, "inconclusive");
}

/// Flips at random: whatever the labels of methods and architectures, verdicts are wrong at the nominal
/// rate at most.
#[test]
fn random_flips_are_called_effects_at_the_nominal_rate() {
    fn anywhere(_: &str, _: &str, _: &Image, rng: &mut ChaCha8Rng) -> bool {
        rng.random_bool(0.04)
    }
    let methods = [
        "fp32",
        "ptq-static-int8",
        "ptq-static-int4",
        "qat-int8",
        "qat-int4",
        "mixed-sensitivity",
    ];
    let mut wrong = std::collections::BTreeMap::new();
    const STUDIES: u64 = 16;
    for seed in 0..STUDIES {
        let plan = Plan {
            images: 500,
            seed: 40 + seed,
            replicates: 150,
            methods: &methods,
            flips: &anywhere,
            ..Plan::default()
        };
        let dir = plan.build();
        analyse(dir.path()).unwrap();
        // Of H2 and H5 the halves that are about differences between exchangeable methods.
        let h2 = hypothesis(dir.path(), "H2")["notes"][0].to_string();
        let h5 = hypothesis(dir.path(), "H5")["notes"][0].to_string();
        let settled = |text: &str| text.contains("supported") || text.contains("contradicted");
        let verdict = |id: &str| settled(hypothesis(dir.path(), id)["verdict"].as_str().unwrap());
        let half = |text: &str, from: &str| {
            settled(text.split(from).nth(1).unwrap().split('.').next().unwrap())
        };
        for (name, found) in [
            ("H1", verdict("H1")),
            ("H2", half(&h2, "Better: ")),
            ("H4", verdict("H4")),
            ("H5", half(&h5, "than INT8: ")),
        ] {
            *wrong.entry(name).or_insert(0) += usize::from(found);
        }
    }
    // Binomial(16, 0.05): more than 3 has a probability of 0.007, less than 3 % for any of four.
    assert!(wrong.values().all(|n| *n <= 3), "{wrong:?} of {STUDIES}");
}

/// Identities are resampled, and AUC has an interval all the same.
#[test]
fn people_are_clusters() {
    let methods = ["fp32", "ptq-static-int8", "ptq-static-int4"];
    let plan = Plan {
        images: 400,
        people: true,
        methods: &methods,
        controls: &[],
        models: &["squeezenet1_1"],
        flips: &old_men_lose,
        ..Plan::default()
    };
    let dir = plan.build();
    analyse(dir.path()).unwrap();
    let results = Sheet::read(&dir.path().join("results.csv")).unwrap();
    for name in ["auc_lo", "auc_hi", "accuracy_lo"] {
        let column = results.column(name).unwrap();
        assert!(
            results.number::<f64>(0, column).unwrap().is_some(),
            "{name}"
        );
    }
    assert_eq!(
        json(dir.path(), "provenance.json")["data"]["identities"],
        true
    );
    for id in ["H1", "H6"] {
        assert_eq!(hypothesis(dir.path(), id)["verdict"], "not testable");
    }
}
