//! Packed INT8/INT4 arithmetic on burn tensors: the integer products that burn does not have.
//!
//! [`arith`] is the contract that every kernel obeys, [`packed`] the weights, [`shape`] the sizes of a
//! convolution, [`reference`] the naive twins that the kernels are compared with.

pub mod arith;
pub mod cpu;
pub mod error;
pub mod packed;
pub mod reference;
pub mod shape;

pub use arith::{ActQuant, Activation, Epilogue, Output, max_k};
pub use error::{KernelError, Result};
pub use packed::{Granularity, PackedWeights};
pub use shape::ConvShape;
