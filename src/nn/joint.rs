//! Where two flows meet: residual addition, concatenation, squeeze-excite scaling.
//!
//! A joint is a module with a path, not a bare function, because two 8-bit flows with different
//! scales can only meet under a third scale that has to be calibrated and kept somewhere
//! (PyTorch's `FloatFunctional` exists for the same reason). In float each is one line.

use burn::module::Module;
use burn::tensor::Tensor;
use fairbit_kernels::train;

use super::{Act, Flow};

/// A place where two flows become one.
#[derive(Module, Debug)]
pub struct Joint {
    /// Activation after the joint.
    #[module(skip)]
    pub act: Act,
}

impl Joint {
    /// A joint followed by an activation ([`Act::Identity`] for none).
    pub fn new(act: Act) -> Self {
        Self { act }
    }

    /// Sum of two flows of equal shape.
    pub fn add<const D: usize>(&self, a: Flow<D>, b: Flow<D>) -> Flow<D> {
        let (a, b) = (a.into_float(), b.into_float());
        Flow::F32(match self.act {
            Act::Identity | Act::Relu if train::runs_on(&a) => train::add(a, b, self.act.curve()),
            act => act.apply(a + b),
        })
    }

    /// Channels of `a`, then channels of `b`: `[B, H, W, C₁]`, `[B, H, W, C₂]` → `[B, H, W, C₁ + C₂]`.
    pub fn concat(&self, a: Flow<4>, b: Flow<4>) -> Flow<4> {
        let (a, b) = (a.into_float(), b.into_float());
        let y = match train::runs_on(&a) {
            true => train::concat(a, b),
            false => Tensor::cat(vec![a, b], 3),
        };
        Flow::F32(self.act.apply(y))
    }

    /// Each channel times its gate: `[B, H, W, C]` · `[B, 1, 1, C]`.
    pub fn scale(&self, x: Flow<4>, gate: Flow<4>) -> Flow<4> {
        let (x, gate) = (x.into_float(), gate.into_float());
        let y = match train::runs_on(&x) {
            true => train::gate(x, gate),
            false => x * gate,
        };
        Flow::F32(self.act.apply(y))
    }
}
