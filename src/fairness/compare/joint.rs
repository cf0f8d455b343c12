//! Many models on the same images, any of them compared with any other, and one resampling for all.
//!
//! A pair needs the images by label, decision of its base b and of its other model q. A column of votes
//! for each model, and for each pair one of the images that both select, hold that whatever the base:
//!
//! ```text
//! of a cell and label     q = 0                   q = 1
//! b = 0                   n − b − q + both        q − both
//! b = 1                   b − both                both
//! ```

use super::comparison::Comparison;
use super::equivalence::SPARSE;
use super::judge::Judge;
use super::run::{Candidate, CompareConfig, fill, fitting, subject};
use super::statistics::Statistics;
use super::votes::{Counted, Votes};
use crate::error::Result;
use crate::fairness::measure::counts::Counts;
use crate::fairness::measure::groups::Grouping;
use crate::fairness::resample::draw::{Resampler, cells_of_strata};
use crate::fairness::resample::simultaneous::simultaneous;
use crate::fairness::table::predictions::Predictions;

/// Which two models are compared; numbers are places among the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairing {
    /// The model that the other is compared with.
    pub base: usize,
    /// The other.
    pub other: usize,
    /// Whether its tests are adjusted.
    pub member: Member,
}

/// Whether a comparison is one of the declared family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Its DP and EO tests on the primary frame are adjusted, with all others of the family.
    Family,
    /// Its p-values are its own.
    Outside,
}

/// Models, pairs of them, and replicates of the images.
pub struct Joint<'a> {
    grouping: &'a Grouping,
    models: &'a [Candidate],
    pairs: &'a [Pairing],
    config: &'a CompareConfig,
    people: Option<Resampler>,
    votes: Votes,
    rows: Vec<u32>,
}

impl<'a> Joint<'a> {
    /// Draws the replicates; every model's table has the same images in the same order.
    ///
    /// # Errors
    /// Config error where the counts of all replicates would need more than 8 GiB.
    ///
    /// # Panics
    /// Without a model, or where a pair names one that is not there.
    pub fn draw(
        grouping: &'a Grouping,
        models: &'a [Candidate],
        pairs: &'a [Pairing],
        config: &'a CompareConfig,
    ) -> Result<Self> {
        let table = &models[0].predictions;
        let both = |pair: &Pairing| -> Vec<u8> {
            let [a, b] = [pair.base, pair.other].map(|m| models[m].decisions.iter());
            a.zip(b).map(|(a, b)| a & b).collect()
        };
        let columns: Vec<Vec<u8>> = (models.iter().map(|m| m.decisions.clone()))
            .chain(pairs.iter().map(both))
            .collect();
        // No base: every image is in a slot of those that the base does not select.
        let none = vec![0; table.n()];
        let people = table.people().map(|_| Resampler::of(table, grouping));
        let votes = Votes::new(grouping, table.label(), &none, &columns, people.clone());
        fitting(config, &votes)?;
        Ok(Self {
            rows: votes.replicates(config.replicates, config.seed),
            grouping,
            models,
            pairs,
            config,
            people,
            votes,
        })
    }

    /// Counts per cell of a model in each replicate.
    pub fn counts(&self, model: usize) -> Vec<Vec<Counts>> {
        let rows = self.rows.chunks(self.votes.width());
        let cells = 0..self.grouping.cells;
        rows.map(|row| cells.clone().map(|c| self.cell(row, model, c)).collect())
            .collect()
    }

    fn cell(&self, row: &[u32], model: usize, cell: usize) -> Counts {
        let mut counts = Counts::default();
        for y in 0..2 {
            let slot = 4 * cell + 2 * y;
            let selected = row[self.votes.slots * (1 + model) + slot];
            counts.of[2 * y] = u64::from(row[slot] - selected);
            counts.of[2 * y + 1] = u64::from(selected);
        }
        counts
    }

