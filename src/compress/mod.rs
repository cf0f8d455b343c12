//! What is done to a model to make it small.
//!
//! ```text
//! trained model ─► fold (batch normalization) ─► calibrate (ranges of activations) ─► pack (integers)
//! ```

pub mod attach;
pub mod calibrate;
pub mod fold;
pub mod pack;
pub mod plan;
pub mod rows;
#[cfg(test)]
mod tests;
