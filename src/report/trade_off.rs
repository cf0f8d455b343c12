//! Accuracy against fairness, size and time: two panels that share accuracy.

use super::axis::{Axis, Signs};
use super::color::tint;
use super::labels::Labels;
use super::legend::{Swatch, legend};
use super::measured::{Measured, drawable};
use super::page::{Page, empty, title};
use super::scale::extent;
use super::style::{LABEL, MARGIN, QUIET, RULE, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::{fixed, percent};

/// Every configuration of a study by accuracy, a gap (left; area: bytes) and a cost (right).
#[derive(Debug, Clone, PartialEq)]
pub struct TradeOff {
    /// What was measured. May be empty.
    pub subject: String,
    /// Number of images.
    pub n: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Names of the models.
    pub models: Vec<String>,
    /// Name of the gap, `EO gap, percentage points`.
    pub gap: String,
    /// Name of the cost, `latency per image at batch 32, ms`.
    pub cost: String,
    /// The configurations.
    pub points: Vec<TradePoint>,
    /// Configurations that are less accurate are left out, and the figure says how many.
    pub least_accuracy: f64,
    /// On what all together the front is, for the notes.
    pub front_of: String,
    /// What stands below. May be empty.
    pub caption: String,
}

/// One configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct TradePoint {
    /// Its method.
    pub name: String,
    /// Index of its model.
    pub model: usize,
    /// Share of right decisions.
    pub accuracy: Measured,
    /// The gap, in units of a rate.
    pub gap: Option<Measured>,
    /// Bytes on disk.
    pub size_bytes: Option<u64>,
    /// The cost, positive.
    pub cost: Option<f64>,
    /// Whether it is on the front of all axes together.
    pub on_front: bool,
    /// Share of replicates in which it is; `None` where that is not known.
    pub frequency: Option<f64>,
}

const SIDE: (f64, f64) = (350.0, 330.0);
const LEFT: f64 = 48.0;
const GAP: f64 = 34.0;
const MEGABYTE: f64 = 1e6;

/// Radius of a marker by bytes: areas are proportional.
fn radius(bytes: Option<u64>, largest: f64) -> f64 {
    let share = bytes.unwrap_or(0) as f64 / largest.max(1.0);
    2.4 + 8.6 * share.sqrt()
}

impl TradeOff {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let title = title("Accuracy, fairness and cost", &self.subject, self.n);
        let good = |p: &&TradePoint| p.accuracy.value >= self.least_accuracy;
        let shown: Vec<&TradePoint> = self.points.iter().filter(good).collect();
        let Some((lo, hi)) = extent(shown.iter().flat_map(|p| on_front_extent(p))) else {
            return empty(&title, "no configurations to show", &self.caption);
        };
        let left = MARGIN + LEFT;
        let width = left + 2.0 * SIDE.0 + GAP + MARGIN;
        let mut page = Page::new(width, &title, &self.notes(self.points.len() - shown.len()));
        let room = width - 2.0 * MARGIN;
        let entries = self.models.iter().enumerate();
        let entries: Vec<(Swatch, String)> = entries
            .map(|(m, name)| (Swatch::Marker(series(m), true), name.clone()))
            .collect();
        let mut top = legend(&mut page.svg, (MARGIN, page.top), room, &entries);
        let largest = shown.iter().filter_map(|p| p.size_bytes).max().unwrap_or(1) as f64;
        top = self.keys(&mut page.svg, top, largest) + 8.0;
        let ends = (top, top + SIDE.1);
        let y = Axis::linear(
            (100.0 * lo, 100.0 * hi),
            6.0,
            Signs::Plain,
            (ends.1, ends.0),
        );

