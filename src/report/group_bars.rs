//! Accuracy and selection rate of several models by group, as bars from zero with intervals.

use super::axis::{Axis, Signs};
use super::legend::{Swatch, legend};
use super::measured::{Measured, drawable};
use super::page::{Page, empty, title};
use super::style::{INK, LABEL, MARGIN, MUTED, NOTE, QUIET, series};
use super::svg::{Anchor, Font, Stroke, Svg};
use super::text::{fixed, percent, thousands, width, wrap};

/// Bars of every group within every model, one panel per rate.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBars {
    /// What was measured: target, data. May be empty.
    pub subject: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals, 0.95.
    pub confidence: f64,
    /// Names of the models, from left to right.
    pub models: Vec<String>,
    /// Names of the groups with their numbers of images, from left to right within a model.
    pub groups: Vec<(String, u64)>,
    /// From top to bottom.
    pub panels: Vec<BarPanel>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// One rate.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPanel {
    /// Its name.
    pub name: String,
    /// `[models][groups]`, shares from 0 to 1; `None` where not estimable.
    pub rates: Vec<Vec<Option<Measured>>>,
    /// For each group a share to compare with, and what it is.
    pub reference: Option<(String, Vec<Option<f64>>)>,
}

const HEIGHT: f64 = 170.0;
const BAR: f64 = 25.0;
/// Between the bars of two models.
const APART: f64 = 20.0;
const LEFT: f64 = 44.0;
const BETWEEN: f64 = 48.0;
/// The numbers on the bars.
const SMALL: f64 = 8.5;

impl GroupBars {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let title = title("Baselines by group", &self.subject, self.n);
        if self.models.is_empty() || self.groups.is_empty() || self.panels.is_empty() {
            return empty(&title, "no baselines to show", &self.caption);
        }
        let pitch = self.groups.len() as f64 * BAR + APART;
        let left = MARGIN + LEFT;
        let right = left + pitch * self.models.len() as f64;
        let mut notes = format!(
            "Bars begin at zero; numbers are percent; lines are {} intervals.",
            percent(self.confidence)
        );
        for (what, _) in self.panels.iter().filter_map(|p| p.reference.as_ref()) {
            notes.push_str(&format!(" Black marks beside an interval: {what}."));
        }
        let mut page = Page::new((right + MARGIN).max(460.0), &title, &notes);
        let entries: Vec<(Swatch, String)> = self
            .groups
            .iter()
            .enumerate()
            .map(|(g, (name, n))| {
                (
                    Swatch::Block(series(g).color.into()),
                    format!("{name} (n\u{a0}=\u{a0}{})", thousands(*n)),
                )
            })
            .collect();
        let room = (right - MARGIN).max(420.0);
        let mut bottom = legend(&mut page.svg, (MARGIN, page.top), room, &entries);
        for panel in &self.panels {
            let top = bottom + 20.0;
            page.svg.text((MARGIN, top - 4.0), &panel.name, LABEL);
            let ends = (top + 14.0, top + 14.0 + HEIGHT);
            self.panel(&mut page.svg, panel, (left, right), ends);
            bottom = ends.1 + BETWEEN - 20.0;
        }
        page.finish(bottom - 6.0, &self.caption)
    }

    fn panel(&self, svg: &mut Svg, panel: &BarPanel, (left, right): (f64, f64), ends: (f64, f64)) {
        let axis = Axis::within((0.0, 100.0), 5.0, Signs::Plain, (ends.1, ends.0));
        axis.draw_left(svg, (left, right));
        let pitch = (right - left) / self.models.len() as f64;
        for (m, model) in self.models.iter().enumerate() {
            let first = left + m as f64 * pitch + APART / 2.0;
            for g in 0..self.groups.len() {
                let x = first + g as f64 * BAR;
                let rate = panel.rates.get(m).and_then(|r| r.get(g).copied().flatten());
                let share = panel
                    .reference
                    .as_ref()
                    .and_then(|r| r.1.get(g).copied().flatten());
                let share = share.filter(|s| s.is_finite());
                match drawable(rate) {
                    Some(rate) => bar(svg, &axis, x, rate, share, series(g).color),
                    None => {
                        svg.text_upwards((x + BAR / 2.0 + 3.0, ends.1 - 4.0), "not estimable", NOTE)
                    }
                }
            }
            let middle = first + (pitch - APART) / 2.0;
            for (k, line) in wrap(model, LABEL.size, pitch - 6.0).iter().enumerate() {
                let y = ends.1 + 14.0 + 12.0 * k as f64;
                svg.text((middle, y), line, LABEL.anchored(Anchor::Middle));
            }
        }
        svg.line((left, ends.1), (right, ends.1), Stroke::solid(MUTED, 1.0));
        let middle = (ends.0 + ends.1) / 2.0;
        svg.text_upwards(
            (left - 32.0, middle),
            "percent",
            QUIET.anchored(Anchor::Middle),
        );
    }
}

/// A bar with its number above the interval, and the share to compare with on either side of the interval.
fn bar(svg: &mut Svg, axis: &Axis, x: f64, rate: Measured, share: Option<f64>, color: &str) {
    let (top, bottom) = (axis.px(100.0 * rate.value), axis.px(0.0));
    svg.rect((x, top), (BAR - 2.0, bottom - top), color);
    let middle = x + (BAR - 2.0) / 2.0;
    let mut above = top;
    if let Some((lo, hi)) = rate.interval {
        let (low, high) = (axis.px(100.0 * lo), axis.px(100.0 * hi));
        svg.line((middle, low), (middle, high), Stroke::solid("#ffffff", 3.4));
        svg.line((middle, low), (middle, high), Stroke::solid(INK, 1.3));
        above = high.min(top);
    }
    if let Some(share) = share {
        let y = axis.px(100.0 * share);
        for (from, to) in [(x - 0.5, middle - 4.0), (middle + 4.0, x + BAR - 1.5)] {
            svg.line((from, y), (to, y), Stroke::solid("#ffffff", 4.0));
            svg.line((from, y), (to, y), Stroke::solid(INK, 1.8));
        }
        above = above.min(y);
    }
    let text = fixed(100.0 * rate.value, 1);
    let size = if width(&text, SMALL) > BAR - 2.0 {
        SMALL - 1.0
    } else {
        SMALL
    };
    let font = Font { size, ..NOTE }.anchored(Anchor::Middle);
    svg.text_on_white((middle, above - 3.0), &text, font);
}
