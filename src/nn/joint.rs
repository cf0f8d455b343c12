//! Where two flows meet: residual addition, concatenation, squeeze-excite scaling.
//!
//! A joint is a module with a path, not a bare function, because two 8-bit flows with different
//! scales can only meet under a third scale that has to be calibrated and kept somewhere
//! (PyTorch's `FloatFunctional` exists for the same reason). In float each is one line.

use burn::module::Module;
use burn::tensor::Tensor;

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
        Flow::F32(self.act.apply(a.into_float() + b.into_float()))
    }

    /// Channels of `a`, then channels of `b`: `[B, C₁, H, W]`, `[B, C₂, H, W]` → `[B, C₁ + C₂, H, W]`.
    pub fn concat(&self, a: Flow<4>, b: Flow<4>) -> Flow<4> {
        Flow::F32(
            self.act
                .apply(Tensor::cat(vec![a.into_float(), b.into_float()], 1)),
        )
    }

    /// Each channel times its gate: `[B, C, H, W]` · `[B, C, 1, 1]`.
    pub fn scale(&self, x: Flow<4>, gate: Flow<4>) -> Flow<4> {
        Flow::F32(self.act.apply(x.into_float() * gate.into_float()))
    }
}
