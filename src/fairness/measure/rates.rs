//! The rates that gaps are made of, and how each image bears on them.

use super::counts::Counts;
use super::estimate::Point;

/// A rate of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// [`Counts::selection_rate`].
    Selection,
    /// [`Counts::tpr`].
    Tpr,
    /// [`Counts::fpr`].
    Fpr,
    /// [`Counts::ppv`].
    Ppv,
    /// [`Counts::accuracy`].
    Accuracy,
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Selection,
        Self::Tpr,
        Self::Fpr,
        Self::Ppv,
        Self::Accuracy,
    ];

    /// The name in files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Selection => "selection_rate",
            Self::Tpr => "tpr",
            Self::Fpr => "fpr",
            Self::Ppv => "ppv",
            Self::Accuracy => "accuracy",
        }
    }

    /// The rate of a group.
    pub fn of(self, counts: &Counts) -> Point {
        match self {
            Self::Selection => counts.selection_rate(),
            Self::Tpr => counts.tpr(),
            Self::Fpr => counts.fpr(),
            Self::Ppv => counts.ppv(),
            Self::Accuracy => counts.accuracy(),
        }
    }

    /// Influence of an image on the rate of its group, by class 2 y + ŷ: what the rate changes by if the
    /// image weighs a little more, times the number of images (Hampel 1974). 0 where the rate is
    /// undefined.
    pub fn influence(self, counts: &Counts) -> [f64; 4] {
        let Ok(value) = self.of(counts) else {
            return [0.0; 4];
        };
        let per = |n: u64| 1.0 / n as f64;
        match self {
            Self::Selection => [0.0, 1.0, 0.0, 1.0].map(|d| (d - value) * per(counts.n())),
            Self::Accuracy => [1.0, 0.0, 0.0, 1.0].map(|d| (d - value) * per(counts.n())),
            Self::Tpr => {
                let per = per(counts.n_pos());
                [0.0, 0.0, -value * per, (1.0 - value) * per]
            }
            Self::Fpr => {
                let per = per(counts.n_neg());
                [-value * per, (1.0 - value) * per, 0.0, 0.0]
            }
            Self::Ppv => {
                let per = per(counts.of[1] + counts.of[3]);
                [0.0, -value * per, 0.0, (1.0 - value) * per]
            }
        }
    }
}
