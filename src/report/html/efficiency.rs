//! What smaller models save and cost: bytes, time, and what no other configuration beats.

use super::super::study::Study;
use super::super::study::findings::ParetoPoint;
use super::markup::Html;
use super::results::{configuration_cell, ruled};
use super::table::{Cell, Grid, Head, Tools};
use super::words::{hundred, megabytes, significant};

/// Size, latency and what it took to get there.
pub fn costs(study: &Study) -> Html {
    let mut html = Html::default();
    if study.timings.is_none() {
        html.element(
            "p",
            "Times were not measured here: timings.csv is not in the folder.",
        );
    }
    let columns = vec![
        Head::name("Configuration"),
        Head::number("Size, MB").meaning("Bytes on disk, 10⁶"),
        Head::number("× smaller").meaning("Bytes of the float model by bytes of this one"),
        Head::number("Latency, ms").meaning("Milliseconds per image, one at a time"),
        Head::number("of 32, ms").meaning("Milliseconds per image, 32 at a time"),
        Head::number("× faster")
            .meaning("Latency of the float model by latency of this one, 32 at a time"),
        Head::number("Calibration, s").meaning("Seconds to find ranges and to round"),
        Head::number("Training, s").meaning("Seconds of training on"),
        Head::number("In all, s").meaning("Seconds of the whole configuration"),
        Head::number("Memory, MB").meaning("Most memory at any time, 10⁶ bytes"),
        Head::name("Ran on"),
    ];
    let rows = study.primary().filter(|c| c.done).map(|c| {
        let timing = study.timing(&c.model, &c.method);
        let of =
            |read: fn(&super::super::study::details::Timing) -> Option<f64>| timing.and_then(read);
        let base = study
            .timing(&c.model, "fp32")
            .and_then(|t| t.latency_ms_batch32);
        let faster = base
            .zip(of(|t| t.latency_ms_batch32))
            .map(|(base, own)| base / own);
        let number = |value: Option<f64>| Cell::number(value, significant);
        let cells = vec![
            configuration_cell(&c.model, &c.method),
            Cell::number(c.size_bytes.map(|b| b as f64), megabytes),
            number(c.compression),
            number(of(|t| t.latency_ms_batch1)),
            number(of(|t| t.latency_ms_batch32)),
            number(faster),
            number(of(|t| t.calibration_seconds)),
            number(of(|t| t.training_seconds)),
            number(of(|t| t.seconds)),
            Cell::number(of(|t| t.peak_memory_bytes.map(|b| b as f64)), megabytes),
            Cell::text(&c.device),
        ];
        (c.model.clone(), cells)
    });
    let grid = Grid {
        caption: "Bytes on disk and time of the integer path, as measured on the machine named under “Where the \
                  numbers come from”. Times vary from run to run; nothing else here does."
            .into(),
        name: "efficiency",
        columns,
        rows: ruled(rows),
        tools: Tools::SortAndFilter,
    };
    html.add(&grid.html());
    html
}

/// The configurations that nothing beats in everything, and how surely.
pub fn front(study: &Study) -> Html {
    let mut html = Html::default();
    let Some(pareto) = &study.pareto else {
        html.element(
            "p",
            "No trade-off was computed: pareto.json is not in the folder.",
        );
        return html;
    };
    let axis = |name: &String| match name.as_str() {
        "eo_gap" => "EO gap".to_string(),
        "dp_gap" => "DP gap".into(),
        "size_bytes" => "bytes on disk".into(),
        "latency_ms_batch32" => "time per image in batches of 32".into(),
        other => other.replace('_', " "),
    };
    let axes: Vec<String> = pareto.axes.iter().map(axis).collect();
    html.element(
        "p",
        &format!(
            "A configuration is on the front where no other is at least as good in {} and better in one of them. \
             The last column says in which share of resamplings of the test images that is so: near 100 % it is \
             sure, near 50 % it is chance.",
            super::words::list(&axes)
        ),
    );
    let columns = vec![
        Head::name("Configuration"),
        Head::number("Accuracy").meaning("%"),
        Head::number("EO gap").meaning("points"),
        Head::number("Size, MB"),
        Head::number("of 32, ms").meaning("Milliseconds per image, 32 at a time"),
        Head::number("On the front, %").meaning("Share of resamplings in which nothing beats it"),
    ];
    let mut points: Vec<&ParetoPoint> = pareto.points.iter().filter(|p| p.on_front).collect();
    points.sort_by(|a, b| f64::total_cmp(&b.frequency.unwrap_or(0.0), &a.frequency.unwrap_or(0.0)));
    let rows = points.iter().map(|p| {
        let cells = vec![
            configuration_cell(&p.model, &p.method),
            Cell::number(p.accuracy, hundred).interval(p.accuracy_lo.zip(p.accuracy_hi), hundred),
            Cell::number(p.eo_gap, hundred).interval(p.eo_gap_lo.zip(p.eo_gap_hi), hundred),
            Cell::number(p.size_bytes.map(|b| b as f64), megabytes),
            Cell::number(p.latency_ms_batch32, significant),
            Cell::number(p.frequency, |f| super::super::text::fixed(100.0 * f, 0)),
        ];
        (String::new(), cells)
    });
    let grid = Grid {
        caption: format!(
            "On the front: {} of {} configurations.",
            points.len(),
            pareto.points.len()
        ),
        name: "front",
        columns,
        rows: ruled(rows),
        tools: Tools::Sort,
    };
    html.add(&grid.html());
    html
}
