//! What stays the same in all pictures of one person: skin, shape, hair, age marks.
//!
//! Gender and age shift probabilities and never decide: rates of grey hair, baldness, receding hair, beards,
//! glasses, hair colour and lipstick follow CelebA's per-group rates (`list_attr_celeba.txt`) to within a few
//! points. They describe what that data set shows, not people.

use super::canvas::{Rgb, mix, scale};
use super::dice::{Dice, Owner};
use super::population::Group;

/// How long the hair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// None at all.
    Bald,
    /// Above the ears.
    Short,
    /// To the chin.
    Medium,
    /// To the shoulders and below.
    Long,
}

/// CelebA's hair colour attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HairColor {
    /// `Black_Hair`.
    Black,
    /// `Brown_Hair`.
    Brown,
    /// `Blond_Hair`.
    Blond,
    /// `Gray_Hair`.
    Gray,
    /// Reddish: none of the four.
    Other,
}

/// Facial hair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beard {
    /// `No_Beard`.
    None,
    /// A short growth.
    Stubble,
    /// Chin and moustache.
    Goatee,
    /// All of it.
    Full,
}

/// An identity. Lengths in local units (pixels at CelebA's size), shares in `[0, 1]`.
#[derive(Debug, Clone)]
pub struct Person {
    /// The perceived group.
    pub group: Group,
    /// Skin colour and its place between light (0) and dark (1).
    pub skin: Rgb,
    /// See [`Person::skin`].
    pub skin_tone: f32,
    /// Half width, height above and below the centre of the face.
    pub head: (f32, f32, f32),
    /// How much narrower the chin is than the cheeks.
    pub jaw: f32,
    /// Distance of an eye from the middle, half width of an eye, its openness.
    pub eyes: (f32, f32, f32),
    /// Iris colour.
    pub iris: Rgb,
    /// Thickness, and slope of the brows.
    pub brows: (f32, f32),
    /// Width and length of the nose.
    pub nose: (f32, f32),
    /// Half width of the mouth and thickness of the lips.
    pub mouth: (f32, f32),
    /// Curvature of the resting mouth in units of smile strength.
    pub resting: f32,
    /// Hair length.
    pub length: Length,
    /// Hair colour: the attribute, and what is drawn.
    pub hair: (HairColor, Rgb),
    /// Wave of the hair's edge.
    pub wave: f32,
    /// How far the hairline has gone back.
    pub receding: f32,
    /// Hair over the forehead.
    pub bangs: bool,
    /// Depth of wrinkles.
    pub wrinkles: f32,
    /// Facial hair.
    pub beard: Beard,
    /// Wears glasses in most pictures.
    pub glasses: bool,
    /// Wears lipstick in most pictures.
    pub lipstick: bool,
    /// Seed of the hair's texture.
    pub texture: u32,
}

/// Probabilities of a group, in the order of [`super::population::GROUPS`]: older and younger women, older and
/// younger men.
fn rate(group: Group, rates: [f32; 4]) -> f32 {
    rates[usize::from(group.male) * 2 + usize::from(group.young)]
}

impl Person {
    /// Draws identity number `identity` of `group`.
    pub fn new(seed: u64, identity: usize, group: Group) -> Self {
        let dice = &mut Dice::new(seed, Owner::Person(identity));
        let male = if group.male { 1.0 } else { 0.0 };
        let (skin_tone, skin) = skin(dice);
        let receding = if dice.chance(rate(group, [0.06, 0.04, 0.35, 0.06])) {
            dice.range(0.5, 1.0)
        } else {
            0.0
        };
        let width = 44.5 + 2.0 * male + 1.5 * dice.bell();
        Self {
            group,
            skin,
            skin_tone,
            head: (
                width,
                65.0 + 2.0 * dice.bell(),
                54.0 + 2.0 * male + 2.0 * dice.bell(),
            ),
            jaw: 0.36 - 0.12 * male + 0.05 * dice.bell(),
            eyes: (
                18.5 + 0.8 * dice.bell(),
                8.0 - 0.5 * male + 0.4 * dice.bell(),
                4.3 - 0.5 * male + 0.4 * dice.bell(),
            ),
            iris: iris(dice),
            brows: (
                1.3 + 0.8 * male + 0.25 * dice.bell(),
                0.10 - 0.08 * male + 0.05 * dice.bell(),
            ),
            nose: (7.0 + 1.5 * male + 0.7 * dice.bell(), 17.0 + dice.bell()),
            mouth: (
                14.5 + male + 0.8 * dice.bell(),
                4.0 - 0.9 * male + 0.4 * dice.bell(),
            ),
            resting: 0.13 * dice.bell(),
            length: length(dice, group),
            hair: hair(dice, group),
            wave: dice.range(0.0, 1.0) * rate(group, [1.0, 1.0, 0.5, 0.6]),
            receding,
            bangs: receding == 0.0 && dice.chance(rate(group, [0.37, 0.18, 0.03, 0.11])),
            wrinkles: (rate(group, [0.55, 0.08, 0.65, 0.12]) + 0.14 * dice.bell()).clamp(0.0, 1.0),
            beard: beard(dice, group),
            glasses: dice.chance(rate(group, [0.08, 0.02, 0.26, 0.085])),
            lipstick: dice.chance(rate(group, [0.82, 0.9, 0.0, 0.01])),
            texture: dice.bits(),
        }
    }
}

