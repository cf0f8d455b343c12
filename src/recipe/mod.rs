//! A compression method as a file, and carrying it out: plan, calibration, grids, packing.
//!
//! A method is data: every configuration of the study is a file in `configs/methods/`, and another one
//! needs no code. No maths here: what a method says is done by `compress` and `quant`.

mod allocate;
mod carry_out;
mod finetune;
mod method;

pub use allocate::{Allocate, Allocated};
pub use carry_out::{Compressed, Cost, LayerReport, Surroundings, compress};
pub use finetune::Finetune;
pub use method::{Calibrate, Method, PlanBy};
