//! Names beside points, placed where they meet neither each other nor a marker.

use super::style::NOTE;
use super::svg::{Font, Svg};
use super::text::width;

/// A rectangle: left, top, right, bottom.
type Area = (f64, f64, f64, f64);

/// What is taken already, within the bounds of a panel.
pub struct Labels {
    bounds: Area,
    taken: Vec<Area>,
}

const FONT: Font = Font { size: 9.0, ..NOTE };

impl Labels {
    /// Nothing taken yet.
    pub fn within((left, right): (f64, f64), (top, bottom): (f64, f64)) -> Self {
        Self {
            bounds: (left, top, right, bottom),
            taken: Vec::new(),
        }
    }

    /// Keeps names away from a marker.
    pub fn keep_free(&mut self, (x, y): (f64, f64), radius: f64) {
        self.taken
            .push((x - radius, y - radius, x + radius, y + radius));
    }

    /// Writes a name beside a marker, or not at all where there is no room; whether it was written.
    pub fn place(&mut self, svg: &mut Svg, (x, y): (f64, f64), radius: f64, name: &str) -> bool {
        let (w, h) = (width(name, FONT.size), FONT.size);
        let near = radius + 3.0;
        let sides = [
            (near, h / 2.0 - 1.0),
            (-near - w, h / 2.0 - 1.0),
            (-w / 2.0, -near),
            (-w / 2.0, near + h),
            (near, -near),
            (near, near + h),
            (-near - w, -near),
            (-near - w, near + h),
        ];
        // Near first, then farther out.
        let places = [1.0, 1.8].into_iter().flat_map(|far| {
            sides.map(move |(dx, dy)| {
                let out = (far - 1.0) * near;
                (
                    x + dx + out * dx.signum(),
                    y + dy + out * (dy - 3.0).signum(),
                )
            })
        });
        let area = |(left, base): (f64, f64)| (left - 1.0, base - h, left + w + 1.0, base + 2.0);
        let free = |a: &Area| {
            let (l, t, r, b) = self.bounds;
            let inside = a.0 >= l && a.1 >= t && a.2 <= r && a.3 <= b;
            inside
                && self
                    .taken
                    .iter()
                    .all(|o| a.2 <= o.0 || o.2 <= a.0 || a.3 <= o.1 || o.3 <= a.1)
        };
        let Some(at) = places.into_iter().find(|place| free(&area(*place))) else {
            return false;
        };
        self.taken.push(area(at));
        svg.text_on_white(at, name, FONT);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_apart_or_are_left_out() {
        let mut svg = Svg::default();
        let mut labels = Labels::within((0.0, 100.0), (0.0, 60.0));
        labels.keep_free((50.0, 30.0), 4.0);
        let written = (0..12).filter(|_| labels.place(&mut svg, (50.0, 30.0), 4.0, "name"));
        let written = written.count();
        assert!((4..12).contains(&written), "{written}");
        for (i, a) in labels.taken.iter().enumerate() {
            for b in &labels.taken[i + 1..] {
                assert!(
                    a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1,
                    "{a:?} {b:?}"
                );
            }
        }
        assert!(!labels.place(
            &mut svg,
            (50.0, 30.0),
            4.0,
            "a name wider than all of the panel"
        ));
    }
}
