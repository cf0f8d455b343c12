//! `results.csv`: one row per configuration, and its static columns read back.

use std::path::Path;

use super::configuration::{Configuration, Key, Status, is_baseline};
use super::measured::{Entry, Measured, exact_accuracy};
use super::outside;
use super::settings::Settings;
use super::sheet::{Sheet, cell, names, six, write_sheet};
use crate::error::{Fault, Result};
use crate::fairness::compare::equivalence::SPARSE;
use crate::fairness::measure::counts::GroupMetric;
use crate::fairness::{Comparison, Estimate, Gap, exact_bound};

/// Columns that no prediction tells: what another machine reads back.
const STATIC: [&str; 18] = [
    "target",
    "model",
    "method",
    "seed",
    "phase",
    "control",
    "status",
    "reason",
    "weights",
    "activations",
    "params",
    "size_bytes",
    "compression",
    "device",
    "fell_back_from",
    "data_hash",
    "n",
    "threshold",
];

/// The gaps in the order of the columns.
pub const GAPS: [Gap; 9] = [
    Gap::Dp,
    Gap::Eo,
    Gap::EoMean,
    Gap::EoSum,
    Gap::Eopp,
    Gap::Pe,
    Gap::Di,
    Gap::Accuracy,
    Gap::WorstGroupAccuracy,
];

/// Reads the static columns of an existing table.
///
/// # Errors
/// Data error naming file, line and column.
pub fn read(path: &Path) -> Result<Vec<Configuration>> {
    let sheet = Sheet::read(path)?;
    let places: Vec<usize> = STATIC
        .iter()
        .map(|c| sheet.column(c))
        .collect::<Result<_>>()?;
    let place = |name: &str| {
        places[STATIC
            .iter()
            .position(|c| *c == name)
            .expect("a static column")]
    };
    let mut found: Vec<Configuration> = Vec::with_capacity(sheet.len());
    for r in 0..sheet.len() {
        let text = |name: &str| sheet.text(r, place(name)).to_string();
        let key = Key {
            target: text("target"),
            seed: sheet.needed(r, place("seed"))?,
            model: text("model"),
            method: text("method"),
        };
        if found.iter().any(|known| known.key == key) {
            return Err(sheet.wrong(r, place("method"), "every configuration once"));
        }
        let same = found
            .iter()
            .find(|c| c.key.target == key.target && !c.data_hash.is_empty());
        let data_hash = text("data_hash");
        if let Some(known) = same.filter(|c| !data_hash.is_empty() && c.data_hash != data_hash) {
            let expected = format!("{:?}, as in the rows above: one data set", known.data_hash);
            return Err(sheet.wrong(r, place("data_hash"), &expected));
        }
        found.push(Configuration {
            phase: sheet.number(r, place("phase"))?,
            control: flag(&sheet, r, place("control"))?,
            status: match sheet.text(r, place("status")) {
                "done" => Status::Done,
                "failed" => Status::Failed,
                _ => return Err(sheet.wrong(r, place("status"), "done or failed")),
            },
            reason: text("reason"),
            weights: text("weights"),
            activations: text("activations"),
            params: sheet.number(r, place("params"))?,
            size_bytes: sheet.number(r, place("size_bytes"))?,
            compression: sheet.number(r, place("compression"))?,
            device: text("device"),
            fell_back_from: text("fell_back_from"),
            data_hash,
            n: sheet.number(r, place("n"))?,
            threshold: sheet.number(r, place("threshold"))?,
            key,
        });
    }
    if found.is_empty() {
        return Err(Fault::new(path, "a header and no rows")
            .expected("at least one configuration")
            .data());
    }
    Ok(found)
}

fn flag(sheet: &Sheet, row: usize, column: usize) -> Result<bool> {
    match sheet.text(row, column) {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(sheet.wrong(row, column, "true or false")),
    }
}