    /// A row of the counts of one pair: slots by the decision of its base, then what the other selects.
    fn paired(&self, row: &[u32], pair: usize, out: &mut [u32]) {
        let slots = self.votes.slots;
        let Pairing { base, other, .. } = self.pairs[pair];
        let (sizes, selected) = out.split_at_mut(slots);
        for slot in (0..slots).step_by(2) {
            let of = |column: usize| row[slots * (1 + column) + slot];
            let (b, q, both) = (of(base), of(other), of(self.models.len() + pair));
            (sizes[slot], sizes[slot + 1]) = (row[slot] - b, b);
            (selected[slot], selected[slot + 1]) = (q - both, both);
        }
    }

    /// Compares every pair, in their order; p-values of the family are adjusted together, and never below
    /// what they are on their own.
    pub fn compare(&self) -> Vec<Comparison> {
        let strata = cells_of_strata(self.grouping);
        let table: &Predictions = &self.models[0].predictions;
        let members = self.pairs.iter().filter(|p| p.member == Member::Family);
        let family = 2 * members.count();
        let mut comparisons = Vec::with_capacity(self.pairs.len());
        let mut tests = Vec::new();
        let mut changed = Vec::with_capacity(self.pairs.len());
        let width = 2 * self.votes.slots;
        let mut rows = vec![0; self.config.replicates * width];
        let mut observed = vec![0; width];
        for (at, pair) in self.pairs.iter().enumerate() {
            self.paired(&self.votes.row, at, &mut observed);
            let (sizes, selected) = observed.split_at(self.votes.slots);
            let by_slot = sizes.iter().zip(selected).enumerate();
            // Slots alternate between images that the base does not select and those that it does.
            let differ = by_slot.map(|(slot, (size, q))| if slot % 2 == 0 { *q } else { size - q });
            changed.push(differ.map(u64::from).sum::<u64>());
            let drawn = self.rows.chunks(self.votes.width());
            for (row, out) in drawn.zip(rows.chunks_mut(width)) {
                self.paired(row, at, out);
            }
            let judge = Judge {
                label: table.label(),
                grouping: self.grouping,
                base: subject(&self.models[pair.base]),
                config: self.config,
                people: table.people().zip(self.people.as_ref()),
                statistics: Statistics {
                    grouping: self.grouping,
                    strata: &strata,
                    errors: self.people.is_none(),
                },
                family,
            };
            let counted = Counted {
                row: &observed,
                rows: &rows,
                slots: self.votes.slots,
                model: 0,
            };
            let (comparison, tested) = judge.comparison(counted, subject(&self.models[pair.other]));
            comparisons.push(comparison);
            if pair.member == Member::Family {
                tests.extend(tested.into_iter().map(|(gap, tested)| (at, gap, tested)));
            }
        }
        // With fewer than five changed decisions no exact test reaches 5 %: such a hypothesis cannot be
        // rejected, and is left out of the maximum that others are compared with (Tarone 1990).
        let (sparse, tests): (Vec<_>, Vec<_>) = tests
            .into_iter()
            .partition(|(at, _, _)| changed[*at] < SPARSE);
        // Standard errors over all replicates: in a large family some models change so few decisions that
        // replicates of them have no spread of their own, and an infinite t would hide everything else.
        let mut tests = tests;
        let deltas: Vec<f64> = tests.iter().map(|(_, _, tested)| tested.delta).collect();
        let changes: Vec<Vec<f64>> = (tests.iter_mut())
            .map(|(_, _, tested)| std::mem::take(&mut tested.changes))
            .collect();
        let judged = simultaneous(&deltas, &changes, self.config.confidence);
        let stepped = judged.iter().zip(&tests);
        let stepped = stepped.map(|(judged, (_, _, tested))| judged.p_adjusted.max(tested.p));
        let mut stepped: Vec<f64> = stepped.collect();
        stepped.resize(tests.len() + sparse.len(), 1.0);
        tests.extend(sparse);
        fill(&mut comparisons, &tests, self.grouping.primary(), stepped);
        comparisons
    }
}
