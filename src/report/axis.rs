//! Axes of panels, linear or logarithmic: where values lie, and grid, line and numbers as drawn.

use super::scale::{Scale, Ticks};
use super::style::{GRID, MUTED, RULE, TICK};
use super::svg::{Anchor, Stroke, Svg};
use super::text::{fixed, signed, thousands, width};

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    scale: Scale,
    logarithmic: bool,
    /// Values with a grid line, and their names.
    marks: Vec<(f64, String)>,
}

/// How numbers at ticks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// With a minus only.
    Plain,
    /// With a plus too, for differences.
    Both,
}

impl Axis {
    /// A linear axis with round ends around `[lo, hi]` and about `count` steps, along `range` px.
    pub fn linear((lo, hi): (f64, f64), count: f64, signs: Signs, range: (f64, f64)) -> Self {
        let ticks = Ticks::around(lo, hi, count);
        Self::with_ticks(ticks, ticks.domain(), signs, range)
    }

    /// A linear axis that ends at `lo` and `hi` exactly, with the ticks between.
    pub fn within((lo, hi): (f64, f64), count: f64, signs: Signs, range: (f64, f64)) -> Self {
        Self::with_ticks(Ticks::around(lo, hi, count), (lo, hi), signs, range)
    }

    fn with_ticks(ticks: Ticks, (lo, hi): (f64, f64), signs: Signs, range: (f64, f64)) -> Self {
        let slack = 1e-6 * ticks.step;
        let inside = ticks
            .values()
            .filter(|v| (lo - slack..=hi + slack).contains(v));
        let name = |v: f64| match signs {
            Signs::Plain => fixed(v, ticks.decimals()),
            Signs::Both => signed(v, ticks.decimals()),
        };
        Self {
            scale: Scale {
                domain: (lo, hi),
                range,
            },
            logarithmic: false,
            marks: inside.map(|v| (v, name(v))).collect(),
        }
    }

    /// A logarithmic axis around positive numbers, marked at 1, 2 and 5 times powers of ten, or at powers of ten
    /// where these are many.
    pub fn logarithmic((lo, hi): (f64, f64), range: (f64, f64)) -> Self {
        let (lo, hi) = (lo.max(1e-12), hi.max(1e-12));
        // At least a factor of four, so that marks are in sight.
        let span = (hi / lo).log10();
        let room = f64::max(0.06 * span, (0.6 - span) / 2.0);
        let domain = (lo.log10() - room, hi.log10() + room);
        let factors: &[f64] = match domain.1 - domain.0 {
            d if d < 1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            d if d < 2.2 => &[1.0, 2.0, 5.0],
            d if d < 4.0 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let powers = domain.0.floor() as i32..=domain.1.ceil() as i32;
        let marks = powers.flat_map(|p| factors.iter().map(move |f| f * 10f64.powi(p)));
        let inside = marks.filter(|v| (domain.0..=domain.1).contains(&v.log10()));
        Self {
            scale: Scale { domain, range },
            logarithmic: true,
            marks: inside.map(|v| (v, short(v))).collect(),
        }
    }

    /// The pixel of a value; what lies beyond an end lies there.
    pub fn px(&self, value: f64) -> f64 {
        let value = if self.logarithmic {
            value.max(1e-12).log10()
        } else {
            value
        };
        let (lo, hi) = self.scale.domain;
        self.scale.px(value.clamp(lo, hi))
    }

    /// The ends in px, the lower value's first.
    pub fn range(&self) -> (f64, f64) {
        self.scale.range
    }

    /// The numbers alone, above a panel that is long to read from below.
    pub fn draw_above(&self, svg: &mut Svg, base: f64) {
        for (value, name) in &self.marks {
            svg.text((self.px(*value), base), name, TICK.anchored(Anchor::Middle));
        }
    }

    /// Vertical grid lines, the line at the bottom and the numbers below it: of a horizontal axis.
    pub fn draw_below(&self, svg: &mut Svg, (top, bottom): (f64, f64)) {
        let mut free = f64::NEG_INFINITY;
        for (value, name) in &self.marks {
            let x = self.px(*value);
            svg.line(
                (x, top),
                (x, bottom),
                Stroke::solid(self.color(*value), 1.0),
            );
            let half = width(name, TICK.size) / 2.0;
            // Every tick has its line; a number that would meet the last one is left out.
            if x - half >= free {
                svg.text((x, bottom + 13.0), name, TICK.anchored(Anchor::Middle));
                free = x + half + 6.0;
            }
        }
        let (from, to) = self.scale.range;
        svg.line((from, bottom), (to, bottom), Stroke::solid(RULE, 1.0));
    }

    /// Horizontal grid lines and the numbers left of them: of a vertical axis.
    pub fn draw_left(&self, svg: &mut Svg, (left, right): (f64, f64)) {
        for (value, name) in &self.marks {
            let y = self.px(*value);
            svg.line(
                (left, y),
                (right, y),
                Stroke::solid(self.color(*value), 1.0),
            );
            svg.text((left - 6.0, y + 3.4), name, TICK.anchored(Anchor::End));
        }
        let (from, to) = self.scale.range;
        svg.line((left, from), (left, to), Stroke::solid(RULE, 1.0));
    }

    /// Horizontal grid lines alone, where a panel further left has the numbers.
    pub fn draw_grid(&self, svg: &mut Svg, (left, right): (f64, f64)) {
        for (value, _) in &self.marks {
            let y = self.px(*value);
            svg.line(
                (left, y),
                (right, y),
                Stroke::solid(self.color(*value), 1.0),
            );
        }
    }

    /// Zero stands out on axes that go beyond it.
    fn color(&self, value: f64) -> &'static str {
        let inside = !self.logarithmic && self.scale.domain.0 < 0.0;
        if inside && value == 0.0 { MUTED } else { GRID }
    }
}

