//! A picture: background, body, head and what is on it, from back to front.

use super::canvas::{Area, Canvas, Ink, Rgb, ellipse, mix, noise, scale};
use super::person::{Length, Person};
use super::scene::{Glasses, Scene};
use super::{features, hair};

/// A person in a scene: what every drawing routine needs.
pub struct Look<'a> {
    /// Who.
    pub person: &'a Person,
    /// Where and how.
    pub scene: &'a Scene,
}

impl Look<'_> {
    /// Where a feature at `(x, y)` that stands `depth` before the head's axis appears (orthographic projection).
    pub fn turned(&self, x: f32, y: f32, depth: f32) -> (f32, f32) {
        let yaw = self.scene.yaw;
        (
            (1.0 - yaw * yaw).max(0.0).sqrt() * x + depth * yaw,
            y + self.scene.pitch * depth / 20.0,
        )
    }

    /// Centre of the mouth.
    pub fn mouth(&self) -> (f32, f32) {
        self.turned(0.0, self.person.head.2 * 0.5, 17.0)
    }

    /// Signed distance to the outline of the head.
    pub fn head(&self, x: f32, y: f32) -> f32 {
        let (width, up, down) = self.person.head;
        let half = if y < 0.0 {
            (width, up)
        } else {
            (
                width * (1.0 - self.person.jaw * (y / down) * (y / down)),
                down,
            )
        };
        ellipse(
            x,
            y,
            Area {
                at: (0.0, 0.0),
                half,
            },
        )
    }

    /// `color` under the scene's light at a point of the head.
    pub fn lit(&self, color: Rgb, x: f32, y: f32) -> Rgb {
        let (nx, ny) = (x / 45.0, y / 55.0);
        let (lx, ly) = self.scene.light;
        scale(
            color,
            1.02 + lx * nx - ly * ny - 0.20 * (nx * nx + ny * ny * 0.6),
        )
    }

    /// Skin in the shade: wrinkles, folds, nostrils.
    pub fn shade(&self) -> Rgb {
        let s = self.person.skin;
        [s[0] * 0.62, s[1] * 0.52, s[2] * 0.48]
    }
}

/// Draws the whole picture.
pub fn draw(canvas: &mut Canvas, look: &Look) {
    background(canvas, look.scene);
    hair::back(canvas, look);
    body(canvas, look);
    head(canvas, look);
    features::age_marks(canvas, look);
    features::folds(canvas, look);
    features::nose(canvas, look);
    hair::beard(canvas, look);
    features::mouth(canvas, look);
    features::eyes(canvas, look);
    hair::front(canvas, look);
    if let Some(kind) = look.scene.glasses {
        glasses(canvas, look, kind);
    }
    occluder(canvas, look);
}

fn background(canvas: &mut Canvas, scene: &Scene) {
    let (seed, [top, bottom]) = (scene.texture, scene.background);
    let (w, h) = (canvas.width as f32, canvas.height as f32);
    let columns: Vec<f32> = (0..canvas.width)
        .map(|x| 0.09 * noise(seed, x as f32 / w * 9.0))
        .collect();
    let rows: Vec<f32> = (0..canvas.height)
        .map(|y| 0.09 * noise(seed ^ 1, y as f32 / h * 7.0))
        .collect();
    canvas.fill(|x, y| {
        let patch = columns[x as usize] + rows[y as usize];
        mix(top, bottom, y / h).map(|c| c + patch)
    });
}

fn body(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let (width, _, down) = look.person.head;
    let neck = width * if look.person.group.male { 0.66 } else { 0.52 };
    let skin = look.person.skin;
    canvas.paint(
        frame,
        Area {
            at: (0.0, down + 10.0),
            half: (neck + 8.0, 45.0),
        },
        |x, y| {
            let distance = x.abs() - neck - 0.002 * (y - down) * (y - down);
            // The chin's shadow falls on the neck.
            let shadow = 0.88 - 0.25 * (1.0 - (y - down).max(0.0) / 25.0).clamp(0.0, 1.0);
            Ink {
                distance,
                alpha: 1.0,
                color: look.lit(scale(skin, shadow), x, 30.0),
            }
        },
    );
    let clothes = look.scene.clothes;
    let shoulders = Area {
        at: (0.0, down + 75.0),
        half: (92.0, 52.0),
    };
    canvas.paint(frame, shoulders, |x, y| {
        let collar = Area {
            at: (0.0, down + 18.0),
            half: (neck + 4.0, 20.0),
        };
        let distance = ellipse(x, y, shoulders).max(-ellipse(x, y, collar));
        let fold = 0.08 * noise(look.scene.texture ^ 3, x * 0.08 + y * 0.03);
        Ink {
            distance,
            alpha: 1.0,
            color: scale(clothes, 0.95 + fold + 0.4 * look.scene.light.0 * x / 90.0),
        }
    });
}

