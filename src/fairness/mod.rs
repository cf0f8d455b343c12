//! Fairness of a classifier's predictions: plain slices in, numbers out. Knows neither burn nor models.
//!
//! [`Predictions`] is the interface: one table with image, identity, attributes, label and score, from
//! any tool. [`audit`] measures it:
//!
//! ```text
//! predictions ─► attribute, groups ─► panel (metrics, ranked, gaps) ─► points
//!                                       │  resample, bootstrap        ─► intervals
//!                                       └─ noise_floor                ─► noise floors
//!                                                     report ─► json, table
//! ```

mod assemble;
mod attribute;
mod audit;
mod bootstrap;
mod estimate;
mod gaps;
mod groups;
mod json;
mod metrics;
mod noise_floor;
mod panel;
mod percentile;
mod predictions;
mod predictions_csv;
mod ranked;
mod report;
mod resample;
pub mod seeds;
mod table;
#[cfg(test)]
mod tests;

pub use attribute::{AttributeColumn, MAX_LEVELS};
pub use audit::{AuditConfig, Intervals, audit};
pub use bootstrap::{Replicates, Source};
pub use estimate::{Estimate, Interval, Point, Undefined};
pub use gaps::{Attained, EIGHTY_PERCENT, Gap, GapPoint, GapUndefined, UnfairSide, gaps};
pub use groups::{Frame, Grouping, MAX_CELLS};
pub use metrics::{Counts, GroupMetric};
pub use noise_floor::{NoiseFloors, noise_floors};
pub use panel::{FramePoints, Panel, Sample};
pub use percentile::quantile;
pub use predictions::{Predictions, exact_score};
pub use ranked::{ECE_BINS, Ranked, auc, ece};
pub use report::{AttributeReport, FairnessReport, GapReport, GroupReport, Rank, Resampling};
pub use resample::{Resampler, replicate_rng, resample_counts};
