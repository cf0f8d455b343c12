//! The same files give the same bytes, with the units' folders or without them.

use std::collections::BTreeMap;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::folder::{Image, Plan};
use super::{hypothesis, json};
use crate::study::analysis::analyse;

fn some(_: &str, method: &str, _: &Image, rng: &mut ChaCha8Rng) -> bool {
    rng.random_bool(if method.contains("int4") { 0.05 } else { 0.01 })
}

/// Bytes of every file of the folder itself.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect()
}

fn small() -> Plan<'static> {
    Plan {
        images: 400,
        replicates: 100,
        flips: &some,
        ..Plan::default()
    }
}

/// A study with everything: another target and seeds, calibration draws, sensitivities, a failed unit.
fn whole() -> tempfile::TempDir {
    let plan = small();
    let dir = plan.build();
    let more = "[[variants]]\ntargets = [\"Attractive\"]\nmodels = [\"squeezenet1_1\"]\n\
                methods = [\"fp32\", \"ptq-static-int8\", \"ptq-static-int4\"]\n\
                [[variants]]\nseeds = [2]\nmodels = [\"squeezenet1_1\"]\n\
                methods = [\"fp32\", \"ptq-static-int8\", \"ptq-static-int4\"]\n";
    plan.settings(dir.path(), more);
    for method in ["fp32", "ptq-static-int8", "ptq-static-int4"] {
        plan.unit(
            dir.path(),
            ["targets/Attractive", "Attractive"],
            4,
            method,
            1,
        );
        plan.unit(dir.path(), ["runs", "Smiling"], 4, method, 2);
    }
    let failed = dir.path().join("runs/resnet50/fair-mixed");
    std::fs::remove_dir_all(failed.join("seed-1")).unwrap();
    let head = "{\"phase\": 3, \"device\": \"flex\", \"data_hash\": \"abc\", \"error\": \"no plan fits\", \"exit_code\": 1}";
    std::fs::write(failed.join("seed-1.failed.json"), head).unwrap();
    for model in ["mobilenet_v2", "squeezenet1_1"] {
        let other = |kind: &str, name: &str, text: String| {
            let folder = dir
                .path()
                .join("runs")
                .join(model)
                .join(kind)
                .join("seed-1");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(
                folder.join("unit.json"),
                "{\"kind\": \"draws\", \"data_hash\": \"abc\"}",
            )
            .unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        };
        for sampling in ["random", "balanced", "group-weighted"] {
            let mut text = String::from(
                "draw,sampling,observer,accuracy,dp_gap,eo_gap,worst_group_accuracy\n",
            );
            for draw in 0..20 {
                // Weighted draws are four points better, plus noise that the draw decides.
                let gain = if sampling == "group-weighted" {
                    0.04
                } else {
                    0.0
                };
                let noise = (draw * 7 % 5) as f64 / 1000.0;
                let eo = 0.1 - gain
                    + if sampling == "random" {
                        noise
                    } else {
                        noise / 2.0
                    };
                text += &format!("{draw},{sampling},mse,0.9,0.2,{eo},0.85\n");
            }
            other(&format!("draws-{sampling}-mse"), "draws.csv", text);
        }
        let mut text = String::from(
            "layer,kind,depth,params,bits,group,first_order,fisher,direct,sqnr_db,gauss_newton\n",
        );
        for depth in 0..30 {
            let kind = ["conv", "depthwise"][depth % 2];
            for group in ["", "male=0"] {
                text += &format!(
                    "l{depth},{kind},{depth},100,4,{group},0,0,{},20,0\n",
                    1.0 / (1.0 + depth as f64)
                );
            }
        }
        other("sensitivity", "sensitivity.csv", text);
    }
    dir
}

