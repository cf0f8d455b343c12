//! Reliability by group: what a score promises against how often it is right, one panel per group.

use super::measured::{Measured, ScoredGroup, drawable};
use super::page::{Page, empty, title};
use super::scale::{Scale, Ticks};
use super::style::{GRID, LABEL, MARGIN, NOTE, QUIET, RULE, TICK, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::{fixed, thousands, width, wrap};

/// Mean score against the share of positives, over equal-width bins of the score, for every group;
/// below each panel how many images are in each bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration<'a> {
    /// What was measured: model and method. May be empty.
    pub subject: String,
    /// Number of bins of [0, 1]; the calibration error that the groups bring should use as many.
    pub bins: usize,
    /// The groups of one grouping.
    pub groups: &'a [ScoredGroup],
    /// What stands below: seed, data. May be empty.
    pub caption: String,
}

/// Images whose scores fall into one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: usize,
    positives: usize,
    scores: f64,
}

const SIDE: f64 = 150.0;
const HISTOGRAM: f64 = 30.0;
const GAP: f64 = 28.0;
/// Heights of the lines of a name and of what stands under it.
const NAME: f64 = 14.0;
const DETAIL: f64 = 13.0;
/// Panels side by side at most.
const COLUMNS: usize = 4;
/// Room for the numbers and the label of the vertical axis.
const LEFT: f64 = 42.0;

impl Calibration<'_> {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let n: usize = self.groups.iter().map(|g| g.pairs().count()).sum();
        let title = title("Calibration by group", &self.subject, n as u64);
        if n == 0 || self.bins == 0 {
            return empty(&title, "no scores to show", &self.caption);
        }
        let columns = balanced(self.groups.len());
        // A panel is as wide as its numbers need; names wrap.
        let details: Vec<[String; 2]> = self.groups.iter().map(details).collect();
        let widest = details
            .iter()
            .flatten()
            .map(|d| width(d, NOTE.size))
            .fold(SIDE, f64::max);
        let pitch = widest + GAP;
        let left = MARGIN + LEFT;
        let page_width = left + columns as f64 * pitch - GAP + MARGIN;

        let notes = format!(
            "{} bins of equal width; dots: mean score and share of positives of the images in a bin, \
             larger for more images; diagonal: perfect calibration; below: images by score.",
            self.bins
        );
        let mut page = Page::new(page_width.max(420.0), &title, &notes);
        let mut bottom = page.top;
        for (r, row) in self.groups.chunks(columns).enumerate() {
            let names: Vec<Vec<String>> = row
                .iter()
                .map(|g| wrap(&g.name, LABEL.size, widest))
                .collect();
            let name_lines = names.iter().map(Vec::len).max().unwrap_or(1) as f64;
            let head = bottom + NAME * name_lines;
            let top = head + 2.0 * DETAIL + 6.0;
            for (c, group) in row.iter().enumerate() {
                let i = r * columns + c;
                let x = left + c as f64 * pitch;
                let svg = &mut page.svg;
                // Names end at one height, so that each stands at its panel.
                let mut y = head - NAME * names[c].len() as f64;
                for line in &names[c] {
                    svg.text((x, y + LABEL.size), line, LABEL);
                    y += NAME;
                }
                for line in &details[i] {
                    svg.text((x, y + LABEL.size), line, NOTE);
                    y += DETAIL;
                }
                panel(svg, (x, top), c == 0);
                self.reliability(svg, i, group, (x, top));
            }
            bottom = top + SIDE + HISTOGRAM + 48.0;
        }
        page.finish(bottom - 10.0, &self.caption)
    }

    /// Line, dots and histogram of one group.
    fn reliability(&self, svg: &mut Svg, i: usize, group: &ScoredGroup, (x, y): (f64, f64)) {
        let bins = binned(group, self.bins);
        let largest = bins.iter().map(|b| b.count).max().unwrap_or(0);
        if largest == 0 {
            let middle = (x + SIDE / 2.0, y + SIDE / 2.0);
            svg.text_on_white(middle, "not estimable", QUIET.anchored(Anchor::Middle));
            return;
        }
        let look = series(i);
        let (to_x, to_y) = scales((x, y));
        let filled: Vec<&Bin> = bins.iter().filter(|b| b.count > 0).collect();
        let points: Vec<(f64, f64)> = filled
            .iter()
            .map(|b| {
                let n = b.count as f64;
                (to_x.px(b.scores / n), to_y.px(b.positives as f64 / n))
            })
            .collect();
        svg.polyline(&points, Stroke::solid(look.color, 1.2));
        for (bin, at) in filled.iter().zip(&points) {
            // The area grows with the count; a dot of one image can still be seen.
            let radius = f64::max(1.6, 5.0 * (bin.count as f64 / largest as f64).sqrt());
            svg.circle(*at, radius, look.color, Stroke::solid("#ffffff", 0.8));
        }
        let base = y + SIDE + 4.0 + HISTOGRAM;
        for (k, bin) in bins.iter().enumerate().filter(|(_, b)| b.count > 0) {
            let edge = |k: usize| to_x.px(k as f64 / self.bins as f64);
            let height = f64::max(0.8, HISTOGRAM * bin.count as f64 / largest as f64);
            let size = (edge(k + 1) - edge(k) - 1.0, height);
            svg.rect((edge(k) + 0.5, base - height), size, look.color);
        }
    }
}

