//! Allocations of whole models: against random ones, along the budget, at odd scales.

use super::*;

const OBJECTIVES: [Objective; 3] = [Objective::Total, Objective::WorstGroup, Objective::Mix(0.5)];

/// Bytes with every layer at 8 bits.
fn whole(problem: &Problem) -> u64 {
    let choices = problem.layers.iter().flat_map(|layer| &layer.choices);
    let eight = choices.filter(|c| c.weight == WeightBits::Eight);
    eight.map(|c| c.bytes).sum()
}

#[test]
fn a_whole_model_is_better_off_than_at_random() {
    for seed in 0..2 {
        let problem = problem(60, 5, 8, 1e-12, seed);
        let bytes = whole(&problem) * 2 / 5;
        for objective in OBJECTIVES {
            let mut settings = settings(bytes, objective);
            let free = allocate(&problem, &settings).unwrap();
            assert!(free.bytes <= bytes && free.bytes > bytes * 99 / 100);
            settings.latency_nanos = free.nanos.map(|nanos| nanos * 95 / 100);
            let timed = allocate(&problem, &settings).unwrap();
            assert!(timed.bytes <= bytes && timed.nanos <= settings.latency_nanos);
            assert!(timed.objective > free.objective);
            assert_eq!(timed, allocate(&problem, &settings).unwrap());
            for control in 0..5 {
                let random = allocate_at_random(&problem, &settings, control).unwrap();
                assert!(random.bytes <= bytes && random.nanos <= settings.latency_nanos);
                assert!(random.objective > timed.objective);
            }
        }
    }
}

#[test]
fn more_bytes_or_time_are_never_worse() {
    let problem = problem(30, 5, 4, 1e-12, 1);
    let whole = whole(&problem);
    for objective in OBJECTIVES {
        let endless = allocate(&problem, &settings(u64::MAX - 1, objective)).unwrap();
        let least = allocate(&problem, &settings(endless.bytes, objective)).unwrap();
        assert_eq!(endless, least);
        let mut best = f64::INFINITY;
        let mut nanos = None;
        for share in 6..=40 {
            let settings = settings(whole * share / 20, objective);
            let found = allocate(&problem, &settings).unwrap();
            assert!(found.objective <= best + 1e-9, "{share}: {found:?}");
            best = found.objective;
            nanos = found.nanos;
        }
        let mut best = f64::INFINITY;
        for share in 8..=13 {
            let mut settings = settings(whole, objective);
            settings.latency_nanos = nanos.map(|nanos| nanos * share / 10);
            let found = allocate(&problem, &settings).unwrap();
            assert!(found.objective <= best + 1e-9, "{share}: {found:?}");
            best = found.objective;
        }
    }
}

#[test]
fn the_unit_of_losses_and_bytes_does_not_matter() {
    for seed in 0..10 {
        let problem = problem(20, 5, 3, 1e-12, seed);
        let bytes = whole(&problem) / 2;
        for objective in OBJECTIVES {
            let plain = allocate(&problem, &settings(bytes, objective)).unwrap();
            // Powers of two round nothing; 2^-120 is 1e-36 and 2^30 × 1e6 bytes a petabyte.
            for power in [-120, 120] {
                let mut scaled = problem.clone();
                let choices = scaled.layers.iter_mut().flat_map(|l| &mut l.choices);
                for choice in choices {
                    choice.bytes <<= 30;
                    let losses = choice.group_loss.iter_mut().chain([&mut choice.loss]);
                    losses.for_each(|loss| *loss *= 2f64.powi(power));
                }
                let settings = settings((bytes << 30) + 7, objective);
                let found = allocate(&scaled, &settings).unwrap();
                assert_eq!(found.choices, plain.choices);
            }
        }
    }
}

