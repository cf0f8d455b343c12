//! Bootstrap replicates: how often each image is counted.
//!
//! Without identities, images are drawn with replacement within the groups of the primary frame
//! (stratified);
//! with identities, whole identities are drawn, without strata (cluster bootstrap; Davison & Hinkley
//! 1997, §3.8). Replicate r of a seed is its own ChaCha stream, so that it does not depend on threads,
//! and it depends on the images only, not on scores: tables with the same images in the same order
//! get the same replicates, which makes differences between models paired.

use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use crate::fairness::measure::counts::Counts;
use crate::fairness::measure::groups::Grouping;
use crate::fairness::table::predictions::Predictions;

/// The generator of replicate `r`.
pub fn replicate_rng(seed: u64, r: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(r);
    rng
}

/// Draws units (images or identities) with replacement within strata.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Images, those of one unit together.
    images: Vec<u32>,
    /// Where in `images` each unit begins; one more entry for the end.
    starts: Vec<u32>,
    /// The units of each stratum.
    strata: Vec<Range<u32>>,
    n: usize,
}

impl Resampler {
    /// By identity where all are known, else images within the strata of `grouping`.
    pub fn of(predictions: &Predictions, grouping: &Grouping) -> Self {
        match predictions.people() {
            Some(people) => Self::clustered(people, predictions.identity().kinds()),
            None => {
                let stratum = grouping.stratum_of_cell();
                let of = |cell: &u32| stratum[*cell as usize] as u32;
                let strata: Vec<u32> = grouping.cell_of.iter().map(of).collect();
                Self::stratified(&strata, stratum.iter().max().map_or(0, |most| most + 1))
            }
        }
    }

    /// Every image is a unit, drawn within its stratum, a number below `strata`; empty ones are none.
    pub fn stratified(stratum_of: &[u32], strata: usize) -> Self {
        let n = stratum_of.len();
        let (images, starts) = sort_by_code(stratum_of, strata);
        let strata = starts
            .windows(2)
            .map(|w| w[0]..w[1])
            .filter(|s| !s.is_empty())
            .collect();
        Self {
            images,
            starts: (0..=n as u32).collect(),
            strata,
            n,
        }
    }

    /// Every identity, a number below `people`, is a unit with all its images; one stratum.
    pub fn clustered(person_of: &[u32], people: usize) -> Self {
        let (images, starts) = sort_by_code(person_of, people);
        Self {
            images,
            starts,
            strata: std::iter::once(0..people as u32).collect(),
            n: person_of.len(),
        }
    }

    /// Images of each unit, units in order of stratum.
    pub fn unit(&self, unit: usize) -> &[u32] {
        &self.images[self.starts[unit] as usize..self.starts[unit + 1] as usize]
    }

    /// The units of each stratum.
    pub fn strata(&self) -> &[Range<u32>] {
        &self.strata
    }

    /// Number of images.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of units that are drawn in a replicate.
    pub fn units(&self) -> usize {
        self.starts.len() - 1
    }

    /// Sets `weight[i]` to the number of times that image `i` is in the replicate.
    ///
    /// # Panics
    /// When `weight` is shorter than the number of images.
    pub fn draw(&self, rng: &mut ChaCha8Rng, weight: &mut [u32]) {
        weight.fill(0);
        for stratum in &self.strata {
            for _ in stratum.clone() {
                let unit = rng.random_range(stratum.clone()) as usize;
                for at in self.starts[unit]..self.starts[unit + 1] {
                    weight[self.images[at as usize] as usize] += 1;
                }
            }
        }
    }
}

/// Counts of a replicate where only they matter: one multinomial draw for each stratum, with its own
/// shares of (cell, label, decision). Same distribution as counting a replicate of
/// [`Resampler::stratified`], at a cost that does not grow with the number of images.
pub fn resample_counts(
    cells: &[Counts],
    strata: &[Vec<usize>],
    rng: &mut ChaCha8Rng,
) -> Vec<Counts> {
    let mut drawn = vec![Counts::default(); cells.len()];
    for stratum in strata {
        let counts: Vec<u64> = stratum.iter().flat_map(|c| cells[*c].of).collect();
        let found = multinomial(&counts, rng);
        for (cell, of) in stratum.iter().zip(found.as_chunks::<4>().0) {
            drawn[*cell] = Counts { of: *of };
        }
    }
    drawn
}

/// The cells of each stratum.
pub fn cells_of_strata(grouping: &Grouping) -> Vec<Vec<usize>> {
    let stratum = grouping.stratum_of_cell();
    let mut cells = vec![Vec::new(); stratum.iter().max().map_or(0, |most| most + 1)];
    for (cell, stratum) in stratum.iter().enumerate() {
        cells[*stratum].push(cell);
    }
    cells
}

/// As many draws with replacement as there are things, by their kinds.
pub fn multinomial(counts: &[u64], rng: &mut ChaCha8Rng) -> Vec<u64> {
    let mut rest: u64 = counts.iter().sum();
    let mut trials = rest;
    // A multinomial is a chain of binomials: each kind among the trials and kinds that are left.
    let draw = |count: &u64| {
        if trials == 0 || *count == 0 {
            return 0;
        }
        let binomial = Binomial::new(trials, *count as f64 / rest as f64);
        let drawn = binomial
            .expect("a share of a whole is in [0, 1]")
            .sample(rng);
        trials -= drawn;
        rest -= count;
        drawn
    };
    counts.iter().map(draw).collect()
}

/// Counting sort: indices ordered by code, and where each code begins (one more entry for the end).
fn sort_by_code(codes: &[u32], kinds: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; kinds + 1];
    for code in codes {
        starts[*code as usize + 1] += 1;
    }
    for k in 0..kinds {
        starts[k + 1] += starts[k];
    }
    let mut next = starts.clone();
    let mut order = vec![0u32; codes.len()];
    for (i, code) in codes.iter().enumerate() {
        order[next[*code as usize] as usize] = i as u32;
        next[*code as usize] += 1;
    }
    (order, starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_keep_their_size_and_identities_stay_whole() {
        let cells: [u32; 7] = [0, 2, 2, 0, 2, 0, 0];
        let mut weight = [9; 7];
        let strata = Resampler::stratified(&cells, 3);
        let people = Resampler::clustered(&[0, 1, 0, 2, 1, 1, 3], 4);
        assert_eq!((strata.units(), people.units()), (7, 4));
        for r in 0..50 {
            strata.draw(&mut replicate_rng(1, r), &mut weight);
            let of = |cell| {
                (0..7)
                    .filter(|i| cells[*i] == cell)
                    .map(|i| weight[i])
                    .sum::<u32>()
            };
            assert_eq!((of(0), of(2)), (4, 3));
            people.draw(&mut replicate_rng(1, r), &mut weight);
            assert_eq!(
                (weight[0], weight[1], weight[4]),
                (weight[2], weight[4], weight[5])
            );
            assert_eq!(weight[0] + weight[1] + weight[3] + weight[6], 4);
        }
    }

    #[test]
    fn replicates_of_a_seed_differ_and_repeat() {
        let all = Resampler::stratified(&[0; 100], 1);
        let draw = |seed, r| {
            let mut weight = vec![0; 100];
            all.draw(&mut replicate_rng(seed, r), &mut weight);
            weight
        };
        assert_eq!(draw(5, 3), draw(5, 3));
        assert_ne!(draw(5, 3), draw(5, 4));
        assert_ne!(draw(5, 3), draw(6, 3));
    }
}
