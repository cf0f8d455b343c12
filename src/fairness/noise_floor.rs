//! Noise floor: the gap that would be seen if groups did not matter.
//!
//! A maximum minus a minimum over groups is above 0 even when all groups are treated alike. The group
//! labels (all attributes of an image together) are permuted among the images, which leaves labels,
//! decisions and group sizes as they are; the noise floor is the 95th percentile of the gap over the
//! permutations, on its unfair side (the 5th percentile of a ratio or of worst-group accuracy).

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::gaps::{Gap, UnfairSide, gaps};
use super::groups::Frame;
use super::metrics::Counts;
use super::panel::sum_cells;
use super::percentile::{defined, quantile};
use super::resample::replicate_rng;

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
    // Images of a class are alike here, so an image is its class, and a cell is a run of them.
    let sizes: Vec<usize> = cells.iter().map(|c| c.n() as usize).collect();
    let classes: Vec<u8> = (0..4u8)
        .flat_map(|class| {
            let total: u64 = cells.iter().map(|c| c.of[usize::from(class)]).sum();
            std::iter::repeat_n(class, total as usize)
        })
        .collect();
    let rows: Vec<Vec<f64>> = (0..permutations as u64)
        .into_par_iter()
        .map_init(Vec::new, |shuffled, p| {
            shuffled.clone_from(&classes);
            shuffled.shuffle(&mut replicate_rng(seed, STREAMS | p));
            let cells = deal(shuffled, &sizes);
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

/// Counts the classes dealt to each cell, cells in order.
fn deal(classes: &[u8], sizes: &[usize]) -> Vec<Counts> {
    let mut rest = classes;
    sizes
        .iter()
        .map(|size| {
            let (mine, others) = rest.split_at(*size);
            rest = others;
            let mut counts = Counts::default();
            for class in mine {
                counts.of[usize::from(*class)] += 1;
            }
            counts
        })
        .collect()
}
