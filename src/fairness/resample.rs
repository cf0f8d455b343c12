//! Bootstrap replicates: how often each image is counted.
//!
//! Without identities, images are drawn with replacement within the intersection cells (stratified);
//! with identities, whole identities are drawn, without strata (cluster bootstrap; Davison & Hinkley
//! 1997, §3.8). Replicate r of a seed is its own ChaCha stream, so that it does not depend on threads,
//! and it depends on the images only, not on scores: tables with the same images in the same order
//! get the same replicates, which makes differences between models paired.

use std::collections::HashMap;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use super::metrics::Counts;

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
    /// Every image is a unit, drawn within its cell; empty cells are no strata.
    pub fn stratified(cell_of: &[u32], cells: usize) -> Self {
        let n = cell_of.len();
        let (images, cell_starts) = sort_by_code(cell_of, cells);
        let strata = cell_starts
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

    /// Every identity is a unit, with all its images; one stratum.
    pub fn clustered<S: AsRef<str>>(identity: &[S]) -> Self {
        let mut code_of: HashMap<&str, u32> = HashMap::new();
        let codes: Vec<u32> = identity
            .iter()
            .map(|name| {
                let next = code_of.len() as u32;
                *code_of.entry(name.as_ref()).or_insert(next)
            })
            .collect();
        let units = code_of.len();
        let (images, starts) = sort_by_code(&codes, units);
        Self {
            images,
            starts,
            strata: std::iter::once(0..units as u32).collect(),
            n: identity.len(),
        }
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

/// The replicate of one stratum where only its counts matter: one multinomial draw of n images with
/// the stratum's own shares of (label, decision). Same distribution as counting a replicate of
/// [`Resampler::stratified`], at a cost that does not grow with the number of images.
pub fn resample_counts(counts: &Counts, rng: &mut ChaCha8Rng) -> Counts {
    let mut drawn = Counts::default();
    let (mut trials, mut rest) = (counts.n(), counts.n());
    // A multinomial is a chain of binomials: each class among the trials and classes that are left.
    for (class, count) in counts.of.into_iter().enumerate() {
        if trials == 0 {
            break;
        }
        let share = count as f64 / rest as f64;
        let binomial = Binomial::new(trials, share).expect("a share of a whole is in [0, 1]");
        drawn.of[class] = binomial.sample(rng);
        trials -= drawn.of[class];
        rest -= count;
    }
    drawn
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
        let cells = [0, 2, 2, 0, 2, 0, 0];
        let mut weight = [9; 7];
        let strata = Resampler::stratified(&cells, 3);
        let people = Resampler::clustered(&["a", "b", "a", "c", "b", "b", "d"]);
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
