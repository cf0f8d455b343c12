//! Floating-point kernels for training on the CPU: convolution, linear layers and normalization on
//! channels-last activations, forward and backward, on plain slices.
//!
//! Activations are `[B, H, W, C]`, so that an output position is one contiguous row: convolutions become
//! matrix products that read their input in place ([`gather`] says which rows), the vectors of every loop
//! run along channels, and nothing is laid out anew but the weights.
//!
//! Every sum has one order, whatever the number of threads: results are reproducible on a given kind of
//! processor.

pub mod adamw;
mod arch;
pub mod conv;
pub mod depthwise;
pub mod elementwise;
pub mod gather;
pub mod grid;
pub mod join;
pub mod layer_norm;
pub mod norm;
mod outer;
pub mod panels;
pub mod pool;
mod product;
mod share;
