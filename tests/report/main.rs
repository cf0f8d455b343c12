//! `fairbit report` on a made-up study: what it writes, what it refuses, and the page in a real browser.

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod refused;
#[path = "../../src/report/study/sample/mod.rs"]
mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use fairbit::report;
use fairbit::report::study::Study;
use sample::Sample;
use support::{scratch, str, succeed};

/// A folder of this test process with a whole study in it, one configuration of which failed.
fn study(name: &str) -> PathBuf {
    let dir = scratch().join(name);
    fs::create_dir_all(&dir).unwrap();
    Sample {
        failed: Some(("vit_small_patch16", "qat-int4")),
        ..Sample::default()
    }
    .write(&dir);
    dir
}

fn page(dir: &Path) -> String {
    fs::read_to_string(dir.join("report.html")).unwrap()
}

/// Changes a file of a study.
fn edit(dir: &Path, name: &str, change: impl Fn(&str) -> String) {
    let path = dir.join(name);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "{name} is changed");
    fs::write(path, changed).unwrap();
}

#[test]
fn everything_is_written_and_the_same_twice() {
    let dir = study("twice");
    let said = succeed(&["report", str(&dir)]);
    assert!(
        said.contains("59 model cards") && said.contains("report.html"),
        "{said}"
    );
    let first = page(&dir);
    for file in [
        "figures/forest.svg",
        "figures/forest.png",
        "tables/reported.tex",
    ] {
        assert!(dir.join(file).exists(), "{file}");
    }
    succeed(&["report", str(&dir)]);
    assert_eq!(first, page(&dir));
    // A number of results.csv, as the page writes it, and what failed with its reason.
    let results = Study::read(&dir).unwrap();
    let base = results
        .configuration("resnet50", "ptq-static-int4")
        .unwrap();
    let accuracy = base.estimate("accuracy").unwrap();
    let written = format!(
        "data-sort=\"{}\">{:.1} <small",
        accuracy.value,
        100.0 * accuracy.value
    );
    assert!(first.contains(&written), "{written}");
    let failed = results.results.iter().find(|c| !c.done).unwrap();
    assert!(first.contains(failed.reason.as_deref().unwrap()));
    for verdict in ["supported", "contradicted", "inconclusive", "not testable"] {
        assert!(first.contains(&format!("\">{verdict}</span>")), "{verdict}");
    }
    // Intervals of parts are drawn.
    assert!(first.contains("<svg class=\"whisker\""));
    for outside in ["src=\"http", "href=\"http", "url(", "@import"] {
        assert!(!first.contains(outside), "{outside}");
    }
}

#[test]
fn only_results_are_needed() {
    let whole = study("whole");
    let dir = scratch().join("bare");
    fs::create_dir_all(&dir).unwrap();
    fs::copy(whole.join("results.csv"), dir.join("results.csv")).unwrap();
    succeed(&["report", str(&dir)]);
    let page = page(&dir);
    for missing in [
        "hypotheses.json",
        "timings.csv",
        "pareto.json",
        "provenance.json",
        "study.toml",
    ] {
        assert!(
            page.contains(&format!("{missing} is not in the folder")),
            "{missing}"
        );
    }
}

#[test]
fn a_card_says_what_a_model_is_and_what_changed() {
    let dir = study("cards");
    let cards = dir.join("cards");
    fs::create_dir_all(&cards).unwrap();
    fs::write(cards.join("gone-fp32.md"), "# Model card: gone, fp32\n").unwrap();
    fs::write(cards.join("mine.md"), "# My notes\n").unwrap();
    succeed(&["report", str(&dir)]);
    let card = fs::read_to_string(cards.join("resnet50-ptq-static-int4.md")).unwrap();
    // Mitchell et al. 2019, figure 1.
    let sections = [
        "# Model card: ResNet50, ptq-static-int4",
        "## Model details",
        "## Intended use",
        "## Factors",
        "## Metrics",
        "## Training and evaluation data",
        "## Quantitative analyses",
        "## Ethical considerations",
        "## Caveats and recommendations",
    ];
    let places: Vec<usize> = sections.iter().map(|s| card.find(s).expect(s)).collect();
    assert!(places.is_sorted(), "{places:?}");
    for needed in [
        "after adjustment over 110 tests",
        "±1 points",
        "male=0\\*young=1",
        "MB (",
    ] {
        assert!(card.contains(needed), "{needed}: {card}");
    }
    assert!(
        !cards.join("vit_small_patch16-qat-int4.md").exists(),
        "it failed"
    );
    assert!(
        !cards.join("gone-fp32.md").exists(),
        "a card of another run"
    );
    assert!(cards.join("mine.md").exists(), "no card at all");
}

#[test]
fn names_stay_inside_the_folder() {
    let dir = study("names");
    edit(&dir, "results.csv", |t| {
        t.replace("resnet50", "../../escaped")
    });
    succeed(&["report", str(&dir)]);
    assert!(dir.join("cards/_.._escaped-fp32.md").exists());
    assert!(!scratch().join("escaped-fp32.md").exists());
}
