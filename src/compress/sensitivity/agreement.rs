//! How well one sensitivity ranks the layers as another does, and as their depth does.
//!
//! Spearman's correlation over the layers, with a percentile interval (Efron and Tibshirani 1993, chapter
//! 13) from resampling the images within each cell: what another draw of images would have given. The
//! layers are those of the model and not resampled.

use rayon::prelude::*;

use super::scores::{Scores, Times};
use super::{Estimate, Sensitivity};
use crate::fairness::Interval;
use crate::fairness::resample::bootstrap::percentile;
use crate::fairness::resample::draw::Resampler;
use crate::fairness::{replicate_rng, spearman};

/// Replicates that intervals are of.
pub const REPLICATES: usize = 1000;

const CONFIDENCE: f64 = 0.95;

/// A rank correlation over the layers at one width.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Bits of a weight.
    pub bits: u32,
    /// Index of the group; everybody is 0.
    pub group: usize,
    /// What is compared.
    pub estimate: Estimate,
    /// With the direct measurement, or with the depth.
    pub with_depth: bool,
    /// None where one side is the same for all layers.
    pub rho: Option<f64>,
    /// Its interval.
    pub interval: Interval,
}

/// What is compared, at one width of one group.
struct Pair {
    estimate: usize,
    with_depth: bool,
}

/// Everything that correlations are computed from.
struct Compared<'a> {
    of: &'a Sensitivity,
    scores: Vec<(Estimate, Scores)>,
    pairs: Vec<Pair>,
    depths: Vec<f64>,
}

impl Sensitivity {
    /// Correlations of all that was found out: estimates with the direct measurement, each with the depth; by
    /// width, then group. The same for the same seed, whatever the number of threads.
    pub fn agreements(&self, replicates: usize, seed: u64) -> Vec<Agreement> {
        let scores: Vec<(Estimate, Scores)> = Estimate::ALL
            .into_iter()
            .filter_map(|estimate| Some((estimate, self.scores(estimate)?)))
            .collect();
        let mut pairs = Vec::new();
        for (estimate, (name, _)) in scores.iter().enumerate() {
            if *name != Estimate::Direct && self.direct.is_some() {
                pairs.push(Pair {
                    estimate,
                    with_depth: false,
                });
            }
            pairs.push(Pair {
                estimate,
                with_depth: true,
            });
        }
        let compared = Compared {
            of: self,
            scores,
            pairs,
            depths: self.layers.iter().map(|l| l.depth as f64).collect(),
        };
        let found = compared.row(Times::Once);
        let cells: Vec<u32> = self.weighting.cells.iter().map(|&c| c as u32).collect();
        let resampler = Resampler::stratified(&cells, self.weighting.cell_count);
        let rows: Vec<Vec<f64>> = (0..replicates)
            .into_par_iter()
            .map(|r| {
                let mut counts = vec![0; cells.len()];
                resampler.draw(&mut replicate_rng(seed, r as u64), &mut counts);
                compared.row(Times::Each(&counts))
            })
            .collect();
        let place = compared.places();
        let each = place.zip(found).enumerate();
        each.map(|(k, ((bits, group, pair), rho))| Agreement {
            bits,
            group,
            estimate: compared.scores[pair.estimate].0,
            with_depth: pair.with_depth,
            rho: (!rho.is_nan()).then_some(rho),
            interval: percentile(rows.iter().map(|row| row[k]), CONFIDENCE),
        })
        .collect()
    }
}

impl Compared<'_> {
    /// Width, group and pair of each correlation, in order.
    fn places(&self) -> impl Iterator<Item = (u32, usize, &Pair)> {
        let widths = self.of.widths.iter();
        widths.flat_map(move |&bits| {
            let groups = 0..self.of.groups.len();
            groups.flat_map(move |group| self.pairs.iter().map(move |pair| (bits, group, pair)))
        })
    }

    /// All correlations, NaN where there is none.
    fn row(&self, times: Times<'_>) -> Vec<f64> {
        let weighting = &self.of.weighting;
        let weights = weighting.cell_weights(times);
        let means: Vec<Vec<Vec<f64>>> = self
            .scores
            .iter()
            .map(|(_, scores)| {
                let sums = scores.cell_sums(weighting, times);
                let of = |group| weighting.group_means(group, &sums, &weights);
                self.of.groups.iter().map(of).collect()
            })
            .collect();
        let direct = self.scores.iter().position(|s| s.0 == Estimate::Direct);
        let at = |estimate: usize, group: usize, bits: u32| -> Vec<f64> {
            let layers = 0..self.of.layers.len();
            let column = |layer| self.of.column(layer, bits).expect("one of its widths");
            layers
                .map(|layer| means[estimate][group][column(layer)])
                .collect()
        };
        self.places()
            .map(|(bits, group, pair)| {
                let of = at(pair.estimate, group, bits);
                let rho = match (pair.with_depth, direct) {
                    (true, _) | (_, None) => spearman(&of, &self.depths),
                    (false, Some(direct)) => spearman(&of, &at(direct, group, bits)),
                };
                rho.unwrap_or(f64::NAN)
            })
            .collect()
    }
}
