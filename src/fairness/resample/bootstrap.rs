//! Percentile bootstrap intervals (Efron & Tibshirani 1993, ch. 13) of every statistic of a panel.
//!
//! One replicate is one row: all metrics and gaps are measured on it together. Memory: 8 bytes ×
//! replicates × statistics. Undefined replicates are left out up to 5 %; beyond that, and where all
//! replicates are equal (nothing varies, so that the interval would have no width), there is a reason
//! instead of an interval.

use rayon::prelude::*;

use super::draw::{Resampler, replicate_rng, resample_counts};
use super::quantile::{defined, quantile};
use crate::fairness::measure::counts::Counts;
use crate::fairness::measure::estimate::Interval;
use crate::fairness::measure::panel::{Panel, Sample};

/// What is resampled.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Images or identities: intervals for every statistic.
    Images(&'a Resampler),
    /// The same replicates, measured by decisions only: neither AUC nor ECE.
    Decisions(&'a Resampler),
    /// Counts per cell and the cells of each stratum, one multinomial draw each: the same stratified
    /// bootstrap for everything that depends on decisions only, at a cost that does not grow with the
    /// number of images.
    Cells(&'a [Counts], &'a [Vec<usize>]),
    /// Counts per cell of each replicate, drawn elsewhere: many models share them.
    Drawn(&'a [Vec<Counts>]),
}

/// All statistics of all replicates.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicates {
    rows: Vec<f64>,
    width: usize,
}

impl Replicates {
    /// Draws and measures `replicates` samples in parallel; the same for any number of threads.
    ///
    /// # Panics
    /// When fewer than `replicates` were drawn elsewhere.
    pub fn draw(panel: &Panel, source: Source<'_>, replicates: usize, seed: u64) -> Self {
        let width = panel.width();
        let mut rows = vec![0.0; replicates * width];
        rows.par_chunks_mut(width)
            .enumerate()
            .for_each_init(Vec::new, |weight, (r, row)| {
                let mut rng = replicate_rng(seed, r as u64);
                let mut draw = |resampler: &Resampler, rng| {
                    weight.resize(resampler.n(), 0);
                    resampler.draw(rng, weight);
                };
                match source {
                    Source::Images(resampler) => {
                        draw(resampler, &mut rng);
                        panel.write_row(Sample::Weights(weight), row);
                    }
                    Source::Decisions(resampler) => {
                        draw(resampler, &mut rng);
                        panel.write_row(Sample::Cells(&panel.count(weight)), row);
                    }
                    Source::Cells(cells, strata) => {
                        let drawn = resample_counts(cells, strata, &mut rng);
                        panel.write_row(Sample::Cells(&drawn), row);
                    }
                    Source::Drawn(cells) => panel.write_row(Sample::Cells(&cells[r]), row),
                }
            });
        Self { rows, width }
    }

    /// The replicates of one statistic, NaN where undefined.
    ///
    /// # Panics
    /// When the column does not exist.
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = f64> {
        self.rows[column..].iter().step_by(self.width).copied()
    }

    /// The percentile interval of one statistic that covers `confidence` (0.95) of the replicates.
    ///
    /// # Panics
    /// When the column does not exist.
    pub fn interval(&self, column: usize, confidence: f64) -> Interval {
        percentile(self.column(column), confidence)
    }
}

/// The percentile interval of the replicates of a statistic, NaN where undefined.
pub fn percentile(replicates: impl ExactSizeIterator<Item = f64>, confidence: f64) -> Interval {
    match defined(replicates) {
            Err(share) => Interval::NotEstimable {
                reason: format!("undefined in {:.1} % of the bootstrap replicates", 100.0 * share),
            },
            Ok(sorted) if sorted.first() == sorted.last() => Interval::NotEstimable {
                reason: "all bootstrap replicates are equal and show no spread: too few images, or all alike".into(),
            },
            Ok(sorted) => {
                let tail = (1.0 - confidence) / 2.0;
                Interval::Bounds { lo: quantile(&sorted, tail), hi: quantile(&sorted, 1.0 - tail) }
            }
    }
}
