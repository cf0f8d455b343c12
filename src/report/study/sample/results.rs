//! `results.csv` and `groups.csv`: rates of the four cells by formula, everything else from them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{CELLS, Sample, bits, noise, params, severity};
use crate::report::study::results::GAPS;

type Columns = BTreeMap<String, String>;

/// TPR and FPR of a cell.
fn rates(model: &str, method: &str, cell: usize, variant: &str) -> (f64, f64) {
    let key = format!("{model} {cell}{variant}");
    let hurt = severity(method) * (0.006 + 0.004 * cell as f64) * (1.0 + 0.6 * noise(&key));
    let own = 0.004 * noise(&format!("{key} {method}")) * f64::from(method != "fp32");
    let tpr = 0.93 - 0.015 * cell as f64 + 0.02 * noise(&key);
    let fpr = 0.07 + 0.01 * cell as f64 + 0.02 * noise(&format!("{key} f"));
    (tpr - 2.0 * hurt + own, fpr + hurt - own)
}

fn accuracy(cell: usize, (tpr, fpr): (f64, f64)) -> f64 {
    let share = CELLS[cell].n_pos as f64 / CELLS[cell].n as f64;
    share * tpr + (1.0 - share) * (1.0 - fpr)
}

fn selection(cell: usize, (tpr, fpr): (f64, f64)) -> f64 {
    let share = CELLS[cell].n_pos as f64 / CELLS[cell].n as f64;
    share * tpr + (1.0 - share) * fpr
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((1.0, 0.0), |(lo, hi): (f64, f64), v| (lo.min(v), hi.max(v)))
}

/// Accuracy and the nine gaps over some cells.
pub fn metrics(model: &str, method: &str, variant: &str) -> BTreeMap<&'static str, f64> {
    let cells = 0..CELLS.len();
    let rate: Vec<(f64, f64)> = cells.map(|c| rates(model, method, c, variant)).collect();
    let over = |f: &dyn Fn(usize) -> f64| range((0..CELLS.len()).map(f));
    let (tpr, fpr) = (over(&|c| rate[c].0), over(&|c| rate[c].1));
    let sr = over(&|c| selection(c, rate[c]));
    let acc = over(&|c| accuracy(c, rate[c]));
    let (t, f) = (tpr.1 - tpr.0, fpr.1 - fpr.0);
    let all: f64 = (0..CELLS.len())
        .map(|c| CELLS[c].n as f64 * accuracy(c, rate[c]))
        .sum();
    BTreeMap::from([
        ("accuracy", all / 2000.0),
        ("auc", 0.5 + 0.52 * (all / 2000.0 - 0.05)),
        ("ece", 0.02 + 0.01 * severity(method).abs()),
        ("dp_gap", sr.1 - sr.0),
        ("eo_gap", t.max(f)),
        ("eo_mean", (t + f) / 2.0),
        ("eo_sum", t + f),
        ("eopp_gap", t),
        ("pe_gap", f),
        ("di_ratio", sr.0 / sr.1),
        ("accuracy_gap", acc.1 - acc.0),
        ("worst_group_accuracy", acc.0),
    ])
}

fn put(columns: &mut Columns, name: &str, value: f64, half: f64) {
    columns.insert(name.into(), format!("{value:.6}"));
    columns.insert(format!("{name}_lo"), format!("{:.6}", value - half));
    columns.insert(format!("{name}_hi"), format!("{:.6}", value + 0.9 * half));
}

/// Header of `results.csv`.
fn header() -> Vec<String> {
    let mut names: Vec<String> =
        "target,model,method,seed,phase,control,status,reason,weights,activations,params,\
         size_bytes,compression,device,fell_back_from,data_hash,n,threshold"
            .split(',')
            .map(str::to_string)
            .collect();
    let with = |name: &str, suffixes: &[&str]| -> Vec<String> {
        let more = suffixes.iter().map(|s| format!("{name}_{s}"));
        std::iter::once(name.to_string()).chain(more).collect()
    };
    for name in ["accuracy", "auc", "ece"] {
        names.extend(with(name, &["lo", "hi"]));
    }
    for prefix in ["", "male.", "young."] {
        for gap in GAPS {
            names.extend(with(&format!("{prefix}{gap}"), &["lo", "hi"]));
        }
    }
    names.extend(["dp_gap_noise_floor", "eo_gap_noise_floor"].map(String::from));
    for name in ["accuracy", "auc"].into_iter().chain(GAPS) {
        names.extend(with(&format!("d_{name}"), &["lo", "hi", "p"]));
        if ["dp_gap", "eo_gap"].contains(&name) {
            let tests = [
                "p_adjusted",
                "p_holm",
                "p_sharp",
                "equivalent",
                "tost_p",
                "margin",
            ];
            names.extend(tests.map(|t| format!("d_{name}_{t}")));
        }
    }
    names.extend(["right_to_wrong", "wrong_to_right"].map(String::from));
    names
}

