//! What each method costs each group: one panel per model, a row per method, a marker per group.

use super::axis::{Axis, Signs};
use super::forest::small_estimate;
use super::legend::{Swatch, legend};
use super::measured::{Measured, drawable};
use super::page::{Page, empty, title};
use super::scale::{Scale, extent};
use super::style::{LABEL, MARGIN, MUTED, STRIPE, TICK, series};
use super::svg::{Anchor, Stroke};
use super::text::{percent, thousands, widest};

/// Changes of accuracy against the baseline by group, all panels on one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDrops {
    /// What was measured. May be empty.
    pub subject: String,
    /// What changes are against, `fp32`.
    pub baseline: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// The panels.
    pub models: Vec<String>,
    /// The rows.
    pub methods: Vec<String>,
    /// The groups with their numbers of images.
    pub groups: Vec<(String, u64)>,
    /// `[models][methods]`.
    pub drops: Vec<Vec<Drops>>,
    /// Changes beyond ± this, in units of a rate, become arrows; `None` for an axis that shows all.
    pub limit: Option<f64>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// Changes of one configuration, in units of a rate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drops {
    /// Over everybody: a line.
    pub overall: Option<Measured>,
    /// One per group.
    pub groups: Vec<Option<Measured>>,
}

const PANEL: f64 = 128.0;
const GAP: f64 = 22.0;
/// From one group to the next within a row.
const STEP: f64 = 7.0;
const PAD: f64 = 4.0;
const POINTS: f64 = 100.0;

impl GroupDrops {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let what = format!("Change of accuracy against {} by group", self.baseline);
        let title = title(&what, &self.subject, self.n);
        if self.models.is_empty() || self.methods.is_empty() || self.groups.is_empty() {
            return empty(&title, "no changes to show", &self.caption);
        }
        let names = self.methods.iter().map(String::as_str);
        let left = MARGIN + widest(names, LABEL.size) + 18.0;
        let width = left + self.models.len() as f64 * (PANEL + GAP) - GAP + MARGIN;
        let width = width.max(460.0);
        let (lo, hi) = self.domain();
        let mut notes = format!(
            "Percentage points, to the left where accuracy falls; lines are {} intervals; black: over everybody.",
            percent(self.confidence)
        );
        let mut shown = self.shown();
        if shown.any(|v| v < lo || v > hi) {
            notes.push_str(" Arrows lead to values beyond the axis.");
        }
        let mut page = Page::new(width, &title, &notes);
        let entries = self.groups.iter().enumerate();
        let entries: Vec<(Swatch, String)> = entries
            .map(|(g, (name, n))| {
                (
                    Swatch::Marker(series(g), true),
                    format!("{name} (n\u{a0}=\u{a0}{})", thousands(*n)),
                )
            })
            .collect();
        let room = width - 2.0 * MARGIN;
        let top = legend(&mut page.svg, (MARGIN, page.top), room, &entries) + 22.0;
        let row = STEP * self.groups.len() as f64 + 2.0 * PAD;
        let row = row.max(16.0);
        let bottom = top + row * self.methods.len() as f64;
        let svg = &mut page.svg;
        for (k, method) in self.methods.iter().enumerate() {
            let y = top + row * k as f64;
            if k % 2 == 0 {
                svg.rect((MARGIN - 4.0, y), (width - 2.0 * MARGIN + 8.0, row), STRIPE);
            }
            svg.text((MARGIN, y + row / 2.0 + 3.8), method, LABEL);
        }
        for (m, model) in self.models.iter().enumerate() {
            let x = left + m as f64 * (PANEL + GAP);
            let plot = Scale {
                domain: (lo, hi),
                range: (x, x + PANEL),
            };
            Axis::within((lo, hi), 4.0, Signs::Both, plot.range).draw_below(svg, (top, bottom));
            let middle = x + PANEL / 2.0;
            svg.text((middle, top - 7.0), model, LABEL.anchored(Anchor::Middle));
            for k in 0..self.methods.len() {
                let Some(drops) = self.drops.get(m).and_then(|d| d.get(k)) else {
                    continue;
                };
                let y = top + row * k as f64;
                if let Some(all) = drawable(drops.overall) {
                    let at = plot.px((POINTS * all.value).clamp(lo, hi));
                    svg.line(
                        (at, y + 1.5),
                        (at, y + row - 1.5),
                        Stroke::solid("#000000", 1.6),
                    );
                }
                let mut any = false;
                for (g, drop) in drops.groups.iter().enumerate() {
                    let Some(drop) = drawable(*drop) else {
                        continue;
                    };
                    any = true;
                    let points = Measured {
                        value: POINTS * drop.value,
                        interval: drop.interval.map(|(lo, hi)| (POINTS * lo, POINTS * hi)),
                    };
                    let first = y + (row - STEP * self.groups.len() as f64) / 2.0;
                    let y = first + STEP * (g as f64 + 0.5);
                    small_estimate(svg, &plot, points, series(g), y);
                }
                if !any {
                    let font = TICK.anchored(Anchor::Middle);
                    svg.text_on_white((middle, y + row / 2.0 + 3.4), "not estimable", font);
                }
            }
        }
        let label = format!("Δ accuracy against {}, percentage points", self.baseline);
        let at = ((left + width - MARGIN) / 2.0, bottom + 29.0);
        svg.text(
            at,
            &label,
            super::svg::Font {
                color: MUTED,
                ..LABEL
            }
            .anchored(Anchor::Middle),
        );
        page.finish(bottom + 34.0, &self.caption)
    }

    /// Everything that the axis is about, in points.
    fn shown(&self) -> impl Iterator<Item = f64> {
        let all = self
            .drops
            .iter()
            .flatten()
            .flat_map(|d| d.groups.iter().chain([&d.overall]));
        all.filter_map(|m| drawable(*m))
            .flat_map(Measured::extent)
            .map(|v| POINTS * v)
    }

    /// The ends of all axes, in points, zero included.
    fn domain(&self) -> (f64, f64) {
        let all = extent(self.shown().chain([0.0])).filter(|(lo, hi)| lo < hi);
        let (mut lo, mut hi) = all.unwrap_or((-1.0, 1.0));
        if let Some(limit) = self.limit.filter(|l| l.is_finite() && *l > 0.0) {
            (lo, hi) = (lo.max(-POINTS * limit), hi.min(POINTS * limit));
        }
        let room = 0.04 * (hi - lo);
        (lo - room, hi + room)
    }
}
