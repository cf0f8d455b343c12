//! The CPU's integer layers, each instruction set of this machine, against the naive twins.

mod bad_input;
mod cases;
mod convolution;
mod fuzz;
mod joints;
mod linear;
mod weight_only;
