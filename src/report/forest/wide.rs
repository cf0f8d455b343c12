//! Changes of two or more gaps side by side: one row per configuration, in blocks, for whole studies.

use super::layout::POINTS;
use super::marks;
use crate::report::axis::{Axis, Signs};
use crate::report::measured::{Measured, drawable};
use crate::report::page::{Page, empty, title};
use crate::report::scale::{Scale, Ticks, extent};
use crate::report::style::{LABEL, MARGIN, QUIET, STRIPE, series};
use crate::report::svg::{Anchor, Font, Svg};
use crate::report::text::{hundredfold, p_value, percent, signed, widest};

/// How much each configuration changes each gap against the baseline of its block, all on the same axis.
#[derive(Debug, Clone, PartialEq)]
pub struct WideForest {
    /// What the gaps are of. May be empty.
    pub subject: String,
    /// What configurations are compared with, `fp32`.
    pub baseline: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals, 0.95.
    pub confidence: f64,
    /// Markers are filled where the adjusted p is below this.
    pub alpha: f64,
    /// The margin of equivalence, in units of a rate: a band around zero.
    pub margin: Option<f64>,
    /// The axis ends at ± this change, and what lies beyond becomes an arrow; `None` for an axis that shows all.
    pub limit: Option<f64>,
    /// Names of the gaps, from left to right.
    pub gaps: Vec<String>,
    /// From top to bottom.
    pub blocks: Vec<Block>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// Configurations with one baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The model.
    pub name: String,
    /// Its configurations.
    pub rows: Vec<WideRow>,
}

/// One configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct WideRow {
    /// The method.
    pub name: String,
    /// One per gap.
    pub changes: Vec<WideChange>,
    /// What is said instead of numbers, `failed`; empty where there are numbers.
    pub instead: String,
}

/// The change of one gap, in units of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WideChange {
    /// `None` where it is not estimable.
    pub delta: Option<Measured>,
    /// p adjusted over the family.
    pub p_adjusted: Option<f64>,
    /// Whether it is shown to lie within the margin.
    pub equivalent: bool,
}

const PLOT: f64 = 190.0;
const ROW: f64 = 14.5;
const HEAD: f64 = 18.0;
const GUTTER: f64 = 14.0;
/// What marks changes that are shown to be small, and its room behind the numbers.
const SAME: &str = "≈";
const SIGN: f64 = 12.0;
/// Numbers of second rank; a study has a hundred of them.
const NUMBER: Font = Font { size: 9.0, ..QUIET };

/// What a row says about one gap: change, interval, adjusted p.
fn words(change: &WideChange) -> [String; 3] {
    let Some(found) = drawable(change.delta) else {
        return [String::new(), "not estimable".into(), String::new()];
    };
    let interval = found.interval.map_or_else(
        || "–".into(),
        |(lo, hi)| format!("[{}, {}]", signed(POINTS * lo, 1), signed(POINTS * hi, 1)),
    );
    let p = change.p_adjusted.filter(|p| p.is_finite());
    let p = p.map_or_else(|| "–".into(), p_value);
    [signed(POINTS * found.value, 1), interval, p]
}

impl WideForest {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let what = format!("Change of fairness gaps against {}", self.baseline);
        let title = title(&what, &self.subject, self.n);
        let rows = || self.blocks.iter().flat_map(|b| &b.rows);
        if rows().next().is_none() || self.gaps.is_empty() {
            return empty(&title, "no configurations to show", &self.caption);
        }
        let names = rows().map(|r| r.name.as_str());
        let heads = self.blocks.iter().map(|b| b.name.as_str());
        let name_end =
            MARGIN + f64::max(10.0 + widest(names, LABEL.size), widest(heads, LABEL.size));
        let columns = self.columns();
        let panel = PLOT + columns.iter().sum::<f64>() + 2.0 * GUTTER + SIGN;
        let right = name_end + self.gaps.len() as f64 * panel + MARGIN;

