//! How long the statistics take: 10,000 bootstrap replicates of all gaps, for many models at once.
//!
//! ```text
//! cargo bench --bench audit [-- MODELS IMAGES REPLICATES]      60 20000 10000 by default
//! ```

use std::time::Instant;

use fairbit::fairness::compare::statistics::Statistics;
use fairbit::fairness::compare::votes::Votes;
use fairbit::fairness::resample::draw::cells_of_strata;
use fairbit::fairness::{
    AttributeColumn, Base, Candidate, CompareConfig, Grouping, Orders, Predictions, compare,
    replicate_rng,
};
use rand::RngExt;

/// Share of the decisions that a compressed model flips, from the first to the last.
const FLIPS: [f64; 2] = [0.005, 0.05];
/// Turns; the median counts.
const TURNS: usize = 3;

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let [models, images, replicates] = [(0, 60), (1, 20_000), (2, 10_000)]
        .map(|(i, default)| numbers.get(i).copied().unwrap_or(default));
    let (base, others) = tables(models, images);
    let grouping = Grouping::new(base.attributes(), &Orders::default()).expect("two attributes");
    let decide = |table: &Predictions| -> Vec<u8> {
        table.score().iter().map(|s| u8::from(*s >= 0.5)).collect()
    };
    let decisions = decide(&base);
    let candidates: Vec<Candidate> = (0..)
        .zip(&others)
        .map(|(i, predictions)| Candidate {
            name: format!("model {i}"),
            decisions: decide(predictions),
            predictions: predictions.clone(),
        })
        .collect();
    let all: Vec<Vec<u8>> = candidates.iter().map(|c| c.decisions.clone()).collect();
    let strata = cells_of_strata(&grouping);
    let statistics = |errors| Statistics {
        grouping: &grouping,
        strata: &strata,
        errors,
    };
    let base = Base {
        predictions: &base,
        decisions: &decisions,
        grouping: &grouping,
    };
    let draw = || {
        let votes = Votes::new(&grouping, base.predictions.label(), &decisions, &all, None);
        let rows = votes.replicates(replicates, 1);
        (votes, rows)
    };
    let gaps = |errors: bool| {
        let (votes, rows) = draw();
        for model in 0..models {
            std::hint::black_box(statistics(errors).of_replicates(votes.counted(&rows, model)));
        }
    };
    println!(
        "{models} models × {images} images × {replicates} replicates, {} threads, median of {TURNS}\n",
        rayon::current_num_threads()
    );
    println!("| what | seconds |\n|---|---|");
    let line = |what: &str, run: &dyn Fn()| println!("| {what} | {:.2} |", seconds(run));
    line("replicates, as counts", &|| {
        draw();
    });
    line("replicates of all gaps and rates", &|| gaps(false));
    line("the same with a standard error for each gap", &|| {
        gaps(true)
    });
    line(
        "the whole comparison (intervals, tests, randomization, equivalence, AUC)",
        &|| {
            let config = CompareConfig {
                replicates,
                draws: replicates,
                ..CompareConfig::default()
            };
            std::hint::black_box(compare(&base, &candidates, &config).expect("it fits"));
        },
    );
}

fn seconds(run: &dyn Fn()) -> f64 {
    let mut turns: Vec<f64> = (0..TURNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    turns.sort_by(f64::total_cmp);
    turns[TURNS / 2]
}

/// A base and compressed models that flip the decisions nearest to the threshold more often.
fn tables(models: usize, images: usize) -> (Predictions, Vec<Predictions>) {
    let mut rng = replicate_rng(1, 0);
    let mut column = |name: &str, share: f64| {
        let values: Vec<&str> = (0..images)
            .map(|_| ["0", "1"][usize::from(rng.random_bool(share))])
            .collect();
        AttributeColumn::new(name, &values).expect("a good column")
    };
    let attributes = vec![column("male", 0.39), column("young", 0.76)];
    let label: Vec<u8> = (0..images)
        .map(|_| u8::from(rng.random_bool(0.5)))
        .collect();
    let base: Vec<f64> = label
        .iter()
        .map(|y| (0.25 + 0.5 * f64::from(*y) + rng.random_range(-0.35..0.35)).clamp(0.0, 1.0))
        .collect();
    let table = |score: Vec<f64>| {
        let names = (0..images).map(|i| format!("{i}.jpg")).collect();
        Predictions::new(
            names,
            vec![None; images],
            attributes.clone(),
            label.clone(),
            score,
        )
        .expect("a good table")
    };
    let others = (0..models).map(|m| {
        let share = FLIPS[0] + (FLIPS[1] - FLIPS[0]) * m as f64 / models.max(2) as f64;
        let score = base.iter().map(|s| {
            let near = (1.0 - 2.0 * (s - 0.5).abs()).powi(4) * 8.0;
            match rng.random_bool((share * near).min(1.0)) {
                true => 1.0 - s,
                false => *s,
            }
        });
        score.collect()
    });
    let others: Vec<Vec<f64>> = others.collect();
    (table(base), others.into_iter().map(table).collect())
}
