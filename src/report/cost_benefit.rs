//! What training costs against what it gains: seconds by change, a marker per model and kind.

use super::axis::{Axis, Signs};
use super::legend::{Swatch, legend};
use super::measured::{Measured, drawable};
use super::page::{Page, empty, title};
use super::scale::extent;
use super::style::{LABEL, MARGIN, Series, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::percent;

/// Gains over their cost, one panel per quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct CostBenefit {
    /// What was measured. May be empty.
    pub subject: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Models, told apart by markers.
    pub models: Vec<String>,
    /// Kinds of training, told apart by colours.
    pub kinds: Vec<String>,
    /// What the horizontal axis is, `seconds of training more than PTQ needs`.
    pub cost: String,
    /// From left to right.
    pub panels: Vec<BenefitPanel>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// One quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct BenefitPanel {
    /// Its name with its unit.
    pub name: String,
    /// Its markers.
    pub points: Vec<Benefit>,
}

/// One trained configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Benefit {
    /// Index of its model.
    pub model: usize,
    /// Index of its kind.
    pub kind: usize,
    /// Seconds, positive.
    pub seconds: f64,
    /// The change, in units of a rate.
    pub change: Measured,
}

const SIDE: (f64, f64) = (340.0, 270.0);
const GAP: f64 = 64.0;
const LEFT: f64 = 52.0;
const POINTS: f64 = 100.0;

fn look(point: &Benefit) -> Series {
    series(point.kind).solid().with_marker_of(point.model)
}

impl CostBenefit {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let title = title("Cost and benefit of training", &self.subject, self.n);
        let good = |p: &&Benefit| {
            p.seconds > 0.0 && p.seconds.is_finite() && drawable(Some(p.change)).is_some()
        };
        let points = || self.panels.iter().flat_map(|p| &p.points).filter(good);
        let Some(seconds) = extent(points().map(|p| p.seconds)) else {
            return empty(&title, "no trained configurations to show", &self.caption);
        };
        let left = MARGIN + LEFT;
        let columns = self.panels.len() as f64;
        let width = left + columns * (SIDE.0 + GAP) - GAP + MARGIN;
        let width = width.max(560.0);
        let notes = format!(
            "Lines are {} intervals; the horizontal axis is logarithmic; kinds are moved aside by up to 4 px, so that they do \
             not hide each other.",
            percent(self.confidence)
        );
        let mut page = Page::new(width, &title, &notes);
        let kinds = self.kinds.iter().enumerate();
        let kinds = kinds.map(|(k, name)| (Swatch::Block(series(k).color.into()), name.clone()));
        const BLACK: usize = 4;
        let models = self.models.iter().enumerate();
        let models = models.map(|(m, name)| {
            let look = series(BLACK).solid().with_marker_of(m);
            (Swatch::Marker(look, true), name.clone())
        });
        let room = width - 2.0 * MARGIN;
        let top = legend(
            &mut page.svg,
            (MARGIN, page.top),
            room,
            &kinds.collect::<Vec<_>>(),
        );
        let top = legend(
            &mut page.svg,
            (MARGIN, top),
            room,
            &models.collect::<Vec<_>>(),
        ) + 14.0;
        for (k, panel) in self.panels.iter().enumerate() {
            let x = left + k as f64 * (SIDE.0 + GAP);
            let points: Vec<&Benefit> = panel.points.iter().filter(good).collect();
            let axis = Axis::logarithmic(seconds, (x, x + SIDE.0));
            self.panel(&mut page.svg, &panel.name, &points, &axis, top);
        }
        page.finish(top + SIDE.1 + 34.0, &self.caption)
    }

    /// Kinds side by side, px.
    fn aside(&self, point: &Benefit) -> f64 {
        let middle = (self.kinds.len().max(1) - 1) as f64 / 2.0;
        4.0 * (point.kind as f64 - middle) / middle.max(1.0)
    }

    fn panel(&self, svg: &mut Svg, name: &str, points: &[&Benefit], x: &Axis, top: f64) {
        let (left, right) = x.range();
        let ends = (top, top + SIDE.1);
        let all = points
            .iter()
            .flat_map(|p| p.change.extent())
            .map(|v| POINTS * v);
        let around = extent(all.chain([0.0])).filter(|(lo, hi)| lo < hi);
        let y = Axis::linear(
            around.unwrap_or((-1.0, 1.0)),
            6.0,
            Signs::Both,
            (ends.1, ends.0),
        );
        x.draw_below(svg, ends);
        y.draw_left(svg, (left, right));
        for point in points {
            let at = x.px(point.seconds) + self.aside(point);
            let color = look(point).color;
            if let Some((lo, hi)) = point.change.interval {
                let ends = (y.px(POINTS * lo), y.px(POINTS * hi));
                svg.line((at, ends.0), (at, ends.1), Stroke::solid(color, 1.1));
            }
        }
        for point in points {
            let at = (
                x.px(point.seconds) + self.aside(point),
                y.px(POINTS * point.change.value),
            );
            look(point).marker(svg, at, true);
        }
        let middle = (left + right) / 2.0;
        svg.text(
            (middle, ends.1 + 29.0),
            &self.cost,
            LABEL.anchored(Anchor::Middle),
        );
        let at = (left - 40.0, (ends.0 + ends.1) / 2.0);
        svg.text_upwards(at, name, LABEL.anchored(Anchor::Middle));
    }
}
