//! A legend in one or more lines above a plot.

use super::style::{LABEL, MARKER, Series};
use super::svg::Svg;
use super::text::width;

/// What stands before a name.
#[derive(Debug, Clone)]
pub enum Swatch {
    /// A filled square of a colour.
    Block(String),
    /// A marker, filled or hollow.
    Marker(Series, bool),
    /// A line.
    Line(Series),
}

const LINE: f64 = 16.0;
const GAP: f64 = 18.0;

impl Swatch {
    fn width(&self) -> f64 {
        match self {
            Self::Block(_) => 12.0,
            Self::Marker(..) => 10.0,
            Self::Line(_) => 26.0,
        }
    }
}

/// Draws the entries from `(x, y)` on, wrapped to `room` px; returns where they end.
pub fn legend(svg: &mut Svg, (x, y): (f64, f64), room: f64, entries: &[(Swatch, String)]) -> f64 {
    let (mut at, mut top) = (x, y);
    for (swatch, name) in entries {
        let own = swatch.width();
        let whole = own + 5.0 + width(name, LABEL.size);
        if at > x && at + whole > x + room {
            (at, top) = (x, top + LINE);
        }
        let middle = top + 7.0;
        match swatch {
            Swatch::Block(color) => svg.rect((at, middle - 5.0), (own, 10.0), color),
            Swatch::Marker(look, filled) => look.marker(svg, (at + MARKER + 1.5, middle), *filled),
            Swatch::Line(look) => svg.line((at, middle), (at + own, middle), look.stroke(1.6)),
        }
        svg.text((at + own + 5.0, middle + 3.8), name, LABEL);
        at += whole + GAP;
    }
    if entries.is_empty() { top } else { top + LINE }
}