/// A skin tone from light to dark along four stops, with a little hue of its own.
fn skin(dice: &mut Dice) -> (f32, Rgb) {
    const STOPS: [Rgb; 4] = [
        [0.94, 0.81, 0.73],
        [0.87, 0.69, 0.57],
        [0.70, 0.50, 0.38],
        [0.38, 0.25, 0.19],
    ];
    // The cube favours light tones, as CelebA does, and leaves one in six beyond the third stop.
    let u = dice.unit();
    let tone = 0.35 * u + 0.65 * u * u * u;
    let at = tone * 3.0;
    let stop = (at as usize).min(2);
    let base = mix(STOPS[stop], STOPS[stop + 1], at - stop as f32);
    let warm = 0.015 * dice.bell();
    (tone, [base[0] + warm, base[1], base[2] - warm])
}

fn iris(dice: &mut Dice) -> Rgb {
    const COLORS: [Rgb; 4] = [
        [0.28, 0.18, 0.11],
        [0.40, 0.27, 0.14],
        [0.35, 0.48, 0.62],
        [0.38, 0.46, 0.32],
    ];
    let light = dice.unit();
    COLORS[if light < 0.45 { 0 } else { 1 + dice.below(3) }]
}

fn length(dice: &mut Dice, group: Group) -> Length {
    let u = dice.unit();
    let bald = rate(group, [0.0, 0.0, 0.11, 0.02]);
    let short = bald + rate(group, [0.25, 0.06, 0.82, 0.83]);
    let medium = short + rate(group, [0.45, 0.24, 0.05, 0.10]);
    match u {
        u if u < bald => Length::Bald,
        u if u < short => Length::Short,
        u if u < medium => Length::Medium,
        _ => Length::Long,
    }
}

fn hair(dice: &mut Dice, group: Group) -> (HairColor, Rgb) {
    let steps = [
        (
            HairColor::Gray,
            [0.16, 0.002, 0.36, 0.01],
            [0.72, 0.71, 0.70],
        ),
        (
            HairColor::Black,
            [0.16, 0.25, 0.22, 0.44],
            [0.09, 0.08, 0.08],
        ),
        (
            HairColor::Blond,
            [0.33, 0.25, 0.03, 0.04],
            [0.83, 0.68, 0.42],
        ),
        (
            HairColor::Brown,
            [0.29, 0.40, 0.34, 0.45],
            [0.34, 0.22, 0.14],
        ),
    ];
    let u = dice.unit();
    let mut sum = 0.0;
    let (kind, color) = steps
        .into_iter()
        .find_map(|(kind, rates, color)| {
            sum += rate(group, rates);
            (u < sum).then_some((kind, color))
        })
        .unwrap_or((HairColor::Other, [0.50, 0.24, 0.13]));
    // Some grey in the hair of the older without the attribute.
    let streak = if group.young {
        0.0
    } else {
        dice.range(0.0, 0.35)
    };
    (
        kind,
        mix(
            scale(color, 1.0 + 0.10 * dice.bell()),
            [0.70, 0.70, 0.70],
            streak,
        ),
    )
}

fn beard(dice: &mut Dice, group: Group) -> Beard {
    if !dice.chance(rate(group, [0.0, 0.0, 0.36, 0.41])) {
        return Beard::None;
    }
    match dice.below(5) {
        0 | 1 => Beard::Stubble,
        2 | 3 => Beard::Goatee,
        _ => Beard::Full,
    }
}
