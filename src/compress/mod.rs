//! What is done to a model to make it small.
//!
//! ```text
//! trained model ─► fold (batch normalization) ─► calibrate (ranges of activations) ─► pack (integers)
//! ```

pub mod allocate;
pub mod calibrate;
pub mod fold;
pub mod pack;
pub mod plan;
#[cfg(test)]
mod tests;
