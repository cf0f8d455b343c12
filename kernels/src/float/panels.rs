//! Weights laid out for the matrix product.
//!
//! ```text
//! panel j: columns j·W .. (j+1)·W, W = two vectors
//!   tap 0:  k = 0: [ W floats ]  k = 1: [ W floats ] ...
//!   tap 1:  ...
//! ```
//! Columns beyond the last are zero. One loop over k then reads one stream of whole vectors.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Where element (n, tap, k) of a weight tensor lies: strides in elements.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Columns of the product.
    pub n: usize,
    /// Step between columns.
    pub n_step: usize,
    /// Products per tap.
    pub k: usize,
    /// Step between the k of a tap.
    pub k_step: usize,
    /// Kernel taps.
    pub taps: usize,
    /// Step between taps.
    pub tap_step: usize,
    /// First element.
    pub start: usize,
}

/// Weights, or their gradient, in panels.
pub struct Panels {
    /// `[panels, taps, k, width]`
    pub data: Vec<f32>,
    /// Floats in a row of a panel.
    pub width: usize,
    /// Columns that are not padding.
    pub n: usize,
    /// Products per tap.
    pub k: usize,
    /// Kernel taps.
    pub taps: usize,
}

struct Width;

impl WithSimd for Width {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        2 * S::F32_LANES
    }
}

impl Panels {
    /// Zeros, for sums to be added to.
    pub fn zeros(view: &View) -> Self {
        let width = Arch::new().dispatch(Width);
        Self {
            data: vec![0.0; view.n.div_ceil(width) * view.taps * view.k * width],
            width,
            n: view.n,
            k: view.k,
            taps: view.taps,
        }
    }

    /// Copies `weights` into panels.
    pub fn pack(weights: &[f32], view: &View) -> Self {
        let mut panels = Self::zeros(view);
        let width = panels.width;
        let per_panel = view.taps * view.k * width;
        panels
            .data
            .par_chunks_mut(per_panel)
            .enumerate()
            .for_each(|(j, panel)| {
                let columns = width.min(view.n - j * width);
                for (row, to) in panel.chunks_exact_mut(width).enumerate() {
                    let from = view.at(j * width, row);
                    if view.n_step == 1 {
                        to[..columns].copy_from_slice(&weights[from..from + columns]);
                    } else {
                        for (i, to) in to[..columns].iter_mut().enumerate() {
                            *to = weights[from + i * view.n_step];
                        }
                    }
                }
            });
        panels
    }

    /// Copies panels back into the order of `view`; elements that the view leaves out keep their value.
    pub fn unpack(&self, view: &View, weights: &mut [f32]) {
        let per_panel = view.taps * view.k * self.width;
        for (j, panel) in self.data.chunks_exact(per_panel).enumerate() {
            let columns = self.width.min(view.n - j * self.width);
            if view.n_step == 1 {
                for (row, from) in panel.chunks_exact(self.width).enumerate() {
                    let to = view.at(j * self.width, row);
                    weights[to..to + columns].copy_from_slice(&from[..columns]);
                }
                continue;
            }
            // Column by column: what is written lies together.
            for i in 0..columns {
                for (row, from) in panel.chunks_exact(self.width).enumerate() {
                    weights[view.at(j * self.width + i, row)] = from[i];
                }
            }
        }
    }

    /// The same panels read as one tap: k then runs through all taps.
    pub fn join_taps(&mut self) {
        self.k *= self.taps;
        self.taps = 1;
    }

    /// Panels side by side.
    pub fn count(&self) -> usize {
        self.n.div_ceil(self.width)
    }

    /// Row `k` of `tap` in panel `j` and what follows in the panel.
    #[inline(always)]
    pub fn row(&self, j: usize, tap: usize, k: usize) -> &[f32] {
        &self.data[((j * self.taps + tap) * self.k + k) * self.width..]
    }
}

impl View {
    /// Element of column `n` in panel row `row` = (tap, k).
    fn at(&self, n: usize, row: usize) -> usize {
        self.start + n * self.n_step + row / self.k * self.tap_step + row % self.k * self.k_step
    }
}
