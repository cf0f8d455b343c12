//! Fairness of a classifier's predictions: plain slices in, numbers out. Knows neither burn nor models.
//!
//! [`Predictions`] is the interface: one table with image, identity, attributes, label and score, from
//! any tool. [`audit`] measures one table, [`compare`] what changed between two models:
//!
//! ```text
//! table      predictions.csv, attributes, bins, two tables of the same images
//! measure    groups ─► rates, ranked (AUC, ECE) ─► gaps, all of them: panel
//! resample   draw ─► bootstrap ─► percentile, BCa, bands        noise_floor: permuted labels
//! compare    votes ─► ΔG: intervals, p, families, equivalence   mcnemar, delong, exemplars
//! thresholds fitted on a validation table: post-processing
//! output     report, comparison ─► json, terminal
//! ```

mod audit;
pub mod compare;
pub mod measure;
pub mod output;
pub mod resample;
pub mod seeds;
pub mod table;
#[cfg(test)]
mod tests;
pub mod thresholds;

pub use audit::{AuditConfig, Intervals, audit, audit_drawn};
pub use compare::{
    Base, Candidate, CompareConfig, Comparison, Joint, Member, Pairing, compare, exact_bound,
};
pub use measure::correlation::{Side, exact_spearman_p, spearman};
pub use measure::counts::{Counts, GroupMetric};
pub use measure::decide::Thresholds;
pub use measure::estimate::{Estimate, Interval, Point, Undefined};
pub use measure::gaps::{Gap, UnfairSide, gaps};
pub use measure::groups::{Frame, Grouping, Orders};
pub use measure::ranked::{auc, ece};
pub use measure::rates::Rate;
pub use output::report::{
    AttributeReport, FairnessReport, GapReport, GroupReport, Rank, Resampling,
};
pub use resample::draw::replicate_rng;
pub use table::Reading;
pub use table::attribute::AttributeColumn;
pub use table::bins::Bins;
pub use table::predictions::{Predictions, exact_score};
pub use table::shared::{Unshared, align};
