//! What happens where images of one person are alike.

use fairbit::fairness::{AuditConfig, CompareConfig, Gap, Intervals, audit};
use rayon::prelude::*;

use crate::report::{Share, Table};
use crate::world::{self, World, separated, table};

/// Images of each person.
const EACH: usize = 5;
/// Chance that an image shares its person's fate (label, decision, flip) instead of its own.
const ALIKE: f64 = 0.6;

/// What was looked at in a data set, and whether it happened.
type Line = Vec<(&'static str, Option<bool>)>;

/// A data set in which people have several images of a group.
fn draw(world: &World, simulation: u64, d: u64) -> Vec<(usize, u8, u8, u8)> {
    let mut rng = world::stream(simulation, d);
    let mut images = Vec::new();
    for (g, cell) in world.cells.iter().enumerate() {
        for _ in 0..cell.n / EACH {
            let person = cell.draw(&mut rng);
            for _ in 0..EACH {
                let (y, b, q) = match rand::RngExt::random_bool(&mut rng, ALIKE) {
                    true => person,
                    false => cell.draw(&mut rng),
                };
                images.push((g, y, b, q));
            }
        }
    }
    images
}

pub fn run(data_sets: u64) {
    println!("## Images of one person\n");
    println!(
        "2,000 images of 400 people, {EACH} each; an image shares its person's label, decision and flip with probability \
         {ALIKE}. The plain bootstrap takes images for independent. Coverage of 95 % intervals and rejections of a true \
         null at 5 %, 1,000 replicates.\n"
    );
    let world = separated(2000, 0.04);
    let of = |d: u64, known: bool| -> Line {
        let images = draw(&world, 60, d);
        let people = known.then_some(EACH);
        let [base, other] = [
            table(&images, |i| i.2, people),
            table(&images, |i| i.3, people),
        ];
        let config = AuditConfig {
            replicates: 1000,
            permutations: 2,
            seed: d,
            intervals: Intervals::Decisions,
            ..AuditConfig::default()
        };
        let report = audit(&base, &config).expect("a good table");
        let config = CompareConfig {
            replicates: 1000,
            draws: 1000,
            seed: d,
            ..CompareConfig::default()
        };
        let found = &world::compared(&base, vec![other], &config)[0];
        let holds = |interval: Option<(f64, f64)>, truth: f64| {
            interval.map(|(lo, hi)| lo - 1e-12 <= truth && truth <= hi + 1e-12)
        };
        let gap = report.attributes[0].gap(Gap::Dp).expect("every gap");
        let change = found.attributes[0]
            .gaps
            .iter()
            .find(|g| g.gap == Gap::Dp)
            .expect("every gap");
        vec![
            (
                "DP gap, coverage",
                holds(gap.estimate.interval(), world.gap(Gap::Dp)),
            ),
            (
                "Δ DP gap, coverage",
                holds(change.delta.interval(), world.change(Gap::Dp)),
            ),
            (
                "Δ DP = 0, bootstrap test, rejections",
                change.p.map(|p| p <= 0.05),
            ),
            (
                "models exchangeable, randomization of Δ DP, rejections",
                change.p_sharp.map(|p| p <= 0.05),
            ),
            (
                "equal accuracy, McNemar, rejections",
                Some(found.overall.mcnemar_p <= 0.05),
            ),
        ]
    };
    let columns: Vec<Vec<Line>> = [false, true]
        .into_iter()
        .map(|known| {
            (0..data_sets)
                .into_par_iter()
                .map(|d| of(d, known))
                .collect()
        })
        .collect();
    let names = ["images taken for independent", "identities known"];
    let mut results = Table::new(&["what"], names.into_iter());
    for line in 0..columns[0][0].len() {
        let cells = columns.iter().map(|all| {
            let share = Share::of(all.iter().map(|held| held[line].1));
            match line < 2 {
                true => share.marked(0.93, 0.97),
                false => share.marked(
                    0.05 - 2.0 * share.error(0.05),
                    0.05 + 2.0 * share.error(0.05),
                ),
            }
        });
        results.row(columns[0][0][line].0, cells);
    }
    results.print();
    println!();
}
