//! A study folder as read: what all figures, tables and pages are made of.

use std::path::{Path, PathBuf};

use super::details::{self, Allocation, Draw, Epoch, Group, LayerCost, Timing, Versus};
use super::findings::{self, Findings, Pareto, Provenance};
use super::order;
use super::results::{self, Configuration};
use crate::error::{Fault, Result};

/// All files of a study that hold numbers. Only `results.csv` has to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The folder.
    pub dir: PathBuf,
    /// `results.csv`, at least one row.
    pub results: Vec<Configuration>,
    /// `groups.csv`.
    pub groups: Option<Vec<Group>>,
    /// `comparisons.csv`.
    pub comparisons: Option<Vec<Versus>>,
    /// `timings.csv`.
    pub timings: Option<Vec<Timing>>,
    /// `sensitivity.csv`.
    pub sensitivity: Option<Vec<LayerCost>>,
    /// `calibration-draws.csv`.
    pub draws: Option<Vec<Draw>>,
    /// `allocations.csv`.
    pub allocations: Option<Vec<Allocation>>,
    /// `training.csv`.
    pub training: Option<Vec<Epoch>>,
    /// `hypotheses.json`.
    pub findings: Option<Findings>,
    /// `pareto.json`.
    pub pareto: Option<Pareto>,
    /// `provenance.json`.
    pub provenance: Option<Provenance>,
    /// The target that figures are of, unless they say otherwise.
    pub target: String,
    /// The seed likewise.
    pub seed: u64,
}

impl Study {
    /// Reads a study folder.
    ///
    /// # Errors
    /// Data error naming file and line or column, also where `results.csv` is missing or has no rows.
    pub fn read(dir: &Path) -> Result<Self> {
        let file = |name: &str| dir.join(name);
        let results = results::read(&file("results.csv"))?.filter(|rows| !rows.is_empty());
        let Some(results) = results else {
            let fault = Fault::new(file("results.csv"), "no results here");
            return Err(fault
                .next("name the folder of a study that has run: fairbit study --out DIR")
                .data());
        };
        let (target, seed) = primary(&results);
        Ok(Self {
            dir: dir.to_path_buf(),
            results,
            groups: details::groups(&file("groups.csv"))?,
            comparisons: details::comparisons(&file("comparisons.csv"))?,
            timings: details::timings(&file("timings.csv"))?,
            sensitivity: details::layer_costs(&file("sensitivity.csv"))?,
            draws: details::draws(&file("calibration-draws.csv"))?,
            allocations: details::allocations(&file("allocations.csv"))?,
            training: details::epochs(&file("training.csv"))?,
            findings: findings::read(&file("hypotheses.json"))?,
            pareto: findings::read(&file("pareto.json"))?,
            provenance: findings::read(&file("provenance.json"))?,
            target,
            seed,
        })
    }

    /// Configurations of the primary target and seed, controls too, as the matrix is ordered.
    pub fn primary(&self) -> impl Iterator<Item = &Configuration> {
        let own = |c: &&Configuration| c.target == self.target && c.seed == self.seed;
        self.results.iter().filter(own)
    }

    /// Those of the matrix: without controls.
    pub fn matrix(&self) -> impl Iterator<Item = &Configuration> {
        self.primary().filter(|c| !c.control)
    }

    /// A configuration of the primary target and seed, where it is done.
    pub fn configuration(&self, model: &str, method: &str) -> Option<&Configuration> {
        let same = |c: &&Configuration| c.model == model && c.method == method && c.done;
        self.primary().find(same)
    }

    /// Times of a configuration of the primary target and seed.
    pub fn timing(&self, model: &str, method: &str) -> Option<&Timing> {
        let same = |t: &&Timing| {
            t.model == model && t.method == method && t.target == self.target && t.seed == self.seed
        };
        self.timings.iter().flatten().find(same)
    }

    /// Groups of a configuration of the primary target and seed, for one attribute or intersection.
    pub fn groups_of<'a>(
        &'a self,
        model: &'a str,
        method: &'a str,
        attribute: &'a str,
    ) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().flatten().filter(move |g| {
            g.model == model
                && g.method == method
                && g.attribute == attribute
                && g.target == self.target
                && g.seed == self.seed
        })
    }

    /// The grouping that primary metrics are of: the intersection of most attributes in `groups.csv`.
    pub fn intersection(&self) -> Option<&str> {
        let names = self.groups.iter().flatten().map(|g| g.attribute.as_str());
        // The first of those with most stars.
        names.reduce(|best, name| {
            let stars = |n: &str| n.matches('*').count();
            if stars(name) > stars(best) {
                name
            } else {
                best
            }
        })
    }

    /// Models of the primary target and seed, in the study's order.
    pub fn models(&self) -> Vec<&str> {
        order::models(self.primary().map(|c| c.model.as_str()))
    }

    /// Methods of the matrix, in the study's order.
    pub fn methods(&self) -> Vec<&str> {
        order::methods(self.matrix().map(|c| c.method.as_str()))
    }

    /// Number of test images of the primary target.
    pub fn n(&self) -> u64 {
        self.primary().map(|c| c.n).max().unwrap_or(0)
    }

    /// Confidence of all intervals.
    pub fn confidence(&self) -> f64 {
        self.findings.as_ref().map_or(0.95, |f| f.family.confidence)
    }
}

/// The target and seed that most configurations are of; of the first among equals.
fn primary(results: &[Configuration]) -> (String, u64) {
    let key = |c: &Configuration| (c.target.clone(), c.seed);
    let mut counts: Vec<((String, u64), usize)> = Vec::new();
    for configuration in results {
        match counts.iter_mut().find(|(k, _)| *k == key(configuration)) {
            Some((_, count)) => *count += 1,
            None => counts.push((key(configuration), 1)),
        }
    }
    let most = counts
        .into_iter()
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    most.map_or_else(|| (String::new(), 0), |(key, _)| key)
}
