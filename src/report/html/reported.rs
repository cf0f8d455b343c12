//! What the study that this project reproduces reported, beside what was measured here.

use super::super::study::Study;
use super::super::study::order::model_title;
use super::super::study::reported::{CAUTION, REPORTED, Reported, SOURCE};
use super::super::text::fixed;
use super::markup::Html;
use super::results::{configuration_cell, ruled};
use super::table::{Cell, Grid, Head, Tools};
use super::words::{hundred, measured_cell, megabytes};

/// The table of both. A model that is not part of this study is left out.
pub fn reported(study: &Study) -> Html {
    let mut html = Html::default();
    let known = study.models();
    let rows: Vec<&Reported> = REPORTED
        .iter()
        .filter(|r| known.contains(&r.model))
        .collect();
    if rows.is_empty() {
        html.element(
            "p",
            "None of the models of this study has reported numbers.",
        );
        return html;
    }
    html.element(
        "p",
        &format!(
            "Reported by {SOURCE}. Beside that stands what was measured here, with this study's own images, size and \
             training. The reported numbers are shown to be compared and were never a target: nothing was chosen or \
             tuned to come near them."
        ),
    );
    html.element("p", CAUTION);
    let columns = vec![
        Head::name("Configuration"),
        Head::number("Accuracy, reported").meaning("%"),
        Head::number("measured").meaning("Accuracy, %, with its 95 % interval"),
        Head::number("DP gap, reported").meaning("points"),
        Head::number("measured").meaning("DP gap, points, with its 95 % interval"),
        Head::number("EO gap, reported").meaning("points"),
        Head::number("measured").meaning("EO gap, points, with its 95 % interval"),
        Head::number("Size, reported, MB"),
        Head::number("measured").meaning("Bytes on disk, 10⁶"),
    ];
    let row = |r: &&Reported| {
        let own = study.configuration(r.model, r.method);
        let of = |column: &str| measured_cell(own.and_then(|c| c.estimate(column)), hundred);
        let size = own.and_then(|c| c.size_bytes).map(|b| b as f64);
        let cells = vec![
            configuration_cell(r.model, r.method),
            Cell::number(Some(r.accuracy_percent), |x| fixed(x, 2)),
            of("accuracy"),
            Cell::number(Some(r.dp_gap), hundred),
            of("dp_gap"),
            Cell::number(r.eo_gap, hundred),
            of("eo_gap"),
            Cell::number(r.size_mb, |x| fixed(x, 2)),
            Cell::number(size, megabytes),
        ];
        (model_title(r.model).to_string(), cells)
    };
    let grid = Grid {
        caption: "Reported beside measured. Accuracy in %, gaps in percentage points (reported as shares: 0.031 is \
                  3.1); – where nothing was reported or measured."
            .into(),
        name: "reported",
        columns,
        rows: ruled(rows.iter().map(row)),
        tools: Tools::Sort,
    };
    html.add(&grid.html());
    html
}
