//! Every paired statistic of every replicate, for one candidate.
//!
//! ```text
//! a row:  accuracy │ frame 0: ΔG × gaps, se × gaps, Δ rate × (rates × groups) │ frame 1: …
//! ```

use rayon::prelude::*;

use super::pair::{Both, Pair, Strata};
use super::votes::Counted;
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::groups::Grouping;
use crate::fairness::measure::rates::Rate;

/// Rates whose change in a group is (up − down) / n over the same images: those that bound gaps.
pub const PAIRED: [Rate; 4] = [Rate::Selection, Rate::Tpr, Rate::Fpr, Rate::Accuracy];

const GAPS: usize = Gap::ALL.len();

/// Computes rows of statistics.
pub struct Statistics<'a> {
    /// Groups and strata.
    pub grouping: &'a Grouping,
    /// Cells of each stratum.
    pub strata: &'a [Vec<usize>],
    /// Whether standard errors are computed; with clusters they are the bootstrap's.
    pub errors: bool,
}

impl Statistics<'_> {
    fn frame_width(&self, frame: usize) -> usize {
        2 * GAPS + PAIRED.len() * self.grouping.frames[frame].groups.len()
    }

    fn frame_start(&self, frame: usize) -> usize {
        1 + (0..frame).map(|f| self.frame_width(f)).sum::<usize>()
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.frame_start(self.grouping.frames.len())
    }

    /// Column of a change of a gap.
    pub fn gap(&self, frame: usize, gap: usize) -> usize {
        self.frame_start(frame) + gap
    }

    /// Column of its standard error.
    pub fn error(&self, frame: usize, gap: usize) -> usize {
        self.frame_start(frame) + GAPS + gap
    }

    /// First of the columns of the changes of a rate (index into [`PAIRED`]) in each group.
    pub fn rates(&self, frame: usize, rate: usize) -> usize {
        let groups = self.grouping.frames[frame].groups.len();
        self.frame_start(frame) + 2 * GAPS + rate * groups
    }

    /// Computes one row from the counts of all cells; undefined statistics are NaN.
    pub fn write(&self, cells: &[Pair], row: &mut [f64]) {
        let mut all = Pair::default();
        cells.iter().for_each(|cell| all.add(cell));
        row[0] = change(Rate::Accuracy, &all);
        for (f, frame) in self.grouping.frames.iter().enumerate() {
            let groups = sum(cells, &frame.group_of_cell, frame.groups.len());
            let both = Both::of(&groups);
            let design = Strata {
                cells: self.strata,
                group_of_cell: &frame.group_of_cell,
            };
            for (g, gap) in Gap::ALL.into_iter().enumerate() {
                let delta = both.change(gap);
                row[self.gap(f, g)] = delta.unwrap_or(f64::NAN);
                row[self.error(f, g)] = match (delta, self.errors) {
                    (Some(_), true) => both.standard_error(gap, &groups, cells, &design),
                    _ => f64::NAN,
                };
            }
            for (r, rate) in PAIRED.into_iter().enumerate() {
                let from = self.rates(f, r);
                for (place, group) in row[from..].iter_mut().zip(&groups) {
                    *place = change(rate, group);
                }
            }
        }
    }

    /// A row for each replicate.
    pub fn of_replicates(&self, counted: Counted) -> Matrix {
        let width = self.width();
        let replicates = counted.rows.len() / counted.row.len();
        let mut values = vec![0.0; replicates * width];
        let out = values.par_chunks_mut(width);
        let work = out.zip(counted.rows.par_chunks(counted.row.len()));
        work.for_each(|(row, counts)| {
            self.write(&pairs(counts, counted.slots, counted.model), row);
        });
        Matrix { values, width }
    }
}

/// Statistics of all replicates.
pub struct Matrix {
    values: Vec<f64>,
    width: usize,
}

impl Matrix {
    /// One statistic in all replicates.
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = f64> {
        self.values[column..].iter().step_by(self.width).copied()
    }

    /// `count` neighbouring statistics in every replicate in which none is NaN.
    pub fn block(&self, from: usize, count: usize) -> Vec<Vec<f64>> {
        let rows = self
            .values
            .chunks(self.width)
            .map(|row| &row[from..][..count]);
        let whole = rows.filter(|row| row.iter().all(|x| !x.is_nan()));
        whole.map(<[f64]>::to_vec).collect()
    }
}

/// Counts of every cell, from a row as [`Votes`](super::votes::Votes) has them.
pub fn pairs(row: &[u32], slots: usize, model: usize) -> Vec<Pair> {
    let cells = 0..slots / 4;
    cells
        .map(|cell| Pair::read(row, slots, model, cell))
        .collect()
}

/// Counts of every group of a frame.
pub fn sum(cells: &[Pair], group_of_cell: &[usize], groups: usize) -> Vec<Pair> {
    let mut sums = vec![Pair::default(); groups];
    for (cell, group) in cells.iter().zip(group_of_cell) {
        sums[*group].add(cell);
    }
    sums
}

/// Change of a rate in a group; NaN where it is undefined for one of the models.
pub fn change(rate: Rate, group: &Pair) -> f64 {
    match (rate.of(&group.other()), rate.of(&group.base())) {
        (Ok(other), Ok(base)) => other - base,
        _ => f64::NAN,
    }
}
