//! Thresholds as a mitigation: fitted on a validation table, applied to others, read from a file.

mod file;
mod fit;

pub use file::{read, write};
pub use fit::{Criterion, Fitted, fit};
