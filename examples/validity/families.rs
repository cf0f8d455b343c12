//! Do adjusted tests keep the family-wise error, and is equivalence declared too easily?

use fairbit::fairness::{CompareConfig, Gap, Predictions};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::report::{Share, Table};
use crate::world::{self, Cell, World, separated, table};

/// Compressed models of a family, the study's 55.
const MODELS: usize = 55;
const LEVEL: f64 = 0.05;

/// One base and many models that each flip a few decisions, both ways alike.
fn family(world: &World, rng: &mut ChaCha8Rng) -> (Predictions, Vec<Predictions>) {
    let mut images: Vec<(usize, u8, u8, u8)> = world.draw(rng);
    let base = table(&images, |i| i.2, None);
    let others = (0..MODELS).map(|_| {
        for image in &mut images {
            let cell = world.cells[image.0];
            let y = usize::from(image.1);
            let flip = if image.2 == 1 {
                cell.down[y]
            } else {
                cell.up[y]
            };
            image.3 = image.2 ^ u8::from(rand::RngExt::random_bool(rng, flip));
        }
        table(&images, |i| i.3, None)
    });
    let others = others.collect();
    (base, others)
}

pub fn run(data_sets: u64) {
    println!("## Family-wise error over {MODELS} compressed models × {{DP, EO}}\n");
    println!(
        "No model changes any rate; a family has an error if any of its {} adjusted p-values is at most 5 %. 500 \
         replicates.\n",
        2 * MODELS
    );
    let mut columns = Vec::new();
    for (simulation, n) in [(40, 2000), (41, 10_000)] {
        let world = separated(n, 0.04);
        let one = |d: u64| -> [bool; 3] {
            let (base, others) = family(&world, &mut world::stream(simulation, d));
            let config = CompareConfig {
                replicates: 500,
                draws: 2,
                seed: d,
                ..CompareConfig::default()
            };
            let found = world::compared(&base, others, &config);
            let mut any = [false; 3];
            for gap in found.iter().flat_map(|c| &c.attributes[0].gaps) {
                if let (Some(p), Some(adjusted)) = (gap.p, gap.adjusted) {
                    any[0] |= adjusted.romano_wolf <= LEVEL;
                    any[1] |= adjusted.holm <= LEVEL;
                    any[2] |= p <= LEVEL;
                }
            }
            any
        };
        let all: Vec<[bool; 3]> = (0..data_sets).into_par_iter().map(one).collect();
        columns.push(all);
    }
    let mut table = Table::new(
        &["families with an error"],
        ["n = 2,000", "n = 10,000"].into_iter(),
    );
    for (which, name) in ["Romano–Wolf step-down", "Holm", "no adjustment"]
        .into_iter()
        .enumerate()
    {
        let cells = columns.iter().map(|all| {
            let share = Share::of(all.iter().map(|any| Some(any[which])));
            match which {
                2 => share.text(),
                _ => share.marked(0.0, LEVEL + 2.0 * share.error(LEVEL)),
            }
        });
        table.row(name, cells);
    }
    table.print();
    let error = (LEVEL * (1.0 - LEVEL) / data_sets as f64).sqrt();
    println!(
        "\nAt most 5 % and two standard errors, {:.1} %, are allowed. Holm cannot reject here: with 500 replicates the \
         smallest p is 1/501, which it multiplies by {}.\n",
        100.0 * (LEVEL + 2.0 * error),
        2 * MODELS
    );
}

/// A population in which one group's selection rate moves by exactly the margin.
fn at_the_margin(n: usize, flips: f64, margin: f64) -> World {
    let mut world = separated(n, flips);
    // The smallest group: as many positives and negatives as it takes go up beyond the balance.
    let cell: &mut Cell = &mut world.cells[0];
    let selected = cell.positive * cell.tpr + (1.0 - cell.positive) * cell.fpr;
    for up in &mut cell.up {
        *up += margin / (1.0 - selected);
    }
    world
}

pub fn equivalence(data_sets: u64) {
    const MARGIN: f64 = 0.01;
    println!("## Equivalence declared falsely\n");
    println!(
        "One group's selection rate moves by exactly the margin of {MARGIN}, so that a contrast lies on the border; the \
         DP gap must not be declared equivalent in more than 5 % of data sets. With few flips the bounds are exact and \
         conservative. 1,000 replicates.\n"
    );
    let worlds = [
        ("n = 2,000, 4 % flips", at_the_margin(2000, 0.04, MARGIN)),
        ("n = 20,000, 4 % flips", at_the_margin(20_000, 0.04, MARGIN)),
        (
            "n = 20,000, no other flips",
            at_the_margin(20_000, 0.0, MARGIN),
        ),
        (
            "n = 2,000, no other flips",
            at_the_margin(2000, 0.0, MARGIN),
        ),
    ];
    let mut results = Table::new(
        &["population"],
        ["declared equivalent", "smallest margin shown, median"].into_iter(),
    );
    for (simulation, (name, world)) in (50..).zip(&worlds) {
        let one = |d: u64| -> (bool, f64) {
            let images = world.draw(&mut world::stream(simulation, d));
            let config = CompareConfig {
                replicates: 1000,
                draws: 2,
                seed: d,
                margin: MARGIN,
                ..CompareConfig::default()
            };
            let [base, other] = [table(&images, |i| i.2, None), table(&images, |i| i.3, None)];
            let found = world::compared(&base, vec![other], &config);
            let dp = found[0].attributes[0]
                .gaps
                .iter()
                .find(|g| g.gap == Gap::Dp)
                .expect("every gap");
            let found = dp.equivalence.as_ref().expect("every group has images");
            (found.attainable <= MARGIN, found.attainable)
        };
        let all: Vec<(bool, f64)> = (0..data_sets).into_par_iter().map(one).collect();
        let share = Share::of(all.iter().map(|(declared, _)| Some(*declared)));
        let mut margins: Vec<f64> = all.iter().map(|(_, margin)| *margin).collect();
        margins.sort_by(f64::total_cmp);
        let cells = [
            share.marked(0.0, LEVEL + 2.0 * share.error(LEVEL)),
            format!("{:.4}", margins[margins.len() / 2]),
        ];
        results.row(name, cells.into_iter());
    }
    results.print();
    println!();
}
