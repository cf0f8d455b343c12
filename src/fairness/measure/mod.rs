//! What is measured on one sample: rates of groups, gaps between them.

pub mod correlation;
pub mod counts;
pub mod decide;
pub mod estimate;
pub mod gaps;
pub mod groups;
pub mod panel;
pub mod placements;
pub mod ranges;
pub mod ranked;
pub mod rates;
