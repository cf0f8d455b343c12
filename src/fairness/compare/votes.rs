//! What a base model and many others decide on the same images, and replicates of it.
//!
//! Everything paired depends on counts alone: for each *slot*, a cell with a label y and the base's
//! decision b, how many images there are and how many of them each other model selects.
//!
//! ```text
//! slot = 4 · cell + 2 y + b        a row of counts:  [size of each slot][model 0: selected in each slot]
//!                                                    [model 1: …]
//! ```
//!
//! A replicate draws the images of each stratum once, for all models together. Images of one slot on
//! which all models vote alike (a pattern) cannot be told apart: frequent patterns are drawn as a
//! multinomial, the rare ones image by image into bit-sliced counters, 64 models at a time.

use std::collections::HashMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::counter::Tally;
use crate::fairness::measure::groups::Grouping;
use crate::fairness::resample::draw::{Resampler, multinomial, replicate_rng};

/// Images of a pattern from which on drawing their number at once is faster than drawing them.
const FREQUENT: usize = 32;

/// Decisions of a base and of other models on the same images.
#[derive(Debug, Clone)]
pub struct Votes {
    /// Other models.
    pub models: usize,
    /// Slots.
    pub slots: usize,
    /// Counts on the images themselves, one row.
    pub row: Vec<u32>,
    design: Design,
}

/// Counts of a base and one other model: rows with a number for each slot, then for each model the
/// images of the slot that it selects.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// On the images themselves.
    pub row: &'a [u32],
    /// In each replicate, rows of the same width.
    pub rows: &'a [u32],
    /// Slots.
    pub slots: usize,
    /// Which of the models.
    pub model: usize,
}

#[derive(Debug, Clone)]
enum Design {
    Strata(Vec<Stratum>),
    Clusters {
        resampler: Resampler,
        slot: Vec<u32>,
        /// Words of each image.
        votes: Vec<u64>,
    },
}

/// A stratum: how many images of each kind.
#[derive(Debug, Clone, Default)]
struct Stratum {
    /// Images of each frequent pattern, then of each pool.
    counts: Vec<u64>,
    /// Slot and votes of each frequent pattern.
    frequent: Vec<(usize, Vec<u64>)>,
    /// Slot and images' votes of each pool of rare patterns.
    pools: Vec<(usize, Vec<u64>)>,
}

