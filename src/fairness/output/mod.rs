//! What was found, as data, as JSON and for a terminal.

pub(super) mod assemble;
mod comparison_json;
mod comparison_terminal;
mod json;
pub mod report;
mod terminal;

pub use comparison_json::{comparison, comparisons};
