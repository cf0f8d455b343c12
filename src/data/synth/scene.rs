//! What differs between two pictures of one person: smile, pose, light, background, camera.
//!
//! `difficulty` times the group's [`hardness`] lowers the amplitude of the drawn smile, shifts it, takes away
//! contrast and puts things before the mouth, so that classifiers have gaps beyond the base rates. Which group
//! is hard is a choice of this file and says nothing about people.

use super::canvas::{Frame, Rgb, mix};
use super::dice::{Dice, Owner};
use super::person::Person;
use super::population::{Group, Member};
use super::smile;

/// Where the picture is taken and how.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What is drawn of the latent strength ([`smile::strength`]): −1 is a typical straight face, +1 a typical smile.
    pub smile: f32,
    /// Gap between the lips, local units; 0 is closed.
    pub open: f32,
    /// Place, tilt and size of the face.
    pub frame: Frame,
    /// Sine of the turn to the side, ±0.45.
    pub yaw: f32,
    /// Shift of the features up or down, local units.
    pub pitch: f32,
    /// Direction and strength of the light.
    pub light: (f32, f32),
    /// Colours of the background, from top to bottom.
    pub background: [Rgb; 2],
    /// Clothes.
    pub clothes: Rgb,
    /// Glasses are worn.
    pub glasses: Option<Glasses>,
    /// Lipstick colour, if worn.
    pub lipstick: Option<Rgb>,
    /// Something before the mouth: where, and how large (local units).
    pub occluder: Option<((f32, f32), f32)>,
    /// Contrast (1 is full) and exposure (0 is neutral).
    pub tone: (f32, f32),
    /// Colour cast.
    pub cast: Rgb,
    /// Weight of the blur's neighbours per pass.
    pub blur: f32,
    /// Standard deviation of the sensor noise, grey levels of 255.
    pub noise: f32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Seed of the background's texture and the noise.
    pub texture: u32,
}

/// Kind of glasses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glasses {
    /// One sees the eyes.
    Clear,
    /// One does not.
    Dark,
}

/// How much of the difficulty falls on a group, in `[0, 1]`.
pub fn hardness(group: Group) -> f32 {
    let mut hard = 0.0;
    if group.male {
        hard += 0.5;
    }
    if !group.young {
        hard += 0.5;
    }
    hard
}

impl Scene {
    /// The scene of image number `index` (from 1) on a canvas of `width` × `height` pixels.
    pub fn new(
        seed: u64,
        index: usize,
        member: Member,
        person: &Person,
        difficulty: f32,
        size: (usize, usize),
    ) -> Self {
        let dice = &mut Dice::new(seed, Owner::Image(index));
        let hard = difficulty * hardness(member.group);
        let strength = smile::strength(dice, member.smiling);
        let smile = (1.0 - 0.45 * hard) * strength - 0.25 * hard + person.resting;
        let open = (4.5 * smile + 1.2 * dice.bell() - 0.5).clamp(0.0, 11.0);
        let occluded = dice.chance(0.02 + 0.10 * hard);
        Self {
            smile,
            open,
            frame: frame(dice, size),
            yaw: 0.16 * dice.bell(),
            pitch: 1.4 * dice.bell(),
            light: (0.22 * dice.bell(), 0.06 + 0.10 * dice.bell()),
            background: background(dice),
            clothes: [
                dice.range(0.05, 0.9),
                dice.range(0.05, 0.8),
                dice.range(0.05, 0.9),
            ],
            glasses: glasses(dice, person),
            lipstick: (person.lipstick && dice.chance(0.9))
                .then(|| mix([0.80, 0.22, 0.26], [0.78, 0.42, 0.42], dice.unit())),
            occluder: occluded.then(|| {
                (
                    (14.0 * dice.bell(), 31.0 + 5.0 * dice.bell()),
                    dice.range(9.0, 15.0),
                )
            }),
            tone: (1.0 - 0.4 * hard + 0.08 * dice.bell(), 0.06 * dice.bell()),
            cast: [1.0 + 0.03 * dice.bell(), 1.0, 1.0 + 0.03 * dice.bell()],
            blur: (0.10 + 0.10 * dice.bell()).clamp(0.0, 0.25),
            noise: (3.0 + 1.5 * dice.bell()).max(0.5),
            quality: 62 + dice.below(34) as u8,
            texture: dice.bits(),
        }
    }
}

/// Pose around CelebA's alignment: the face's centre at (89, 122) of 178 × 218.
fn frame(dice: &mut Dice, (width, height): (usize, usize)) -> Frame {
    let unit = (width as f32 / 178.0).min(height as f32 / 218.0);
    // As in CelebA's crop, the face fills most of the frame.
    let scale = 1.30 + 0.05 * dice.bell();
    // Half-angle form of the rotation by about ±12°: no sine or cosine needed.
    let t = 0.034 * dice.bell();
    let rotation = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
    let origin = (
        width as f32 / 2.0 + unit * 2.5 * dice.bell(),
        height as f32 * (122.0 / 218.0) + unit * 2.5 * dice.bell(),
    );
    Frame {
        origin,
        rotation,
        unit: unit * scale,
    }
}

fn background(dice: &mut Dice) -> [Rgb; 2] {
    let base = dice.range(0.05, 0.95);
    let mut color = || [0, 1, 2].map(|_| (base + 0.14 * dice.bell()).clamp(0.0, 1.0));
    [color(), color()]
}

fn glasses(dice: &mut Dice, person: &Person) -> Option<Glasses> {
    let worn = person.glasses && dice.chance(0.85);
    let dark = dice.chance(0.2);
    worn.then_some(if dark { Glasses::Dark } else { Glasses::Clear })
}
