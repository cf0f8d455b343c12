//! ROC curves by group, with the operating point of the decision threshold.

use super::measured::{Measured, ScoredGroup, drawable};
use super::page::{Page, empty, title};
use super::scale::{Scale, Ticks};
use super::style::{GRID, LABEL, MARGIN, NOTE, QUIET, RULE, TICK, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::{fixed, thousands, width};

/// The trade-off between TPR and FPR of every group.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc<'a> {
    /// What was measured: model and method. May be empty.
    pub subject: String,
    /// Where decisions are made (positive where score ≥ threshold): marked on each curve.
    pub threshold: Option<f64>,
    /// The groups of one grouping.
    pub groups: &'a [ScoredGroup],
    /// What stands below: seed, data. May be empty.
    pub caption: String,
}

const SIDE: f64 = 330.0;
const SAMPLE: f64 = 34.0;
const ENTRY: f64 = 36.0;

impl Roc<'_> {
    /// The figure as SVG. A group without positive or without negative labels has no curve, and its
    /// entry says so.
    pub fn draw(&self) -> String {
        let n: usize = self.groups.iter().map(|g| g.pairs().count()).sum();
        let title = title("ROC by group", &self.subject, n as u64);
        if n == 0 {
            return empty(&title, "no scores to show", &self.caption);
        }
        let entries: Vec<[String; 2]> = self.groups.iter().map(entry).collect();
        let legend = MARGIN + 42.0 + SIDE + 24.0;
        let text = legend + SAMPLE + 8.0;
        let widest = entries
            .iter()
            .map(|[name, detail]| f64::max(width(name, LABEL.size), width(detail, NOTE.size)))
            .fold(0.0, f64::max);

        let mut page = Page::new(text + widest + MARGIN, &title, &self.notes());
        let svg = &mut page.svg;
        let top = page.top;
        let x = Scale {
            domain: (0.0, 1.0),
            range: (MARGIN + 42.0, MARGIN + 42.0 + SIDE),
        };
        let y = Scale {
            domain: (0.0, 1.0),
            range: (top + SIDE, top),
        };
        axes(svg, &x, &y);
        let place = |(fpr, tpr): (f64, f64)| (x.px(fpr), y.px(tpr));
        let curves: Vec<Vec<(f64, f64)>> = self.groups.iter().map(curve).collect();
        for (i, points) in curves.iter().enumerate().filter(|(_, c)| !c.is_empty()) {
            let points: Vec<(f64, f64)> = points.iter().copied().map(place).collect();
            svg.polyline(&points, series(i).stroke(1.6));
        }
        // Markers above all curves, so that none is hidden.
        for (i, group) in self.groups.iter().enumerate() {
            if let Some(point) = self.threshold.and_then(|t| operating_point(group, t)) {
                series(i).marker(svg, place(point), true);
            }
        }
        for (i, [name, detail]) in entries.iter().enumerate() {
            let at = top + i as f64 * ENTRY + 12.0;
            let height = at - 3.7;
            // No sample for a curve that is not there.
            if !curves[i].is_empty() {
                let ends = ((legend, height), (legend + SAMPLE, height));
                svg.line(ends.0, ends.1, series(i).stroke(1.6));
                if self.threshold.is_some() {
                    let middle = (legend + SAMPLE / 2.0, height);
                    series(i).marker(svg, middle, true);
                }
            }
            svg.text((text, at), name, LABEL);
            svg.text((text, at + 13.0), detail, NOTE);
        }
        let bottom = f64::max(top + SIDE + 32.0, top + entries.len() as f64 * ENTRY);
        page.finish(bottom, &self.caption)
    }

    fn notes(&self) -> String {
        match self.threshold {
            Some(t) => format!("Markers: decisions at score ≥ {t}. Grey diagonal: chance."),
            None => "Grey diagonal: chance.".into(),
        }
    }
}

/// Name, then AUC and counts.
fn entry(group: &ScoredGroup) -> [String; 2] {
    let (positives, negatives) = group.counts();
    let auc = match drawable(group.auc) {
        None => "AUC not estimable".into(),
        Some(Measured { value, interval }) => {
            let interval = interval.map_or_else(String::new, |(lo, hi)| {
                format!(" [{}, {}]", fixed(lo, 3), fixed(hi, 3))
            });
            format!("AUC {}{interval}", fixed(value, 3))
        }
    };
    let counts = [positives, negatives].map(|n| thousands(n as u64));
    let detail = format!("{auc}, n⁺ = {}, n⁻ = {}", counts[0], counts[1]);
    [group.name.clone(), detail]
}