/// Writes the table.
///
/// # Errors
/// Run error naming the path.
pub fn write(
    path: &Path,
    configurations: &[Configuration],
    targets: &[Measured],
    settings: &Settings,
) -> Result<()> {
    let frames = frames(targets);
    let header = header(&frames);
    let held = outside::holm_within_questions(configurations, targets);
    let mut rows = Vec::with_capacity(configurations.len());
    for (at, c) in configurations.iter().enumerate() {
        let mut row = fixed(c);
        let measured = targets.iter().find(|m| m.target == c.key.target);
        let entry = measured.and_then(|m| {
            let place = m.entries.iter().position(|e| e.at == at)?;
            Some((m, place))
        });
        if let Some((m, place)) = entry {
            levels(&mut row, &m.entries[place], &frames);
            if let Some((base, comparison)) = against_baseline(m, place) {
                let held = held.iter().find(|h| h.0 == at).map(|h| h.1);
                changes(&mut row, m, [base, place], comparison, held, settings);
            }
        }
        row.resize(header.len(), String::new());
        rows.push(row);
    }
    write_sheet(path, &header, &rows)
}

/// The comparison of an entry with its baseline.
pub fn against_baseline(m: &Measured, place: usize) -> Option<(usize, &Comparison)> {
    let key = &m.entries[place].key;
    let base = m
        .entries
        .iter()
        .position(|e| is_baseline(&e.key) && e.key.model == key.model && e.key.seed == key.seed)?;
    Some((base, m.comparisons.get(&(base, place))?))
}

/// Names of the frames: the primary one, then the others.
fn frames(targets: &[Measured]) -> Vec<String> {
    let Some(m) = targets.first() else {
        return vec![String::new()];
    };
    let primary = m.grouping.primary();
    let mut all: Vec<String> = m.grouping.frames.iter().map(|f| f.name.clone()).collect();
    let first = all.remove(primary);
    std::iter::once(first).chain(all).collect()
}

fn header(frames: &[String]) -> Vec<String> {
    let mut header = names(&STATIC);
    let mut add = |name: String, ends: &[&str]| {
        header.extend(ends.iter().map(|end| format!("{name}{end}")));
    };
    let interval = ["", "_lo", "_hi"];
    add("accuracy".into(), &interval);
    add("auc".into(), &interval);
    add("ece".into(), &[""]);
    for (f, frame) in frames.iter().enumerate() {
        for gap in GAPS {
            let prefix = if f == 0 {
                String::new()
            } else {
                format!("{frame}.")
            };
            add(format!("{prefix}{}", gap.key()), &interval);
        }
    }
    add("dp_gap_noise_floor".into(), &[""]);
    add("eo_gap_noise_floor".into(), &[""]);
    let tested = ["", "_lo", "_hi", "_p"];
    add("d_accuracy".into(), &tested);
    add("d_auc".into(), &tested);
    for gap in GAPS {
        add(format!("d_{}", gap.key()), &tested);
        if matches!(gap, Gap::Dp | Gap::Eo) {
            let more = [
                "_p_adjusted",
                "_p_holm",
                "_p_sharp",
                "_equivalent",
                "_tost_p",
                "_margin",
            ];
            add(format!("d_{}", gap.key()), &more);
        }
    }
    add("right_to_wrong".into(), &[""]);
    add("wrong_to_right".into(), &[""]);
    header
}

fn fixed(c: &Configuration) -> Vec<String> {
    let whole = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    vec![
        c.key.target.clone(),
        c.key.model.clone(),
        c.key.method.clone(),
        c.key.seed.to_string(),
        whole(c.phase),
        c.control.to_string(),
        match c.status {
            Status::Done => "done".into(),
            Status::Failed => "failed".into(),
        },
        c.reason.replace(['\n', '\r'], " "),
        c.weights.clone(),
        c.activations.clone(),
        whole(c.params),
        whole(c.size_bytes),
        cell(c.compression),
        c.device.clone(),
        c.fell_back_from.clone(),
        c.data_hash.clone(),
        whole(c.n),
        cell(c.threshold),
    ]
}

