//! `fairbit audit` as a user runs it, on predictions of no model in particular.

mod refused;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{fairbit, scratch, str, succeed};

/// Replicates that are few: what is looked at is what is written, not how well it is known.
const FEW: [&str; 4] = ["--replicates", "200", "--set", "audit.draws=200"];

/// A table of `n` images with three attributes; `shift` moves the scores of men, `spread` all of them.
fn table(name: &str, n: usize, shift: f64, spread: f64) -> PathBuf {
    let mut text = String::from("image,identity,male,race,age,label,score\n");
    for i in 0..n {
        // Numbers that look random and are the same for every table.
        let hash = |salt: u64| {
            let mut x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
                ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
            x ^= x >> 29;
            x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (x >> 11) as f64 / (1u64 << 53) as f64
        };
        let male = u8::from(hash(1) < 0.4);
        let race = ["a", "b", "c", "d", "e"][(hash(2) * 5.0) as usize];
        let age = 15 + (hash(3) * 60.0) as usize;
        let label = u8::from(hash(4) < 0.55 - 0.1 * f64::from(male));
        let score = 0.3 + 0.4 * f64::from(label) + 0.6 * (hash(5) - 0.5);
        let score = score + spread * (hash(6) - 0.5) - shift * f64::from(male);
        let score = score.clamp(0.0, 1.0);
        let _ = writeln!(text, "{i}.jpg,,{male},{race},{age},{label},{score:.4}");
    }
    let path = scratch().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn one_table_gives_a_report_figures_and_a_table() {
    let path = table("one.csv", 800, 0.0, 0.0);
    let out = scratch().join("one");
    let bins = "audit.bins={age=[30,50]}";
    let mut args = vec![
        "audit",
        str(&path),
        "--out",
        str(&out),
        "--set",
        bins,
        "--order",
        "3",
    ];
    args.extend(FEW);
    let text = succeed(&args);
    assert!(text.contains("male*race*age"), "{text}");
    let report = json(&out.join("fairness.json"));
    let frames: Vec<&String> = report["attributes"].as_object().unwrap().keys().collect();
    let expected = "male race age male*race male*age race*age male*race*age";
    assert_eq!(frames, expected.split(' ').collect::<Vec<_>>());
    let age: Vec<&str> = report["attributes"]["age"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["name"].as_str().unwrap())
        .collect();
    assert_eq!(age, ["age=<30", "age=30-50", "age=50+"]);
    assert_eq!(report["predictions"]["file"], "one.csv");
    assert_eq!(report["predictions"]["sha256"].as_str().unwrap().len(), 64);
    for kind in ["rates", "roc", "calibration"] {
        let figure = |ending: &str| out.join("figures").join(format!("{kind}-one.{ending}"));
        assert!(
            fs::read_to_string(figure("svg"))
                .unwrap()
                .starts_with("<svg")
        );
        assert!(fs::read(figure("png")).unwrap().starts_with(b"\x89PNG"));
    }
    let tex = fs::read_to_string(out.join("tables/one.tex")).unwrap();
    assert!(
        tex.contains("\\toprule") && tex.contains("male{*}race"),
        "{tex}"
    );
}

#[test]
fn a_base_gives_comparisons_and_exemplars_whatever_the_threads() {
    let base = table("base.csv", 1500, 0.0, 0.0);
    let (small, large) = (
        table("small.csv", 1500, 0.0, 0.05),
        table("large.csv", 1500, 0.15, 0.2),
    );
    let run = |threads: &str, out: &Path| {
        let mut args = vec!["audit", str(&small), str(&large), "--against", str(&base)];
        args.extend(["--attributes", "male,race", "--out", str(out)]);
        args.extend(FEW);
        let done = fairbit(&args)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", support::text(&done.stderr));
        support::text(&done.stdout)
    };
    let (one, three) = (scratch().join("threads-1"), scratch().join("threads-3"));
    let text = run("1", &one);
    assert_eq!(run("3", &three), text);
    for file in [
        "comparisons.json",
        "exemplars.csv",
        "fairness-small.json",
        "fairness-large.json",
        "figures/changes-male-x-race.svg",
    ] {
        assert_eq!(
            fs::read(one.join(file)).unwrap(),
            fs::read(three.join(file)).unwrap(),
            "{file}"
        );
    }
    assert!(text.contains("large against base: 1500 images"), "{text}");

    let all = json(&one.join("comparisons.json"));
    assert_eq!(all["base"], "base");
    let against = &json(&one.join("fairness-large.json"))["against"];
    assert_eq!(*against, all["candidates"]["large"]);
    // Men's scores fell: the gap grew, and significantly so.
    let dp = &against["attributes"]["male"]["dp_gap"];
    assert!(
        dp["delta"].as_f64().unwrap() > 0.05 && dp["p"].as_f64().unwrap() < 0.05,
        "{dp}"
    );
    assert!(dp["equivalent"] == false && dp["attainable_margin"].as_f64().unwrap() > 0.05);
    // Exemplars: one row for each flip.
    let exemplars = fs::read_to_string(one.join("exemplars.csv")).unwrap();
    let header = "candidate,image,identity,male,race,label,score_base,score,decision_base,decision,change,disagreeing";
    assert_eq!(exemplars.lines().next(), Some(header));
    for name in ["small", "large"] {
        let rows = exemplars
            .lines()
            .filter(|l| l.starts_with(&format!("{name},")))
            .count() as u64;
        let accuracy = &all["candidates"][name]["accuracy"];
        let flips = ["right_to_wrong", "wrong_to_right"].map(|key| accuracy[key].as_u64().unwrap());
        assert_eq!(rows, flips[0] + flips[1]);
        assert!(rows > 0);
    }
    assert!(
        fs::read_to_string(one.join("tables/changes.tex"))
            .unwrap()
            .contains("\\toprule")
    );
}

#[test]
fn thresholds_are_fitted_on_one_table_and_priced_on_another() {
    let (validation, test) = (
        table("val.csv", 3000, 0.1, 0.0),
        table("test.csv", 2000, 0.1, 0.1),
    );
    let out = scratch().join("fitted");
    for (criterion, gap) in [("dp", "dp_gap"), ("eo", "eo_gap")] {
        let mut args = vec!["audit", str(&test), "--fit-thresholds", str(&validation)];
        args.extend([
            "--criterion",
            criterion,
            "--attributes",
            "male",
            "--out",
            str(&out),
        ]);
        args.extend(FEW);
        succeed(&args);
        let report = json(&out.join("fairness.json"));
        assert_eq!(report["threshold"].as_object().unwrap().len(), 2);
        let found = &report["thresholds"];
        let number = |value: &Value| value.as_f64().unwrap();
        let fitted = &found["validation"];
        assert!(
            number(&fitted["gap"]) < 0.02 && number(&fitted["gap_before"]) > 0.04,
            "{fitted}"
        );
        let cost = &found["cost"];
        let change = &cost["attributes"]["male"][gap];
        assert!(number(&change["delta"]) < 0.0, "{change}");
        assert!(cost["accuracy"]["delta"].is_number() && cost["accuracy"]["ci"].is_array());
        // The same thresholds from the file.
        let again = scratch().join("from-file");
        let file = out.join("thresholds.toml");
        let mut args = vec!["audit", str(&test), "--thresholds", str(&file)];
        args.extend(["--attributes", "male", "--out", str(&again)]);
        args.extend(FEW);
        succeed(&args);
        let second = json(&again.join("fairness.json"));
        assert_eq!(second["attributes"], report["attributes"]);
        assert_eq!(second["thresholds"]["cost"], report["thresholds"]["cost"]);
    }
    let mut args = vec!["audit", str(&test), "--fit-thresholds", str(&validation)];
    args.extend([
        "--criterion",
        "accuracy",
        "--attributes",
        "male",
        "--out",
        str(&out),
    ]);
    args.extend(FEW);
    succeed(&args);
    assert!(json(&out.join("fairness.json"))["threshold"].is_number());
}

#[test]
fn one_row_and_one_group_are_audited_as_far_as_they_go() {
    let header = "image,identity,male,label,score\n";
    let (one, same) = (
        scratch().join("one-row.csv"),
        scratch().join("one-row-q.csv"),
    );
    fs::write(&one, format!("{header}a.jpg,,1,1,0.7\n")).unwrap();
    fs::write(&same, format!("{header}a.jpg,,1,1,0.2\n")).unwrap();
    let out = scratch().join("one-row");
    let mut args = vec![
        "audit",
        str(&same),
        "--against",
        str(&one),
        "--out",
        str(&out),
    ];
    args.extend(FEW);
    let text = succeed(&args);
    assert!(
        text.contains("1 right→wrong") && text.contains("one group only"),
        "{text}"
    );
    let report = json(&out.join("fairness.json"));
    assert!(report["attributes"]["male"]["dp_gap"]["value"].is_null());
    let change = &report["against"]["attributes"]["male"]["dp_gap"];
    assert!(
        change["delta"].is_null() && change["reason"].is_string(),
        "{change}"
    );
}
