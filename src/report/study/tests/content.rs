//! Figures and tables show the numbers of the files.

use std::fs;

use crate::report::study::reported::{REPORTED, reported};
use crate::report::study::sample::Sample;
use crate::report::study::{Study, figures, tables};
use crate::report::tests::figures::texts;
use crate::report::{Row, Table};

fn study(sample: &Sample) -> Study {
    let dir = tempfile::tempdir().unwrap();
    sample.write(dir.path());
    Study::read(dir.path()).unwrap()
}

fn table(study: &Study, name: &str) -> Table {
    tables(study).into_iter().find(|t| t.0 == name).unwrap().1
}

/// The cells of rows whose first cell is `name`.
fn rows(table: &Table, name: &str) -> Vec<Vec<String>> {
    let cells = table.rows.iter().filter_map(|row| match row {
        Row::Cells(cells) if cells[0] == name => Some(cells.clone()),
        _ => None,
    });
    cells.collect()
}

#[test]
fn the_forest_has_every_configuration_and_the_heat_map_every_mark() {
    let study = study(&Sample::default());
    let all = figures(&study);
    let forest = texts(&all[1].svg);
    assert_eq!(forest.iter().filter(|t| t.starts_with('[')).count(), 110);
    assert_eq!(all[1].csv.lines().count(), 1 + 110);

    let gaps = ["dp_gap", "eo_gap"];
    let significant = |gap: &str| {
        let adjusted = study.matrix().filter_map(|c| c.change(gap)?.p_adjusted);
        adjusted.filter(|p| *p < 0.05).count()
    };
    let told_apart = |column: &str| {
        let intervals = study
            .matrix()
            .filter_map(|c| c.change(column)?.delta.interval);
        intervals.filter(|(lo, hi)| *lo > 0.0 || *hi < 0.0).count()
    };
    let expected = gaps.iter().map(|g| significant(g)).sum::<usize>()
        + ["accuracy", "worst_group_accuracy"]
            .iter()
            .map(|c| told_apart(c))
            .sum::<usize>();
    let stars = texts(&all[2].svg)
        .iter()
        .filter(|t| t.ends_with("\u{a0}*"))
        .count();
    assert!(gaps.iter().any(|g| significant(g) > 0) && expected < 220);
    assert_eq!(stars, expected);
}

#[test]
fn numbers_in_figures_and_tables_are_those_of_the_files() {
    let study = study(&Sample::default());
    let found = study.configuration("resnet50", "ptq-static-int4").unwrap();
    let change = found.change("eo_gap").unwrap();
    let points = |v: f64| crate::report::text::signed(100.0 * v, 1);
    let (lo, hi) = change.delta.interval.unwrap();
    let interval = format!("[{}, {}]", points(lo), points(hi));
    let all = figures(&study);
    assert!(texts(&all[1].svg).contains(&interval));
    assert!(
        texts(&all[2].svg)
            .iter()
            .any(|t| t.starts_with(&points(change.delta.value)))
    );
    let own = &rows(&table(&study, "quantization"), "ptq-static-int4")[0];
    assert_eq!(own[4], format!("{} {interval}", points(change.delta.value)));

    let baseline = study.configuration("vit_small_patch16", "fp32").unwrap();
    let accuracy = baseline.estimate("accuracy").unwrap().value;
    let row = &rows(&table(&study, "baselines"), "ViT-Small/16")[0];
    assert!(
        row[2].starts_with(&format!("{:.1} [", 100.0 * accuracy)),
        "{row:?}"
    );
    assert_eq!(row[1], "21.59");
    let worst = study.groups_of("vit_small_patch16", "fp32", "male*young");
    for group in worst {
        let text = format!("{:.1}", 100.0 * group.accuracy.unwrap().value);
        assert!(texts(&all[0].svg).contains(&text), "{text}");
    }
}

#[test]
fn phases_are_told_apart_and_controls_named() {
    let study = study(&Sample::default());
    let (quantized, mitigated) = (table(&study, "quantization"), table(&study, "mitigation"));
    assert_eq!(rows(&quantized, "qat-int8").len(), 5);
    assert_eq!(rows(&mitigated, "fair-mixed").len(), 5);
    assert!(rows(&quantized, "fair-mixed").is_empty() && rows(&mitigated, "qat-int8").is_empty());
    assert!(rows(&quantized, "fp32").is_empty());
    assert_eq!(rows(&quantized, "int6 (control)").len(), 5);
    assert_eq!(rows(&quantized, "int6 (control)")[0][3], "–");
}

#[test]
fn what_was_reported_stands_beside_what_is_measured() {
    let study = study(&Sample::default());
    let table = table(&study, "reported");
    let cells = table.rows.iter().filter(|r| matches!(r, Row::Cells(_)));
    assert_eq!(cells.count(), REPORTED.len());
    let row = &rows(&table, "fp32")[3];
    assert_eq!(
        [&row[1], &row[3], &row[5], &row[7]],
        ["90.89", "0.6", "0.5", "85.76"]
    );
    let own = study.configuration("vit_small_patch16", "fp32").unwrap();
    let gap = own.estimate("dp_gap").unwrap().value;
    assert!(
        row[4].starts_with(&format!("{:.1} [", 100.0 * gap)),
        "{row:?}"
    );
    assert_eq!(
        reported("squeezenet1_1", "ptq-static-int4").unwrap().dp_gap,
        0.051
    );
    assert_eq!(reported("squeezenet1_1", "qat-int4"), None);
    // Numbers of models that were not run are shown alone.
    let one = super::content::study(&Sample {
        models: vec!["resnet50"],
        ..Sample::default()
    });
    let row = &rows(&super::content::table(&one, "reported"), "fp32")[1];
    assert_eq!((row[1].as_str(), row[2].as_str()), ("90.53", "–"));
}

#[test]
fn failures_are_said_with_their_reason() {
    let study = study(&Sample {
        failed: Some(("mobilenet_v2", "qat-int4")),
        ..Sample::default()
    });
    let forest = texts(&figures(&study)[1].svg).join("\n");
    assert!(
        forest.contains("failed: scales.bin: found 3 bytes, expected 4"),
        "{forest}"
    );
    let own = &rows(&table(&study, "quantization"), "qat-int4")[1];
    assert_eq!(own[1], "failed");
}

#[test]
fn figures_are_of_the_primary_target_and_seed() {
    let sample = Sample {
        variants: vec![("Attractive", 1), ("Smiling", 2), ("Blond_Hair", 1)],
        ..Sample::default()
    };
    let dir = tempfile::tempdir().unwrap();
    sample.write(dir.path());
    // Variants first, as another order of rows would have it.
    let file = dir.path().join("results.csv");
    let text = fs::read_to_string(&file).unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let mut lines: Vec<&str> = body.lines().collect();
    lines.reverse();
    fs::write(&file, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    let study = Study::read(dir.path()).unwrap();
    assert_eq!((study.target.as_str(), study.seed), ("Smiling", 1));
    assert_eq!(study.matrix().count(), 60);
    assert_eq!(study.models()[0], "resnet50");
    assert_eq!(figures(&study)[1].csv.lines().count(), 1 + 110);
}
