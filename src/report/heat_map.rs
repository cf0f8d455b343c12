//! Changes by method and model as coloured cells with their numbers.

use super::color::tint;
use super::measured::{Measured, drawable};
use super::page::{Page, empty, title};
use super::style::{INK, LABEL, MARGIN, NOTE, QUIET};
use super::svg::{Anchor, Font, Stroke, Svg};
use super::text::{signed, widest, wrap};

/// One panel per quantity, a row per method and a column per model; blue is better, orange worse.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// What was measured. May be empty.
    pub subject: String,
    /// What changes are against, `fp32`.
    pub baseline: String,
    /// Number of images.
    pub n: u64,
    /// The columns.
    pub models: Vec<String>,
    /// The rows.
    pub methods: Vec<String>,
    /// From left to right.
    pub panels: Vec<HeatPanel>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// One quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPanel {
    /// Its name with its unit, `Δ EO gap, points`.
    pub name: String,
    /// Which direction is better.
    pub better: Better,
    /// `[methods][models]`.
    pub cells: Vec<Vec<HeatCell>>,
    /// What a bold cell with a star means here.
    pub marked: String,
}

/// Which direction of a change is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Gaps.
    Lower,
    /// Accuracy.
    Higher,
}

/// One cell; changes in units of a rate, shown in points.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HeatCell {
    /// `None` where there is none.
    pub delta: Option<Measured>,
    /// Whether it is told from zero.
    pub marked: bool,
}

const CELL: (f64, f64) = (72.0, 22.0);
const GAP: f64 = 26.0;
/// Panels side by side.
const COLUMNS: usize = 2;
/// Names of models.
const HEAD: Font = Font { size: 9.5, ..QUIET };
const POINTS: f64 = 100.0;
const BETTER: &str = "#0072B2";
const WORSE: &str = "#D55E00";
/// The strongest tint that black numbers are still read on.
const STRONGEST: f64 = 0.62;

impl HeatPanel {
    /// Where colours are strongest: one and a half times the third quartile of the sizes of changes, at least one
    /// point, so that a few broken configurations do not take all colour from the others.
    fn full(&self) -> f64 {
        let mut sizes: Vec<f64> = self
            .cells
            .iter()
            .flatten()
            .filter_map(|c| drawable(c.delta))
            .map(|m| POINTS * m.value.abs())
            .collect();
        sizes.sort_by(f64::total_cmp);
        let quartile = sizes.get((0.75 * sizes.len() as f64) as usize);
        let most = sizes.last().copied().unwrap_or(0.0);
        most.min(1.5 * quartile.unwrap_or(&most)).max(1.0)
    }
}

impl HeatMap {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let title = title(
            &format!("Changes against {}", self.baseline),
            &self.subject,
            self.n,
        );
        if self.models.is_empty() || self.methods.is_empty() || self.panels.is_empty() {
            return empty(&title, "no changes to show", &self.caption);
        }
        let names = self.methods.iter().map(String::as_str);
        let left = MARGIN + widest(names, LABEL.size) + 12.0;
        let size = (
            CELL.0 * self.models.len() as f64,
            CELL.1 * self.methods.len() as f64,
        );
        // A lone model leaves little room for the name of a panel.
        let pitch = GAP + size.0.max(150.0);
        let columns = self.panels.len().min(COLUMNS);
        let width = left + pitch * columns as f64 - GAP + MARGIN;