/// A mark of a logarithmic axis, one or two digits: `0.05`, `1.5`, `20`, `5,000`.
fn short(value: f64) -> String {
    if value >= 999.5 {
        return thousands(value.round() as u64);
    }
    // Half of a digit more for 1.5, 15, 0.15.
    let leading = value / 10f64.powf((value.log10() + 1e-9).floor());
    let more = i32::from((leading - leading.round()).abs() > 0.01);
    let decimals = more - (value.log10() + 1e-9).floor() as i32;
    fixed(value, decimals.max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.marks.iter().map(|m| m.1.as_str()).collect()
    }

    #[test]
    fn logarithmic_marks_are_round_and_equally_far_by_ratio() {
        let axis = Axis::logarithmic((0.4, 30.0), (0.0, 100.0));
        assert_eq!(names(&axis), ["0.5", "1", "2", "5", "10", "20"]);
        let steps = [1.0, 10.0].map(|v| axis.px(v) - axis.px(v / 2.0));
        assert!((steps[0] - steps[1]).abs() < 1e-9 && steps[0] > 0.0);
        let short = Axis::logarithmic((0.9, 4.0), (0.0, 100.0));
        assert_eq!(names(&short), ["1", "1.5", "2", "3"]);
        let lone = Axis::logarithmic((164.0, 164.0), (0.0, 100.0));
        assert_eq!(names(&lone), ["100", "150", "200", "300"]);
        let wide = Axis::logarithmic((0.01, 20_000.0), (0.0, 100.0));
        assert_eq!(
            names(&wide),
            ["0.01", "0.1", "1", "10", "100", "1,000", "10,000"]
        );
    }

    #[test]
    fn linear_axes_end_where_they_should() {
        let round = Axis::linear((-1.3, 2.1), 4.0, Signs::Both, (0.0, 100.0));
        assert_eq!(
            names(&round),
            ["\u{2212}2", "\u{2212}1", "0", "+1", "+2", "+3"]
        );
        let exact = Axis::within((0.0, 1.0), 5.0, Signs::Plain, (0.0, 100.0));
        assert_eq!(
            (exact.px(0.0), exact.px(1.0), exact.px(7.0)),
            (0.0, 100.0, 100.0)
        );
        assert_eq!(names(&exact).len(), 6);
    }
}
