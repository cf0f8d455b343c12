//! What was measured: every configuration beside its baseline, the four groups, and what failed.

use super::super::study::Study;
use super::super::study::details::Group;
use super::super::study::order::model_title;
use super::super::study::results::Configuration;
use super::super::text::fixed;
use super::markup::Html;
use super::table::{Cell, Grid, Head, Line, Tools};
use super::words::{
    change_cell, equivalent_cell, hundred, measured_cell, megabytes, p_cell, significant,
};

/// Model and method in one cell, which stays in sight while the table scrolls.
pub fn configuration_cell(model: &str, method: &str) -> Cell {
    Cell {
        text: model_title(model).into(),
        small: method.into(),
        ..Cell::default()
    }
}

/// Rows with what belongs together, such as the model: a rule stands above the first of each, and the filter finds
/// them by it.
pub fn ruled(rows: impl IntoIterator<Item = (String, Vec<Cell>)>) -> Vec<Line> {
    let mut before = String::new();
    let line = |(words, cells): (String, Vec<Cell>)| {
        let first = words != before;
        before.clone_from(&words);
        Line {
            cells,
            first,
            words,
        }
    };
    rows.into_iter().map(line).collect()
}

/// The table of all configurations of the primary target and first seed.
pub fn all(study: &Study) -> Html {
    let columns = vec![
        Head::name("Configuration"),
        Head::name("Weights"),
        Head::number("Accuracy").meaning("Share of right decisions, %"),
        Head::number("Δ").meaning("Accuracy minus that of the float model, points"),
        Head::number("DP gap").meaning(
            "Demographic parity: largest minus smallest selection rate of the four groups, points",
        ),
        Head::number("Δ DP").meaning("DP gap minus that of the float model, points"),
        Head::number("p adj.").meaning("p of the change of the DP gap, adjusted over the family"),
        Head::name("equivalent")
            .meaning("Is the change of the DP gap shown to lie within the margin?"),
        Head::number("EO gap").meaning(
            "Equalized odds: the larger of the ranges of true and of false positive rates, points",
        ),
        Head::number("Δ EO").meaning("EO gap minus that of the float model, points"),
        Head::number("p adj.").meaning("p of the change of the EO gap, adjusted over the family"),
        Head::name("equivalent")
            .meaning("Is the change of the EO gap shown to lie within the margin?"),
        Head::number("Worst group").meaning("Accuracy of the group with the lowest, %"),
        Head::number("Δ").meaning("Worst group's accuracy minus that of the float model, points"),
        Head::number("Size, MB").meaning("Bytes on disk, 10⁶"),
        Head::number("× smaller").meaning("Bytes of the float model by bytes of this one"),
        Head::name("Ran on"),
    ];
    let rows = study.primary().map(|c| (c.model.clone(), row(c)));
    let grid = Grid {
        caption: "Every configuration of the primary target and first seed, with controls. Accuracy in %, gaps \
                  and changes in percentage points, 95 % intervals in brackets; bold: a change that the adjusted \
                  test finds."
            .into(),
        name: "configurations",
        columns,
        rows: ruled(rows),
        tools: Tools::SortAndFilter,
    };
    grid.html()
}

fn row(c: &Configuration) -> Vec<Cell> {
    let (dp, eo) = (c.change("dp_gap"), c.change("eo_gap"));
    let device = match &c.fell_back_from {
        Some(from) => format!("{} (after {from} failed)", c.device),
        None => c.device.clone(),
    };
    let device = if c.done { device } else { "failed".into() };
    vec![
        configuration_cell(&c.model, &c.method),
        Cell::text(&c.weights),
        measured_cell(c.estimate("accuracy"), hundred),
        change_cell(c.change("accuracy")),
        measured_cell(c.estimate("dp_gap"), hundred),
        change_cell(dp),
        p_cell(dp.and_then(|d| d.p_adjusted)),
        equivalent_cell(dp.and_then(|d| d.equivalent)),
        measured_cell(c.estimate("eo_gap"), hundred),
        change_cell(eo),
        p_cell(eo.and_then(|d| d.p_adjusted)),
        equivalent_cell(eo.and_then(|d| d.equivalent)),
        measured_cell(c.estimate("worst_group_accuracy"), hundred),
        change_cell(c.change("worst_group_accuracy")),
        Cell::number(c.size_bytes.map(|b| b as f64), megabytes),
        Cell::number(c.compression, significant),
        Cell::text(device),
    ]
}

