//! An RGB raster and the antialiased shapes that faces are drawn from.
//!
//! Shapes are signed distances (negative inside) in a local frame; a pixel is covered by
//! `clamp(½ − distance)`, which is box antialiasing of a straight edge (I. Quilez, "2D distance
//! functions"). Colours are sRGB values in `[0, 1]` and blended as such.

/// Red, green, blue in `[0, 1]`.
pub type Rgb = [f32; 3];

/// The picture being drawn, row by row.
pub struct Canvas {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` colours.
    pub pixels: Vec<Rgb>,
}

/// A similarity from local coordinates (x right, y down) to pixels.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Where the local origin lies, pixels.
    pub origin: (f32, f32),
    /// Cosine and sine of the rotation.
    pub rotation: (f32, f32),
    /// Pixels per local unit.
    pub unit: f32,
}

/// A rectangle in local coordinates that bounds a shape.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// Centre.
    pub at: (f32, f32),
    /// Half width and half height.
    pub half: (f32, f32),
}

/// What a shape puts on one pixel.
#[derive(Debug, Clone, Copy)]
pub struct Ink {
    /// Signed distance to the edge, local units.
    pub distance: f32,
    /// Opacity inside.
    pub alpha: f32,
    /// Colour.
    pub color: Rgb,
}

/// Nothing drawn here.
pub const CLEAR: Ink = Ink {
    distance: 1e9,
    alpha: 0.0,
    color: [0.0; 3],
};

impl Frame {
    /// Local to pixel coordinates.
    pub fn to_pixel(self, x: f32, y: f32) -> (f32, f32) {
        let (cos, sin) = self.rotation;
        (
            self.origin.0 + self.unit * (cos * x - sin * y),
            self.origin.1 + self.unit * (sin * x + cos * y),
        )
    }
}

impl Canvas {
    /// A black canvas.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![[0.0; 3]; width * height],
        }
    }

    /// Sets every pixel to `color(x, y)`, pixel coordinates.
    pub fn fill(&mut self, color: impl Fn(f32, f32) -> Rgb) {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = color(x as f32, y as f32);
            }
        }
    }

    /// Blends `ink(x, y)`, local coordinates, over the pixels of `area`.
    pub fn paint(&mut self, frame: Frame, area: Area, ink: impl Fn(f32, f32) -> Ink) {
        let (cos, sin) = frame.rotation;
        let (cx, cy) = frame.to_pixel(area.at.0, area.at.1);
        let (a, b) = area.half;
        let half_x = frame.unit * (cos.abs() * a + sin.abs() * b) + 1.0;
        let half_y = frame.unit * (sin.abs() * a + cos.abs() * b) + 1.0;
        let clip = |v: f32, end: usize| v.max(0.0).min(end as f32) as usize;
        let (x0, x1) = (
            clip(cx - half_x, self.width),
            clip(cx + half_x + 1.0, self.width),
        );
        let (y0, y1) = (
            clip(cy - half_y, self.height),
            clip(cy + half_y + 1.0, self.height),
        );
        for py in y0..y1 {
            let dy = (py as f32 - frame.origin.1) / frame.unit;
            let row = &mut self.pixels[py * self.width..][..self.width];
            for (px, pixel) in row.iter_mut().enumerate().take(x1).skip(x0) {
                let dx = (px as f32 - frame.origin.0) / frame.unit;
                let ink = ink(cos * dx + sin * dy, cos * dy - sin * dx);
                let cover = (0.5 - ink.distance * frame.unit).clamp(0.0, 1.0) * ink.alpha;
                if cover > 0.0 {
                    *pixel = mix(*pixel, ink.color, cover);
                }
            }
        }
    }

    /// A flat ellipse of opacity `alpha`.
    pub fn ellipse(&mut self, frame: Frame, area: Area, color: Rgb, alpha: f32) {
        self.paint(frame, area, |x, y| Ink {
            distance: ellipse(x, y, area),
            alpha,
            color,
        });
    }

    /// A soft spot: opacity `alpha` at the centre of `area`, none at its inscribed ellipse.
    pub fn spot(&mut self, frame: Frame, area: Area, color: Rgb, alpha: f32) {
        self.paint(frame, area, |x, y| {
            let (u, v) = ((x - area.at.0) / area.half.0, (y - area.at.1) / area.half.1);
            let fall = (1.0 - u * u - v * v).max(0.0);
            Ink {
                distance: -1.0,
                alpha: alpha * fall * fall,
                color,
            }
        });
    }

    /// A line through `points`, `radius` thick at the middle and thinner towards both ends.
    pub fn stroke(
        &mut self,
        frame: Frame,
        points: &[(f32, f32)],
        radius: f32,
        color: Rgb,
        alpha: f32,
    ) {
        let bound = |pick: fn(&(f32, f32)) -> f32| {
            let low = points.iter().map(pick).fold(f32::INFINITY, f32::min);
            let high = points.iter().map(pick).fold(f32::NEG_INFINITY, f32::max);
            ((low + high) / 2.0, (high - low) / 2.0 + radius)
        };
        let ((cx, a), (cy, b)) = (bound(|p| p.0), bound(|p| p.1));
        let pieces = (points.len() - 1) as f32;
        self.paint(
            frame,
            Area {
                at: (cx, cy),
                half: (a, b),
            },
            |x, y| {
                let mut distance = f32::INFINITY;
                for (i, pair) in points.windows(2).enumerate() {
                    let (d, along) = segment(x, y, pair[0], pair[1]);
                    let t = (i as f32 + along) / pieces * 2.0 - 1.0;
                    distance = distance.min(d - radius * (1.0 - 0.7 * t * t));
                }
                Ink {
                    distance,
                    alpha,
                    color,
                }
            },
        );
    }
}

/// Signed distance to the ellipse inscribed in `area`, exact to first order at the edge.
pub fn ellipse(x: f32, y: f32, area: Area) -> f32 {
    let (a, b) = area.half;
    let (u, v) = ((x - area.at.0) / a, (y - area.at.1) / b);
    let level = u * u + v * v - 1.0;
    let slope = 2.0 * ((u / a) * (u / a) + (v / b) * (v / b)).sqrt();
    // At the centre the slope vanishes; anything clearly inside will do.
    if slope < 1e-6 {
        -a.min(b)
    } else {
        level / slope
    }
}

/// Distance to the segment `p q` and where along it (0 to 1) the nearest point lies.
fn segment(x: f32, y: f32, p: (f32, f32), q: (f32, f32)) -> (f32, f32) {
    let (dx, dy) = (q.0 - p.0, q.1 - p.1);
    let length2 = (dx * dx + dy * dy).max(1e-6);
    let along = (((x - p.0) * dx + (y - p.1) * dy) / length2).clamp(0.0, 1.0);
    let (ex, ey) = (x - p.0 - along * dx, y - p.1 - along * dy);
    ((ex * ex + ey * ey).sqrt(), along)
}

/// Five points on the quadratic Bézier curve from `p` over `control` to `q`.
pub fn curve(p: (f32, f32), control: (f32, f32), q: (f32, f32)) -> [(f32, f32); 5] {
    [0.0, 0.25, 0.5, 0.75, 1.0].map(|t: f32| {
        let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        (
            a * p.0 + b * control.0 + c * q.0,
            a * p.1 + b * control.1 + c * q.1,
        )
    })
}

/// `a` for `t = 0`, `b` for `t = 1`.
pub fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// `color` times `factor`.
pub fn scale(color: Rgb, factor: f32) -> Rgb {
    color.map(|c| c * factor)
}

/// Smooth value noise in `[−1, 1]` on a line, one lattice value per unit (Perlin's fade curve).
pub fn noise(seed: u32, t: f32) -> f32 {
    let cell = t.floor();
    let f = t - cell;
    let fade = f * f * (3.0 - 2.0 * f);
    let (a, b) = (lattice(seed, cell as i32), lattice(seed, cell as i32 + 1));
    a + (b - a) * fade
}

/// A value in `[−1, 1]` for an integer (finalizer of MurmurHash3).
pub fn lattice(seed: u32, i: i32) -> f32 {
    let mut h = seed ^ (i as u32).wrapping_mul(0x9E37_79B9);
    h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
    h ^= h >> 16;
    (h >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_covers_its_area_and_a_turned_one_too() {
        for rotation in [(1.0, 0.0), (0.8, 0.6)] {
            let mut canvas = Canvas::new(64, 64);
            let frame = Frame {
                origin: (32.0, 31.5),
                rotation,
                unit: 2.0,
            };
            canvas.ellipse(
                frame,
                Area {
                    at: (0.0, 0.0),
                    half: (10.0, 10.0),
                },
                [1.0; 3],
                1.0,
            );
            let covered: f32 = canvas.pixels.iter().map(|p| p[0]).sum();
            // Radius 20 px; a pixel of the rim is off by at most half its curvature error, so one
            // part in a hundred is generous.
            let area = std::f32::consts::PI * 400.0;
            assert!((covered / area - 1.0).abs() < 0.01, "{covered} {area}");
        }
    }

    #[test]
    fn shapes_outside_the_canvas_are_clipped() {
        let mut canvas = Canvas::new(8, 8);
        let frame = Frame {
            origin: (0.0, 0.0),
            rotation: (1.0, 0.0),
            unit: 1.0,
        };
        for at in [(-50.0, 3.0), (50.0, 3.0), (3.0, -50.0), (3.0, 50.0)] {
            canvas.ellipse(
                frame,
                Area {
                    at,
                    half: (5.0, 5.0),
                },
                [1.0; 3],
                1.0,
            );
        }
        assert!(canvas.pixels.iter().all(|p| *p == [0.0; 3]));
    }
}