        let name = |p: &TradePoint| format!("{} {}", self.models[p.model], p.name);
        let gaps = shown
            .iter()
            .filter_map(|p| drawable(p.gap))
            .map(|g| 100.0 * g.value);
        let range = (left, left + SIDE.0);
        if let Some(around) = extent(gaps) {
            let x = Axis::linear(around, 6.0, Signs::Plain, range);
            let place = |p: &TradePoint| drawable(p.gap).map(|g| 100.0 * g.value);
            let size = |p: &TradePoint| radius(p.size_bytes, largest);
            panel(
                &mut page.svg,
                &shown,
                (&x, &y),
                place,
                size,
                name,
                Crosses::Both,
            );
        }
        let second = range.1 + GAP;
        let range = (second, second + SIDE.0);
        match extent(shown.iter().filter_map(|p| p.cost).filter(|c| *c > 0.0)) {
            Some(around) => {
                let x = Axis::logarithmic(around, range);
                panel(
                    &mut page.svg,
                    &shown,
                    (&x, &y),
                    |p| p.cost,
                    |_| 4.0,
                    name,
                    Crosses::Accuracy,
                );
            }
            None => {
                let middle = ((range.0 + range.1) / 2.0, (ends.0 + ends.1) / 2.0);
                let text = "not measured";
                page.svg.text(middle, text, QUIET.anchored(Anchor::Middle));
            }
        }
        for (at, name) in [(left, &self.gap), (second, &self.cost)] {
            let at = (at + SIDE.0 / 2.0, ends.1 + 28.0);
            page.svg.text(at, name, LABEL.anchored(Anchor::Middle));
        }
        let at = (left - 36.0, (ends.0 + ends.1) / 2.0);
        page.svg
            .text_upwards(at, "accuracy, percent", LABEL.anchored(Anchor::Middle));
        page.finish(ends.1 + 34.0, &self.caption)
    }

    /// What area and filling mean; returns where that ends.
    fn keys(&self, svg: &mut Svg, top: f64, largest: f64) -> f64 {
        let middle = top + 15.0;
        let mut x = MARGIN;
        svg.text((x, middle + 3.8), "area, left: bytes", QUIET);
        x += super::text::width("area, left: bytes", QUIET.size) + 12.0;
        for share in [0.01, 0.1, 1.0] {
            let bytes = share * largest;
            let r = radius(Some(bytes as u64), largest);
            svg.circle((x + r, middle), r, "#ffffff", Stroke::solid(RULE, 1.2));
            let decimals =
                usize::from(bytes < 9.95 * MEGABYTE) + usize::from(bytes < 0.0995 * MEGABYTE);
            let text = format!("{}\u{a0}MB", fixed(bytes / MEGABYTE, decimals));
            svg.text((x + 2.0 * r + 5.0, middle + 3.8), &text, QUIET);
            x += 2.0 * r + 5.0 + super::text::width(&text, QUIET.size) + 14.0;
        }
        x += 16.0;
        svg.text((x, middle + 3.8), "filling: on the front in", QUIET);
        x += super::text::width("filling: on the front in", QUIET.size) + 12.0;
        for share in [0.0, 0.5, 1.0] {
            let fill = tint(series(0).color, share);
            svg.circle(
                (x + 5.0, middle),
                5.0,
                &fill,
                Stroke::solid(series(0).color, 1.2),
            );
            let text = percent(share);
            svg.text((x + 15.0, middle + 3.8), &text, QUIET);
            x += 15.0 + super::text::width(&text, QUIET.size) + 14.0;
        }
        svg.text((x, middle + 3.8), "of replicates", QUIET);
        middle + 16.0
    }

    fn notes(&self, left_out: usize) -> String {
        let mut notes = format!(
            "Better is up and to the left. Filling: how often a configuration is on the front of {} when images are \
             resampled; grey steps, crosses ({} intervals) and names: those that nothing beats in the two quantities of \
             a panel.",
            self.front_of,
            percent(self.confidence)
        );
        if left_out > 0 {
            let least = percent((1e3 * self.least_accuracy).round() / 1e3);
            let those = if left_out == 1 {
                "configuration"
            } else {
                "configurations"
            };
            notes.push_str(&format!(
                " {left_out} {those} less accurate than {least} left out."
            ));
        }
        notes
    }
}

