//! Everything is there, legible, and the same every time; what is missing is said.

use std::fs;
use std::path::Path;

use crate::report::study::sample::{MODELS, Sample};
use crate::report::study::{Figure, Study, figures, write_figures, write_tables};
use crate::report::tests::figures::{texts, texts_are_apart};

const STEMS: [&str; 10] = [
    "baselines",
    "forest",
    "heat-map",
    "pareto",
    "group-drops",
    "sensitivity",
    "allocation",
    "calibration-draws",
    "training",
    "qat-cost",
];

fn folder(sample: &Sample) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    sample.write(dir.path());
    dir
}

fn drawn(dir: &Path) -> Vec<Figure> {
    figures(&Study::read(dir).unwrap())
}

/// What holds for every figure, whatever the data.
fn sound(figures: &[Figure]) {
    let stems: Vec<&str> = figures.iter().map(|f| f.stem.as_str()).collect();
    assert_eq!(stems, STEMS);
    for figure in figures {
        texts_are_apart(&figure.stem, &figure.svg);
        for text in texts(&figure.svg) {
            let odd = text
                .split([' ', '[', ']', ','])
                .any(|w| w == "NaN" || w.ends_with("inf"));
            assert!(!odd, "{}: {text}", figure.stem);
        }
        assert!(
            !figure.svg.contains("NaN") && !figure.svg.contains("=\"inf"),
            "{}",
            figure.stem
        );
        assert!(!figure.svg.contains(" id=\""), "{}", figure.stem);
        assert_eq!(
            figure.missing.is_some(),
            figure.csv.is_empty(),
            "{}",
            figure.stem
        );
        assert!(!figure.title.is_empty() && !figure.caption.is_empty());
    }
}

#[test]
fn a_whole_study_gives_ten_figures_and_six_tables_twice_the_same() {
    let (once, twice) = (folder(&Sample::default()), folder(&Sample::default()));
    let figures = write_figures(once.path()).unwrap();
    sound(&figures);
    assert!(figures.iter().all(|f| f.missing.is_none()));
    assert_eq!(write_figures(twice.path()).unwrap(), figures);
    for dir in [&once, &twice] {
        write_tables(&Study::read(dir.path()).unwrap()).unwrap();
    }
    let mut files = Vec::new();
    for stem in STEMS {
        files.push(format!("figures/{stem}.svg"));
        files.push(format!("figures/{stem}.png"));
    }
    for table in [
        "baselines",
        "quantization",
        "mitigation",
        "hypotheses",
        "efficiency",
        "reported",
    ] {
        files.push(format!("tables/{table}.tex"));
    }
    for file in &files {
        let bytes = |dir: &tempfile::TempDir| fs::read(dir.path().join(file)).unwrap();
        assert!(bytes(&once).len() > 500, "{file}");
        assert!(bytes(&once) == bytes(&twice), "{file}");
    }
    let there = |sub: &str| fs::read_dir(once.path().join(sub)).unwrap().count();
    assert_eq!((there("figures"), there("tables")), (20, 6));
}

#[test]
fn pictures_are_not_blank() {
    let dir = folder(&Sample::default());
    write_figures(dir.path()).unwrap();
    for stem in STEMS {
        let file = dir.path().join(format!("figures/{stem}.png"));
        let picture = image::open(&file).unwrap().to_luma8();
        let inked = picture.pixels().filter(|p| p.0[0] < 160).count();
        assert!(inked > picture.pixels().len() / 200, "{stem}: {inked}");
    }
}

#[test]
fn captions_say_where_numbers_come_from() {
    let dir = folder(&Sample::default());
    for figure in drawn(dir.path()) {
        let caption = &figure.caption;
        let words = texts(&figure.svg).join(" ");
        let shown = caption.split(' ').next_back().unwrap();
        assert!(words.contains(shown), "{}: {caption}", figure.stem);
        assert!(
            caption.to_lowercase().contains("target smiling, seed 1"),
            "{caption}"
        );
        assert!(caption.contains("generated faces") && caption.contains("3f9a0c5e1d77b6a4"));
        if ["forest", "heat-map"].contains(&figure.stem.as_str()) {
            assert!(caption.contains("Romano-Wolf over 110 tests"), "{caption}");
        }
        if ["baselines", "pareto", "group-drops", "qat-cost"].contains(&figure.stem.as_str()) {
            assert!(
                caption.contains("2,000 test images")
                    && caption.contains("2,000 bootstrap replicates")
            );
        }
    }
}

