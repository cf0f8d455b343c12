//! A leaf on its grid: what it computes when quantization is simulated, for training and for choosing.
//!
//! ```text
//! floats ─▶ input ─┐                       ┌─ (sum) ─▶ activation ─▶ (output) ─▶ next
//! on a grid ───────┴▶ rounded weights, bias┘
//! ```
//!
//! The same places round as in a packed leaf, see [`super::PackedConv`]; the rounded weights are those of
//! [`crate::quant::FakeWeight`] beside the layer's own.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Act, Flow};
use crate::quant::FakeAct;

/// The grids of a leaf's activations.
#[derive(Module, Debug)]
pub struct LeafQuant {
    /// Of what comes in as floats; what is on the grid of another leaf stays on it.
    pub input: FakeAct,
    /// Of the sum, where the activation is a table of its codes (SiLU, GELU).
    pub sum: Option<FakeAct>,
    /// Of what goes out; none where floats do.
    pub output: Option<FakeAct>,
}

impl LeafQuant {
    /// What the weights are multiplied by.
    pub(super) fn enter<const D: usize>(&self, x: Flow<D>) -> Tensor<D> {
        match x {
            Flow::Grid(x) => x,
            x => self.input.apply(x.into_float()),
        }
    }

    /// From the sum with its bias or normalization to what goes out.
    pub(super) fn leave<const D: usize>(&self, sum: Tensor<D>, act: Act) -> Flow<D> {
        let sum = match &self.sum {
            Some(grid) => grid.apply(sum),
            None => sum,
        };
        on_grid(act.apply(sum), self.output.as_ref())
    }
}

/// Floats on their way out, on a grid where there is one.
pub(super) fn on_grid<const D: usize>(y: Tensor<D>, grid: Option<&FakeAct>) -> Flow<D> {
    match grid {
        Some(grid) => Flow::Grid(grid.apply(y)),
        None => Flow::F32(y),
    }
}