/// `results.csv`.
pub fn results(sample: &Sample) -> String {
    let header = header();
    let mut text = header.join(",") + "\n";
    let mut line = |columns: &Columns| {
        let cells: Vec<&str> = header
            .iter()
            .map(|name| columns.get(name).map_or("", String::as_str))
            .collect();
        let _ = writeln!(text, "{}", cells.join(","));
    };
    for (model, method, control) in sample.configurations() {
        let failed = sample.failed == Some((model, method));
        line(&row((model, method), ("Smiling", 1), control, failed));
    }
    for &(target, seed) in &sample.variants {
        for method in ["fp32", "ptq-static-int8", "ptq-static-int4"] {
            let model = sample.models[sample.models.len() - 1];
            line(&row((model, method), (target, seed), false, false));
        }
    }
    text
}

fn row(
    (model, method): (&str, &str),
    (target, seed): (&str, u64),
    control: bool,
    failed: bool,
) -> Columns {
    let variant = match (target, seed) {
        ("Smiling", 1) => String::new(),
        _ => format!(" {target} {seed}"),
    };
    let mut columns = Columns::new();
    let mut set = |name: &str, value: String| columns.insert(name.into(), value);
    let size = params(model) as f64 * bits(method) / 8.0;
    set("target", target.into());
    set("model", model.into());
    set("method", method.into());
    set("seed", seed.to_string());
    set("phase", phase(method).to_string());
    set("control", control.to_string());
    set("params", params(model).to_string());
    set("weights", format!("i{:.0}", bits(method)));
    set("activations", "u8".into());
    set("data_hash", "3f9a0c5e1d77b6a4".into());
    set("device", "flex".into());
    if failed {
        set("status", "failed".into());
        set("reason", "\"scales.bin: found 3 bytes, expected 4\"".into());
        return columns;
    }
    set("status", "done".into());
    set("size_bytes", format!("{size:.0}"));
    set("compression", format!("{:.4}", 32.0 / bits(method)));
    set("n", "2000".into());
    set("threshold", "0.5".into());
    let (own, base) = (
        metrics(model, method, &variant),
        metrics(model, "fp32", &variant),
    );
    for (name, value) in &own {
        let half = if *name == "accuracy" || *name == "auc" {
            0.012
        } else {
            0.045
        };
        put(&mut columns, name, *value, half);
        if GAPS.contains(name) {
            put(&mut columns, &format!("male.{name}"), 0.7 * value, half);
            put(&mut columns, &format!("young.{name}"), 0.5 * value, half);
        }
    }
    columns.insert("dp_gap_noise_floor".into(), "0.081".into());
    columns.insert("eo_gap_noise_floor".into(), "0.062".into());
    if method == "fp32" {
        return columns;
    }
    for name in ["accuracy", "auc"].into_iter().chain(GAPS) {
        let delta = own[name] - base[name];
        let half = if name == "accuracy" {
            0.006
        } else {
            0.018 + 0.3 * delta.abs()
        };
        let column = format!("d_{name}");
        put(&mut columns, &column, delta, half);
        let p = (-2.0 * (delta / half).powi(2)).exp();
        columns.insert(format!("{column}_p"), format!("{p:.4}"));
        if !control && ["dp_gap", "eo_gap"].contains(&name) {
            let adjusted = (6.0 * p).min(1.0);
            columns.insert(format!("{column}_p_adjusted"), format!("{adjusted:.4}"));
            columns.insert(format!("{column}_p_holm"), format!("{adjusted:.4}"));
            columns.insert(format!("{column}_p_sharp"), format!("{p:.4}"));
            columns.insert(
                format!("{column}_equivalent"),
                (half + delta.abs() < 0.02).to_string(),
            );
            columns.insert(format!("{column}_tost_p"), "0.3".into());
            columns.insert(format!("{column}_margin"), "0.01".into());
        }
    }
    columns.insert(
        "right_to_wrong".into(),
        format!("{:.0}", 40.0 * severity(method).abs() + 5.0),
    );
    columns.insert(
        "wrong_to_right".into(),
        format!("{:.0}", 20.0 * severity(method).abs() + 4.0),
    );
    columns
}