#[test]
fn a_choice_that_nobody_would_take_does_not_hide_the_others() {
    // A width that ruins each layer by 1e12 leaves differences of 1e-3 to be found.
    for seed in 0..40 {
        let problem = problem(5, 4, 2, 1e-12, seed);
        let mut ruined = problem.clone();
        for layer in &mut ruined.layers {
            let mut ruin = layer.choices[0].clone();
            ruin.weight = WeightBits::Six;
            ruin.bytes = layer.choices.iter().map(|c| c.bytes).min().unwrap();
            ruin.loss = 1e12;
            ruin.group_loss = vec![1e12; 2];
            layer.choices.push(ruin);
        }
        for objective in OBJECTIVES {
            let settings = settings(whole(&problem) / 2, objective);
            let plain = allocate(&problem, &settings).unwrap();
            let found = allocate(&ruined, &settings).unwrap();
            assert_eq!(found.choices, plain.choices, "{seed} {objective:?}");
        }
    }
}

#[test]
fn layers_that_are_all_alike_are_solved() {
    let mut problem = problem(60, 5, 2, 1e-12, 3);
    for layer in 1..60 {
        problem.layers[layer].choices = problem.layers[0].choices.clone();
    }
    for objective in OBJECTIVES {
        let bytes = whole(&problem) * 3 / 5 + 1;
        let found = allocate(&problem, &settings(bytes, objective)).unwrap();
        let random = allocate_at_random(&problem, &settings(bytes, objective), 1).unwrap();
        assert!(found.objective <= random.objective);
    }
}

#[test]
fn a_gap_is_kept() {
    for seed in 0..20 {
        let problem = problem(30, 5, 3, 1e-12, seed);
        for objective in OBJECTIVES {
            let mut settings = settings(whole(&problem) / 2, objective);
            let best = allocate(&problem, &settings).unwrap();
            settings.gap = 0.05;
            let near = allocate(&problem, &settings).unwrap();
            let least = |of: &dyn Fn(&Choice) -> f64| -> f64 {
                let layers = problem.layers.iter();
                let least = |l: &LayerChoices| l.choices.iter().map(of).fold(f64::MAX, f64::min);
                layers.map(least).sum()
            };
            let groups: Vec<f64> = (0..3).map(|g| least(&|c| c.group_loss[g])).collect();
            let floor = objective.value(least(&|c| c.loss), &groups);
            let most = (near.objective - floor) * 0.05 + 1e-9;
            assert!(near.objective <= best.objective + most);
            assert!(near.objective >= best.objective - 1e-9);
        }
    }
}

#[test]
fn a_random_allocation_spends_the_budget_and_is_the_seeds() {
    let problem = problem(12, 5, 2, 1e-12, 5);
    let settings = settings(whole(&problem) / 2, Objective::Total);
    let draw = |seed| allocate_at_random(&problem, &settings, seed).unwrap();
    let mut seen = std::collections::HashSet::new();
    for seed in 0..100 {
        let drawn = draw(seed);
        assert_eq!(drawn, draw(seed));
        let taken = drawn.choices.iter().zip(&problem.layers);
        for ((_, weight), layer) in taken {
            let now = layer.choices.iter().find(|c| c.weight == *weight).unwrap();
            let rank = |c: &Choice| (c.bytes, c.weight);
            let wider = layer.choices.iter().filter(|c| rank(c) > rank(now));
            if let Some(next) = wider.min_by_key(|c| rank(c)) {
                assert!(drawn.bytes - now.bytes + next.bytes > settings_bytes(&settings));
            }
        }
        seen.insert(format!("{:?}", drawn.choices));
    }
    assert!(seen.len() > 70, "{}", seen.len());
    // What losses there are is nothing to it.
    let mut other = problem.clone();
    let choices = other.layers.iter_mut().flat_map(|layer| &mut layer.choices);
    choices.for_each(|choice| choice.loss = -choice.loss);
    let blind = allocate_at_random(&other, &settings, 7).unwrap();
    assert_eq!(blind.choices, draw(7).choices);
}

fn settings_bytes(settings: &Settings) -> u64 {
    match settings.budget {
        Budget::Bytes(bytes) => bytes,
        Budget::ShareOf8Bit(_) => unreachable!("the tests give bytes"),
    }
}
