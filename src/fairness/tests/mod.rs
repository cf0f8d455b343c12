//! Tests that need more than one file of the room, and the helpers they share.

mod bad_input;
mod bootstrap;
mod compare;
mod coverage;
mod golden;
mod joint;
mod noise_floor;
mod report;
mod round_trip;
mod statistics;
mod votes;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::replicate_rng;
use super::{AttributeColumn, AuditConfig, Predictions};

/// Image names `0.jpg`, `1.jpg`, …
fn images(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{i}.jpg")).collect()
}

fn column(name: &str, codes: &[usize]) -> AttributeColumn {
    let values: Vec<String> = codes.iter().map(usize::to_string).collect();
    AttributeColumn::new(name, &values).unwrap()
}

/// `male` by `young` with unequal cells, labels and scores that depend on the cell, and tied scores.
fn faces(n: usize, seed: u64) -> Predictions {
    let mut rng: ChaCha8Rng = replicate_rng(seed, 0);
    let male: Vec<usize> = (0..n).map(|_| rng.random_bool(0.4).into()).collect();
    let young: Vec<usize> = (0..n).map(|_| rng.random_bool(0.75).into()).collect();
    let label: Vec<u8> = male
        .iter()
        .map(|m| rng.random_bool(0.55 - 0.15 * *m as f64).into())
        .collect();
    let score = label
        .iter()
        .zip(&young)
        .map(|(y, old)| {
            let centre = 0.3 + 0.3 * f64::from(*y) + 0.1 * *old as f64;
            let score: f64 = centre + rng.random_range(-0.3..0.3);
            (score.clamp(0.0, 1.0) * 200.0).round() / 200.0
        })
        .collect();
    Predictions::new(
        images(n),
        vec![None; n],
        vec![column("male", &male), column("young", &young)],
        label,
        score,
    )
    .unwrap()
}

/// Few replicates: enough where only the machinery is looked at.
fn quick() -> AuditConfig {
    AuditConfig {
        replicates: 200,
        permutations: 100,
        seed: 3,
        ..AuditConfig::default()
    }
}

fn at_half(of: &Predictions) -> Vec<u8> {
    of.score().iter().map(|s| u8::from(*s >= 0.5)).collect()
}

/// The same images with noise on every score.
fn noisy(of: &Predictions, noise: f64, seed: u64) -> Predictions {
    let mut rng = replicate_rng(seed, 7);
    let score = of
        .score()
        .iter()
        .map(|s| (s + rng.random_range(-noise..=noise)).clamp(0.0, 1.0));
    with_scores(of, score.collect())
}

fn with_scores(of: &Predictions, score: Vec<f64>) -> Predictions {
    let people = (0..of.n()).map(|i| of.identity().get(i).map(String::from));
    Predictions::new(
        of.image().iter().map(String::from).collect(),
        people.collect(),
        of.attributes().to_vec(),
        of.label().to_vec(),
        score,
    )
    .unwrap()
}

/// Every four images are one person.
fn with_people(of: &Predictions) -> Predictions {
    let people = (0..of.n()).map(|i| Some(format!("p{}", i / 4)));
    Predictions::new(
        of.image().iter().map(String::from).collect(),
        people.collect(),
        of.attributes().to_vec(),
        of.label().to_vec(),
        of.score().to_vec(),
    )
    .unwrap()
}
