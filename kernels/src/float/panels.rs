//! Weights laid out for the matrix product.
//!
//! ```text
//! panel j: columns j·W .. (j+1)·W, W = two vectors
//!   tap 0:  k = 0: [ W floats ]  k = 1: [ W floats ] ...
//!   tap 1:  ...
//! ```
//! Columns beyond the last are zero. One loop over k then reads one stream of whole vectors.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::arch::arch;
use super::share::{Aligned, Shared};

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
    pub(super) data: Aligned,
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
        let width = arch().dispatch(Width);
        Self {
            data: Aligned::zeros(view.n.div_ceil(width) * view.taps * view.k * width),
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
        let panel = view.taps * view.k * width;
        let parts = panels.data.par_chunks_mut(panel).enumerate();
        parts.for_each(|(j, panel)| {
            if view.n_step == 1 {
                return view.each_row(j * width, width, |row, at, columns| {
                    panel[row * width..][..columns].copy_from_slice(&weights[at..at + columns]);
                });
            }
            view.each(j * width, width, |column, row, at| {
                panel[row * width + column] = weights[at];
            });
        });
        panels
    }

    /// Copies panels back into the order of `view`; elements that the view leaves out keep their value.
    pub fn unpack(&self, view: &View, weights: &mut [f32]) {
        let width = self.width;
        let weights = Shared::new(weights);
        let parts = self.data.par_chunks(view.taps * view.k * width).enumerate();
        parts.for_each(|(j, panel)| {
            if view.n_step == 1 {
                return view.each_row(j * width, width, |row, at, columns| {
                    // SAFETY: no two elements of a view are the same.
                    let to = unsafe { weights.part(at, columns) };
                    to.copy_from_slice(&panel[row * width..][..columns]);
                });
            }
            view.each(j * width, width, |column, row, at| {
                // SAFETY: no two elements of a view are the same.
                let to = unsafe { weights.part(at, 1) };
                to[0] = panel[row * width + column];
            });
        });
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
    /// Calls `visit(panel row, first element, columns)` where columns lie together.
    #[inline(always)]
    fn each_row(&self, first: usize, width: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let columns = width.min(self.n - first);
        for tap in 0..self.taps {
            for k in 0..self.k {
                let at = self.start + tap * self.tap_step + k * self.k_step + first;
                visit(tap * self.k + k, at, columns);
            }
        }
    }

    /// Calls `visit(column, panel row, element)` for the columns from `first` on of one panel.
    ///
    /// Some k at a time, and of these column by column: both the panel's rows and the runs of weights
    /// then stay in the first cache.
    #[inline(always)]
    fn each(&self, first: usize, width: usize, mut visit: impl FnMut(usize, usize, usize)) {
        /// Consecutive k.
        const BLOCK: usize = 16;
        let columns = width.min(self.n - first);
        for from in (0..self.k).step_by(BLOCK) {
            let block = from..self.k.min(from + BLOCK);
            for i in 0..columns {
                for k in block.clone() {
                    let at = self.start + (first + i) * self.n_step + k * self.k_step;
                    let taps = 0..self.taps;
                    taps.for_each(|tap| visit(i, tap * self.k + k, at + tap * self.tap_step));
                }
            }
        }
    }
}
