//! Packed INT8/INT4 arithmetic on burn tensors: the integer products that burn does not have.
//!
//! [`arith`] is the contract that every kernel obeys, [`packed`] the weights, [`shape`] the sizes of a
//! convolution, [`mod@reference`] the naive twins that the kernels are compared with, [`cpu`] the layers on
//! plain slices; [`float`] is what training needs, [`trace`] names the kernels that ran. With the feature
//! `cube`, the module `cube` has the layers on devices that CubeCL compiles for; with `burn`, the modules
//! `tensor` and `train` have all of it on burn tensors.

pub mod arith;
pub mod cpu;
#[cfg(feature = "cube")]
pub mod cube;
mod curves;
pub mod error;
pub mod float;
pub mod memory;
pub mod packed;
pub mod reference;
pub mod shape;
#[cfg(feature = "burn")]
pub mod tensor;
pub mod trace;
#[cfg(feature = "burn")]
pub mod train;

pub use arith::{ActQuant, Activation, Epilogue, Output, max_k};
pub use error::{KernelError, Result};
pub use packed::{Granularity, PackedWeights};
pub use shape::ConvShape;
