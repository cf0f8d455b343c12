//! Errors and gradients, by the matrix of second moments and by batches.

use super::super::objective::Objective;
use super::*;

/// By second moments and by batches.
fn both<'a>(layer: &Layer<'a>, importance: &'a [f32], group: usize) -> [Objective<'a>; 2] {
    let both = [usize::MAX, 0].map(|most| Objective::new(layer, group, importance, most));
    assert!(both[0].samples_of_a_step().is_none());
    assert_eq!(both[1].samples_of_a_step(), Some(layer.samples()));
    both
}

#[test]
fn both_ways_give_the_error_of_the_definition() {
    for kind in KINDS {
        // More samples than a panel, more inputs than a strip.
        for (shape, groups) in [([6, 150, 1100], 1), ([6, 9, 300], 3)] {
            let made = Made::new(shape, groups, 4, 5);
            let layer = made.layer(kind);
            let importance = layer.importance().unwrap();
            for group in 0..groups {
                let per_group = layer.rows_per_group();
                let rows = group * per_group..(group + 1) * per_group;
                let weights = Rows::of(&layer, rows.clone());
                let codes = weights.nearest();
                let mut all = vec![0; layer.weights.len()];
                all[rows.start * layer.k..rows.end * layer.k].copy_from_slice(&codes);
                for objective in both(&layer, &importance, group) {
                    let wanted = objective.wanted(&layer, rows.clone());
                    let errors = objective.errors(&weights.deltas(&codes), &wanted);
                    for (row, error) in rows.clone().zip(errors) {
                        let error = error * f64::from(layer.scales[row]).powi(2);
                        let plain = plain_error_of_row(&layer, &all, row);
                        // Sums of some thousand terms in `f32`.
                        assert!(
                            (error - plain).abs() <= 1e-4 * plain,
                            "{kind:?} {shape:?} {row}: {error:e}, {plain:e}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_are_the_differences_of_errors() {
    for kind in KINDS {
        let made = Made::new([3, 20, 200], 1, 4, 9);
        let layer = made.layer(kind);
        let importance = layer.importance().unwrap();
        let weights = Rows::of(&layer, 0..3);
        let at = weights.deltas(&weights.nearest());
        let all: Vec<u32> = (0..200).collect();
        for objective in both(&layer, &importance, 0) {
            let wanted = objective.wanted(&layer, 0..3);
            let mut gradient = vec![0.0; at.len()];
            objective.gradient(&at, &wanted, &all, &mut gradient);
            let largest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
            for i in 0..at.len() {
                // Central differences of a square are exact, up to rounding, whatever the step.
                let error = |step: f32| {
                    let mut moved = at.clone();
                    moved[i] += step;
                    objective.errors(&moved, &wanted)[i / layer.k]
                };
                let difference = ((error(0.5) - error(-0.5)) as f32 - gradient[i]).abs();
                assert!(difference <= 1e-4 * largest, "{kind:?} {i}: {difference}");
            }
        }
    }
}

#[test]
fn batches_of_all_samples_add_up_to_the_whole_gradient() {
    let made = Made::new([3, 20, 200], 1, 4, 13);
    let layer = made.layer(Kind::Float);
    let importance = layer.importance().unwrap();
    let weights = Rows::of(&layer, 0..3);
    let at = weights.deltas(&weights.nearest());
    let [whole, sampled] = both(&layer, &importance, 0);
    let gradient = |objective: &Objective, batch: &[u32]| {
        let mut gradient = vec![0.0; at.len()];
        let wanted = objective.wanted(&layer, 0..3);
        objective.gradient(&at, &wanted, batch, &mut gradient);
        gradient
    };
    let want = gradient(&whole, &[]);
    let samples: Vec<u32> = (0..200).rev().collect();
    let parts: Vec<Vec<f32>> = samples.chunks(25).map(|b| gradient(&sampled, b)).collect();
    let largest = want.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    for (i, want) in want.iter().enumerate() {
        let mean = parts.iter().map(|part| part[i]).sum::<f32>() / parts.len() as f32;
        assert!((mean - want).abs() <= 1e-4 * largest, "{i}: {mean}, {want}");
    }
}
