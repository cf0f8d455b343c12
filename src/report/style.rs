//! One look for all figures: ink, sizes, and what tells series apart.

use super::svg::{Anchor, Font, Stroke, Svg};

/// Text and axes.
pub const INK: &str = "#1a1a1a";
/// Text of second rank.
pub const MUTED: &str = "#595959";
/// Rules between blocks and axis lines.
pub const RULE: &str = "#8c8c8c";
/// Grid lines.
pub const GRID: &str = "#e3e3e3";
/// The stripe under every other block of rows.
pub const STRIPE: &str = "#f6f6f6";

/// Space around a figure, px.
pub const MARGIN: f64 = 16.0;
/// Radius of a marker, px.
pub const MARKER: f64 = 3.4;

/// The title of a figure.
pub const TITLE: Font = font(14.0, INK);
/// What stands under the title.
pub const NOTE: Font = font(10.0, MUTED);
/// Names and numbers.
pub const LABEL: Font = font(10.5, INK);
/// Names and numbers of second rank.
pub const QUIET: Font = font(10.5, MUTED);
/// Numbers at ticks.
pub const TICK: Font = font(9.5, MUTED);
/// The caption below a figure.
pub const CAPTION: Font = font(9.0, MUTED);

/// Okabe & Ito, "Color Universal Design" (2008): told apart by all common kinds of colour vision.
/// Without its yellow, which is too pale for lines on white; dark colours first.
const COLORS: [&str; 7] = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9",
];
const DASHES: [&str; 4] = ["", "7 3", "2 2.5", "8 3 2 3"];
const SHAPES: [Shape; 6] = [
    Shape::Circle,
    Shape::Square,
    Shape::Up,
    Shape::Diamond,
    Shape::Down,
    Shape::Hexagon,
];

#[derive(Debug, Clone, Copy)]
enum Shape {
    Circle,
    Square,
    Up,
    Diamond,
    Down,
    Hexagon,
}

/// What series `i` of a figure looks like. Colour, dash and marker repeat after different numbers of
/// series, so that two series that share a colour differ in the rest, in print without colour too.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    /// Colour of lines and markers.
    pub color: &'static str,
    dash: &'static str,
    shape: Shape,
}

const fn font(size: f64, color: &'static str) -> Font {
    Font {
        size,
        color,
        anchor: Anchor::Start,
    }
}

/// The look of series `i`.
pub fn series(i: usize) -> Series {
    Series {
        color: COLORS[i % COLORS.len()],
        dash: DASHES[i % DASHES.len()],
        shape: SHAPES[i % SHAPES.len()],
    }
}

impl Series {
    /// The same without dashes.
    pub fn solid(self) -> Self {
        Self { dash: "", ..self }
    }

    /// The same with one kind of dashes.
    pub fn dashed(self) -> Self {
        Self {
            dash: DASHES[1],
            ..self
        }
    }

    /// The same colour with the marker of series `other`.
    pub fn with_marker_of(self, other: usize) -> Self {
        Self {
            shape: series(other).shape,
            ..self
        }
    }

    /// A line in the look of this series, dashed or not.
    pub fn stroke(self, width: f64) -> Stroke {
        Stroke {
            color: self.color,
            width,
            dash: self.dash,
        }
    }

    /// The marker of this series; hollow ones are white inside.
    pub fn marker(self, svg: &mut Svg, at: (f64, f64), filled: bool) {
        let fill = if filled { self.color } else { "#ffffff" };
        self.marker_of(svg, at, MARKER, fill, Stroke::solid(self.color, 1.3));
    }

    /// A smaller one, filled, for where many stand close.
    pub fn small_marker(self, svg: &mut Svg, at: (f64, f64)) {
        let stroke = Stroke::solid("#ffffff", 0.4);
        self.marker_of(svg, at, 0.75 * MARKER, self.color, stroke);
    }

    /// A marker of any size (the radius of the circle among them) and fill; markers of one size have areas that look
    /// alike.
    pub fn marker_of(self, svg: &mut Svg, at: (f64, f64), size: f64, fill: &str, stroke: Stroke) {
        // Corners as (angle of the first in degrees, number, radius): areas look alike.
        let (turn, corners, radius) = match self.shape {
            Shape::Circle => return svg.circle(at, size, fill, stroke),
            Shape::Square => (45.0, 4, 1.25),
            Shape::Up => (-90.0, 3, 1.35),
            Shape::Diamond => (0.0, 4, 1.35),
            Shape::Down => (90.0, 3, 1.35),
            Shape::Hexagon => (0.0, 6, 1.15),
        };
        let points: Vec<(f64, f64)> = (0..corners)
            .map(|k| {
                let angle = f64::to_radians(turn + 360.0 * f64::from(k) / f64::from(corners));
                let r = size * radius;
                (at.0 + r * angle.cos(), at.1 + r * angle.sin())
            })
            .collect();
        svg.polygon(&points, fill, stroke);
    }
}