/// What has to fit on the axis of accuracy: intervals only where they are drawn.
fn on_front_extent(point: &TradePoint) -> Vec<f64> {
    if point.on_front {
        point.accuracy.extent().collect()
    } else {
        vec![point.accuracy.value]
    }
}

/// Grid, steps of the front of two quantities, markers, names.
fn panel(
    svg: &mut Svg,
    points: &[&TradePoint],
    (x, y): (&Axis, &Axis),
    place: impl Fn(&TradePoint) -> Option<f64>,
    size: impl Fn(&TradePoint) -> f64,
    name: impl Fn(&TradePoint) -> String,
    crosses: Crosses,
) {
    let (left, right) = x.range();
    let (bottom, top) = y.range();
    x.draw_below(svg, (top, bottom));
    y.draw_left(svg, (left, right));
    let mut placed: Vec<(&TradePoint, f64, (f64, f64))> = points
        .iter()
        .filter_map(|p| {
            let value = place(p).filter(|v| v.is_finite())?;
            Some((*p, value, (x.px(value), y.px(100.0 * p.accuracy.value))))
        })
        .collect();
    // Best first: along the front accuracy falls as the other quantity does.
    let mut front: Vec<usize> = (0..placed.len())
        .filter(|i| !placed.iter().any(|other| beats(other, &placed[*i])))
        .collect();
    front.sort_by(|a, b| placed[*a].1.total_cmp(&placed[*b].1));
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for i in &front {
        let at = placed[*i].2;
        if let Some(last) = steps.last().copied() {
            steps.push((at.0, last.1));
        }
        steps.push(at);
    }
    svg.polyline(&steps, Stroke::solid("#b0b0b0", 1.4));
    for i in &front {
        cross(svg, placed[*i].0, placed[*i].2, (x, y), crosses);
    }
    let named: Vec<(String, (f64, f64), f64)> = front
        .iter()
        .map(|i| (name(placed[*i].0), placed[*i].2, size(placed[*i].0)))
        .collect();
    // Large ones first, so that small ones stay visible.
    placed.sort_by(|a, b| size(b.0).total_cmp(&size(a.0)));
    let mut labels = Labels::within((left, right), (top, bottom));
    for (point, _, at) in &placed {
        let look = series(point.model);
        let fill = tint(
            look.color,
            point
                .frequency
                .unwrap_or(f64::from(u8::from(point.on_front))),
        );
        look.marker_of(svg, *at, size(point), &fill, Stroke::solid(look.color, 1.2));
        labels.keep_free(*at, size(point).min(6.0));
    }
    for (name, at, size) in named {
        labels.place(svg, at, size, &name);
    }
}

/// Which intervals are known in a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crosses {
    /// Of both quantities.
    Both,
    /// Of accuracy; costs have none.
    Accuracy,
}

type Placed<'a> = (&'a TradePoint, f64, (f64, f64));

fn beats(a: &Placed<'_>, b: &Placed<'_>) -> bool {
    let (more, less) = (a.0.accuracy.value - b.0.accuracy.value, b.1 - a.1);
    more >= 0.0 && less >= 0.0 && (more > 0.0 || less > 0.0)
}

fn cross(
    svg: &mut Svg,
    point: &TradePoint,
    at: (f64, f64),
    (x, y): (&Axis, &Axis),
    crosses: Crosses,
) {
    let stroke = Stroke::solid(series(point.model).color, 0.7);
    if let Some((lo, hi)) = point.accuracy.interval {
        svg.line((at.0, y.px(100.0 * lo)), (at.0, y.px(100.0 * hi)), stroke);
    }
    let interval = drawable(point.gap)
        .and_then(|g| g.interval)
        .filter(|_| crosses == Crosses::Both);
    if let Some((lo, hi)) = interval {
        svg.line((x.px(100.0 * lo), at.1), (x.px(100.0 * hi), at.1), stroke);
    }
}
