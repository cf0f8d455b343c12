//! Changes of gaps against a baseline as a forest plot: one row per candidate and gap.

mod layout;
mod marks;
mod wide;

use layout::Layout;
pub(super) use marks::small_estimate;
pub use wide::{Block, WideChange, WideForest, WideRow};

use super::measured::Measured;
use super::page::{Page, empty, title};
use super::style::{LABEL, MARGIN, QUIET, series};
use super::svg::Anchor;
use super::text::{hundredfold, percent};

/// How much each candidate changes each gap, with intervals, adjusted p and equivalence margins.
///
/// Changes are differences of rates and are drawn in percentage points.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// What the gaps are of: grouping and model. May be empty.
    pub subject: String,
    /// What the candidates are compared with, `fp32`.
    pub baseline: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals, 0.95.
    pub confidence: f64,
    /// Markers are filled where the adjusted p is below this, 0.05.
    pub alpha: f64,
    /// The axis ends at ± this change (0.1 is 10 points), or the next round number, and what lies beyond
    /// becomes an arrow, so that one broken candidate does not squeeze the others; `None` for an axis
    /// that shows all.
    pub limit: Option<f64>,
    /// The candidates, from top to bottom. One without gaps is left out.
    pub candidates: Vec<Candidate>,
    /// What stands below: method of adjustment, seed, replicates, data. May be empty.
    pub caption: String,
}

/// One model that is compared with the baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// `mobilenet_v2 int4`.
    pub name: String,
    /// Its changes; the same gap has the same place in every candidate.
    pub gaps: Vec<GapChange>,
}

/// The change of one gap; all but the name and p in units of a rate, 0.01 being one percentage point.
#[derive(Debug, Clone, PartialEq)]
pub struct GapChange {
    /// `DP gap`.
    pub gap: String,
    /// Gap of the candidate − gap of the baseline; `None` where it is not estimable.
    pub delta: Option<Measured>,
    /// p adjusted over the family; `None` where there is no test.
    pub p_adjusted: Option<f64>,
    /// The equivalence margin: ± this much counts as no change. `None` where none was set.
    pub margin: Option<f64>,
}

impl Forest {
    /// The figure as SVG; its height grows with the number of rows.
    pub fn draw(&self) -> String {
        let what = format!("Change of fairness gaps against {}", self.baseline);
        let title = title(&what, &self.subject, self.n);
        let layout = Layout::new(self);
        if layout.rows.is_empty() {
            return empty(&title, "no candidates to show", &self.caption);
        }

        let mut page = Page::new(layout.p_end + MARGIN, &title, &self.notes(&layout));
        let svg = &mut page.svg;
        let head = page.top + LABEL.size;
        let (right, middle) = (Anchor::End, Anchor::Middle);
        for (x, name) in [
            (layout.delta_end, "Δ"),
            (layout.interval_end, &self.interval_head()),
            (layout.p_end, "adj. p"),
        ] {
            svg.text((x, head), name, QUIET.anchored(right));
        }
        let first = head + 7.0;
        let bottom = first + layout.height();
        marks::backdrop(svg, &layout, first);
        marks::axis(svg, &layout, head, bottom);
        for row in &layout.rows {
            let base = first + row.middle + 3.8;
            if let Some(name) = row.name {
                svg.text((MARGIN, base), name, LABEL);
            }
            svg.text((layout.gap, base), &row.change.gap, QUIET);
            svg.text((layout.delta_end, base), &row.delta, LABEL.anchored(right));
            svg.text(
                (layout.interval_end, base),
                &row.interval,
                QUIET.anchored(right),
            );
            svg.text((layout.p_end, base), &row.p, LABEL.anchored(right));
            if let Some(points) = row.points {
                let filled = row.change.p_adjusted.is_some_and(|p| p < self.alpha);
                let y = first + row.middle;
                marks::estimate(svg, &layout.plot, points, series(row.place), filled, y);
            }
        }
        let label = format!("Δ gap against {}, percentage points", self.baseline);
        let (from, to) = layout.plot.range;
        let at = ((from + to) / 2.0, bottom + 28.0);
        svg.text(at, &label, LABEL.anchored(middle));
        page.finish(bottom + 32.0, &self.caption)
    }

    fn notes(&self, layout: &Layout<'_>) -> String {
        let mut notes = format!(
            "Δ in percentage points, to the right where the gap grows; lines are {} intervals; filled \
             markers have an adjusted p below {}.",
            percent(self.confidence),
            self.alpha
        );
        let mut margins: Vec<f64> = layout.rows.iter().filter_map(|r| r.margin).collect();
        margins.sort_by(f64::total_cmp);
        margins.dedup();
        match margins.as_slice() {
            [] => {}
            [one] => notes.push_str(&format!(
                " The shaded band is the equivalence margin of ±{} points.",
                hundredfold(*one)
            )),
            _ => notes.push_str(" The shaded bands are the equivalence margins."),
        }
        if layout.goes_beyond_the_axis() {
            notes.push_str(" Arrows lead to values beyond the axis.");
        }
        notes
    }

    fn interval_head(&self) -> String {
        format!("{} interval", percent(self.confidence))
    }
}
