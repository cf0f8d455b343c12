//! Quantization as tensor maths: what becomes of a number, of a weight, of an activation. Knows no models.
//!
//! ```text
//! fake_quant   a number onto its grid and back, gradients straight through
//! FakeWeight   that for a weight: symmetric, a scale per channel or group, learned (LSQ) or fixed
//! FakeAct      that for an activation: affine, one scale, or a range per image
//! observe      which range of an activation that should be
//! rounding     which of the two codes beside a weight, nearest or adaptive
//! ```
//!
//! All of it obeys the arithmetic of `fairbit_kernels::arith`, so that what is trained is what runs.

mod activation;
mod fake;
pub mod observe;
pub mod rounding;
#[cfg(test)]
mod tests;
mod weight;

pub use activation::FakeAct;
pub use fake::{fake_quant, scale_gradient};
pub use weight::{FakeWeight, Learn, ScaleFit, attach, weight_codes, weight_scales};
