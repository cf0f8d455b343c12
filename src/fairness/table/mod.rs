//! The table of predictions that everything else is computed from.

pub mod attribute;
pub mod bins;
mod csv;
pub mod names;
pub mod predictions;
pub mod shared;

pub use csv::Reading;