        let heads: Vec<Vec<String>> = self.models.iter().map(|m| head(m)).collect();
        let lines = heads.iter().map(Vec::len).max().unwrap_or(1) as f64;
        let mut page = Page::new(width.max(420.0), &title, &self.notes());
        let svg = &mut page.svg;
        let mut bottom = page.top;
        for panels in self.panels.chunks(COLUMNS) {
            let names_at = bottom + LABEL.size;
            let top = names_at + 10.0 + 12.0 * lines;
            for (k, method) in self.methods.iter().enumerate() {
                let base = top + (k as f64 + 0.5) * CELL.1 + 3.8;
                svg.text((MARGIN, base), method, LABEL);
            }
            for (p, panel) in panels.iter().enumerate() {
                let x = left + pitch * p as f64;
                svg.text((x, names_at), &panel.name, LABEL);
                for (m, lines) in heads.iter().enumerate() {
                    let middle = x + (m as f64 + 0.5) * CELL.0;
                    let first = top - 5.0 - 12.0 * (lines.len() - 1) as f64;
                    for (l, line) in lines.iter().enumerate() {
                        let at = (middle, first + 12.0 * l as f64);
                        svg.text(at, line, HEAD.anchored(Anchor::Middle));
                    }
                }
                self.panel(svg, panel, (x, top));
                key(svg, panel, (x, top + size.1 + 10.0));
            }
            bottom = top + size.1 + 46.0;
        }
        page.finish(bottom - 12.0, &self.caption)
    }

    fn panel(&self, svg: &mut Svg, panel: &HeatPanel, (left, top): (f64, f64)) {
        let full = panel.full();
        for k in 0..self.methods.len() {
            for m in 0..self.models.len() {
                let cell = panel
                    .cells
                    .get(k)
                    .and_then(|row| row.get(m))
                    .copied()
                    .unwrap_or_default();
                let at = (left + m as f64 * CELL.0, top + k as f64 * CELL.1);
                let middle = (at.0 + CELL.0 / 2.0, at.1 + CELL.1 / 2.0 + 3.8);
                let Some(delta) = drawable(cell.delta) else {
                    svg.rect(
                        (at.0 + 1.0, at.1 + 1.0),
                        (CELL.0 - 2.0, CELL.1 - 2.0),
                        "#eeeeee",
                    );
                    svg.text(middle, "–", QUIET.anchored(Anchor::Middle));
                    continue;
                };
                let points = POINTS * delta.value;
                let fill = color(panel.better, points / full);
                svg.rect(
                    (at.0 + 1.0, at.1 + 1.0),
                    (CELL.0 - 2.0, CELL.1 - 2.0),
                    &fill,
                );
                let star = if cell.marked { "\u{a0}*" } else { "" };
                if cell.marked {
                    frame(svg, at);
                }
                let text = format!("{}{star}", signed(points, 1));
                svg.text(
                    middle,
                    &text,
                    Font {
                        color: INK,
                        ..LABEL
                    }
                    .anchored(Anchor::Middle),
                );
            }
        }
    }

    fn notes(&self) -> String {
        let mut notes = String::from(
            "Percentage points. Blue is better, orange worse; – not estimable or not done.",
        );
        let mut said: Vec<&str> = Vec::new();
        for panel in &self.panels {
            if !panel.marked.is_empty() && !said.contains(&panel.marked.as_str()) {
                notes.push_str(&format!(" {}", panel.marked));
                said.push(&panel.marked);
            }
        }
        notes
    }
}

/// A strip of the colours of a panel.
fn key(svg: &mut Svg, panel: &HeatPanel, (x, top): (f64, f64)) {
    const STEP: f64 = 15.0;
    let full = panel.full();
    for s in -4..=4 {
        let at = x + STEP * f64::from(s + 4);
        svg.rect(
            (at, top),
            (STEP, 9.0),
            &color(panel.better, f64::from(s) / 4.0),
        );
    }
    let decimals = usize::from(full < 9.95);
    for (at, text, anchor) in [
        (x, format!("≤ {}", signed(-full, decimals)), Anchor::Start),
        (x + 4.5 * STEP, "0".into(), Anchor::Middle),
        (
            x + 9.0 * STEP,
            format!("≥ {}", signed(full, decimals)),
            Anchor::End,
        ),
    ] {
        svg.text((at, top + 20.0), &text, NOTE.anchored(anchor));
    }
}

/// The colour of a change, as a share of the strongest.
fn color(better: Better, share: f64) -> String {
    let worse = (share > 0.0) == (better == Better::Lower);
    let base = if worse { WORSE } else { BETTER };
    tint(base, STRONGEST * share.abs().min(1.0))
}

/// An outline inside a cell.
fn frame(svg: &mut Svg, (x, y): (f64, f64)) {
    let (left, top) = (x + 1.8, y + 1.8);
    let (right, bottom) = (x + CELL.0 - 1.8, y + CELL.1 - 1.8);
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    svg.polygon(&corners, "none", Stroke::solid(INK, 1.4));
}

/// The name of a model over a narrow column: broken at hyphens too.
fn head(model: &str) -> Vec<String> {
    let loose = model.replace('-', "- ").replace('_', "_ ");
    let lines = wrap(&loose, 9.5, CELL.0 - 6.0);
    lines
        .into_iter()
        .map(|l| l.replace("- ", "-").replace("_ ", "_"))
        .collect()
}