#[test]
fn committed_files_alone_give_the_same_bytes() {
    let dir = whole();
    analyse(dir.path()).unwrap();
    let first = files(dir.path());
    for name in [
        "results.csv",
        "predictions.csv.gz",
        "predictions-Attractive.csv.gz",
        "timings.csv",
        "groups.csv",
        "comparisons.csv",
        "sensitivity.csv",
        "calibration-draws.csv",
        "allocations.csv",
        "training.csv",
        "hypotheses.json",
        "pareto.json",
        "provenance.json",
    ] {
        assert!(first.contains_key(name), "{name}");
    }
    analyse(dir.path()).unwrap();
    assert_eq!(files(dir.path()), first, "a second run");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    pool.install(|| analyse(dir.path())).unwrap();
    assert_eq!(files(dir.path()), first, "one thread");
    for folder in ["runs", "targets"] {
        std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
    }
    analyse(dir.path()).unwrap();
    assert_eq!(files(dir.path()), first, "without the units");
}

#[test]
fn results_and_predictions_are_enough() {
    let dir = whole();
    analyse(dir.path()).unwrap();
    let other = tempfile::tempdir().unwrap();
    for name in [
        "study.toml",
        "results.csv",
        "predictions.csv.gz",
        "predictions-Attractive.csv.gz",
    ] {
        std::fs::copy(dir.path().join(name), other.path().join(name)).unwrap();
    }
    analyse(other.path()).unwrap();
    for name in ["results.csv", "groups.csv", "comparisons.csv"] {
        let [a, b] = [&dir, &other].map(|d| std::fs::read(d.path().join(name)).unwrap());
        assert!(a == b, "{name}");
    }
    let h3 = hypothesis(other.path(), "H3");
    assert_eq!(h3["verdict"], "not testable");
    assert!(
        h3["effect"]["reason"]
            .as_str()
            .unwrap()
            .contains("calibration-draws.csv")
    );
    assert_eq!(hypothesis(other.path(), "also")["verdict"], "not testable");
    let pareto = json(other.path(), "pareto.json");
    assert_eq!(pareto["axes"].as_array().unwrap().len(), 3);
    let budget = json(other.path(), "provenance.json")["budget"].to_string();
    assert!(
        budget.contains("No times") && budget.contains("No calibration draws"),
        "{budget}"
    );
}

#[test]
fn further_files_are_read_for_what_they_say() {
    let dir = whole();
    analyse(dir.path()).unwrap();
    let h3 = hypothesis(dir.path(), "H3");
    assert_eq!(h3["verdict"], "supported");
    // Four points and what the noise leaves; three to five were promised.
    let value = h3["effect"]["value"].as_f64().unwrap();
    assert!((-4.3..-3.9).contains(&value), "{value}");
    assert!(
        h3["notes"][0].as_str().unwrap().ends_with("supported."),
        "{}",
        h3["notes"][0]
    );
    let also = hypothesis(dir.path(), "also");
    let mean = also["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["label"] == "mean of 2 models")
        .unwrap();
    assert_eq!(
        (mean["value"].as_f64(), mean["verdict"].as_str()),
        (Some(-1.0), Some("supported"))
    );
    let all = json(dir.path(), "hypotheses.json");
    let robust = all["robustness"].as_array().unwrap();
    let rows = |by: &str| robust.iter().filter(|r| r["by"] == by).count();
    assert_eq!((rows("metric"), rows("target"), rows("seed")), (9, 6, 6));
    let results = std::fs::read_to_string(dir.path().join("results.csv")).unwrap();
    assert!(
        results.contains("failed,no plan fits"),
        "the failed unit has a row"
    );
    let provenance = json(dir.path(), "provenance.json");
    assert_eq!(provenance["configurations"]["failed"], 1);
    assert_eq!(provenance["configurations"]["done"], 59);
    let pareto = json(dir.path(), "pareto.json");
    assert_eq!(pareto["axes"].as_array().unwrap().len(), 4);
    for point in pareto["points"].as_array().unwrap() {
        let often = point["frequency"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&often));
    }
    assert!(
        pareto["points"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["on_front"] == true)
    );
}
