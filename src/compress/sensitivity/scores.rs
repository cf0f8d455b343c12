//! Numbers of single images, and their weighted means over groups.

use super::sample::{Group, Sample};

/// A number for each image and column, a column for each layer and width.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// `[images, columns]`
    pub values: Vec<f64>,
    /// Layers times widths.
    pub columns: usize,
}

/// How often each image is counted: once each, or as a resample has it.
#[derive(Debug, Clone, Copy)]
pub enum Times<'a> {
    /// Once.
    Once,
    /// A count for each image.
    Each(&'a [u32]),
}

impl Scores {
    /// A number for each image and column of two.
    pub fn zip(&self, other: &Self, with: impl Fn(f64, f64) -> f64) -> Self {
        let both = self.values.iter().zip(&other.values);
        Self {
            values: both.map(|(a, b)| with(*a, *b)).collect(),
            columns: self.columns,
        }
    }

    /// Weighted sums over the images of each cell, `[cells, columns]`.
    pub fn cell_sums(&self, sample: &Weighting, times: Times<'_>) -> Vec<f64> {
        let mut sums = vec![0.0; sample.cell_count * self.columns];
        for (i, row) in self.values.chunks_exact(self.columns).enumerate() {
            let weight = sample.weight(i, times);
            if weight == 0.0 {
                continue;
            }
            let to = &mut sums[sample.cells[i] * self.columns..][..self.columns];
            to.iter_mut().zip(row).for_each(|(to, x)| *to += weight * x);
        }
        sums
    }
}

/// Which cell each image is of, and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighting {
    /// Cell of each image.
    pub cells: Vec<usize>,
    /// Number of cells.
    pub cell_count: usize,
    /// Weight of each image.
    pub weights: Vec<f64>,
}

impl Weighting {
    /// That of a sample.
    pub fn of(sample: &Sample) -> Self {
        Self {
            cells: sample.cells.clone(),
            cell_count: sample.groups[0].cells.len(),
            weights: sample.weights.clone(),
        }
    }

    fn weight(&self, image: usize, times: Times<'_>) -> f64 {
        match times {
            Times::Once => self.weights[image],
            Times::Each(counts) => self.weights[image] * f64::from(counts[image]),
        }
    }

    /// Weights of the images of each cell, added up.
    pub fn cell_weights(&self, times: Times<'_>) -> Vec<f64> {
        let mut sums = vec![0.0; self.cell_count];
        for (i, &cell) in self.cells.iter().enumerate() {
            sums[cell] += self.weight(i, times);
        }
        sums
    }

    /// Weighted means of all columns over a group, from the sums of its cells.
    pub fn group_means(&self, group: &Group, sums: &[f64], cell_weights: &[f64]) -> Vec<f64> {
        let columns = sums.len() / self.cell_count;
        let total: f64 = group.cells.iter().map(|&cell| cell_weights[cell]).sum();
        let mut means = vec![0.0; columns];
        for &cell in &group.cells {
            let from = &sums[cell * columns..][..columns];
            means
                .iter_mut()
                .zip(from)
                .for_each(|(to, x)| *to += x / total);
        }
        means
    }

    /// Weighted means of all columns over each group, `[groups][columns]`.
    pub fn means(&self, groups: &[Group], scores: &Scores) -> Vec<Vec<f64>> {
        let sums = scores.cell_sums(self, Times::Once);
        let weights = self.cell_weights(Times::Once);
        let of = |group| self.group_means(group, &sums, &weights);
        groups.iter().map(of).collect()
    }
}
