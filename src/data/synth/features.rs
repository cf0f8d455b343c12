//! Eyes, nose, mouth, and the lines that age and smiles draw.

use super::canvas::{Area, CLEAR, Canvas, Ink, curve, mix, scale};
use super::face::Look;

/// Both eyes with lids and brows. A smile narrows them.
pub fn eyes(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let person = look.person;
    let (gap, width, openness) = person.eyes;
    let squint = (0.9 * look.scene.smile.max(0.0)).min(1.6);
    let tall = (openness - squint).max(1.4);
    let gaze = 0.8 * look.scene.yaw * width;
    for side in [-1.0, 1.0] {
        let (ex, ey) = look.turned(side * gap, -17.0, 12.0);
        let socket = Area {
            at: (ex, ey),
            half: (width + 5.0, tall + 7.0),
        };
        canvas.spot(frame, socket, look.shade(), 0.35);
        canvas.paint(
            frame,
            Area {
                at: (ex, ey),
                half: (width + 2.0, tall + 3.0),
            },
            |x, y| {
                let t = (x - ex) / width;
                let arch = 1.0 - t * t;
                if arch < -0.3 {
                    return CLEAR;
                }
                let upper = ey - tall * arch;
                let lower = ey + 0.75 * tall * arch;
                let distance = (upper - y).max(y - lower);
                let lid = (y - upper).abs() - 0.9;
                if lid < 0.2 {
                    // Lashes: the dark line along the upper lid.
                    return Ink {
                        distance: lid,
                        alpha: 0.85,
                        color: [0.12, 0.08, 0.07],
                    };
                }
                let (dx, dy) = (x - ex - gaze, y - ey + 0.3);
                let r = (dx * dx + dy * dy).sqrt();
                let white = scale(
                    [0.93, 0.92, 0.91],
                    0.85 + 0.15 * (y - upper) / (lower - upper + 0.01),
                );
                let iris = if r < 1.7 { [0.05; 3] } else { person.iris };
                let color = mix(white, iris, (4.4 - r).clamp(0.0, 1.0));
                Ink {
                    distance,
                    alpha: 1.0,
                    color,
                }
            },
        );
        let glint = Area {
            at: (ex + gaze + 1.2, ey - 1.4),
            half: (1.2, 1.2),
        };
        canvas.ellipse(frame, glint, [1.0; 3], 0.8);
        brow(canvas, look, side, (ex, ey - openness));
    }
}

fn brow(canvas: &mut Canvas, look: &Look, side: f32, (ex, top): (f32, f32)) {
    let (thick, slope) = look.person.brows;
    let width = look.person.eyes.1;
    let inner = (ex - side * (width + 0.5), top - 6.5);
    let outer = (ex + side * (width + 3.5), top - 6.0 - 10.0 * slope);
    let arch = (ex + side * 2.0, top - 10.0 - 8.0 * slope);
    let color = mix(scale(look.person.hair.1, 0.55), look.shade(), 0.25);
    canvas.stroke(
        look.scene.frame,
        &curve(inner, arch, outer),
        thick,
        color,
        0.85,
    );
}

/// The nose: side shadows, tip and nostrils.
pub fn nose(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let (width, long) = look.person.nose;
    let (tip_x, tip_y) = look.turned(0.0, long - 9.0, 24.0);
    let (root_x, root_y) = look.turned(0.0, -17.0, 14.0);
    let far = if look.scene.light.0 + look.scene.yaw > 0.0 {
        -1.0
    } else {
        1.0
    };
    let ridge = curve(
        (root_x + far * 3.5, root_y),
        (tip_x + far * 3.0, (root_y + tip_y) / 2.0),
        (tip_x + far * width * 0.8, tip_y),
    );
    canvas.stroke(frame, &ridge, 1.9, look.shade(), 0.24);
    canvas.spot(
        frame,
        Area {
            at: (tip_x, tip_y - 2.0),
            half: (width, 8.0),
        },
        [1.0, 0.95, 0.9],
        0.18,
    );
    let base = curve(
        (tip_x - width, tip_y),
        (tip_x, tip_y + 6.0),
        (tip_x + width, tip_y),
    );
    canvas.stroke(frame, &base, 1.2, look.shade(), 0.55);
    for side in [-1.0, 1.0] {
        let nostril = Area {
            at: (tip_x + side * width * 0.45, tip_y + 2.2),
            half: (2.0, 1.2),
        };
        canvas.ellipse(frame, nostril, scale(look.shade(), 0.5), 0.75);
    }
}

