//! The four numbers that hypotheses are about, and in which direction each is better.

use crate::fairness::measure::gaps::GapPoint;
use crate::fairness::measure::panel::sum_cells;
use crate::fairness::{Counts, Frame, Gap, gaps};

/// A number of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Share of images decided rightly.
    Accuracy,
    /// Demographic parity gap on the primary frame.
    Dp,
    /// Equalized odds gap on it.
    Eo,
    /// Accuracy of its worst group.
    Worst,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Accuracy, Self::Dp, Self::Eo, Self::Worst];

    /// Those fixed before any run.
    pub const PRIMARY: [Self; 3] = [Self::Dp, Self::Eo, Self::Worst];

    /// The name in files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Dp => "dp_gap",
            Self::Eo => "eo_gap",
            Self::Worst => "worst_group_accuracy",
        }
    }

    /// The name in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Dp => "DP gap",
            Self::Eo => "EO gap",
            Self::Worst => "worst-group accuracy",
        }
    }

    /// +1 where more is better, −1 for gaps.
    pub fn better(self) -> f64 {
        match self {
            Self::Accuracy | Self::Worst => 1.0,
            Self::Dp | Self::Eo => -1.0,
        }
    }

    /// The gap that it is, if it is one.
    pub fn gap(self) -> Option<Gap> {
        match self {
            Self::Accuracy => None,
            Self::Dp => Some(Gap::Dp),
            Self::Eo => Some(Gap::Eo),
            Self::Worst => Some(Gap::WorstGroupAccuracy),
        }
    }

    /// All of them from the counts of the cells; NaN where undefined.
    pub fn measure(frame: &Frame, cells: &[Counts]) -> [f64; 4] {
        let mut all = Counts::default();
        cells.iter().for_each(|cell| all.add(cell));
        let gaps = gaps(&sum_cells(frame, cells));
        let value = |point: &GapPoint| point.map_or(f64::NAN, |a| a.value);
        Self::ALL.map(|metric| match metric.gap() {
            None => all.accuracy().unwrap_or(f64::NAN),
            Some(gap) => {
                let at = Gap::ALL
                    .iter()
                    .position(|g| *g == gap)
                    .expect("a gap of all");
                value(&gaps[at])
            }
        })
    }
}