fn three(row: &mut Vec<String>, estimate: &Estimate) {
    row.push(cell(estimate.value()));
    let ends = estimate.interval();
    row.push(cell(ends.map(|e| e.0)));
    row.push(cell(ends.map(|e| e.1)));
}

fn levels(row: &mut Vec<String>, entry: &Entry, frames: &[String]) {
    let report = &entry.report;
    three(row, report.accuracy());
    let auc = match (report.overall(GroupMetric::Auc), &entry.auc) {
        (Estimate::Value { value, .. }, Some(ci)) => &Estimate::Value {
            value: *value,
            ci: ci.clone(),
        },
        (other, _) => other,
    };
    three(row, auc);
    row.push(cell(report.overall(GroupMetric::Ece).value()));
    for frame in frames {
        for gap in GAPS {
            let found = report.attribute(frame).and_then(|a| a.gap(gap));
            match found {
                Some(gap) => three(row, &gap.estimate),
                None => row.extend([const { String::new() }; 3]),
            }
        }
    }
    for gap in [Gap::Dp, Gap::Eo] {
        let found = report.attribute(&frames[0]).and_then(|a| a.gap(gap));
        row.push(cell(found.and_then(|g| g.noise_floor)));
    }
}

fn changes(
    row: &mut Vec<String>,
    m: &Measured,
    [base, other]: [usize; 2],
    comparison: &Comparison,
    held: Option<[f64; 2]>,
    settings: &Settings,
) {
    let all = &comparison.overall;
    row.push(cell(all.accuracy.value()));
    let ends = match all.right_to_wrong + all.wrong_to_right < SPARSE {
        true => Some(exact_accuracy(
            all.right_to_wrong,
            all.wrong_to_right,
            all.n,
            settings.confidence,
        )),
        false => all.accuracy.interval().map(|(lo, hi)| [lo, hi]),
    };
    row.extend([
        cell(ends.map(|e| e[0])),
        cell(ends.map(|e| e[1])),
        six(all.mcnemar_p),
    ]);
    three(row, &comparison.auc.delta);
    row.push(cell(comparison.auc.p));
    let primary = &comparison.attributes[m.grouping.primary()];
    let decisions = [base, other].map(|e| m.entries[e].candidate.decisions.as_slice());
    let (label, people) = (m.table.label(), m.table.people());
    let alpha = (1.0 - settings.confidence) / 2.0;
    for gap in GAPS {
        let change = primary
            .gaps
            .iter()
            .find(|g| g.gap == gap)
            .expect("every gap is compared");
        row.push(cell(change.delta.value()));
        let exact = exact_bound(gap, label, decisions, people, m.groups(), alpha);
        let ends = match (change.delta.value(), exact) {
            (Some(_), Some(bound)) => Some((-bound, bound)),
            (Some(_), None) => change.delta.interval(),
            (None, _) => None,
        };
        row.extend([
            cell(ends.map(|e| e.0)),
            cell(ends.map(|e| e.1)),
            cell(change.p),
        ]);
        if matches!(gap, Gap::Dp | Gap::Eo) {
            let of_question = held.map(|h| h[usize::from(gap == Gap::Eo)]);
            let equivalence = change.equivalence.as_ref().ok();
            row.extend([
                cell(change.adjusted.map(|a| a.romano_wolf)),
                cell(change.adjusted.map(|a| a.holm).or(of_question)),
                cell(change.p_sharp),
                equivalence
                    .map(|e| (e.p <= 0.05).to_string())
                    .unwrap_or_default(),
                cell(equivalence.map(|e| e.p)),
                cell(equivalence.map(|e| e.attainable)),
            ]);
        }
    }
    row.extend([
        all.right_to_wrong.to_string(),
        all.wrong_to_right.to_string(),
    ]);
}
