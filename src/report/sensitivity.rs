//! What rounding each layer costs, by depth and group: one panel for each width and way to find out.

use super::page::{Page, empty, title};
use super::scale::{Scale, Ticks};
use super::style::{GRID, LABEL, MARGIN, QUIET, RULE, Series, TICK, series};
use super::svg::{Anchor, Stroke, Svg};
use super::text::widest;

/// Costs of layers over their depth, on an axis that is linear around 0 and logarithmic beyond.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// What was measured: the model. May be empty.
    pub subject: String,
    /// Number of images; 0 where that is not known.
    pub n: u64,
    /// What the costs are, for the vertical axes.
    pub unit: String,
    /// Groups; the first is everybody and drawn on top.
    pub groups: Vec<String>,
    /// From top to bottom.
    pub panels: Vec<SensitivityPanel>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitivityPanel {
    /// `4 bits, measured`.
    pub name: String,
    /// Kind of each layer, in forward order: equal names have equal markers in all panels.
    pub kinds: Vec<String>,
    /// `[groups][layers]`; what is not finite is left out.
    pub values: Vec<Vec<f64>>,
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 150.0;
/// Room for numbers and label of the vertical axis.
const LEFT: f64 = 62.0;
/// From one panel's axis to the next one's name.
const BETWEEN: f64 = 40.0;
const ENTRY: f64 = 17.0;
const SAMPLE: f64 = 26.0;
/// Least distance of the marks of an axis.
const APART: f64 = 12.0;
/// Decades on either side of 0.
const DECADES: i32 = 4;

impl Sensitivity {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let what = "Sensitivity of layers";
        let title = match self.n {
            0 if self.subject.is_empty() => what.to_string(),
            0 => format!("{what}: {}", self.subject),
            n => title(what, &self.subject, n),
        };
        let layers: usize = self.panels.iter().map(|p| p.kinds.len()).sum();
        if layers == 0 || self.groups.is_empty() {
            return empty(&title, "no layers to show", &self.caption);
        }
        let kinds = self.distinct_kinds();
        let left = MARGIN + LEFT;
        let legend = left + WIDTH + 24.0;
        let names = self.groups.iter().map(String::as_str);
        let names = names.chain(kinds.iter().copied());
        let page_width = legend + SAMPLE + 8.0 + widest(names, LABEL.size) + MARGIN;
        let notes =
            "Vertical axes are linear around 0 and logarithmic beyond; each panel has its own.";
        let mut page = Page::new(page_width, &title, notes);
        let mut bottom = page.top;
        let legend_end = self.legend(&mut page.svg, (legend, page.top + 16.0), &kinds);
        for panel in &self.panels {
            let font = LABEL;
            page.svg.text((left, bottom + font.size), &panel.name, font);
            let top = bottom + 18.0;
            self.panel(&mut page.svg, panel, (left, top), &kinds);
            bottom = top + HEIGHT + BETWEEN;
        }
        page.finish(f64::max(bottom - BETWEEN + 32.0, legend_end), &self.caption)
    }

    fn distinct_kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for kind in self.panels.iter().flat_map(|p| &p.kinds) {
            if !kinds.contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// Groups by colour, kinds by marker; where it ends.
    fn legend(&self, svg: &mut Svg, (x, mut y): (f64, f64), kinds: &[&str]) -> f64 {
        for (g, group) in self.groups.iter().enumerate() {
            let line = ((x, y - 3.7), (x + SAMPLE, y - 3.7));
            svg.line(line.0, line.1, look(g).stroke(weight(g)));
            svg.text((x + SAMPLE + 8.0, y), group, LABEL);
            y += ENTRY;
        }
        y += 0.5 * ENTRY;
        for (k, kind) in kinds.iter().enumerate() {
            let marker = look(0).with_marker_of(k);
            marker.marker(svg, (x + SAMPLE / 2.0, y - 3.7), true);
            svg.text((x + SAMPLE + 8.0, y), kind, LABEL);
            y += ENTRY;
        }
        y
    }

    fn panel(&self, svg: &mut Svg, panel: &SensitivityPanel, at: (f64, f64), kinds: &[&str]) {
        let finite = panel.values.iter().flatten().filter(|v| v.is_finite());
        let axis = SignedLog::around(finite.copied());
        let y = Scale {
            domain: axis.domain,
            range: (at.1 + HEIGHT, at.1),
        };
        let x = Scale {
            // Half a layer of room at either end.
            domain: (-0.5, panel.kinds.len().max(1) as f64 - 0.5),
            range: (at.0, at.0 + WIDTH),
        };
        self.axes(svg, &axis, &x, &y);
        let place = |layer: usize, value: f64| (x.px(layer as f64), y.px(axis.of(value)));
        // Everybody last, on top.
        for (g, values) in panel.values.iter().enumerate().rev() {
            let layers = values.iter().enumerate().filter(|(_, v)| v.is_finite());
            let points: Vec<(f64, f64)> = layers.clone().map(|(l, v)| place(l, *v)).collect();
            svg.polyline(&points, look(g).stroke(weight(g)));
            for ((layer, _), point) in layers.zip(points) {
                let kind = panel.kinds.get(layer).map(String::as_str);
                let kind = kinds.iter().position(|k| Some(*k) == kind).unwrap_or(0);
                look(g).with_marker_of(kind).small_marker(svg, point);
            }
        }
    }

    fn axes(&self, svg: &mut Svg, axis: &SignedLog, x: &Scale, y: &Scale) {
        let (left, right) = x.range;
        let (bottom, top) = y.range;
        let mut named: Vec<f64> = Vec::new();
        for (value, text) in axis.ticks() {
            let at = y.px(axis.of(value));
            // Next to 0 there may be no room for the smallest powers.
            if named.iter().any(|other| (at - other).abs() < APART) {
                continue;
            }
            named.push(at);
            let color = if value == 0.0 { RULE } else { GRID };
            svg.line((left, at), (right, at), Stroke::solid(color, 1.0));
            svg.text((left - 6.0, at + 3.4), &text, TICK.anchored(Anchor::End));
        }
        let last = x.domain.1.floor();
        let ticks = Ticks::around(0.0, last, 6.0);
        let ticks = ticks.values().filter(|v| *v <= last && v.fract() == 0.0);
        for layer in ticks {
            let at = x.px(layer);
            let font = TICK.anchored(Anchor::Middle);
            svg.line((at, bottom), (at, bottom + 3.0), Stroke::solid(RULE, 1.0));
            svg.text((at, bottom + 13.0), &format!("{layer}"), font);
        }
        svg.line((left, bottom), (right, bottom), Stroke::solid(RULE, 1.0));
        svg.line((left, bottom), (left, top), Stroke::solid(RULE, 1.0));
        let font = QUIET.anchored(Anchor::Middle);
        let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
        svg.text((middle.0, bottom + 26.0), "depth of the layer", font);
        svg.text_upwards((left - 50.0, middle.1), &self.unit, font);
    }
}

/// Everybody is black, the groups have the other colours.
fn look(group: usize) -> Series {
    const BLACK: usize = 4;
    let solid = |i| Series::solid(series(i));
    match group {
        0 => solid(BLACK),
        g if g <= BLACK => solid(g - 1),
        g => series(g),
    }
}

fn weight(group: usize) -> f64 {
    if group == 0 { 1.8 } else { 1.0 }
}

/// sign(v) log10(1 + |v| / unit): linear well within the unit, logarithmic well beyond.
#[derive(Debug, Clone, Copy, PartialEq)]
struct SignedLog {
    unit: f64,
    /// Ends, in transformed values.
    domain: (f64, f64),
    /// Power of ten of the unit and of the largest mark.
    powers: (i32, i32),
}

impl SignedLog {
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let (mut lo, mut hi) = (0f64, 0f64);
        values.for_each(|v| (lo, hi) = (lo.min(v), hi.max(v)));
        let most = f64::max(-lo, hi);
        let largest = if most > 0.0 {
            (most.log10() - 1e-9).ceil() as i32
        } else {
            0
        };
        let mut axis = Self {
            unit: 10f64.powi(largest - DECADES),
            domain: (0.0, 0.0),
            powers: (largest - DECADES, largest),
        };
        let ends = (axis.of(lo), axis.of(hi));
        let room = 0.05 * (ends.1 - ends.0).max(0.1);
        axis.domain = (ends.0 - room, ends.1 + room);
        axis
    }

    fn of(&self, value: f64) -> f64 {
        value.signum() * (1.0 + value.abs() / self.unit).log10()
    }

    /// The marks within the ends, and what they are called.
    fn ticks(&self) -> Vec<(f64, String)> {
        let powers = self.powers.0..=self.powers.1;
        let mut ticks = vec![(0.0, "0".to_string())];
        for power in powers {
            for (sign, minus) in [(1.0, ""), (-1.0, "\u{2212}")] {
                let value = sign * 10f64.powi(power);
                let inside = (self.domain.0..=self.domain.1).contains(&self.of(value));
                if inside {
                    ticks.push((value, format!("{minus}{}", power_of_ten(power))));
                }
            }
        }
        ticks
    }
}

fn power_of_ten(power: i32) -> String {
    match power {
        0.. => format!("{}", 10f64.powi(power)),
        -2..0 => format!("{:.*}", power.unsigned_abs() as usize, 10f64.powi(power)),
        _ => format!("1e\u{2212}{}", power.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_marks_on_both_sides_and_keeps_the_order() {
        let axis = SignedLog::around([-0.002, 0.0, 0.3].into_iter());
        let names: Vec<String> = axis.ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(
            names,
            ["0", "1e−4", "−1e−4", "1e−3", "−1e−3", "0.01", "0.1"]
        );
        let values = [-0.002, -0.0001, 0.0, 0.00001, 0.01, 0.3];
        let placed = values.map(|v| axis.of(v));
        assert!(placed.windows(2).all(|w| w[0] < w[1]), "{placed:?}");
        assert!(axis.domain.0 < placed[0] && placed[5] < axis.domain.1);
        let nothing = SignedLog::around(std::iter::empty());
        assert!(nothing.domain.0 < 0.0 && nothing.domain.1 > 0.0);
    }
}