        let ticks = self.ticks();
        let mut page = Page::new(right, &title, &self.notes(ticks.domain()));
        let head = page.top + LABEL.size;
        let first = head + 28.0;
        let height: f64 = self
            .blocks
            .iter()
            .map(|b| HEAD + ROW * b.rows.len() as f64)
            .sum();
        let bottom = first + height;
        let svg = &mut page.svg;
        self.stripes(svg, (MARGIN - 4.0, right - MARGIN + 4.0), first);
        let text = self.confidence_head();
        for (g, gap) in self.gaps.iter().enumerate() {
            let left = name_end + GUTTER + g as f64 * panel;
            let plot = Scale {
                domain: ticks.domain(),
                range: (left, left + PLOT),
            };
            svg.text(
                (left + PLOT / 2.0, head),
                &format!("Δ {gap}"),
                LABEL.anchored(Anchor::Middle),
            );
            let ends = self.ends(left + PLOT, &columns);
            for (end, name) in ends.iter().zip(["Δ", text.as_str(), "adj. p"]) {
                svg.text((*end, head), name, NUMBER.anchored(Anchor::End));
            }
            self.axis(svg, &plot, &ticks, (first - 6.0, bottom));
            let mut y = first;
            for block in &self.blocks {
                y += HEAD;
                for row in &block.rows {
                    let middle = y + ROW / 2.0;
                    if let Some(change) = row.changes.get(g).filter(|_| row.instead.is_empty()) {
                        self.change(svg, change, &plot, &ends, (g, middle));
                    }
                    y += ROW;
                }
            }
        }
        self.names(svg, name_end + GUTTER, first);
        page.finish(bottom + 36.0, &self.caption)
    }

    /// Widths of the three columns of numbers.
    fn columns(&self) -> [f64; 3] {
        let heads = ["Δ", &self.confidence_head(), "adj. p"];
        let all: Vec<[String; 3]> = self
            .blocks
            .iter()
            .flat_map(|b| &b.rows)
            .filter(|r| r.instead.is_empty())
            .flat_map(|r| r.changes.iter().map(words))
            .collect();
        std::array::from_fn(|k| {
            let texts = all.iter().map(|w| w[k].as_str()).chain([heads[k]]);
            GUTTER + widest(texts, NUMBER.size)
        })
    }

    fn ends(&self, plot: f64, columns: &[f64; 3]) -> [f64; 3] {
        let mut x = plot;
        columns.map(|width| {
            x += width;
            x
        })
    }

    fn confidence_head(&self) -> String {
        format!("{} interval", percent(self.confidence))
    }

    fn ticks(&self) -> Ticks {
        if let Some(limit) = self.limit.filter(|l| l.is_finite() && *l > 0.0) {
            return Ticks::around(-POINTS * limit, POINTS * limit, 6.0);
        }
        let changes = self
            .blocks
            .iter()
            .flat_map(|b| &b.rows)
            .flat_map(|r| &r.changes);
        let shown = changes
            .filter_map(|c| drawable(c.delta))
            .flat_map(Measured::extent);
        let margin = self.margin.unwrap_or(0.0) * 1.2;
        let all = extent(shown.chain([-margin, margin]).map(|v| POINTS * v));
        let (lo, hi) = all.filter(|(lo, hi)| lo < hi).unwrap_or((-1.0, 1.0));
        Ticks::around(lo, hi, 6.0)
    }

    /// Every other block on grey.
    fn stripes(&self, svg: &mut Svg, (left, right): (f64, f64), first: f64) {
        let mut y = first;
        for (b, block) in self.blocks.iter().enumerate() {
            let height = HEAD + ROW * block.rows.len() as f64;
            if b % 2 == 0 {
                svg.rect((left, y), (right - left, height), STRIPE);
            }
            y += height;
        }
    }

    fn names(&self, svg: &mut Svg, plot: f64, first: f64) {
        let mut y = first;
        for block in &self.blocks {
            svg.text((MARGIN, y + 13.0), &block.name, LABEL);
            y += HEAD;
            for row in &block.rows {
                let base = y + ROW / 2.0 + 3.8;
                svg.text((MARGIN + 10.0, base), &row.name, QUIET);
                if !row.instead.is_empty() {
                    svg.text_on_white((plot, base), &row.instead, NUMBER);
                }
                y += ROW;
            }
        }
    }

    /// The band of equivalence, grid, axis with numbers at both ends.
    fn axis(&self, svg: &mut Svg, plot: &Scale, ticks: &Ticks, (top, bottom): (f64, f64)) {
        let (lo, hi) = plot.domain;
        if let Some(margin) = self.margin.filter(|m| m.is_finite() && *m > 0.0) {
            let ends = [-POINTS * margin, POINTS * margin].map(|v| plot.px(v.clamp(lo, hi)));
            svg.rect(
                (ends[0], top),
                (ends[1] - ends[0], bottom - top),
                marks::BAND,
            );
        }
        let axis = Axis::within(
            (lo, hi),
            (ticks.last - ticks.first) as f64,
            Signs::Both,
            plot.range,
        );
        axis.draw_below(svg, (top, bottom));
        axis.draw_above(svg, top - 5.0);
        let middle = (plot.range.0 + plot.range.1) / 2.0;
        let label = "percentage points";
        svg.text(
            (middle, bottom + 28.0),
            label,
            QUIET.anchored(Anchor::Middle),
        );
    }

    fn change(
        &self,
        svg: &mut Svg,
        change: &WideChange,
        plot: &Scale,
        ends: &[f64; 3],
        (gap, y): (usize, f64),
    ) {
        let significant = change.p_adjusted.is_some_and(|p| p < self.alpha);
        for (end, word) in ends.iter().zip(words(change)) {
            let color = if significant {
                LABEL.color
            } else {
                NUMBER.color
            };
            svg.text(
                (*end, y + 3.4),
                &word,
                Font {
                    color,
                    ..NUMBER.anchored(Anchor::End)
                },
            );
        }
        if change.equivalent {
            svg.text((ends[2] + 3.5, y + 3.4), SAME, NUMBER);
        }
        if let Some(found) = drawable(change.delta) {
            let points = Measured {
                value: POINTS * found.value,
                interval: found.interval.map(|(lo, hi)| (POINTS * lo, POINTS * hi)),
            };
            marks::estimate(svg, plot, points, series(gap), significant, y);
        }
    }

    fn notes(&self, (lo, hi): (f64, f64)) -> String {
        let mut notes = format!(
            "To the right where a gap grows; lines are {} intervals; markers are filled, and numbers black, where the \
             p adjusted over all rows and both gaps is below {}.",
            percent(self.confidence),
            self.alpha
        );
        if let Some(margin) = self.margin {
            let margin = hundredfold(margin);
            notes.push_str(&format!(
                " Band: the equivalence margin of ±{margin} points; {SAME}: shown to be equivalent within it."
            ));
        }
        let changes = self
            .blocks
            .iter()
            .flat_map(|b| &b.rows)
            .flat_map(|r| &r.changes);
        let mut shown = changes
            .filter_map(|c| drawable(c.delta))
            .flat_map(Measured::extent);
        if shown.any(|v| POINTS * v < lo || POINTS * v > hi) {
            notes.push_str(" Arrows lead to values beyond the axis.");
        }
        notes
    }
}
