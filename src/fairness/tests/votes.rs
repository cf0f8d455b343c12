//! Replicates of votes against naive twins.

use super::{at_half, faces, noisy, with_people};
use crate::fairness::compare::votes::Votes;
use crate::fairness::measure::panel::Panel;
use crate::fairness::resample::draw::Resampler;
use crate::fairness::{Grouping, Orders, replicate_rng};

/// By identity the votes' replicates are, number by number, those of the image weights.
#[test]
fn replicates_of_people_are_counted_as_if_written_out() {
    let base = with_people(&faces(300, 9));
    let grouping = Grouping::new(base.attributes(), &Orders::default()).unwrap();
    let decisions = at_half(&base);
    // More than 64 models: two words of votes.
    let others: Vec<Vec<u8>> = (0..70).map(|i| at_half(&noisy(&base, 0.3, i))).collect();
    let resampler = Resampler::of(&base, &grouping);
    let votes = Votes::new(
        &grouping,
        base.label(),
        &decisions,
        &others,
        Some(resampler.clone()),
    );
    let rows = votes.replicates(20, 5);
    let panel = Panel::new(&base, &grouping, &decisions);
    let mut weight = vec![0; base.n()];
    for (r, row) in rows.chunks(votes.width()).enumerate() {
        resampler.draw(&mut replicate_rng(5, r as u64), &mut weight);
        let cells = panel.count(&weight);
        for (slot, size) in row[..votes.slots].iter().enumerate() {
            assert_eq!(u64::from(*size), cells[slot / 4].of[slot % 4]);
        }
        for (m, other) in others.iter().enumerate() {
            let selected = &row[votes.slots * (1 + m)..][..votes.slots];
            let mut expected = vec![0; votes.slots];
            for i in 0..base.n() {
                let slot = 4 * grouping.cell_of[i] + u32::from(2 * base.label()[i] + decisions[i]);
                expected[slot as usize] += weight[i] * u32::from(other[i]);
            }
            assert_eq!(selected, expected, "replicate {r}, model {m}");
        }
    }
}

/// Within strata, frequent patterns are drawn at once and rare ones one by one: both have to have the
/// mean and the spread of sampling with replacement.
#[test]
fn replicates_of_images_have_the_moments_of_the_bootstrap() {
    let base = faces(1500, 9);
    let grouping = Grouping::new(base.attributes(), &Orders::default()).unwrap();
    let decisions = at_half(&base);
    // Two models that hardly disagree with the base, and one that does: frequent and rare patterns.
    let others: Vec<Vec<u8>> = [0.01, 0.02, 0.5]
        .iter()
        .map(|noise| at_half(&noisy(&base, *noise, 3)))
        .collect();
    let votes = Votes::new(&grouping, base.label(), &decisions, &others, None);
    const REPLICATES: usize = 4000;
    let rows = votes.replicates(REPLICATES, 5);
    let column = |c: usize| {
        rows[c..]
            .iter()
            .step_by(votes.width())
            .map(|n| f64::from(*n))
    };
    let mut sizes = vec![0u32; grouping.cells];
    grouping
        .cell_of
        .iter()
        .for_each(|cell| sizes[*cell as usize] += 1);
    for (c, observed) in votes.row.iter().enumerate() {
        let n = f64::from(sizes[c % votes.slots / 4]);
        let share = f64::from(*observed) / n;
        let variance = n * share * (1.0 - share);
        let mean = column(c).sum::<f64>() / REPLICATES as f64;
        let spread = column(c).map(|x| (x - mean).powi(2)).sum::<f64>() / REPLICATES as f64;
        // Five standard errors of a mean and, for counts that are nearly normal, of a variance.
        let error = 5.0 * (variance / REPLICATES as f64).sqrt();
        assert!(
            (mean - f64::from(*observed)).abs() <= error,
            "column {c}: {mean}, {observed}"
        );
        if variance > 5.0 {
            let error = 5.0 * variance * (2.2f64 / REPLICATES as f64).sqrt();
            assert!(
                (spread - variance).abs() <= error,
                "column {c}: {spread}, {variance}"
            );
        }
    }
    // The same images for all models: the first two, which agree, move together.
    let pair = |m: usize| votes.slots * (1 + m)..votes.slots * (2 + m);
    let difference: u64 = rows
        .chunks(votes.width())
        .map(|row| {
            let both = row[pair(0)].iter().zip(&row[pair(1)]);
            both.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
        })
        .sum();
    let disagree = others[0]
        .iter()
        .zip(&others[1])
        .filter(|(a, b)| a != b)
        .count();
    assert!(difference as f64 / REPLICATES as f64 <= 1.5 * disagree as f64 + 1.0);
}
