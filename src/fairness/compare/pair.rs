//! Counts of two models on the same images, and the change of a gap between them with its standard
//! error.
//!
//! ΔG = G(other) − G(base). Near the counts at hand G is linear in the rates of the groups that attain
//! it ([`Ranges::terms`]), and a rate is a mean over images, so that ΔG is a sum over images of
//!
//! ```text
//! v(y, b, q) = Σ slope · influence on the other's rate(y, q) − Σ slope · influence on the base's rate(y, b)
//! ```
//!
//! with eight values in each group. Its standard error under sampling within strata is
//! √(Σ over strata of Σ v² − (Σ v)² / n) (delta method; Davison & Hinkley 1997, §2.7.2). Because both
//! models see the same images, an image on which they agree adds to it only where the attaining groups
//! differ.

use crate::fairness::measure::counts::Counts;
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::ranges::Ranges;

/// Images by label y, decision of the base b and of the other q: index 4 y + 2 b + q.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pair {
    /// Number of images.
    pub of: [u32; 8],
}

impl Pair {
    /// Cell `cell` of a row of [`Votes`](super::votes::Votes), for model `model`.
    pub fn read(row: &[u32], slots: usize, model: usize, cell: usize) -> Self {
        let sizes = &row[4 * cell..][..4];
        let selected = &row[slots * (1 + model) + 4 * cell..][..4];
        let mut of = [0; 8];
        for class in 0..4 {
            of[2 * class] = sizes[class] - selected[class];
            of[2 * class + 1] = selected[class];
        }
        Self { of }
    }

    /// Adds the images of another cell.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.of.iter_mut().zip(other.of) {
            *mine += theirs;
        }
    }

    /// Number of images.
    pub fn n(&self) -> u64 {
        self.of.iter().map(|n| u64::from(*n)).sum()
    }

    /// The base's counts.
    pub fn base(&self) -> Counts {
        self.counts(2)
    }

    /// The other's counts.
    pub fn other(&self) -> Counts {
        self.counts(1)
    }

    /// Counts by label and the decision that is `bit` of the index.
    fn counts(&self, bit: usize) -> Counts {
        let mut counts = Counts::default();
        for (class, n) in self.of.iter().enumerate() {
            counts.of[class / 4 * 2 + usize::from(class & bit != 0)] += u64::from(*n);
        }
        counts
    }

    /// Images that the base decides rightly and the other wrongly, and the reverse.
    pub fn flips(&self) -> [u64; 2] {
        [self.of[1] + self.of[6], self.of[2] + self.of[5]].map(u64::from)
    }
}

/// Both models' ranges over the groups of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Both {
    base: Ranges,
    other: Ranges,
}

impl Both {
    /// Over groups.
    pub fn of(groups: &[Pair]) -> Self {
        let counts = |of: fn(&Pair) -> Counts| -> Vec<Counts> { groups.iter().map(of).collect() };
        Self {
            base: Ranges::of(&counts(Pair::base)),
            other: Ranges::of(&counts(Pair::other)),
        }
    }

    /// ΔG, where both gaps are defined.
    pub fn change(&self, gap: Gap) -> Option<f64> {
        Some(self.other.gap(gap).ok()?.value - self.base.gap(gap).ok()?.value)
    }

    /// Standard error of ΔG: `groups` are those that `self` is of, `cells` what the strata are made of.
    pub fn standard_error(
        &self,
        gap: Gap,
        groups: &[Pair],
        cells: &[Pair],
        design: &Strata,
    ) -> f64 {
        let mut values: Vec<Option<[f64; 8]>> = vec![None; groups.len()];
        for (ranges, sign, bit) in [(&self.other, 1.0, 1), (&self.base, -1.0, 2)] {
            for term in ranges.terms(gap).iter() {
                let counts = match bit {
                    1 => groups[term.group].other(),
                    _ => groups[term.group].base(),
                };
                let value = values[term.group].get_or_insert([0.0; 8]);
                let mine = term.rate.influence(&counts);
                for (class, v) in value.iter_mut().enumerate() {
                    *v += sign * term.slope * mine[class / 4 * 2 + usize::from(class & bit != 0)];
                }
            }
        }
        let mut variance = 0.0;
        for stratum in design.cells {
            let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
            for &cell in stratum {
                let counts = &cells[cell].of;
                n += counts.iter().map(|c| f64::from(*c)).sum::<f64>();
                if let Some(value) = &values[design.group_of_cell[cell]] {
                    for (v, count) in value.iter().zip(counts) {
                        let count = f64::from(*count);
                        sum += count * v;
                        squares += count * v * v;
                    }
                }
            }
            if n > 0.0 {
                variance += squares - sum * sum / n;
            }
        }
        // Rounding of a variance of 0 must not look like one.
        match variance > 1e-18 {
            true => variance.sqrt(),
            false => 0.0,
        }
    }
}

/// How cells make up strata and groups.
#[derive(Debug, Clone, Copy)]
pub struct Strata<'a> {
    /// Cells of each stratum.
    pub cells: &'a [Vec<usize>],
    /// Group of each cell in the frame at hand.
    pub group_of_cell: &'a [usize],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::resample::draw::{multinomial, replicate_rng};

    /// The delta method's standard error against the spread of a bootstrap, where the groups that attain
    /// the gaps are the same in all replicates.
    #[test]
    fn the_standard_error_is_the_spread_of_the_bootstrap() {
        let cells = [
            [2000, 40, 60, 300, 200, 30, 20, 900],
            [1500, 20, 30, 900, 400, 50, 140, 1200],
            [1800, 60, 10, 400, 900, 30, 60, 400],
        ]
        .map(|of| Pair { of });
        let design = Strata {
            cells: &[vec![0], vec![1], vec![2]],
            group_of_cell: &[0, 1, 2],
        };
        let both = Both::of(&cells);
        const REPLICATES: usize = 4000;
        let mut changes = vec![Vec::with_capacity(REPLICATES); Gap::ALL.len()];
        for r in 0..REPLICATES as u64 {
            let mut rng = replicate_rng(9, r);
            let drawn = cells.map(|cell| {
                let drawn = multinomial(&cell.of.map(u64::from), &mut rng);
                Pair {
                    of: std::array::from_fn(|i| drawn[i] as u32),
                }
            });
            let both = Both::of(&drawn);
            for (gap, changes) in Gap::ALL.into_iter().zip(&mut changes) {
                changes.push(both.change(gap).unwrap());
            }
        }
        for (gap, changes) in Gap::ALL.into_iter().zip(changes) {
            let n = changes.len() as f64;
            let mean = changes.iter().sum::<f64>() / n;
            let spread = (changes.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / n).sqrt();
            let se = both.standard_error(gap, &cells, &cells, &design);
            // The spread of 4,000 draws is known to 1/√8000 = 1.1 %; the delta method leaves out terms of
            // order 1/n.
            assert!(
                (se / spread - 1.0).abs() < 0.05,
                "{gap:?}: {se} and {spread}"
            );
        }
    }

    #[test]
    fn models_that_agree_have_no_spread() {
        let cells =
            [[50, 0, 0, 20, 10, 0, 0, 60], [40, 0, 0, 30, 20, 0, 0, 30]].map(|of| Pair { of });
        let design = Strata {
            cells: &[vec![0], vec![1]],
            group_of_cell: &[0, 1],
        };
        let both = Both::of(&cells);
        for gap in Gap::ALL {
            assert_eq!(both.change(gap), Some(0.0));
            assert_eq!(both.standard_error(gap, &cells, &cells, &design), 0.0);
        }
    }
}