/// Cheeks and the folds from nose to mouth, which smiles and age deepen.
pub fn folds(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let smile = look.scene.smile.clamp(-1.0, 2.0);
    let lift = smile.max(0.0);
    let depth = (0.08 + 0.16 * lift + 0.35 * look.person.wrinkles).min(0.75);
    let (mx, my) = look.mouth();
    let half = 1.15 * look.person.mouth.0 + 3.2 * smile;
    for side in [-1.0, 1.0] {
        let (cheek_x, cheek_y) = look.turned(side * 25.0, 8.0 - 1.5 * lift, 12.0);
        let cheek = Area {
            at: (cheek_x, cheek_y),
            half: (13.0, 10.0),
        };
        canvas.spot(
            frame,
            cheek,
            mix(look.person.skin, [1.0, 0.55, 0.5], 0.5),
            0.14 + 0.10 * lift,
        );
        let (wing_x, wing_y) = look.turned(side * (look.person.nose.0 + 2.5), 7.0, 18.0);
        let end = (mx + side * (half + 4.0), my + 1.0 - 2.0 * lift);
        let bow = (
            mx + side * (half + 3.0 + 1.5 * lift),
            (wing_y + my) / 2.0 - 2.0,
        );
        canvas.stroke(
            frame,
            &curve((wing_x, wing_y), bow, end),
            1.1,
            look.shade(),
            depth,
        );
    }
}

/// Lines on the forehead, beside and below the eyes.
pub fn age_marks(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let depth = look.person.wrinkles;
    if depth < 0.05 {
        return;
    }
    let shade = look.shade();
    for (row, length) in [(-36.0, 20.0), (-41.5, 23.0), (-47.0, 18.0)] {
        let (x, y) = look.turned(0.0, row, 14.0);
        let line = curve((x - length, y + 1.5), (x, y - 2.0), (x + length, y + 1.5));
        canvas.stroke(frame, &line, 0.8, shade, 0.55 * depth);
    }
    let (gap, width, _) = look.person.eyes;
    for side in [-1.0, 1.0] {
        let (x, y) = look.turned(side * gap, -17.0, 12.0);
        let bag = curve((x - width, y + 6.0), (x, y + 11.0), (x + width, y + 6.0));
        canvas.stroke(frame, &bag, 1.1, shade, 0.55 * depth);
        for step in [-3.0, 0.0, 3.0] {
            let corner = (x + side * (width + 2.5), y + 0.4 * step);
            let end = (x + side * (width + 8.0), y + 1.4 * step);
            canvas.stroke(frame, &[corner, end], 0.7, shade, 0.5 * depth);
        }
    }
}

/// The mouth: a bent midline, lips above and below it, teeth and darkness between them when open.
pub fn mouth(canvas: &mut Canvas, look: &Look) {
    let frame = look.scene.frame;
    let person = look.person;
    let smile = look.scene.smile.clamp(-2.2, 2.4);
    let half = (1.15 * person.mouth.0 + 3.2 * smile) * (1.0 - look.scene.yaw * look.scene.yaw);
    let thick = person.mouth.1 * (1.0 - 0.08 * smile);
    // Local units from the corners down to the middle: a straight face is nearly flat, a smile is bent.
    let bend = 6.5 * smile + 1.0;
    let open = look.scene.open;
    let (mx, my) = look.mouth();
    // No teeth in a mere slit: they would be lost pixels.
    let teeth = (0.45 + 0.40 * smile).clamp(0.0, 0.85) * ((open - 0.8) / 1.5).clamp(0.0, 1.0);
    let lip = look
        .scene
        .lipstick
        .unwrap_or_else(|| mix(person.skin, [0.66, 0.30, 0.30], 0.42));
    let alpha = if look.scene.lipstick.is_some() {
        0.92
    } else {
        0.75
    };
    canvas.paint(
        frame,
        Area {
            at: (mx, my + 1.0),
            half: (half + 1.5, 18.0),
        },
        |x, y| {
            let t = (x - mx) / half;
            let arch = 1.0 - t * t;
            if arch < -0.05 {
                return CLEAR;
            }
            let arch = arch.max(0.0);
            let middle = my + bend * (arch - 0.45);
            let (upper, lower) = (middle - 0.35 * open * arch, middle + 0.65 * open * arch);
            let top = upper - thick * arch * (1.25 - 0.35 * arch) - 0.4;
            let bottom = lower + 1.25 * thick * arch + 0.4;
            let distance = (top - y).max(y - bottom);
            if y > upper && y < lower {
                let row = (y - upper) / (lower - upper);
                let color = if row < teeth {
                    [0.90, 0.88, 0.83]
                } else {
                    [0.26, 0.09, 0.09]
                };
                return Ink {
                    distance,
                    alpha: 0.95,
                    color: scale(color, 0.7 + 0.3 * arch),
                };
            }
            let seam =
                (1.0 - (y - middle).abs() / 1.4).max(0.0) * if open > 0.5 { 0.2 } else { 0.7 };
            let level = if y < middle { 0.88 } else { 1.02 };
            Ink {
                distance,
                alpha,
                color: scale(mix(lip, look.shade(), seam), level),
            }
        },
    );
    for side in [-1.0, 1.0] {
        let corner = Area {
            at: (mx + side * half, my - 0.45 * bend),
            half: (3.0, 2.6),
        };
        canvas.spot(frame, corner, scale(look.shade(), 0.7), 0.8);
    }
    let chin = Area {
        at: (mx, my + thick + open + bend.max(0.0) * 0.55 + 6.5),
        half: (10.0, 3.5),
    };
    canvas.spot(frame, chin, look.shade(), 0.45);
}