#[test]
fn what_is_missing_is_said_and_the_rest_is_drawn() {
    let all = [
        ("groups.csv", vec!["baselines", "group-drops"]),
        ("sensitivity.csv", vec!["sensitivity"]),
        ("allocations.csv", vec!["allocation"]),
        ("calibration-draws.csv", vec!["calibration-draws"]),
        ("training.csv", vec!["training"]),
        ("pareto.json", vec!["pareto"]),
        ("timings.csv", vec!["qat-cost"]),
        ("comparisons.csv", vec![]),
        ("hypotheses.json", vec![]),
        ("provenance.json", vec![]),
    ];
    let dir = folder(&Sample::default());
    for (file, lost) in &all {
        let bytes = fs::read(dir.path().join(file)).unwrap();
        fs::remove_file(dir.path().join(file)).unwrap();
        let figures = drawn(dir.path());
        sound(&figures);
        for figure in &figures {
            let gone = lost.contains(&figure.stem.as_str());
            assert_eq!(figure.missing.is_some(), gone, "{file}: {}", figure.stem);
            if gone {
                let reason = figure.missing.as_deref().unwrap();
                assert!(
                    reason.starts_with("not measured: ") && reason.contains(file),
                    "{reason}"
                );
                assert!(texts(&figure.svg).join(" ").contains(reason));
            }
        }
        write_tables(&Study::read(dir.path()).unwrap()).unwrap();
        fs::write(dir.path().join(file), bytes).unwrap();
    }
    for (file, _) in &all {
        fs::remove_file(dir.path().join(file)).unwrap();
    }
    let figures = drawn(dir.path());
    sound(&figures);
    assert_eq!(figures.iter().filter(|f| f.missing.is_none()).count(), 2);
}

#[test]
fn small_odd_and_failed_studies_are_drawn() {
    let one = Sample {
        models: vec![MODELS[4]],
        ..Sample::default()
    };
    let few = Sample {
        methods: vec!["fp32", "ptq-static-int8"],
        controls: Vec::new(),
        variants: Vec::new(),
        ..Sample::default()
    };
    let failed = Sample {
        failed: Some(("mobilenet_v2", "qat-int4")),
        ..Sample::default()
    };
    let bare = Sample {
        models: vec![MODELS[0]],
        methods: vec!["fp32"],
        controls: Vec::new(),
        ..Sample::default()
    };
    for sample in [one, few, failed, bare] {
        let dir = folder(&sample);
        let figures = write_figures(dir.path()).unwrap();
        sound(&figures);
        write_tables(&Study::read(dir.path()).unwrap()).unwrap();
    }
}

#[test]
fn what_cannot_be_estimated_is_a_hole_and_what_is_unknown_keeps_its_name() {
    let dir = folder(&Sample::default());
    let file = dir.path().join("results.csv");
    let text = fs::read_to_string(&file).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let gaps: Vec<usize> = (0..header.len())
        .filter(|i| header[*i].contains("eo_gap") || header[*i].starts_with("d_"))
        .collect();
    // Of the first model nothing is estimable but accuracy.
    let lines = text.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[1] == "resnet50" {
            gaps.iter().for_each(|i| cells[*i] = "");
        }
        cells
            .join(",")
            .replace("vit_small_patch16", "a <model> & its_long_name")
    });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let figures = drawn(dir.path());
    sound(&figures);
    let forest = texts(&figures[1].svg);
    assert_eq!(forest.iter().filter(|t| *t == "not estimable").count(), 22);
    assert!(forest.iter().any(|t| t == "a <model> & its_long_name"));
    assert!(!figures[1].svg.contains("<model>"));
    write_tables(&Study::read(dir.path()).unwrap()).unwrap();
}