impl Votes {
    /// From the decisions (0 or 1) of each model on each image.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(
        grouping: &Grouping,
        label: &[u8],
        base: &[u8],
        others: &[Vec<u8>],
        people: Option<Resampler>,
    ) -> Self {
        let n = label.len();
        assert!(
            others.iter().all(|o| o.len() == n) && base.len() == n,
            "a decision for each image"
        );
        let (models, slots) = (others.len(), 4 * grouping.cells);
        let words = models.div_ceil(64).max(1);
        let slot_of =
            |i: usize| 4 * grouping.cell_of[i] + 2 * u32::from(label[i]) + u32::from(base[i]);
        let slot: Vec<u32> = (0..n).map(slot_of).collect();
        let mut votes = vec![0u64; n * words];
        for (m, decisions) in others.iter().enumerate() {
            for (i, decision) in decisions.iter().enumerate() {
                votes[i * words + m / 64] |= u64::from(*decision) << (m % 64);
            }
        }
        let mut row = vec![0u32; slots * (1 + models)];
        for (i, slot) in slot.iter().enumerate() {
            row[*slot as usize] += 1;
            for (m, decisions) in others.iter().enumerate() {
                row[slots * (1 + m) + *slot as usize] += u32::from(decisions[i]);
            }
        }
        let design = match people {
            Some(resampler) => Design::Clusters {
                resampler,
                slot,
                votes,
            },
            None => Design::Strata(strata(grouping, &slot, &votes, words)),
        };
        Self {
            models,
            slots,
            row,
            design,
        }
    }

    /// One of the models in `rows`, as [`replicates`](Self::replicates) gives them.
    pub fn counted<'a>(&'a self, rows: &'a [u32], model: usize) -> Counted<'a> {
        Counted {
            row: &self.row,
            rows,
            slots: self.slots,
            model,
        }
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.row.len()
    }

    /// `replicates` rows of counts, in parallel; the same for any number of threads.
    pub fn replicates(&self, replicates: usize, seed: u64) -> Vec<u32> {
        let mut rows = vec![0u32; replicates * self.width()];
        let chunks = rows.par_chunks_mut(self.width()).enumerate();
        chunks.for_each_init(
            || self.tallies(),
            |tallies, (r, row)| self.draw(&mut replicate_rng(seed, r as u64), tallies, row),
        );
        rows
    }

    fn words(&self) -> usize {
        self.models.div_ceil(64).max(1)
    }

    fn tallies(&self) -> Vec<Tally> {
        let n: u32 = self.row[..self.slots].iter().sum();
        // A replicate of clusters may be larger than the data, but not than this.
        let most = match &self.design {
            Design::Strata(_) => n as usize,
            Design::Clusters { .. } => u32::MAX as usize,
        };
        vec![Tally::new(most); self.slots * self.words()]
    }

    fn draw(&self, rng: &mut ChaCha8Rng, tallies: &mut [Tally], row: &mut [u32]) {
        let words = self.words();
        match &self.design {
            Design::Strata(strata) => {
                for stratum in strata {
                    let drawn = multinomial(&stratum.counts, rng);
                    let (frequent, pooled) = drawn.split_at(stratum.frequent.len());
                    for ((slot, votes), &count) in stratum.frequent.iter().zip(frequent) {
                        self.add(row, *slot, votes, count as u32);
                    }
                    for ((slot, votes), &count) in stratum.pools.iter().zip(pooled) {
                        row[*slot] += count as u32;
                        let size = votes.len() / words;
                        for _ in 0..count {
                            let i = rng.random_range(0..size as u32) as usize;
                            for w in 0..words {
                                tallies[slot * words + w].push(votes[i * words + w]);
                            }
                        }
                    }
                }
            }
            Design::Clusters {
                resampler,
                slot,
                votes,
            } => {
                for stratum in resampler.strata() {
                    for _ in stratum.clone() {
                        let unit = rng.random_range(stratum.clone()) as usize;
                        for &i in resampler.unit(unit) {
                            let (i, slot) = (i as usize, slot[i as usize] as usize);
                            row[slot] += 1;
                            for w in 0..words {
                                tallies[slot * words + w].push(votes[i * words + w]);
                            }
                        }
                    }
                }
            }
        }
        for slot in 0..self.slots {
            for w in 0..words {
                let from = self.slots * (1 + 64 * w) + slot;
                if let Some(counts) = row.get_mut(from..) {
                    tallies[slot * words + w].drain(counts, self.slots);
                }
            }
        }
    }

    /// Adds `count` images of one pattern.
    fn add(&self, row: &mut [u32], slot: usize, votes: &[u64], count: u32) {
        row[slot] += count;
        for (w, word) in votes.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                let model = 64 * w + left.trailing_zeros() as usize;
                row[self.slots * (1 + model) + slot] += count;
                left &= left - 1;
            }
        }
    }
}

/// Sorts images into the kinds of each stratum.
fn strata(grouping: &Grouping, slot: &[u32], votes: &[u64], words: usize) -> Vec<Stratum> {
    let mut patterns: HashMap<(u32, &[u64]), usize> = HashMap::new();
    for (slot, votes) in slot.iter().zip(votes.chunks(words)) {
        *patterns.entry((*slot, votes)).or_default() += 1;
    }
    let mut patterns: Vec<((u32, &[u64]), usize)> = patterns.into_iter().collect();
    // A hash map has no order that would be the same next time.
    patterns.sort_unstable();
    let stratum_of = grouping.stratum_of_cell();
    let mut strata = vec![Stratum::default(); stratum_of.iter().max().map_or(0, |most| most + 1)];
    let mut pools: Vec<Vec<u64>> = vec![Vec::new(); 4 * grouping.cells];
    for ((slot, votes), count) in patterns {
        let slot = slot as usize;
        if count >= FREQUENT {
            let stratum = &mut strata[stratum_of[slot / 4]];
            stratum.frequent.push((slot, votes.to_vec()));
            stratum.counts.push(count as u64);
        } else {
            for _ in 0..count {
                pools[slot].extend(votes);
            }
        }
    }
    for (slot, pool) in pools
        .into_iter()
        .enumerate()
        .filter(|(_, pool)| !pool.is_empty())
    {
        let stratum = &mut strata[stratum_of[slot / 4]];
        stratum.counts.push((pool.len() / words) as u64);
        stratum.pools.push((slot, pool));
    }
    strata
}
