//! Tables and settings that are refused, with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::{refuse, scratch, str, succeed};
use super::{FEW, table};

fn edited(from: &Path, name: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let path = scratch().join(name);
    fs::write(&path, change(&fs::read_to_string(from).unwrap())).unwrap();
    path
}

#[test]
fn tables_that_do_not_belong_together() {
    let base = table("whole.csv", 300, 0.0, 0.0);
    let fewer = edited(&base, "fewer.csv", |t| {
        t.lines().take(250).map(|l| format!("{l}\n")).collect()
    });
    let against = |other: &Path| {
        vec![
            "audit".to_string(),
            str(other).into(),
            "--against".into(),
            str(&base).into(),
        ]
    };
    let reason = |other: &Path| {
        let args = against(other);
        refuse(3, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = reason(&fewer);
    assert!(
        first.contains("fewer.csv")
            && first.contains("`249.jpg`")
            && first.contains("--intersect-images"),
        "{first}"
    );
    // Another label, another attribute value, another column.
    let line = fs::read_to_string(&base)
        .unwrap()
        .lines()
        .nth(7)
        .unwrap()
        .to_string();
    let flip = |text: &str, from: &str, to: &str| text.replacen(from, to, 1);
    let parts: Vec<&str> = line.split(',').collect();
    let label = if parts[5] == "1" { "0" } else { "1" };
    let other = line.replace(
        &format!(",{},{}", parts[5], parts[6]),
        &format!(",{label},{}", parts[6]),
    );
    let relabelled = edited(&base, "relabelled.csv", |t| flip(t, &line, &other));
    assert!(
        reason(&relabelled).contains("`6.jpg`: found label"),
        "{}",
        reason(&relabelled)
    );
    let other = line.replacen(&format!(",{},", parts[3]), ",z,", 1);
    let regrouped = edited(&base, "regrouped.csv", |t| flip(t, &line, &other));
    assert!(
        reason(&regrouped).contains("`race` \"z\""),
        "{}",
        reason(&regrouped)
    );
    let renamed = edited(&base, "renamed.csv", |t| t.replacen("race", "skin", 1));
    assert!(
        reason(&renamed).contains("`race` is missing"),
        "{}",
        reason(&renamed)
    );

    let mut args = vec![
        "audit",
        str(&fewer),
        "--against",
        str(&base),
        "--intersect-images",
    ];
    args.extend(["--attributes", "male"]);
    args.extend(FEW);
    let text = succeed(&args);
    assert!(
        text.contains("249 of the base's 300 images are shared"),
        "{text}"
    );
    assert!(text.contains("fewer against whole: 249 images"), "{text}");
}

#[test]
fn settings_and_columns_that_make_no_sense() {
    let path = table("settings.csv", 50, 0.0, 0.0);
    let file = str(&path);
    for (code, args, word) in [
        (2, vec!["audit", file, "--order", "0"], "audit.order"),
        (2, vec!["audit", file, "--margin", "0"], "audit.margin"),
        (
            2,
            vec!["audit", file, "--replicates", "1"],
            "audit.replicates",
        ),
        (
            2,
            vec!["audit", file, "--set", "audit.replicate=10"],
            "`replicates`",
        ),
        (
            2,
            vec!["audit", file, "--set", "audit.bins={age=[50,30]}"],
            "audit.bins.age",
        ),
        (
            2,
            vec!["audit", file, "--set", "audit.primary=male*age"],
            "audit.primary",
        ),
        (2, vec!["audit", file, "--intersect-images"], "required"),
        (
            2,
            vec!["audit", file, "--fit-thresholds", file],
            "--criterion",
        ),
        (2, vec!["audit", file, "--criterion", "dp"], "required"),
        (2, vec!["audit", file, file], "another file"),
        (3, vec!["audit", file, "--attributes", "male,sex"], "`sex`"),
        (
            3,
            vec!["audit", file, "--set", "audit.bins={race=[1]}"],
            "line 2",
        ),
        (
            3,
            vec!["audit", file, "--set", "audit.bins={height=[1]}"],
            "`height`",
        ),
        (
            3,
            vec!["audit", file, "--against", "absent.csv"],
            "absent.csv",
        ),
    ] {
        // The primary frame has to be one that is looked at: here the order is 1.
        let mut args = args;
        if args.contains(&"audit.primary=male*age") {
            args.extend(["--order", "1"]);
        }
        let reason = refuse(code, &args);
        assert!(reason.contains(word), "{args:?}: {reason}");
    }
    for (text, word) in [
        ("threshold = 3\n", "[0, 1]"),
        ("limit = 0.5\n", "limit"),
        ("frame = \"male\"\n", "neither"),
        ("frame = \"male\"\n[groups]\n\"male=0\" = 0.5\n", "male=1"),
        ("frame = \"sex\"\n[groups]\n\"sex=0\" = 0.5\n", "`sex`"),
    ] {
        let file_of = scratch().join("bad-thresholds.toml");
        fs::write(&file_of, text).unwrap();
        let reason = refuse(2, &["audit", file, "--thresholds", str(&file_of)]);
        assert!(reason.contains(word), "{text}: {reason}");
    }
}
