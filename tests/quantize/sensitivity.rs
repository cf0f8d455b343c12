//! `sensitivity` through the binary, and plans that come from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::support::{faces, refuse, scratch, str, succeed};
use super::{json, quantize, trained};

fn args<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["sensitivity", str(trained()), "--data", str(faces())];
    args.extend(["--images", "24", "--out", str(out)]);
    args.extend(more);
    args
}

#[test]
fn every_layer_width_and_group_has_its_row() {
    let out = scratch().join("sensitivity");
    let said = succeed(&args(&out, &["--bits", "4,8"]));
    assert!(
        said.contains("rank correlation of first_order+gauss_newton"),
        "{said}"
    );
    let text = fs::read_to_string(out.join("sensitivity.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header =
        "layer,kind,depth,params,bits,group,first_order,fisher,direct,sqnr_db,gauss_newton";
    assert_eq!(text.lines().next().unwrap(), header);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    // 53 layers, two widths; everybody, two groups of two attributes and four of both.
    assert_eq!(rows.len(), 53 * 2 * 9);
    let groups: BTreeSet<&str> = rows.iter().map(|row| &row[5]).collect();
    assert!(
        groups.contains("") && groups.contains("male=0*young=1"),
        "{groups:?}"
    );
    for row in &rows {
        for column in 6..9 {
            let number: f64 = row[column].parse().unwrap();
            assert!(
                number.is_finite() && (column != 7 || number >= 0.0),
                "{row:?}"
            );
        }
    }
    let found = json(&out.join("sensitivity.json"));
    let all = &found["spearman_with_direct"][0];
    let rho = all["fisher"]["value"].as_f64().unwrap();
    let [lo, hi] = [0, 1].map(|i| all["fisher"]["ci"][i].as_f64().unwrap());
    assert!((-1.0..=1.0).contains(&rho) && lo <= hi, "{all}");
    for file in ["sensitivity.svg", "sensitivity.png"] {
        assert!(fs::metadata(out.join(file)).unwrap().len() > 2000, "{file}");
    }
    let again = scratch().join("sensitivity-again");
    succeed(&args(&again, &["--bits", "4,8", "--no-direct"]));
    let text = fs::read_to_string(again.join("sensitivity.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for (row, before) in reader.records().map(Result::unwrap).zip(&rows) {
        assert_eq!((&row[6], &row[7], &row[8]), (&before[6], &before[7], ""));
    }
}

#[test]
fn what_cannot_be_found_out_is_refused() {
    let out = scratch().join("nowhere");
    for (code, more, says) in [
        (2, &["--bits", "9"][..], "2 to 8"),
        (2, &["--images", "3"][..], "one of each group"),
        (2, &["--images", "100000"][..], "training split"),
    ] {
        // The last of a flag given twice would win; clap refuses it, so take the first away.
        let mut given = args(&out, &[]);
        if more[0] == "--images" {
            given.retain(|a| *a != "--images" && *a != "24");
        }
        given.extend(more);
        let reason = refuse(code, &given);
        assert!(reason.contains(says), "{reason}");
    }
    assert!(!out.exists(), "nothing is written");
}

#[test]
fn a_computed_plan_keeps_its_budget_and_can_be_given_back() {
    let file = scratch().join("computed.toml");
    let method = |under: &str| {
        let text = format!(
            "name = \"computed\"\n[plan]\nactivation = \"static-8\"\nends = 8\n[plan.allocate]\n\
             by = \"fisher\"\nimages = 24\nunder = {{ {under} }}\n[calibration]\nimages = 96\n"
        );
        fs::write(&file, text).unwrap();
        &file
    };
    let [out, again] = ["computed", "given-back"].map(|name| scratch().join(name));
    let method_file = method("budget = { share-of-8-bit = 0.7 }, widths = [4, 8]");
    quantize(method_file, &out, &[]);
    let said = json(&out.join("quantize.json"));
    let bytes = said["allocation"]["bytes"].as_u64().unwrap();
    let layers = said["layers"].as_array().unwrap();
    let sum: u64 = layers.iter().map(|l| l["bytes"].as_u64().unwrap()).sum();
    assert_eq!(bytes, sum);
    let widths: BTreeSet<u64> = layers.iter().filter_map(|l| l["weight"].as_u64()).collect();
    assert_eq!(widths, BTreeSet::from([4, 8]));
    for end in [layers.first().unwrap(), layers.last().unwrap()] {
        assert_eq!(end["weight"], 8);
    }
    quantize(
        method_file,
        &again,
        &["--plan", str(&out.join("plan.toml"))],
    );
    let [a, b] = [&out, &again].map(|dir| fs::read(dir.join("predictions-test.csv")).unwrap());
    assert!(a == b, "the same plan, the same model");
    assert!(json(&again.join("quantize.json"))["allocation"].is_null());
    // What is kept may have a width that others may not.
    let kept = scratch().join("kept");
    let under = "budget = { bytes = 4500000 }, widths = [4, 8], \
                 keep = { which = { most-sensitive = 2 }, at = \"float\" }";
    quantize(method(under), &kept, &[]);
    let said = json(&kept.join("quantize.json"));
    let layers = said["layers"].as_array().unwrap();
    let floats = layers.iter().filter(|l| l["weight"] == "float").count();
    assert_eq!(floats, 2, "{layers:?}");
    // Layers are timed where time is bounded, and only there.
    assert!(said["allocation"]["nanos"].is_null());
    let timed = scratch().join("timed");
    let under = "budget = { bytes = 4500000 }, widths = [4, 8], latency-nanos = 60000000000";
    quantize(method(under), &timed, &[]);
    let said = json(&timed.join("quantize.json"));
    let nanos = said["allocation"]["nanos"].as_u64().unwrap();
    assert!((1..60_000_000_000).contains(&nanos), "{nanos}");
    // Too few bytes, too little time: the least is named.
    for (under, says) in [
        (
            "budget = { bytes = 1000 }, widths = [4, 8]",
            "plan.allocate.under.budget",
        ),
        (
            "budget = { bytes = 1000000 }, latency-nanos = 5",
            "nanoseconds at least",
        ),
    ] {
        let refused = scratch().join("refused-plan");
        let given = [
            "quantize",
            str(trained()),
            "--data",
            str(faces()),
            "--method",
        ];
        let given = [&given[..], &[str(method(under)), "--out", str(&refused)]].concat();
        let reason = refuse(2, &given);
        assert!(reason.contains(says), "{reason}");
        assert!(!refused.exists());
    }
}
