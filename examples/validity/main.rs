//! Calibration by simulation: what the intervals and tests of `fairness` do where the truth is known.
//!
//! ```text
//! cargo run --release --example validity > docs/validity.md      (all of it: about half an hour on two cores)
//! cargo run --release --example validity -- 400 coverage         (fewer data sets, one part)
//! ```
//!
//! Seeded: the same numbers on every machine.

mod coverage;
mod families;
mod people;
mod report;
mod tests;
mod world;

use std::process::ExitCode;

/// Data sets of every simulation.
const DATA_SETS: u64 = 4000;

/// A simulation, by its name.
type Part = (&'static str, fn(u64));

const PARTS: [Part; 5] = [
    ("coverage", coverage::run),
    ("tests", tests::run),
    ("families", families::run),
    ("equivalence", families::equivalence),
    ("people", people::run),
];

fn main() -> ExitCode {
    let mut data_sets = DATA_SETS;
    let mut chosen = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.parse() {
            Ok(number) if number > 0 => data_sets = number,
            _ if PARTS.iter().any(|(name, _)| *name == arg) => chosen.push(arg),
            _ => {
                let names = PARTS.map(|(name, _)| name).join(", ");
                eprintln!("{arg}: give a number of data sets, or some of {names}");
                return ExitCode::from(2);
            }
        }
    }
    println!("# Do the statistics keep their promises?\n");
    println!(
        "Written by `cargo run --release --example validity` (seeded: it gives these numbers again). {data_sets} data sets \
         per simulation; at a true 95 % the simulation's standard error is {:.2} points.\n",
        100.0 * (0.95 * 0.05 / data_sets as f64).sqrt()
    );
    for (name, run) in PARTS {
        if chosen.is_empty() || chosen.iter().any(|c| c == name) {
            let started = std::time::Instant::now();
            run(data_sets);
            eprintln!("{name}: {:.0} s", started.elapsed().as_secs_f64());
        }
    }
    ExitCode::SUCCESS
}
