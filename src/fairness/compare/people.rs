//! What identities change in a comparison: a person, not an image, is what is independent.

use std::collections::HashMap;

use rayon::prelude::*;

use super::equivalence::Flips;
use crate::fairness::measure::ranked::{Ranked, sorted};
use crate::fairness::measure::rates::Rate;
use crate::fairness::resample::draw::{Resampler, replicate_rng};

/// Labels, decisions and people, one of each per image.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// Labels.
    pub label: &'a [u8],
    /// Decisions of the base.
    pub base: &'a [u8],
    /// Decisions of the other.
    pub other: &'a [u8],
    /// People.
    pub person: &'a [u32],
}

impl Images<'_> {
    /// For each group (of every image) and each person in it, images that got worse minus images that
    /// got better.
    pub fn differences(&self, group_of: &[usize], groups: usize) -> Vec<Vec<i64>> {
        let mut found: Vec<HashMap<u32, i64>> = vec![HashMap::new(); groups];
        for i in 0..self.label.len() {
            let [base, other] = [self.base[i], self.other[i]].map(|d| d == self.label[i]);
            if base != other {
                let change = if base { 1 } else { -1 };
                *found[group_of[i]].entry(self.person[i]).or_default() += change;
            }
        }
        let values = |of: HashMap<u32, i64>| of.into_values().collect();
        found.into_iter().map(values).collect()
    }

    /// People of each group who have an image that changed sides in a rate, and all who have an image
    /// that the rate is over. The share of images that flip is taken to be at most the share of people
    /// with a flip, as it is where people have equally many.
    pub fn flips(&self, rate: Rate, group_of: &[usize], groups: usize) -> Vec<Flips> {
        let mut found: Vec<HashMap<u32, [bool; 2]>> = vec![HashMap::new(); groups];
        for i in 0..self.label.len() {
            let (y, b, q) = (self.label[i], self.base[i], self.other[i]);
            let (counts, up, down) = match rate {
                Rate::Selection => (true, q > b, q < b),
                Rate::Tpr => (y == 1, q > b, q < b),
                Rate::Fpr => (y == 0, q > b, q < b),
                Rate::Accuracy => (true, q == y && b != y, q != y && b == y),
                Rate::Ppv => panic!("PPV is over different images for each model"),
            };
            if counts {
                let of = found[group_of[i]].entry(self.person[i]).or_default();
                of[0] |= up;
                of[1] |= down;
            }
        }
        let count = |of: HashMap<u32, [bool; 2]>| Flips {
            up: of.values().filter(|p| p[0]).count() as u64,
            down: of.values().filter(|p| p[1]).count() as u64,
            n: of.len() as u64,
        };
        found.into_iter().map(count).collect()
    }
}

/// AUC of the second score minus that of the first, in each replicate; NaN where undefined.
pub fn auc_changes(
    label: &[u8],
    scores: [&[f64]; 2],
    resampler: &Resampler,
    replicates: usize,
    seed: u64,
) -> Vec<f64> {
    let ranked = scores.map(|score| Ranked::new(&sorted(score), label, score));
    let one = |weight: &mut Vec<u32>, r: u64| {
        weight.resize(label.len(), 0);
        resampler.draw(&mut replicate_rng(seed, r), weight);
        let auc = |ranked: &Ranked| ranked.auc_ece(weight).0.unwrap_or(f64::NAN);
        auc(&ranked[1]) - auc(&ranked[0])
    };
    let replicates = (0..replicates as u64).into_par_iter();
    replicates.map_init(Vec::new, one).collect()
}