/// The four groups under every configuration; empty where `groups.csv` is not there.
pub fn groups(study: &Study) -> Html {
    let mut html = Html::default();
    let Some(attribute) = study.intersection() else {
        return html;
    };
    let of_primary = study
        .primary()
        .flat_map(|c| study.groups_of(&c.model, &c.method, attribute));
    let columns = vec![
        Head::name("Configuration"),
        Head::name("Group"),
        Head::number("n").meaning("Test images of the group"),
        Head::number("Accuracy").meaning("Share of right decisions, %"),
        Head::number("Δ").meaning("Accuracy minus that of the float model, points"),
        Head::number("Selected").meaning("Share that the model calls positive, %"),
        Head::number("TPR").meaning("Share of the positives that it finds, %"),
        Head::number("FPR").meaning("Share of the negatives that it calls positive, %"),
        Head::number("became wrong")
            .meaning("Images that the float model had right and this one has wrong"),
        Head::number("became right")
            .meaning("Images that the float model had wrong and this one has right"),
    ];
    let row = |g: &Group| {
        let count = |n: Option<u64>| Cell::number(n.map(|n| n as f64), |n| n.to_string());
        let cells = vec![
            configuration_cell(&g.model, &g.method),
            Cell::text(&g.group),
            count(Some(g.n)),
            measured_cell(g.accuracy, hundred),
            measured_cell(g.d_accuracy, super::words::points),
            measured_cell(g.selection_rate, hundred),
            measured_cell(g.tpr, hundred),
            measured_cell(g.fpr, hundred),
            count(g.right_to_wrong),
            count(g.wrong_to_right),
        ];
        (format!("{} {}", g.model, g.method), cells)
    };
    let grid = Grid {
        caption: "The groups under every configuration: rates in %, changes in points, 95 % intervals in brackets."
            .into(),
        name: "groups",
        columns,
        rows: ruled(of_primary.map(row)),
        tools: Tools::SortAndFilter,
    };
    html.raw("<details class=\"bulk\"><summary>Every group under every configuration</summary>");
    html.add(&grid.html()).raw("</details>\n");
    html.raw("<p class=\"paper\">Every group under every configuration: groups.csv in the study folder.</p>\n");
    html
}

/// What was planned and is not there, each with its reason.
pub fn failed(study: &Study) -> Html {
    let mut html = Html::default();
    let failed: Vec<&Configuration> = study.results.iter().filter(|c| !c.done).collect();
    if failed.is_empty() {
        html.element("p", "Every configuration was carried out to its end.");
        return html;
    }
    let row = |c: &&Configuration| {
        Line::of(vec![
            configuration_cell(&c.model, &c.method),
            Cell::text(&c.target),
            Cell::text(c.seed.to_string()),
            Cell::text(c.reason.as_deref().unwrap_or("no reason was recorded")),
        ])
    };
    let grid = Grid {
        caption: "Configurations that failed. No number of theirs is shown or counted anywhere."
            .into(),
        name: "failed",
        columns: ["Configuration", "Target", "Seed", "Reason"]
            .map(Head::name)
            .into(),
        rows: failed.iter().map(row).collect(),
        tools: Tools::Sort,
    };
    html.add(&grid.html());
    html
}

/// The float models against always giving the more frequent answer, and how the labels differ by group.
pub fn majority(study: &Study) -> Html {
    let mut html = Html::default();
    if let Some((least, most)) = label_rates(study) {
        html.element(
            "p",
            &format!(
                "The labels themselves differ: {}\u{a0}% to {}\u{a0}% of a group are labelled positive. A model that is right \
                 must therefore select groups at different rates, by about {} points; a DP gap of 0 would be an error.",
                hundred(least),
                hundred(most),
                hundred(most - least)
            ),
        );
    }
    let all = study.findings.iter().flat_map(|f| &f.majority);
    let rows: Vec<Line> = all
        .map(|m| {
            Line::of(vec![
                Cell::text(model_title(&m.model)),
                measured_cell(m.measured(), hundred),
                Cell::number(Some(m.majority_rate), hundred),
                Cell::number(m.margin_points, |x| fixed(x, 1)),
                Cell::number(Some(m.required_points), |x| fixed(x, 1)),
            ])
        })
        .collect();
    if rows.is_empty() {
        return html;
    }
    let grid = Grid {
        caption: "Float models beside always giving the more frequent answer: a model that does not beat that has \
                  learned nothing that could be lost."
            .into(),
        name: "majority",
        columns: vec![
            Head::name("Model"),
            Head::number("Accuracy").meaning("%"),
            Head::number("Most frequent answer").meaning("Share of test images with the more frequent label, %"),
            Head::number("Better by").meaning("points"),
            Head::number("Required").meaning("points"),
        ],
        rows,
        tools: Tools::Sort,
    };
    html.add(&grid.html());
    html
}

/// Smallest and largest share of positive labels of the primary groups.
fn label_rates(study: &Study) -> Option<(f64, f64)> {
    let attribute = study.intersection()?;
    let first = study.primary().find(|c| c.done)?;
    let rates: Vec<f64> = study
        .groups_of(&first.model, &first.method, attribute)
        .filter(|g| g.n > 0)
        .map(|g| g.n_pos as f64 / g.n as f64)
        .collect();
    let least = rates.iter().copied().reduce(f64::min)?;
    let most = rates.iter().copied().reduce(f64::max)?;
    Some((least, most))
}