fn phase(method: &str) -> u64 {
    match method {
        "fp32" => 1,
        m if m.starts_with("bias-aware") || m.starts_with("fair") => 3,
        _ => 2,
    }
}

/// `groups.csv`: the intersection, and each attribute by its first two cells.
pub fn groups(sample: &Sample) -> String {
    let mut header = String::from("target,model,method,seed,attribute,group,n,n_pos,n_neg");
    for rate in ["accuracy", "selection_rate", "tpr", "fpr"] {
        let _ = write!(header, ",{rate},{rate}_lo,{rate}_hi");
    }
    let mut text = header
        + ",auc,ece,right_to_wrong,wrong_to_right,d_accuracy,d_accuracy_lo,d_accuracy_hi,mcnemar_p\n";
    for (model, method, _) in sample.configurations() {
        if sample.failed == Some((model, method)) {
            continue;
        }
        let frames: [(&str, &[&str]); 3] = [
            ("male", &["male=0", "male=1"]),
            ("young", &["young=0", "young=1"]),
            ("male*young", &CELLS.each_ref().map(|c| c.name)),
        ];
        for (attribute, names) in frames {
            for (c, name) in names.iter().enumerate() {
                group(&mut text, (model, method), attribute, (c, name));
            }
        }
    }
    text
}

fn group(
    text: &mut String,
    (model, method): (&str, &str),
    attribute: &str,
    (c, name): (usize, &str),
) {
    let cell = &CELLS[c];
    let (own, base) = (rates(model, method, c, ""), rates(model, "fp32", c, ""));
    let (n, pos) = (cell.n, cell.n_pos);
    let _ = write!(
        text,
        "Smiling,{model},{method},1,{attribute},{name},{n},{pos},{}",
        n - pos
    );
    let half = |p: f64, n: u64| 1.96 * (p * (1.0 - p) / n as f64).sqrt();
    for (p, n) in [
        (accuracy(c, own), n),
        (selection(c, own), n),
        (own.0, pos),
        (own.1, n - pos),
    ] {
        let _ = write!(
            text,
            ",{p:.6},{:.6},{:.6}",
            p - half(p, n),
            (p + half(p, n)).min(1.0)
        );
    }
    let (flips, delta) = (
        severity(method).abs() * n as f64 / 60.0,
        accuracy(c, own) - accuracy(c, base),
    );
    let _ = write!(text, ",0.95,0.03");
    if method == "fp32" {
        text.push_str(",,,,,,\n");
        return;
    }
    let half = 1.5 / (n as f64).sqrt() * (0.2 + severity(method).abs() / 4.0);
    let _ = writeln!(
        text,
        ",{:.0},{:.0},{delta:.6},{:.6},{:.6},0.2",
        flips + 2.0,
        flips / 2.0,
        delta - half,
        delta + half
    );
}

/// `comparisons.csv`: QAT against PTQ.
pub fn comparisons(sample: &Sample) -> String {
    let mut text = String::from(
        "question,target,model,base,method,seed,metric,delta,delta_lo,delta_hi,p,p_holm,p_sharp,equivalent,tost_p,\
         margin,right_to_wrong,wrong_to_right\n",
    );
    for model in &sample.models {
        for (base, method) in [
            ("ptq-static-int8", "qat-int8"),
            ("ptq-static-int4", "qat-int4"),
        ] {
            let (own, other) = (metrics(model, method, ""), metrics(model, base, ""));
            for metric in ["accuracy", "dp_gap", "eo_gap", "worst_group_accuracy"] {
                let delta = own[metric] - other[metric];
                let half = if metric == "accuracy" { 0.007 } else { 0.02 };
                let _ = writeln!(
                    text,
                    "H2,Smiling,{model},{base},{method},1,{metric},{delta:.6},{:.6},{:.6},0.01,0.1,0.02,,,,20,30",
                    delta - half,
                    delta + half
                );
            }
        }
    }
    text
}