/// As many columns as make rows of nearly equal length.
fn balanced(panels: usize) -> usize {
    let rows = panels.div_ceil(COLUMNS).max(1);
    panels.div_ceil(rows).max(1)
}

/// Scales of a panel whose upper left corner is given.
fn scales((x, y): (f64, f64)) -> (Scale, Scale) {
    let domain = (0.0, 1.0);
    let across = Scale {
        domain,
        range: (x, x + SIDE),
    };
    let up = Scale {
        domain,
        range: (y + SIDE, y),
    };
    (across, up)
}

/// Grid, diagonal and axes; the numbers of the vertical axis only where the panel is the leftmost.
fn panel(svg: &mut Svg, (x, y): (f64, f64), leftmost: bool) {
    let (to_x, to_y) = scales((x, y));
    let base = y + SIDE + 4.0 + HISTOGRAM;
    for value in Ticks::around(0.0, 1.0, 4.0).values() {
        let (at_x, at_y) = (to_x.px(value), to_y.px(value));
        let text = fixed(value, 1);
        svg.line((at_x, y), (at_x, y + SIDE), Stroke::solid(GRID, 1.0));
        svg.line((x, at_y), (x + SIDE, at_y), Stroke::solid(GRID, 1.0));
        svg.text((at_x, base + 13.0), &text, TICK.anchored(Anchor::Middle));
        if leftmost {
            svg.text((x - 6.0, at_y + 3.4), &text, TICK.anchored(Anchor::End));
        }
    }
    let rule = Stroke::solid(RULE, 1.0);
    svg.line((x, y + SIDE), (x + SIDE, y), rule);
    svg.line((x, y + SIDE), (x + SIDE, y + SIDE), rule);
    svg.line((x, base), (x + SIDE, base), rule);
    let font = QUIET.anchored(Anchor::Middle);
    svg.text((x + SIDE / 2.0, base + 27.0), "score", font);
    if leftmost {
        svg.text_upwards((x - 30.0, y + SIDE / 2.0), "share of positives", font);
    }
}

/// Lines under a group's name: calibration error, counts.
fn details(group: &ScoredGroup) -> [String; 2] {
    let ece = match drawable(group.ece) {
        None => "ECE not estimable".into(),
        Some(Measured { value, interval }) => {
            let interval = interval.map_or_else(String::new, |(lo, hi)| {
                format!(" [{}, {}]", fixed(lo, 3), fixed(hi, 3))
            });
            format!("ECE {}{interval}", fixed(value, 3))
        }
    };
    let (positives, negatives) = group.counts();
    [
        ece,
        format!("n = {}", thousands((positives + negatives) as u64)),
    ]
}

/// Bin k holds scores in [k/bins, (k+1)/bins); 1 belongs to the last.
fn binned(group: &ScoredGroup, bins: usize) -> Vec<Bin> {
    let mut out = vec![Bin::default(); bins];
    for (score, label) in group.pairs() {
        let bin = &mut out[((score * bins as f64) as usize).min(bins - 1)];
        bin.count += 1;
        bin.positives += usize::from(label);
        bin.scores += score;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_their_lower_edge_and_the_last_one_holds_one() {
        let group = ScoredGroup {
            name: "g".into(),
            scores: vec![0.0, 0.25, 0.5, 0.99, 1.0, f64::NAN],
            labels: vec![false, true, true, false, true, true],
            auc: None,
            ece: None,
        };
        let bins = binned(&group, 2);
        let found: Vec<(usize, usize, f64)> = bins
            .iter()
            .map(|b| (b.count, b.positives, b.scores))
            .collect();
        assert_eq!(found, [(2, 1, 0.25), (3, 2, 0.5 + 0.99 + 1.0)]);
    }

    #[test]
    fn rows_of_panels_are_of_nearly_equal_length() {
        let columns: Vec<usize> = [1, 2, 4, 5, 6, 8, 9].into_iter().map(balanced).collect();
        assert_eq!(columns, [1, 2, 4, 3, 3, 4, 3]);
    }
}
