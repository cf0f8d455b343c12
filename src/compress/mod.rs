//! What is done to a model to make it small.
//!
//! ```text
//! trained model ─► fold ─► calibrate ─┐
//!                            plan ────┴► attach ─► on its grids ─► pack ─► integers
//!                                                       └► artifact ─┘
//! ```
//!
//! Folding takes batch normalization into the weights, calibration sees activations, and a plan says how
//! small each layer becomes. A model on its grids computes in floats what the packed one does in integers.

pub mod allocate;
pub mod artifact;
pub mod attach;
pub mod calibrate;
pub mod calibration_set;
pub mod equalize;
pub mod fold;
pub mod latency;
pub mod layer_inputs;
pub mod pack;
pub mod plan;
pub mod round;
pub mod rows;
pub mod sensitivity;
#[cfg(test)]
mod tests;
