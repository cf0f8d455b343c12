//! What every figure has to keep, on made-up numbers of the shape that a study gives.
//!
//! `FAIRBIT_FIGURES=/tmp/figures cargo test report` also leaves the samples there to look at.

pub mod figures;
mod pictures;
mod samples;
