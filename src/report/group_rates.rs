//! Rates by group: one panel per rate, one row per group, a dot with its interval.

use super::measured::{Measured, drawable};
use super::page::{Page, empty, title};
use super::scale::{Scale, Ticks, extent, round_step};
use super::style::{GRID, LABEL, MARGIN, QUIET, RULE, TICK, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::{fixed, percent, thousands, widest, width};

/// Selection rate, TPR, FPR and accuracy of every group, for one or more ways to group the images.
///
/// All panels have the same scale (units per px), so that a gap is as long as it is large.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRates {
    /// What was measured: model and method. May be empty.
    pub subject: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals, 0.95.
    pub confidence: f64,
    /// The groupings, from top to bottom.
    pub frames: Vec<RateFrame>,
    /// What stands below: threshold, seed, replicates, data. May be empty.
    pub caption: String,
}

/// One way to group the images.
#[derive(Debug, Clone, PartialEq)]
pub struct RateFrame {
    /// `male`, or `male*young`.
    pub name: String,
    /// Its groups.
    pub groups: Vec<RateGroup>,
}

/// One group; rates lie in [0, 1] and are `None` where they are not estimable.
#[derive(Debug, Clone, PartialEq)]
pub struct RateGroup {
    /// `male=0`, or `male=0*young=1`.
    pub name: String,
    /// Number of images.
    pub n: u64,
    /// Number of images with a positive label.
    pub n_pos: u64,
    /// Share of positive decisions.
    pub selection_rate: Option<Measured>,
    /// Share of positive decisions among positive labels.
    pub tpr: Option<Measured>,
    /// Share of positive decisions among negative labels.
    pub fpr: Option<Measured>,
    /// Share of right decisions.
    pub accuracy: Option<Measured>,
}

const PANELS: [&str; 4] = ["selection rate", "TPR", "FPR", "accuracy"];
const COUNTS: [&str; 3] = ["n", "n⁺", "n⁻"];
const PANEL_WIDTH: f64 = 116.0;
const PANEL_GAP: f64 = 14.0;
/// Room inside a panel, so that a marker at 0 or 1 is whole.
const INSET: f64 = 7.0;
const ROW: f64 = 17.0;
const FRAME_HEAD: f64 = 19.0;
const FRAME_GAP: f64 = 6.0;
const INDENT: f64 = 10.0;
/// Intervals between ticks of the panel with the widest range.
const STEPS: f64 = 4.0;

impl RateGroup {
    fn rates(&self) -> [Option<Measured>; 4] {
        [self.selection_rate, self.tpr, self.fpr, self.accuracy].map(drawable)
    }

    fn counts(&self) -> [u64; 3] {
        [self.n, self.n_pos, self.n.saturating_sub(self.n_pos)]
    }
}

impl GroupRates {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let title = title("Rates by group", &self.subject, self.n);
        let groups: Vec<&RateGroup> = self.frames.iter().flat_map(|f| &f.groups).collect();
        if groups.is_empty() {
            return empty(&title, "no groups to show", &self.caption);
        }
        let notes = format!(
            "Markers are estimates (shares from 0 to 1), lines {} intervals. n⁺, n⁻: images with a \
             positive, negative label. All panels have the same scale.",
            percent(self.confidence)
        );

        let names = groups.iter().map(|g| g.name.as_str());
        let frames = self.frames.iter().map(|f| f.name.as_str());
        let name_end = MARGIN
            + f64::max(
                INDENT + widest(names, LABEL.size),
                widest(frames, LABEL.size),
            );
        let mut count_ends = [0.0; 3];
        let mut x = name_end;
        for (k, end) in count_ends.iter_mut().enumerate() {
            let texts = groups.iter().map(|g| thousands(g.counts()[k]));
            let widest = texts.map(|t| width(&t, QUIET.size)).fold(16.0, f64::max);
            x += 12.0 + widest;
            *end = x;
        }
        let panels_at = x + 18.0;
        let panel = |k: usize| panels_at + k as f64 * (PANEL_WIDTH + PANEL_GAP);
        let page_width = panel(PANELS.len()) - PANEL_GAP + MARGIN;

        let mut page = Page::new(page_width, &title, &notes);
        let svg = &mut page.svg;
        let head = page.top + LABEL.size;
        let first = head + 8.0;
        let bottom = first + self.height();
        for (end, name) in count_ends.iter().zip(COUNTS) {
            svg.text((*end, head), name, QUIET.anchored(Anchor::End));
        }
        let scales = self.scales();
        for (k, name) in PANELS.into_iter().enumerate() {
            let middle = panel(k) + PANEL_WIDTH / 2.0;
            svg.text((middle, head), name, LABEL.anchored(Anchor::Middle));
            axis(svg, &scales[k], panel(k), (first, bottom));
        }

