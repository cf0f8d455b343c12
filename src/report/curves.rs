//! Loss and accuracy by epoch: a column per model, baselines first and what was trained further behind them.

use super::axis::{Axis, Signs};
use super::legend::{Swatch, legend};
use super::page::{Page, empty};
use super::scale::extent;
use super::style::{LABEL, MARGIN, QUIET, RULE, Series, series};
use super::svg::{Anchor, Stroke, Svg};

/// Curves over epochs; columns have their own epochs, rows one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What was trained. May be empty.
    pub subject: String,
    /// Names of the quantities, from top to bottom.
    pub quantities: Vec<String>,
    /// Names of the curves; the same place has the same look in all columns.
    pub curves: Vec<CurveName>,
    /// From left to right.
    pub columns: Vec<CurveColumn>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// What a curve is called.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveName {
    /// `fp32, validation`.
    pub name: String,
    /// Which colour.
    pub color: usize,
    /// Whether the line is dashed.
    pub dashed: bool,
}

/// The curves of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveColumn {
    /// The model.
    pub name: String,
    /// The epoch after which the baseline was done, where something was trained further.
    pub baseline_ends: Option<f64>,
    /// `[quantities][curves]` of `(epoch, value)`; what is not finite is left out.
    pub points: Vec<Vec<Vec<(f64, f64)>>>,
}

const PANEL: (f64, f64) = (146.0, 150.0);
const GAP: f64 = 18.0;
const LEFT: f64 = 52.0;
const BETWEEN: f64 = 30.0;

fn look(curve: &CurveName) -> Series {
    let look = series(curve.color);
    if curve.dashed {
        look.dashed()
    } else {
        look.solid()
    }
}

impl Curves {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let subject = if self.subject.is_empty() {
            String::new()
        } else {
            format!(": {}", self.subject)
        };
        let title = format!("Training{subject}");
        if self.columns.is_empty() || self.quantities.is_empty() || self.curves.is_empty() {
            return empty(&title, "no training to show", &self.caption);
        }
        let left = MARGIN + LEFT;
        let width = left + self.columns.len() as f64 * (PANEL.0 + GAP) - GAP + MARGIN;
        let width = width.max(480.0);
        let further = self.columns.iter().any(|c| c.baseline_ends.is_some());
        let notes = if further {
            "Grey line: where the baseline is done; what is trained further starts from it. All panels of a row have one \
             vertical axis, which need not begin at zero."
        } else {
            "All panels of a row have one vertical axis, which need not begin at zero."
        };
        let mut page = Page::new(width, &title, notes);
        let entries = self
            .curves
            .iter()
            .map(|c| (Swatch::Line(look(c)), c.name.clone()));
        let entries: Vec<(Swatch, String)> = entries.collect();
        let mut top = legend(
            &mut page.svg,
            (MARGIN, page.top),
            width - 2.0 * MARGIN,
            &entries,
        ) + 24.0;
        let svg = &mut page.svg;
        for (c, column) in self.columns.iter().enumerate() {
            let middle = left + c as f64 * (PANEL.0 + GAP) + PANEL.0 / 2.0;
            svg.text(
                (middle, top - 7.0),
                &column.name,
                LABEL.anchored(Anchor::Middle),
            );
        }
        for (q, quantity) in self.quantities.iter().enumerate() {
            let ends = (top, top + PANEL.1);
            let values = self.columns.iter().flat_map(|c| points(c, q)).map(|p| p.1);
            let around = extent(values).unwrap_or((0.0, 1.0));
            let y = Axis::linear(around, 5.0, Signs::Plain, (ends.1, ends.0));
            for (c, column) in self.columns.iter().enumerate() {
                let x = left + c as f64 * (PANEL.0 + GAP);
                self.panel(svg, column, q, (x, x + PANEL.0), &y, c == 0);
            }
            let at = (left - 40.0, (ends.0 + ends.1) / 2.0);
            svg.text_upwards(at, quantity, QUIET.anchored(Anchor::Middle));
            top = ends.1 + BETWEEN;
        }
        let middle = (left + width - MARGIN) / 2.0;
        svg.text((middle, top - 2.0), "epoch", QUIET.anchored(Anchor::Middle));
        page.finish(top + 4.0, &self.caption)
    }

    fn panel(
        &self,
        svg: &mut Svg,
        column: &CurveColumn,
        q: usize,
        range: (f64, f64),
        y: &Axis,
        first: bool,
    ) {
        let (bottom, top) = y.range();
        let epochs = (0..self.quantities.len()).flat_map(|q| points(column, q));
        let Some((_, last)) = extent(epochs.map(|p| p.0)) else {
            let at = ((range.0 + range.1) / 2.0, (top + bottom) / 2.0);
            svg.text_on_white(at, "not measured", QUIET.anchored(Anchor::Middle));
            return;
        };
        let x = Axis::within((0.0, last.max(1.0)), 4.0, Signs::Plain, range);
        x.draw_below(svg, (top, bottom));
        if first {
            y.draw_left(svg, range);
        } else {
            y.draw_grid(svg, range);
        }
        if let Some(end) = column.baseline_ends {
            let at = x.px(end);
            svg.line((at, top), (at, bottom), Stroke::solid(RULE, 1.4));
        }
        let curves = column.points.get(q).into_iter().flatten();
        for (curve, points) in self.curves.iter().zip(curves) {
            let drawn: Vec<(f64, f64)> = points
                .iter()
                .filter(|p| p.0.is_finite() && p.1.is_finite())
                .map(|p| (x.px(p.0), y.px(p.1)))
                .collect();
            match drawn.as_slice() {
                [] => {}
                // One epoch is no line.
                [only] => svg.circle(*only, 2.6, look(curve).color, Stroke::solid("#ffffff", 0.3)),
                _ => svg.polyline(&drawn, look(curve).stroke(1.5)),
            }
        }
    }
}

fn points(column: &CurveColumn, quantity: usize) -> impl Iterator<Item = (f64, f64)> {
    let curves = column.points.get(quantity).into_iter().flatten();
    let all = curves.flatten().copied();
    all.filter(|p| p.0.is_finite() && p.1.is_finite())
}
