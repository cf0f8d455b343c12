//! What is drawn inside a forest plot: stripes, bands, axis, estimates.

use super::layout::{Layout, POINTS};
use crate::report::measured::Measured;
use crate::report::scale::Scale;
use crate::report::style::{GRID, MARGIN, MUTED, RULE, STRIPE, Series, TICK};
use crate::report::svg::{Anchor, Stroke, Svg};
use crate::report::text::signed;

/// The equivalence band.
pub const BAND: &str = "#dcebf5";
/// How far arrows reach beyond the axis, px.
const ARROW: f64 = 8.0;

/// Stripes under every other candidate, equivalence bands, grid; the first row begins at `first` px.
pub fn backdrop(svg: &mut Svg, layout: &Layout<'_>, first: f64) {
    let candidates = layout.rows.chunk_by(|_, next| next.name.is_none());
    for rows in candidates.step_by(2) {
        let (top, bottom) = (rows[0].edges.0, rows[rows.len() - 1].edges.1);
        let size = (layout.p_end - MARGIN + 8.0, bottom - top);
        svg.rect((MARGIN - 4.0, first + top), size, STRIPE);
    }
    let (lo, hi) = layout.plot.domain;
    for (margin, top, bottom) in layout.bands() {
        let left = layout.plot.px((-POINTS * margin).max(lo));
        let right = layout.plot.px((POINTS * margin).min(hi));
        svg.rect((left, first + top), (right - left, bottom - top), BAND);
    }
    let bottom = first + layout.height();
    for value in layout.ticks.values() {
        let x = layout.plot.px(value);
        let color = if value == 0.0 { MUTED } else { GRID };
        svg.line((x, first), (x, bottom), Stroke::solid(color, 1.0));
    }
}

/// The axis line, with numbers above the rows too: a long plot is read from either end.
pub fn axis(svg: &mut Svg, layout: &Layout<'_>, head: f64, bottom: f64) {
    let decimals = layout.ticks.decimals();
    for value in layout.ticks.values() {
        let x = layout.plot.px(value);
        let font = TICK.anchored(Anchor::Middle);
        for y in [head, bottom + 13.0] {
            svg.text((x, y), &signed(value, decimals), font);
        }
    }
    let (from, to) = layout.plot.range;
    svg.line((from, bottom), (to, bottom), Stroke::solid(RULE, 1.0));
}

/// Marker and interval at height `y`. Beyond the axis an interval goes on as an arrow, and a marker
/// becomes a triangle that points to where it is.
pub fn estimate(svg: &mut Svg, plot: &Scale, delta: Measured, look: Series, filled: bool, y: f64) {
    let stroke = Stroke::solid(look.color, 1.4);
    let fill = if filled { look.color } else { "#ffffff" };
    interval(svg, plot, delta, stroke, fill, y);
    let (lo, hi) = plot.domain;
    if (lo..=hi).contains(&delta.value) {
        look.marker(svg, (plot.px(delta.value), y), filled);
    }
}

/// The same, thinner and with a small filled marker, for where many stand close.
pub fn small_estimate(svg: &mut Svg, plot: &Scale, delta: Measured, look: Series, y: f64) {
    interval(
        svg,
        plot,
        delta,
        Stroke::solid(look.color, 1.1),
        look.color,
        y,
    );
    let (lo, hi) = plot.domain;
    if (lo..=hi).contains(&delta.value) {
        look.small_marker(svg, (plot.px(delta.value), y));
    }
}

fn interval(svg: &mut Svg, plot: &Scale, delta: Measured, stroke: Stroke, fill: &str, y: f64) {
    let (lo, hi) = plot.domain;
    let (from, to) = delta.interval.unwrap_or((delta.value, delta.value));
    let ends = [from, to].map(|v| plot.px(v.clamp(lo, hi)));
    svg.line((ends[0], y), (ends[1], y), stroke);
    for (cut, gone, edge, tip) in [
        (from < lo, delta.value < lo, plot.range.0, -ARROW),
        (to > hi, delta.value > hi, plot.range.1, ARROW),
    ] {
        let wing = edge + tip / 3.0;
        let arrow = [(wing, y - 3.2), (edge + tip, y), (wing, y + 3.2)];
        if gone {
            svg.polygon(&arrow, fill, stroke);
        } else if cut {
            svg.line((edge, y), (edge + tip, y), stroke);
            svg.polyline(&arrow, stroke);
        }
    }
}
