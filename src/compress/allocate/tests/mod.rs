//! Small allocations against every allocation that there is.

mod large;
mod refused;

use super::*;
use crate::data::random::{Draw, below, keyed};
use rand_chacha::ChaCha8Rng;

/// Uniform in [0, 1), in steps of 2^-20.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    below(1 << 20, rng) as f64 / f64::from(1 << 20)
}

/// Layers of all sizes whose losses fall with the width, differ between groups and are sometimes
/// negative; `round` makes equal losses common.
fn problem(layers: usize, count: usize, groups: usize, round: f64, seed: u64) -> Problem {
    let rng = &mut keyed(Draw::Bits, 1_000 + seed, layers as u64, groups as u64);
    let layer = |l: usize| {
        let weights = 4 * (1 + (300.0 * 40f64.powf(2.0 * unit(rng))) as u64);
        let sensitive = unit(rng) * unit(rng);
        let mut choice = |weight: &WeightBits| {
            let (bytes, falls) = match weight {
                WeightBits::Two => (weights / 4, 16.0),
                WeightBits::Four => (weights / 2, 4.0),
                WeightBits::Six => (weights, 2.0),
                WeightBits::Eight => (weights, 1.0),
                WeightBits::Float => (4 * weights, 0.0),
            };
            let mut loss = || {
                let loss = sensitive * falls * (0.4 + 1.2 * unit(rng)) - 0.05 * unit(rng);
                (loss / round).round() * round
            };
            Choice {
                weight: *weight,
                bytes,
                loss: loss(),
                group_loss: (0..groups).map(|_| loss()).collect(),
                nanos: Some((weights as f64 * (0.3 + unit(rng))) as u64),
            }
        };
        let widths = [4, 8, 2, 0, 6].map(|bits| {
            let mut all = WeightBits::ALL.into_iter();
            all.find(|w| w.bits().unwrap_or(0) == bits).unwrap()
        });
        LayerChoices {
            path: format!("layer{l}"),
            choices: widths[..count].iter().map(&mut choice).collect(),
        }
    };
    Problem {
        groups: (0..groups).map(|g| format!("group{g}")).collect(),
        layers: (0..layers).map(layer).collect(),
    }
}

fn settings(bytes: u64, objective: Objective) -> Settings {
    Settings {
        budget: Budget::Bytes(bytes),
        latency_nanos: None,
        objective,
        keep: None,
        widths: WeightBits::ALL.to_vec(),
        gap: 0.0,
    }
}

/// Every allocation there is.
fn all(problem: &Problem, objective: Objective) -> Vec<Allocation> {
    let mut taken = vec![0; problem.layers.len()];
    let mut all = Vec::new();
    loop {
        all.push(Allocation::of(problem, objective, &taken));
        let counts = problem.layers.iter().map(|layer| layer.choices.len());
        let turns = taken.iter_mut().zip(counts).find_map(|(at, count)| {
            *at = (*at + 1) % count;
            (*at != 0).then_some(())
        });
        if turns.is_none() {
            return all;
        }
    }
}

#[test]
fn no_allocation_is_better_and_none_as_good_has_fewer_bytes() {
    let (mut solved, mut refused, mut tied) = (0, 0, 0);
    for seed in 0..3_000u64 {
        let rng = &mut keyed(Draw::Bits, 1, 0, seed);
        let (layers, widths) = (1 + below(5, rng), 2 + below(4, rng));
        let groups = 1 + below(4, rng);
        let round = [1e-12, 0.5][below(2, rng)];
        let problem = problem(layers, widths, groups, round, seed);
        let objective = match below(3, rng) {
            0 => Objective::Total,
            1 => Objective::WorstGroup,
            _ => Objective::Mix(unit(rng)),
        };
        let all = all(&problem, objective);
        let some = &all[below(all.len(), rng)];
        let other = &all[below(all.len(), rng)];
        let mut settings = settings(some.bytes, objective);
        // With either allocation's time: half of them are known to be there.
        settings.latency_nanos = [None, some.nanos, other.nanos][below(3, rng)];
        let most = settings.latency_nanos.unwrap_or(u64::MAX);
        let fits = |a: &&Allocation| a.bytes <= some.bytes && a.nanos.unwrap() <= most;
        let least = |a: &Allocation, b: &Allocation| a.objective.total_cmp(&b.objective);
        let Some(best) = all.iter().filter(fits).min_by(|a, b| least(a, b)) else {
            let e = allocate(&problem, &settings).unwrap_err();
            assert_eq!(e.exit_code(), 2, "{seed}: {e}");
            refused += 1;
            continue;
        };
        let found = allocate(&problem, &settings).unwrap();
        assert!(fits(&&found), "{seed}");
        // Sums of the same numbers, rounded differently at most.
        let near = 1e-11;
        assert!(
            found.objective <= best.objective + near,
            "{seed} {found:?} {best:?}"
        );
        let equal = all.iter().filter(fits);
        let equal: Vec<u64> = equal
            .filter(|a| a.objective <= found.objective)
            .map(|a| a.bytes)
            .collect();
        assert_eq!(found.bytes, *equal.iter().min().unwrap(), "{seed}");
        solved += 1;
        tied += usize::from(equal.len() > 1);
    }
    assert!(
        solved > 2_000 && refused > 50 && tied > 300,
        "{solved} {refused} {tied}"
    );
}
