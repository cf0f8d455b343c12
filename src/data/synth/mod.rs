//! Synthetic faces: parametrised drawings in CelebA's own layout, for trying and testing without any real face.
//!
//! Gender × age groups, splits and smiling rates are CelebA's; how hard a group is to read is a knob; labels and
//! pictures overlap, so that no classifier reaches 100 % (see [`smile`]). The same configuration gives the same
//! bytes for any number of threads and on any platform with IEEE 754 arithmetic.
//!
//! `population` says who, [`smile`] how much, `person` and `scene` what, `face`, `features`, `hair` draw it on a
//! `canvas`, `camera` makes it a JPEG, `layout` and `folder` put it on disk.

mod camera;
mod canvas;
mod dice;
mod face;
mod features;
mod folder;
mod hair;
mod layout;
mod person;
mod population;
mod scene;
pub mod smile;

use std::fmt;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Fault, Result};
use canvas::Canvas;
use dice::{Dice, Owner};
use face::Look;
use folder::{Construction, Description, Existing};
use person::Person;
use population::Member;
use scene::Scene;

/// Changes whenever the same configuration would give other bytes.
pub const GENERATOR_VERSION: u64 = 1;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SynthConfig {
    /// Number of images, 100 to 999,999; from 100 on every split has every group with both labels.
    pub images: usize,
    /// Everything random follows from it.
    pub seed: u64,
    /// How strongly the group correlates with how hard a smile is to see: 0 not at all, 1 strongly. (Beards,
    /// glasses and wrinkles follow the group whatever this is.)
    pub difficulty: f64,
    /// Width of an image, pixels, 32 to 1024.
    pub width: usize,
    /// Height of an image, pixels, 32 to 1024.
    pub height: usize,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self {
            images: 12_000,
            seed: 7,
            difficulty: 0.5,
            width: 178,
            height: 218,
        }
    }
}

impl fmt::Display for SynthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            images,
            seed,
            difficulty,
            width,
            height,
        } = self;
        write!(
            f,
            "{images} images, seed {seed}, difficulty {difficulty}, {width}×{height}"
        )
    }
}

/// How the set came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Drawn now.
    Generated,
    /// The folder held it already.
    Reused,
}

/// What [`generate`] left on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthReport {
    /// Drawn or found.
    pub outcome: Outcome,
    /// Number of images.
    pub images: usize,
    /// Number of identities.
    pub identities: usize,
    /// Upper bound of any classifier's expected accuracy on the test split: it would have to see the latent
    /// smile and know the group. About 0.94.
    pub bayes_accuracy: f64,
    /// SHA-256 over images and tables, as in `synthetic.json`.
    pub sha256: String,
}

/// Draws the set that `config` describes into the folder `out`, on all threads of the current rayon pool.
///
/// `progress` is called with 1 after each image, from several threads. The set is built under a temporary name
/// beside `out` and renamed when complete; a complete set with the same configuration is left as it is.
///
/// # Errors
/// Configuration error for values out of range or when `out` holds anything else (nothing is ever deleted there);
/// data error when the same set is there but damaged; run error when the place cannot be written.
pub fn generate(
    config: &SynthConfig,
    out: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SynthReport> {
    validate(config)?;
    if let Existing::Same(description) = folder::inspect(out, config)? {
        return Ok(report(Outcome::Reused, description));
    }
    let construction = Construction::begin(out)?;
    let members = population::plan(config.images, config.seed);
    let drawn: Vec<Drawn> = (0..members.len())
        .into_par_iter()
        .map_init(
            || Canvas::new(config.width, config.height),
            |canvas, i| {
                let drawn = draw(config, canvas, i + 1, members[i], &construction)?;
                progress(1);
                Ok(drawn)
            },
        )
        .collect::<Result<_>>()?;

    let mut content = Sha256::new();
    drawn.iter().for_each(|d| content.update(d.digest));
    let rows: Vec<[bool; 40]> = drawn.iter().map(|d| d.attributes).collect();
    for (name, table) in [
        (layout::ATTRIBUTES, layout::attribute_table(&rows)),
        (
            layout::PARTITIONS,
            layout::number_table(members.iter().map(|m| m.partition)),
        ),
        (
            layout::IDENTITIES,
            layout::number_table(members.iter().map(|m| m.identity)),
        ),
    ] {
        construction.write(name, table.as_bytes())?;
        content.update(Sha256::digest(table.as_bytes()));
    }
    let description = Description {
        generator: "fairbit data synth".into(),
        generator_version: GENERATOR_VERSION,
        config: config.clone(),
        identities: members.iter().map(|m| m.identity).max().unwrap_or(0),
        bayes_accuracy: bayes_accuracy(config.images),
        image_bytes: drawn.iter().map(|d| d.bytes).sum(),
        sha256: content
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect(),
    };
    construction.finish(&description)?;
    Ok(report(Outcome::Generated, description))
}

/// Bayes accuracy on the test split of a set of `images` images: that of [`smile::bayes_accuracy`], weighted by
/// the groups' sizes. An upper bound, since pictures show less than the latent strength.
pub fn bayes_accuracy(images: usize) -> f64 {
    let test = population::allocate(images)[2];
    let total: usize = test.iter().flatten().sum();
    test.iter()
        .map(|&[calm, smiling]| {
            let n = calm + smiling;
            smile::bayes_accuracy(smiling as f64 / n as f64) * n as f64 / total as f64
        })
        .sum()
}

/// What is remembered of an image once it is on disk.
struct Drawn {
    attributes: [bool; 40],
    digest: [u8; 32],
    bytes: u64,
}

fn draw(
    config: &SynthConfig,
    canvas: &mut Canvas,
    index: usize,
    member: Member,
    to: &Construction,
) -> Result<Drawn> {
    let size = (config.width, config.height);
    let person = Person::new(config.seed, member.identity, member.group);
    let scene = Scene::new(
        config.seed,
        index,
        member,
        &person,
        config.difficulty as f32,
        size,
    );
    face::draw(
        canvas,
        &Look {
            person: &person,
            scene: &scene,
        },
    );
    let name = layout::image_name(index);
    let jpeg = camera::shoot(
        canvas,
        &scene,
        &mut Dice::new(config.seed, Owner::Sensor(index)),
    )
    .map_err(|e| Fault::plain(format!("image {name} cannot be encoded ({e})")).run())?;
    to.write(&format!("{}/{name}", layout::IMAGES), &jpeg)?;
    Ok(Drawn {
        attributes: layout::attributes(member, &person, &scene),
        digest: Sha256::digest(&jpeg).into(),
        bytes: jpeg.len() as u64,
    })
}

fn validate(config: &SynthConfig) -> Result<()> {
    let fault = |key: &str, found: String, expected: &str| {
        Fault::plain(found).key(key).expected(expected).config()
    };
    if !(100..=999_999).contains(&config.images) {
        return Err(fault("images", config.images.to_string(), "100 to 999999"));
    }
    if !(0.0..=1.0).contains(&config.difficulty) {
        return Err(fault("difficulty", config.difficulty.to_string(), "0 to 1"));
    }
    for (key, px) in [("width", config.width), ("height", config.height)] {
        if !(32..=1024).contains(&px) {
            return Err(fault(key, px.to_string(), "32 to 1024 pixels"));
        }
    }
    Ok(())
}

fn report(outcome: Outcome, d: Description) -> SynthReport {
    SynthReport {
        outcome,
        images: d.config.images,
        identities: d.identities,
        bayes_accuracy: d.bayes_accuracy,
        sha256: d.sha256,
    }
}

#[cfg(test)]
mod tests;
