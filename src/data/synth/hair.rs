//! Hair behind and before the face, and beards.

use super::canvas::{Area, Canvas, Ink, Rgb, ellipse, noise, scale};
use super::face::Look;
use super::person::{Beard, Length};

/// Hair behind the head, down to where its length ends.
pub fn back(canvas: &mut Canvas, look: &Look) {
    let person = look.person;
    let (width, up, down) = person.head;
    let reach = match person.length {
        Length::Bald | Length::Short => return,
        Length::Medium => down - 2.0,
        Length::Long => down + 60.0,
    };
    let shift = -6.0 * look.scene.yaw;
    let area = Area {
        at: (shift, (reach - up) / 2.0),
        half: (width + 22.0, (reach + up) / 2.0 + 10.0),
    };
    canvas.paint(look.scene.frame, area, |x, y| {
        let edge = 2.0
            * person.wave
            * noise(
                person.texture,
                y * 0.09 + if x > shift { 0.0 } else { 91.0 },
            );
        // A dome above, straight strands below.
        let distance = if y < 0.0 {
            ellipse(
                x,
                y,
                Area {
                    at: (shift, 0.0),
                    half: (width + 9.0, up + 8.0),
                },
            )
        } else {
            ((x - shift).abs() - width - 9.0 - 0.06 * y)
                .max(y - reach - 3.0 * noise(person.texture, x * 0.2))
        };
        Ink {
            distance: distance + edge,
            alpha: 1.0,
            color: strands(look, x, y, 0.80),
        }
    });
}

/// The hair one sees above the forehead and at the temples.
pub fn front(canvas: &mut Canvas, look: &Look) {
    let person = look.person;
    if person.length == Length::Bald {
        return;
    }
    let (width, up, _) = person.head;
    let turn = 9.0 * look.scene.yaw;
    let thick = if person.length == Length::Short {
        5.0
    } else {
        8.0
    };
    let cap = Area {
        at: (0.0, -2.0),
        half: (width + thick - 1.0, up + thick),
    };
    let line = if person.bangs {
        29.0
    } else {
        49.0 + 12.0 * person.receding
    };
    // A short cut ends at the ears, longer hair falls over the temples.
    let end = if person.length == Length::Short {
        -12.0
    } else {
        22.0
    };
    let side = if person.length == Length::Short {
        0.0
    } else {
        3.5
    };
    let opening = Area {
        at: (turn, 6.0),
        half: (width - side + 1.5 * person.receding, line + 6.0),
    };
    canvas.paint(
        look.scene.frame,
        Area {
            at: (0.0, -22.0),
            half: (width + thick + 2.0, up),
        },
        |x, y| {
            let fringe = noise(person.texture, x * 0.35) * (1.0 + 2.0 * person.wave);
            let inside = ellipse(x, y + fringe, opening);
            let distance = ellipse(x, y, cap).max(-inside).max(y - end);
            Ink {
                distance,
                alpha: 1.0,
                color: strands(look, x - turn, y, 1.0),
            }
        },
    );
}

/// Facial hair: a shadow with texture around the mouth, before the lips are drawn.
pub fn beard(canvas: &mut Canvas, look: &Look) {
    let person = look.person;
    let (width, _, down) = person.head;
    let (alpha, chin, cheeks) = match person.beard {
        Beard::None => return,
        Beard::Stubble => (0.32, true, true),
        Beard::Goatee => (0.75, true, false),
        Beard::Full => (0.85, true, true),
    };
    let (mx, my) = look.mouth();
    let color = scale(person.hair.1, 0.75);
    canvas.paint(
        look.scene.frame,
        Area {
            at: (0.0, down / 2.0 + 4.0),
            half: (width, down / 2.0),
        },
        |x, y| {
            let moustache = ellipse(
                x,
                y,
                Area {
                    at: (mx, my - 7.5),
                    half: (person.mouth.0 + 3.0, 4.0),
                },
            );
            let chin = if chin {
                ellipse(
                    x,
                    y,
                    Area {
                        at: (mx * 0.8, my + 20.0),
                        half: (15.0, 15.0),
                    },
                )
            } else {
                1e3
            };
            let cheeks = if cheeks {
                // Below a line from the ears to the corners of the mouth.
                (18.0 + 0.010 * (width - x.abs()) * (width - x.abs()) - y).max(-ellipse(
                    x,
                    y,
                    Area {
                        at: (mx, my - 1.0),
                        half: (person.mouth.0 + 4.0, 9.0),
                    },
                ))
            } else {
                1e3
            };
            let head = look.head(x, y);
            let distance = moustache.min(chin).min(cheeks).max(head);
            let grain = 0.75
                + 0.25
                    * noise(
                        person.texture,
                        x * 0.9 + 13.0 * noise(person.texture, y * 0.7),
                    );
            // A soft edge, because beards have one.
            let soft = (0.5 - distance * 0.25).clamp(0.0, 1.0);
            Ink {
                distance: -1.0,
                alpha: if head < 0.0 {
                    alpha * soft * grain
                } else {
                    0.0
                },
                color,
            }
        },
    );
}

/// Hair colour at a point: strands, and the light from one side.
fn strands(look: &Look, x: f32, y: f32, level: f32) -> Rgb {
    let person = look.person;
    let bend = 4.0 * person.wave * noise(person.texture ^ 5, y * 0.08);
    let strand = 0.16 * noise(person.texture ^ 9, (x + bend) * 0.55 + 0.004 * x * y);
    let (lx, ly) = look.scene.light;
    let lit = 1.0 + 0.6 * (lx * x / 60.0 + ly * y / 60.0);
    // A sheen on the crown.
    let crown = (1.0 - (y + 42.0) * (y + 42.0) / 300.0).max(0.0);
    // Dark hair shows its strands by what it reflects.
    let gloss = 0.06 * level * (strand + 0.5 * crown).max(0.0);
    scale(person.hair.1, level * (lit + strand + 0.14 * crown)).map(|c| c + gloss * 2.0)
}