fn axes(svg: &mut Svg, x: &Scale, y: &Scale) {
    let ticks = Ticks::around(0.0, 1.0, 5.0);
    let (left, right) = x.range;
    let (bottom, top) = y.range;
    for value in ticks.values() {
        let (at_x, at_y) = (x.px(value), y.px(value));
        let text = fixed(value, ticks.decimals());
        svg.line((at_x, top), (at_x, bottom), Stroke::solid(GRID, 1.0));
        svg.line((left, at_y), (right, at_y), Stroke::solid(GRID, 1.0));
        svg.text((at_x, bottom + 14.0), &text, TICK.anchored(Anchor::Middle));
        svg.text((left - 6.0, at_y + 3.4), &text, TICK.anchored(Anchor::End));
    }
    svg.line((left, bottom), (right, top), Stroke::solid(RULE, 1.0));
    svg.line((left, bottom), (right, bottom), Stroke::solid(RULE, 1.0));
    svg.line((left, bottom), (left, top), Stroke::solid(RULE, 1.0));
    let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
    let font = QUIET.anchored(Anchor::Middle);
    svg.text((middle.0, bottom + 30.0), "false positive rate", font);
    svg.text_upwards((left - 32.0, middle.1), "true positive rate", font);
}

/// The curve from (0, 0) to (1, 1) as (FPR, TPR) at every distinct score, ties as one slanted step
/// (Fawcett 2006, algorithm 1), without the points in the middle of straight lines. Empty where a
/// class is missing.
fn curve(group: &ScoredGroup) -> Vec<(f64, f64)> {
    let (positives, negatives) = group.counts();
    if positives == 0 || negatives == 0 {
        return Vec::new();
    }
    let mut pairs: Vec<(f64, bool)> = group.pairs().collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Counts of negatives and positives so far: whole numbers, so that "straight" is exact.
    let mut corners: Vec<(i64, i64)> = vec![(0, 0)];
    for tied in pairs.chunk_by(|a, b| a.0 == b.0) {
        let up = tied.iter().filter(|(_, label)| *label).count() as i64;
        let last = corners[corners.len() - 1];
        let next = (last.0 + tied.len() as i64 - up, last.1 + up);
        if corners.len() > 1 && straight(corners[corners.len() - 2], last, next) {
            corners.pop();
        }
        corners.push(next);
    }
    corners
        .into_iter()
        .map(|(fp, tp)| (fp as f64 / negatives as f64, tp as f64 / positives as f64))
        .collect()
}

fn straight(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> bool {
    (b.0 - a.0) * (c.1 - a.1) == (b.1 - a.1) * (c.0 - a.0)
}

/// (FPR, TPR) of deciding positive where score ≥ `threshold`; `None` where a class is missing.
fn operating_point(group: &ScoredGroup, threshold: f64) -> Option<(f64, f64)> {
    let (positives, negatives) = group.counts();
    let selected = |label: bool| {
        let of = group.pairs().filter(|p| p.1 == label && p.0 >= threshold);
        of.count() as f64
    };
    let estimable = positives > 0 && negatives > 0;
    estimable.then(|| {
        (
            selected(false) / negatives as f64,
            selected(true) / positives as f64,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(scores: &[f64], labels: &[u8]) -> ScoredGroup {
        ScoredGroup {
            name: "g".into(),
            scores: scores.to_vec(),
            labels: labels.iter().map(|l| *l == 1).collect(),
            auc: None,
            ece: None,
        }
    }

    #[test]
    fn ties_are_one_slanted_step_and_straight_runs_have_two_ends() {
        let g = group(&[0.9, 0.8, 0.5, 0.5, 0.2, 0.1], &[1, 1, 1, 0, 0, 0]);
        let third = 1.0 / 3.0;
        assert_eq!(
            curve(&g),
            [(0.0, 0.0), (0.0, 2.0 * third), (third, 1.0), (1.0, 1.0)]
        );
        assert_eq!(operating_point(&g, 0.5), Some((third, 1.0)));
        assert_eq!(operating_point(&g, 0.85), Some((0.0, third)));
    }

    #[test]
    fn a_class_that_is_missing_gives_no_curve() {
        let g = group(&[0.3, 0.6, f64::NAN], &[0, 0, 1]);
        assert_eq!(curve(&g), []);
        assert_eq!(operating_point(&g, 0.5), None);
        assert!(entry(&g)[1].starts_with("AUC not estimable, n⁺ = 0, n⁻ = 2"));
    }
}
