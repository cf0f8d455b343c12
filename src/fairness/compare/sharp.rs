//! The sharp null: base and compressed model are exchangeable.
//!
//! If they are, swapping the two decisions on any image (on all images of a person, where identities are
//! known) changes nothing. Only images on which they differ matter: in each cell and class every such
//! image is the other's alone with probability one half. This is more than ΔG = 0, and is named so.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use super::pair::Pair;

/// How decisions are swapped.
#[derive(Debug, Clone)]
pub enum Swaps {
    /// Image by image: counts are enough.
    Images,
    /// Person by person: for each who has images on which the models differ, what swapping changes, as
    /// (cell, class of the slot 2 y + b, images).
    People(Vec<Vec<(u32, u8, u32)>>),
}

/// Differences from the size of the observed change below which two changes count as equal.
const EQUAL: f64 = 1e-12;

impl Swaps {
    /// By person: one entry for each image, `cell_of`, label, both decisions and person.
    pub fn people(
        cell_of: &[u32],
        label: &[u8],
        base: &[u8],
        other: &[u8],
        person: &[u32],
    ) -> Self {
        // Sorted, so that the same data always give the same swaps.
        let mut by_person: BTreeMap<u32, BTreeMap<(u32, u8), u32>> = BTreeMap::new();
        for i in 0..label.len() {
            if base[i] != other[i] {
                let slot = (cell_of[i], 2 * label[i] + base[i]);
                *by_person
                    .entry(person[i])
                    .or_default()
                    .entry(slot)
                    .or_default() += 1;
            }
        }
        let slots = by_person.into_values().map(|slots| {
            let slots = slots.into_iter();
            slots.map(|((cell, class), n)| (cell, class, n)).collect()
        });
        Self::People(slots.collect())
    }

    /// The counts after one random choice of swaps.
    pub fn draw(&self, cells: &[Pair], rng: &mut ChaCha8Rng) -> Vec<Pair> {
        let mut swapped = cells.to_vec();
        match self {
            Self::Images => {
                for cell in &mut swapped {
                    for y in 0..2 {
                        let differ = cell.of[4 * y + 1] + cell.of[4 * y + 2];
                        let half =
                            Binomial::new(u64::from(differ), 0.5).expect("a share of one half");
                        let others = half.sample(rng) as u32;
                        cell.of[4 * y + 1] = others;
                        cell.of[4 * y + 2] = differ - others;
                    }
                }
            }
            Self::People(people) => {
                for slots in people {
                    if rng.random_bool(0.5) {
                        for &(cell, class, n) in slots {
                            // b = 0, q = 1 becomes b = 1, q = 0, and the reverse.
                            let of = &mut swapped[cell as usize].of;
                            let (y, b) = (usize::from(class / 2), usize::from(class % 2));
                            let (from, to) = (4 * y + 1 + b, 4 * y + 2 - b);
                            of[from] -= n;
                            of[to] += n;
                        }
                    }
                }
            }
        }
        swapped
    }
}

/// p = (1 + #{|ΔG*| ≥ |ΔG|}) / (B + 1); an undefined ΔG* counts as one that reaches it.
pub fn two_sided_p(observed: f64, swapped: impl ExactSizeIterator<Item = f64>) -> f64 {
    let draws = swapped.len();
    let reaches = |change: &f64| change.is_nan() || change.abs() >= observed.abs() - EQUAL;
    let reached = swapped.filter(reaches).count();
    (1 + reached) as f64 / (draws + 1) as f64
}
