//! A compression method as a file, and carrying it out: plan, calibration, grids, packing.
//!
//! A method is data: every configuration of the study is a file in `configs/methods/`, and another one
//! needs no code. No maths here: what a method says is done by `compress` and `quant`.

mod carry_out;
mod method;

pub use carry_out::{Compressed, LayerReport, compress};
pub use method::{Calibrate, Method, PlanBy};