fn head(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let person = look.person;
    let (width, up, down) = person.head;
    let sides: &[f32] = match person.length {
        Length::Bald | Length::Short => &[-1.0, 1.0],
        Length::Medium | Length::Long => &[],
    };
    for &side in sides {
        let (x, y) = look.turned(side * (width + 0.5), -8.0, -14.0);
        let ear = Area {
            at: (x, y),
            half: (5.5, 11.0),
        };
        canvas.ellipse(frame, ear, look.lit(scale(person.skin, 0.92), x, y), 1.0);
        canvas.spot(frame, ear, look.shade(), 0.6);
    }
    let area = Area {
        at: (0.0, (down - up) / 2.0),
        half: (width + 1.0, (up + down) / 2.0 + 1.0),
    };
    canvas.paint(frame, area, |x, y| {
        let mottle = 0.012
            * noise(
                person.texture,
                x * 0.25 + 7.0 * noise(person.texture ^ 7, y * 0.2),
            );
        Ink {
            distance: look.head(x, y),
            alpha: 1.0,
            color: look.lit(person.skin, x, y).map(|c| c + mottle),
        }
    });
}

fn glasses(canvas: &mut Canvas, look: &Look, kind: Glasses) {
    let frame = look.scene.frame;
    let dark = [0.10, 0.09, 0.09];
    let (gap, size, _) = look.person.eyes;
    for side in [-1.0, 1.0] {
        let (x, y) = look.turned(side * gap, -16.0, 16.0);
        let lens = Area {
            at: (x, y),
            half: (size + 6.0, size + 2.5),
        };
        let around = Area {
            at: lens.at,
            half: (lens.half.0 + 2.0, lens.half.1 + 2.0),
        };
        canvas.paint(frame, around, |x, y| {
            let distance = ellipse(x, y, lens);
            if kind == Glasses::Dark {
                return Ink {
                    distance: distance - 1.0,
                    alpha: 0.93,
                    color: dark,
                };
            }
            Ink {
                distance: distance.abs() - 1.1,
                alpha: 0.9,
                color: dark,
            }
        });
        let glint = Area {
            at: (x - 4.0, y - 4.0),
            half: (6.0, 4.0),
        };
        canvas.spot(frame, glint, [1.0; 3], 0.35);
        let (ear, _) = look.turned(side * look.person.head.0, -16.0, -6.0);
        canvas.stroke(
            frame,
            &[(x + side * (size + 6.0), y - 2.0), (ear, y - 4.0)],
            1.2,
            dark,
            0.85,
        );
    }
    let (bridge, y) = look.turned(0.0, -18.0, 20.0);
    canvas.stroke(
        frame,
        &[(bridge - 5.5, y), (bridge, y - 1.5), (bridge + 5.5, y)],
        1.4,
        dark,
        0.9,
    );
}

/// A microphone or a hand, whatever it is: something before the lower face.
fn occluder(canvas: &mut Canvas, look: &Look) {
    let Some(((x, y), radius)) = look.scene.occluder else {
        return;
    };
    let color = mix(look.scene.clothes, [0.12, 0.12, 0.13], 0.6);
    let frame = look.scene.frame;
    canvas.stroke(
        frame,
        &[(x, y), (x * 1.5, y + 45.0), (x * 2.0, y + 110.0)],
        radius * 0.5,
        color,
        1.0,
    );
    let ball = Area {
        at: (x, y),
        half: (radius, radius),
    };
    canvas.ellipse(frame, ball, color, 1.0);
    let glint = Area {
        at: (x - radius * 0.3, y - radius * 0.3),
        half: (radius * 0.6, radius * 0.6),
    };
    canvas.spot(frame, glint, [0.9; 3], 0.4);
}
