//! Distributions over repeated draws: a strip of dots with its box per way to draw.

use super::axis::{Axis, Signs};
use super::color::tint;
use super::page::{Page, empty, title};
use super::scale::extent;
use super::style::{INK, LABEL, MARGIN, QUIET, STRIPE, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::widest;

/// A block per model, a column per metric, a strip per way to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Strips {
    /// What was drawn. May be empty.
    pub subject: String,
    /// Number of images that each dot is measured on.
    pub n: u64,
    /// Names of the metrics, percent.
    pub metrics: Vec<String>,
    /// From top to bottom.
    pub blocks: Vec<StripBlock>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// The strips of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct StripBlock {
    /// The model.
    pub name: String,
    /// Its strips.
    pub strips: Vec<Strip>,
}

/// All draws of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// How images were drawn and ranges chosen.
    pub name: String,
    /// Which colour: strips that are compared have different ones.
    pub look: usize,
    /// `[metrics][draws]`, shares from 0 to 1; what is not finite is left out.
    pub values: Vec<Vec<f64>>,
}

const PANEL: f64 = 170.0;
const GAP: f64 = 36.0;
const ROW: f64 = 22.0;
const HEAD: f64 = 20.0;
const FOOT: f64 = 26.0;
const BOX: f64 = 12.0;
const PERCENT: f64 = 100.0;

/// The quantile of sorted numbers, between neighbours by their distance.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, part) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

impl Strips {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let title = title("Calibration draws", &self.subject, self.n);
        let strips = || self.blocks.iter().flat_map(|b| &b.strips);
        if strips().next().is_none() || self.metrics.is_empty() {
            return empty(&title, "no draws to show", &self.caption);
        }
        let names = strips().map(|s| s.name.as_str());
        let heads = self.blocks.iter().map(|b| b.name.as_str());
        let left =
            MARGIN + f64::max(widest(names, LABEL.size) + 10.0, widest(heads, LABEL.size)) + 18.0;
        let width = left + self.metrics.len() as f64 * (PANEL + GAP) - GAP + MARGIN;
        let notes = "Percent. A dot is one set of calibration images; box: the middle half, with the median; every panel \
                     has its own axis, and none begins at zero.";
        let mut page = Page::new(width.max(460.0), &title, notes);
        let svg = &mut page.svg;
        let head = page.top + LABEL.size;
        for (k, metric) in self.metrics.iter().enumerate() {
            let middle = left + k as f64 * (PANEL + GAP) + PANEL / 2.0;
            svg.text((middle, head), metric, LABEL.anchored(Anchor::Middle));
        }
        let mut y = head + 6.0;
        for block in &self.blocks {
            svg.text((MARGIN, y + 14.0), &block.name, LABEL);
            y += HEAD;
            let bottom = y + ROW * block.strips.len() as f64;
            for (s, strip) in block.strips.iter().enumerate() {
                let top = y + ROW * s as f64;
                if s % 2 == 0 {
                    svg.rect(
                        (MARGIN - 4.0, top),
                        (width - 2.0 * MARGIN + 8.0, ROW),
                        STRIPE,
                    );
                }
                svg.text((MARGIN + 10.0, top + ROW / 2.0 + 3.8), &strip.name, QUIET);
            }
            for k in 0..self.metrics.len() {
                let x = left + k as f64 * (PANEL + GAP);
                panel(svg, block, k, (x, x + PANEL), (y, bottom));
            }
            y = bottom + FOOT;
        }
        page.finish(y - 6.0, &self.caption)
    }
}

fn panel(svg: &mut Svg, block: &StripBlock, metric: usize, range: (f64, f64), ends: (f64, f64)) {
    let of = |strip: &Strip| -> Vec<f64> {
        let values = strip.values.get(metric).into_iter().flatten();
        values
            .filter(|v| v.is_finite())
            .map(|v| PERCENT * v)
            .collect()
    };
    let middle = (range.0 + range.1) / 2.0;
    let Some(around) = extent(block.strips.iter().flat_map(of)) else {
        let at = (middle, (ends.0 + ends.1) / 2.0 + 3.8);
        svg.text_on_white(at, "not estimable", QUIET.anchored(Anchor::Middle));
        return;
    };
    let axis = Axis::linear(around, 4.0, Signs::Plain, range);
    axis.draw_below(svg, ends);
    for (s, strip) in block.strips.iter().enumerate() {
        let mut values = of(strip);
        let y = ends.0 + ROW * (s as f64 + 0.5);
        if values.is_empty() {
            svg.text_on_white(
                (middle, y + 3.8),
                "not estimable",
                QUIET.anchored(Anchor::Middle),
            );
            continue;
        }
        let dots: Vec<f64> = values.iter().map(|v| axis.px(*v)).collect();
        values.sort_by(f64::total_cmp);
        let [from, median, to] = [0.25, 0.5, 0.75].map(|share| axis.px(quantile(&values, share)));
        let color = series(strip.look).color;
        svg.rect(
            (from, y - BOX / 2.0),
            ((to - from).max(0.5), BOX),
            &tint(color, 0.25),
        );
        for (d, x) in dots.iter().enumerate() {
            // Up and down by the golden ratio, so that neighbours part.
            let shift = ((d as f64 * 0.618_034).fract() - 0.5) * (BOX - 3.0);
            svg.circle((*x, y + shift), 1.7, color, Stroke::solid("#ffffff", 0.3));
        }
        svg.line(
            (median, y - BOX / 2.0 - 1.0),
            (median, y + BOX / 2.0 + 1.0),
            Stroke::solid(INK, 1.8),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(
            [0.0, 0.5, 1.0].map(|s| quantile(&sorted, s)),
            [1.0, 3.0, 8.0]
        );
        assert_eq!(quantile(&[3.0], 0.25), 3.0);
    }
}