        let mut y = first;
        for (i, frame) in self.frames.iter().enumerate() {
            if i > 0 {
                let line = y + FRAME_GAP / 2.0;
                let ends = ((MARGIN, line), (page_width - MARGIN, line));
                svg.line(ends.0, ends.1, Stroke::solid(GRID, 1.0));
                y += FRAME_GAP;
            }
            svg.text((MARGIN, y + 13.0), &frame.name, QUIET);
            y += FRAME_HEAD;
            for (row, group) in frame.groups.iter().enumerate() {
                let middle = y + ROW / 2.0;
                let base = middle + 3.7;
                svg.text((MARGIN + INDENT, base), &group.name, LABEL);
                for (end, count) in count_ends.iter().zip(group.counts()) {
                    let count = thousands(count);
                    svg.text((*end, base), &count, QUIET.anchored(Anchor::End));
                }
                for (k, rate) in group.rates().into_iter().enumerate() {
                    match rate {
                        Some(rate) => dot(svg, row, rate, scales[k].1, panel(k), middle),
                        None => svg.text_on_white(
                            (panel(k) + PANEL_WIDTH / 2.0, base),
                            "not estimable",
                            TICK.anchored(Anchor::Middle),
                        ),
                    }
                }
                y += ROW;
            }
        }
        page.finish(bottom + 18.0, &self.caption)
    }

    /// Height of all rows, px.
    fn height(&self) -> f64 {
        let rows: usize = self.frames.iter().map(|f| f.groups.len()).sum();
        let frames = self.frames.len() as f64;
        rows as f64 * ROW + frames * FRAME_HEAD + (frames - 1.0) * FRAME_GAP + 4.0
    }

    /// Ticks of each panel, and its scale in px from the panel's left side. All have the same step and
    /// the same number of steps, placed around what the panel shows.
    fn scales(&self) -> [(Ticks, Scale); 4] {
        let shown: [Option<(f64, f64)>; 4] = std::array::from_fn(|k| {
            let groups = self.frames.iter().flat_map(|f| &f.groups);
            extent(
                groups
                    .filter_map(|g| g.rates()[k])
                    .flat_map(Measured::extent),
            )
        });
        let span = shown
            .iter()
            .flatten()
            .map(|(lo, hi)| hi - lo)
            .fold(0.04, f64::max);
        let step = round_step(span / STEPS);
        let ticks = shown.map(|range| {
            let (lo, hi) = range.unwrap_or((0.0, 1.0_f64.min(span)));
            Ticks::of_step(lo, hi, step)
        });
        let steps = ticks.iter().map(|t| t.last - t.first).max().unwrap_or(1);
        // Rates end at 0 and 1; an axis that went on beyond would suggest otherwise.
        let (floor, ceiling) = (0, (1.0 / step).round() as i64);
        ticks.map(|t| {
            let mut first = t.first - (steps - (t.last - t.first)) / 2;
            if t.last <= ceiling {
                first = first.min(ceiling - steps);
            }
            if t.first >= floor {
                first = first.max(floor);
            }
            let ticks = Ticks {
                first,
                last: first + steps,
                ..t
            };
            let scale = Scale {
                domain: ticks.domain(),
                range: (INSET, PANEL_WIDTH - INSET),
            };
            (ticks, scale)
        })
    }
}

/// Grid, axis line and numbers of a panel whose left side is at `x`.
fn axis(svg: &mut Svg, (ticks, scale): &(Ticks, Scale), x: f64, (top, bottom): (f64, f64)) {
    let decimals = ticks.decimals();
    let room = (PANEL_WIDTH - 2.0 * INSET) / (ticks.last - ticks.first) as f64;
    let widest = ticks
        .values()
        .map(|v| width(&fixed(v, decimals), TICK.size))
        .fold(0.0, f64::max);
    // Every tick has its line; where numbers would meet, every second or third one is written.
    let every = ((widest + 6.0) / room).ceil().max(1.0) as usize;
    for (i, value) in ticks.values().enumerate() {
        let at = x + scale.px(value);
        svg.line((at, top), (at, bottom), Stroke::solid(GRID, 1.0));
        if i % every == 0 {
            let font = TICK.anchored(Anchor::Middle);
            svg.text((at, bottom + 13.0), &fixed(value, decimals), font);
        }
    }
    let ends = ((x, bottom), (x + PANEL_WIDTH, bottom));
    svg.line(ends.0, ends.1, Stroke::solid(RULE, 1.0));
}

fn dot(svg: &mut Svg, row: usize, rate: Measured, scale: Scale, x: f64, y: f64) {
    let look = series(row);
    if let Some((lo, hi)) = rate.interval {
        let ends = ((x + scale.px(lo), y), (x + scale.px(hi), y));
        svg.line(ends.0, ends.1, Stroke::solid(look.color, 1.4));
    }
    look.marker(svg, (x + scale.px(rate.value), y), true);
}
