//! `report.html`: a study on one page that needs nothing but itself.
//!
//! ```text
//! Study, Figure ─► summary, results, hypotheses, efficiency, robustness, provenance ─► Section ─► shell ─► text
//!                       └ table: Grid      markup: Html, escaped by construction      page.css, page.js ┘
//! ```
//!
//! Everything is read and rendered before anything is written, so that a damaged folder keeps its old page.

mod charts;
mod efficiency;
mod hypotheses;
mod markup;
mod provenance;
mod reported;
mod results;
mod robustness;
mod shell;
mod summary;
mod table;
mod tally;
mod words;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use self::markup::{Html, text};
use self::shell::Section;
use super::card;
use super::study::{Figure, Study, figures, write_tables};
use crate::error::{Fault, Result};
use crate::files::write_bytes;

pub use provenance::{all_limits, labels};
pub use words::{hundred, megabytes, points, significant, with_interval};

/// What a report consists of, once written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// `report.html`.
    pub page: PathBuf,
    /// How many figures, each `figures/STEM.svg` and `.png`.
    pub figures: usize,
    /// How many model cards, `cards/MODEL-METHOD.md`.
    pub cards: usize,
}

/// Writes figures, LaTeX tables, model cards and `report.html` of the study in `dir`.
///
/// # Errors
/// Configuration error where `dir` is no folder; data error naming file and line, column or key where one of
/// its files is damaged or `results.csv` is missing, before anything is written; run error when a file cannot be
/// written.
pub fn write(dir: &Path) -> Result<Written> {
    if !dir.is_dir() {
        return Err(Fault::new(dir, "no such folder")
            .next("name the folder of a study, as in `fairbit study --out DIR`")
            .config());
    }
    let study = Study::read(dir)?;
    let config = configuration(dir)?;
    let figures = figures(&study);
    let page = page(&study, config.as_deref(), &figures);
    let cards = card::cards(&study);
    for figure in &figures {
        super::write(&figure.svg, &dir.join("figures"), &figure.stem)?;
    }
    write_tables(&study)?;
    card::write(&cards, &dir.join("cards"))?;
    let file = dir.join("report.html");
    write_bytes(&file, page.as_bytes())?;
    Ok(Written {
        page: file,
        figures: figures.len(),
        cards: cards.len(),
    })
}

/// `study.toml` as it is; `None` where it is not there.
fn configuration(dir: &Path) -> Result<Option<String>> {
    let file = dir.join("study.toml");
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Fault::new(&file, format!("cannot be read ({e})")).data()),
    }
}

/// Figures by what they begin with, for each part of the page.
const BASELINES: &[&str] = &["baselines", "training"];
const CHANGES: &[&str] = &["forest", "heat-map", "group-drops"];
const TRADE: &[&str] = &["pareto", "qat-cost"];
const LAYERS: &[&str] = &["sensitivity", "allocation", "calibration-draws"];

/// The page as text.
pub fn page(study: &Study, config: Option<&str>, figures: &[Figure]) -> String {
    let mut sections = Vec::new();
    let mut section = |id, title, body: Html| {
        if !body.is_empty() {
            sections.push(Section { id, title, body });
        }
    };
    section("summary", "Summary", summary::summary(study));
    if let Some(findings) = &study.findings {
        section(
            "claims",
            "Claims and verdicts",
            hypotheses::overview(&findings.hypotheses),
        );
    }
    section("baselines", "The float models", baselines(study, figures));
    section(
        "changes",
        "What compression changed",
        changes(study, figures),
    );
    section("costs", "Size, time and trade-offs", trade(study, figures));
    section(
        "layers",
        "Layers and calibration",
        charts::charts(figures, LAYERS),
    );
    let placed = [BASELINES, CHANGES, TRADE, LAYERS].concat();
    section("more", "More figures", charts::others(figures, &placed));
    if let Some(findings) = &study.findings {
        let mut tests = text("");
        tests.element("p", &hypotheses::family(&findings.family));
        tests.add(&hypotheses::details(&findings.hypotheses));
        section("tests", "Each claim, tested", tests);
        let again = robustness::robustness(findings);
        section("contradictions", "Why papers contradict each other", again);
        section(
            "practice",
            "What follows for practice",
            robustness::guidelines(findings),
        );
    }
    section(
        "reported",
        "What was reported before",
        reported::reported(study),
    );
    section("failed", "What failed", results::failed(study));
    section("limits", "Limits", provenance::limits(study));
    let mut perception = Html::default();
    perception.element("p", &labels(study));
    section("labels", "What the labels are", perception);
    section("words", "What the words mean", provenance::glossary());
    section(
        "provenance",
        "Where the numbers come from",
        provenance::provenance(study, config),
    );
    let name = study.provenance.as_ref().map_or("", |p| p.study.as_str());
    let title = match name {
        "" => "A study of compression and fairness".to_string(),
        name => format!("A study of compression and fairness: {name}"),
    };
    let mut top = Html::default();
    top.element(
        "h1",
        "What did making these models smaller change, and for whom?",
    );
    top.classed("p", "lead", &title);
    let mut foot = Html::default();
    foot.element(
        "p",
        &format!(
            "Made by {} from the files of the study folder.",
            shell::generator()
        ),
    );
    shell::document(&title, &top, &sections, &foot)
}

fn baselines(study: &Study, figures: &[Figure]) -> Html {
    let mut html = Html::default();
    html.add(&results::majority(study));
    html.add(&charts::charts(figures, BASELINES));
    html
}

fn changes(study: &Study, figures: &[Figure]) -> Html {
    let mut html = Html::default();
    html.add(&results::all(study));
    html.add(&charts::charts(figures, CHANGES));
    html.add(&results::groups(study));
    html
}

fn trade(study: &Study, figures: &[Figure]) -> Html {
    let mut html = Html::default();
    html.add(&charts::charts(figures, TRADE));
    html.add(&efficiency::front(study));
    html.add(&efficiency::costs(study));
    html
}
