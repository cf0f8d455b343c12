//! Where everything of a forest plot goes: rows, columns, the axis.

use super::{Candidate, Forest, GapChange};
use crate::report::measured::{Measured, drawable};
use crate::report::scale::{Scale, Ticks, extent};
use crate::report::style::{LABEL, MARGIN};
use crate::report::text::{p_value, signed, widest, width};

const PLOT_WIDTH: f64 = 250.0;
/// Height of a row, px.
const HEIGHT: f64 = 16.0;
/// Room above and below the rows of one candidate.
const PAD: f64 = 2.5;
const GUTTER: f64 = 16.0;
/// Percentage points per unit of a rate.
pub const POINTS: f64 = 100.0;

/// One row: a gap of a candidate, as numbers to draw and as text.
pub struct Row<'a> {
    /// The candidate, on its first row.
    pub name: Option<&'a str>,
    /// Which of its gaps this is.
    pub place: usize,
    /// The gap.
    pub change: &'a GapChange,
    /// Its change in percentage points.
    pub points: Option<Measured>,
    /// Its margin, in units of a rate, where that can be drawn.
    pub margin: Option<f64>,
    /// Upper and lower edge, px below the first row.
    pub edges: (f64, f64),
    /// Height of the marker, px below the first row.
    pub middle: f64,
    /// The change as text; empty where it is not estimable.
    pub delta: String,
    /// Its interval as text, or why there is none.
    pub interval: String,
    /// The adjusted p as text.
    pub p: String,
}

/// Positions across (px) and rows from top to bottom.
pub struct Layout<'a> {
    /// All rows.
    pub rows: Vec<Row<'a>>,
    /// Left side of the names of gaps.
    pub gap: f64,
    /// The axis, in percentage points.
    pub plot: Scale,
    /// Its ticks.
    pub ticks: Ticks,
    /// Right sides of the columns of text.
    pub delta_end: f64,
    /// Right side of the intervals.
    pub interval_end: f64,
    /// Right side of the adjusted p.
    pub p_end: f64,
}

impl<'a> Layout<'a> {
    /// Places the rows and columns of a figure.
    pub fn new(figure: &'a Forest) -> Self {
        let rows = rows(&figure.candidates);
        let ticks = ticks(&rows, figure.limit);
        let size = LABEL.size;
        let gap = MARGIN + widest(rows.iter().filter_map(|r| r.name), size) + GUTTER;
        let gaps = rows.iter().map(|r| r.change.gap.as_str());
        let plot = gap + widest(gaps, size) + GUTTER;
        let column = |head: &str, pick: for<'r> fn(&'r Row<'a>) -> &'r str| {
            GUTTER + f64::max(width(head, size), widest(rows.iter().map(pick), size))
        };
        let delta_end = plot + PLOT_WIDTH + column("Δ", |r| &r.delta);
        let interval_end = delta_end + column(&figure.interval_head(), |r| &r.interval) - 4.0;
        let p_end = interval_end + column("adj. p", |r| &r.p);
        Self {
            gap,
            plot: Scale {
                domain: ticks.domain(),
                range: (plot, plot + PLOT_WIDTH),
            },
            ticks,
            delta_end,
            interval_end,
            p_end,
            rows,
        }
    }

    /// Height of all rows, px.
    pub fn height(&self) -> f64 {
        self.rows.last().map_or(0.0, |r| r.edges.1)
    }

    /// Whether an estimate or the end of an interval has no place on the axis.
    pub fn goes_beyond_the_axis(&self) -> bool {
        let (lo, hi) = self.plot.domain;
        let mut shown = self
            .rows
            .iter()
            .filter_map(|r| r.points)
            .flat_map(Measured::extent);
        shown.any(|v| v < lo || v > hi)
    }

    /// `(margin, top, bottom)` of each run of rows with one margin: drawn as one piece, since pieces
    /// side by side show hairlines where they meet.
    pub fn bands(&self) -> Vec<(f64, f64, f64)> {
        self.rows
            .chunk_by(|a, b| a.margin == b.margin)
            .filter_map(|run| {
                let (first, last) = (run.first()?, run.last()?);
                Some((first.margin?, first.edges.0, last.edges.1))
            })
            .collect()
    }
}

fn rows(candidates: &[Candidate]) -> Vec<Row<'_>> {
    let mut placed = Vec::new();
    let mut y = 0.0;
    for candidate in candidates {
        for (place, change) in candidate.gaps.iter().enumerate() {
            let top = if place == 0 { PAD } else { 0.0 };
            let last = place + 1 == candidate.gaps.len();
            let below = if last { PAD } else { 0.0 };
            let points = drawable(change.delta).map(|d| Measured {
                value: POINTS * d.value,
                interval: d.interval.map(|(lo, hi)| (POINTS * lo, POINTS * hi)),
            });
            let p = change.p_adjusted.filter(|p| p.is_finite());
            placed.push(Row {
                name: (place == 0).then_some(candidate.name.as_str()),
                place,
                change,
                points,
                margin: change.margin.filter(|m| m.is_finite() && *m > 0.0),
                edges: (y, y + top + HEIGHT + below),
                middle: y + top + HEIGHT / 2.0,
                delta: points.map_or_else(String::new, |d| signed(d.value, 2)),
                interval: interval(points),
                p: p.map_or_else(|| "–".into(), p_value),
            });
            y += top + HEIGHT + below;
        }
    }
    placed
}

fn interval(points: Option<Measured>) -> String {
    match points.map(|d| d.interval) {
        None => "not estimable".into(),
        Some(None) => "–".into(),
        Some(Some((lo, hi))) => format!("[{}, {}]", signed(lo, 2), signed(hi, 2)),
    }
}

/// Ticks in points: up to the limit, or around everything shown, zero and margins included.
fn ticks(rows: &[Row<'_>], limit: Option<f64>) -> Ticks {
    if let Some(limit) = limit.filter(|l| l.is_finite() && *l > 0.0) {
        return Ticks::around(-POINTS * limit, POINTS * limit, 6.0);
    }
    let deltas = rows
        .iter()
        .filter_map(|r| r.points)
        .flat_map(Measured::extent);
    let margins = rows
        .iter()
        .filter_map(|r| r.margin)
        .flat_map(|m| [-1.2 * POINTS * m, 1.2 * POINTS * m]);
    let shown = extent(deltas.chain(margins).chain([0.0]));
    let (lo, hi) = shown.filter(|(lo, hi)| lo < hi).unwrap_or((-1.0, 1.0));
    Ticks::around(lo, hi, 6.0)
}
