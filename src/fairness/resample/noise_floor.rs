//! Noise floor: the gap that would be seen if groups did not matter.
//!
//! A maximum minus a minimum over groups is above 0 even when all groups are treated alike. The group
//! labels (all attributes of an image together) are permuted among the images, which leaves labels,
//! decisions and group sizes as they are; the noise floor is the 95th percentile of the gap over the
//! permutations, on its unfair side (the 5th percentile of a ratio or of worst-group accuracy).
//!
//! Only the counts of (label, decision) matter, and under a permutation those that a cell is dealt are
//! multivariate hypergeometric: one draw per cell and class, whatever the number of images.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Hypergeometric};
use rayon::prelude::*;

use super::draw::replicate_rng;
use super::quantile::{defined, quantile};
use crate::fairness::measure::counts::Counts;
use crate::fairness::measure::gaps::{Gap, UnfairSide, gaps};
use crate::fairness::measure::groups::Frame;
use crate::fairness::measure::panel::sum_cells;

/// Share of the permutations that lie on the fair side of the noise floor.
pub const LEVEL: f64 = 0.95;

/// Keeps the streams of permutations apart from those of bootstrap replicates.
const STREAMS: u64 = 1 << 63;

/// One noise floor per gap, in the order of [`Gap::ALL`]; `None` where more than 5 % of the
/// permutations leave the gap undefined.
pub type NoiseFloors = [Option<f64>; Gap::ALL.len()];

/// Noise floors of every frame, from the counts per cell; the same for any number of threads.
///
/// All frames see the same permutations.
pub fn noise_floors(
    cells: &[Counts],
    frames: &[&Frame],
    permutations: usize,
    seed: u64,
) -> Vec<NoiseFloors> {
    let sizes: Vec<u64> = cells.iter().map(Counts::n).collect();
    let mut all = Counts::default();
    for cell in cells {
        all.add(cell);
    }
    let rows: Vec<Vec<f64>> = (0..permutations as u64)
        .into_par_iter()
        .map(|p| {
            let cells = deal(all, &sizes, &mut replicate_rng(seed, STREAMS | p));
            let of_frame = |frame: &&Frame| gaps(&sum_cells(frame, &cells));
            frames
                .iter()
                .flat_map(of_frame)
                .map(|gap| gap.map_or(f64::NAN, |a| a.value))
                .collect()
        })
        .collect();
    let floor = |column: usize, gap: Gap| {
        let sorted = defined(rows.iter().map(|row| row[column])).ok()?;
        Some(match gap.unfair_side() {
            UnfairSide::High => quantile(&sorted, LEVEL),
            UnfairSide::Low => quantile(&sorted, 1.0 - LEVEL),
        })
    };
    (0..frames.len())
        .map(|f| {
            let mut floors = [None; Gap::ALL.len()];
            for (g, gap) in Gap::ALL.into_iter().enumerate() {
                floors[g] = floor(f * Gap::ALL.len() + g, gap);
            }
            floors
        })
        .collect()
}

/// Deals the images `all` to cells of given sizes at random.
fn deal(all: Counts, sizes: &[u64], rng: &mut ChaCha8Rng) -> Vec<Counts> {
    let mut left = all.of;
    let deal_one = |size: &u64| {
        let mut counts = Counts::default();
        let (mut trials, mut rest) = (*size, left.iter().sum::<u64>());
        for (class, left) in left.iter_mut().enumerate() {
            if trials == 0 {
                break;
            }
            let draw = Hypergeometric::new(rest, *left, trials).expect("no more than there are");
            counts.of[class] = draw.sample(rng);
            rest -= *left;
            trials -= counts.of[class];
            *left -= counts.of[class];
        }
        counts
    };
    sizes.iter().map(deal_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_dealt_once_and_shares_are_those_of_the_whole() {
        let all = Counts { of: [40, 5, 0, 15] };
        let sizes = [10, 0, 35, 15];
        let mut sum = [0u64; 4];
        for p in 0..2000 {
            let cells = deal(all, &sizes, &mut replicate_rng(3, p));
            assert!(cells.iter().map(Counts::n).eq(sizes));
            let mut back = Counts::default();
            cells.iter().for_each(|cell| back.add(cell));
            assert_eq!(back, all);
            for (sum, of) in sum.iter_mut().zip(cells[2].of) {
                *sum += of;
            }
        }
        for (class, sum) in sum.iter().enumerate() {
            let share = all.of[class] as f64 / 60.0;
            // Variance of one draw: 35 p (1 − p) · 25/59; four standard errors of the mean of 2,000.
            let error = 4.0 * (35.0 * share * (1.0 - share) * 25.0 / 59.0 / 2000.0).sqrt();
            let mean = *sum as f64 / 2000.0;
            assert!(
                (mean - 35.0 * share).abs() <= error,
                "class {class}: {mean}"
            );
        }
    }
}
