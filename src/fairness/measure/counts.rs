//! Rates of one group, from its four counts of (label, decision).
//!
//! All rates lie in [0, 1]; a rate whose denominator is
//! empty is undefined, where Fairlearn gives 0 (for the whole group) or skips the group.

use super::estimate::{Point, Undefined};

/// Number of images by label y and decision ŷ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// `[y = 0, ŷ = 0]`, `[y = 0, ŷ = 1]`, `[y = 1, ŷ = 0]`, `[y = 1, ŷ = 1]`; see [`class`].
    pub of: [u64; 4],
}

/// Index into [`Counts::of`] of an image: 2 y + ŷ.
pub fn class(label: u8, decision: u8) -> u8 {
    2 * label + decision
}

impl Counts {
    /// Counts labels (0 or 1) and decisions at `threshold`; both slices have one entry per image.
    pub fn new(label: &[u8], score: &[f64], threshold: f64) -> Self {
        let mut counts = Self::default();
        for (y, s) in label.iter().zip(score) {
            counts.of[usize::from(class(*y, u8::from(*s >= threshold)))] += 1;
        }
        counts
    }

    /// Adds the images of another, disjoint group.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.of.iter_mut().zip(other.of) {
            *mine += theirs;
        }
    }

    /// n, the number of images.
    pub fn n(&self) -> u64 {
        self.of.iter().sum()
    }

    /// n⁺, the number of positive labels.
    pub fn n_pos(&self) -> u64 {
        self.of[2] + self.of[3]
    }

    /// n⁻, the number of negative labels.
    pub fn n_neg(&self) -> u64 {
        self.of[0] + self.of[1]
    }

    /// Accuracy, P(ŷ = y) = (TP + TN) / n. Range [0, 1], ideal 1; undefined without images.
    pub fn accuracy(&self) -> Point {
        rate(self.of[0] + self.of[3], self.n(), Undefined::NoImages)
    }

    /// Selection rate, P(ŷ = 1) = (TP + FP) / n. Range [0, 1]; fair where equal between groups, no
    /// ideal value of its own; undefined without images.
    pub fn selection_rate(&self) -> Point {
        rate(self.of[1] + self.of[3], self.n(), Undefined::NoImages)
    }

    /// True positive rate (recall), P(ŷ = 1 | y = 1) = TP / n⁺. Range [0, 1], ideal 1; undefined
    /// without positive labels.
    pub fn tpr(&self) -> Point {
        rate(
            self.of[3],
            self.n_pos(),
            self.without(Undefined::NoPositives),
        )
    }

    /// False positive rate, P(ŷ = 1 | y = 0) = FP / n⁻. Range [0, 1], ideal 0; undefined without
    /// negative labels.
    pub fn fpr(&self) -> Point {
        rate(
            self.of[1],
            self.n_neg(),
            self.without(Undefined::NoNegatives),
        )
    }

    /// Positive predictive value (precision), P(y = 1 | ŷ = 1) = TP / (TP + FP). Range [0, 1],
    /// ideal 1; undefined without positive decisions.
    pub fn ppv(&self) -> Point {
        rate(
            self.of[3],
            self.of[1] + self.of[3],
            self.without(Undefined::NoneSelected),
        )
    }

    /// The reason for an empty denominator; an empty group says so first.
    fn without(&self, reason: Undefined) -> Undefined {
        if self.n() == 0 {
            Undefined::NoImages
        } else {
            reason
        }
    }
}

fn rate(numerator: u64, denominator: u64, otherwise: Undefined) -> Point {
    if denominator == 0 {
        Err(otherwise)
    } else {
        Ok(numerator as f64 / denominator as f64)
    }
}

/// A metric of one group, as reports name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupMetric {
    /// [`Counts::accuracy`].
    Accuracy,
    /// [`Counts::selection_rate`].
    SelectionRate,
    /// [`Counts::tpr`].
    Tpr,
    /// [`Counts::fpr`].
    Fpr,
    /// [`Counts::ppv`].
    Ppv,
    /// [`Ranked::auc`](super::ranked::Ranked::auc).
    Auc,
    /// [`Ranked::ece`](super::ranked::Ranked::ece).
    Ece,
}

impl GroupMetric {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Accuracy,
        Self::SelectionRate,
        Self::Tpr,
        Self::Fpr,
        Self::Ppv,
        Self::Auc,
        Self::Ece,
    ];

    /// Those that depend on decisions only: the first five of [`ALL`](Self::ALL).
    pub const DECISIONS: usize = 5;

    /// The name in files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::SelectionRate => "selection_rate",
            Self::Tpr => "tpr",
            Self::Fpr => "fpr",
            Self::Ppv => "ppv",
            Self::Auc => "auc",
            Self::Ece => "ece",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_is_a_positive_decision() {
        let counts = Counts::new(&[0, 0, 1, 1, 1], &[0.5, 0.49, 0.5, 1.0, 0.0], 0.5);
        assert_eq!(counts.of, [1, 1, 1, 2]);
        assert_eq!(counts.accuracy(), Ok(3.0 / 5.0));
        assert_eq!(counts.selection_rate(), Ok(3.0 / 5.0));
        assert_eq!(
            (counts.tpr(), counts.fpr(), counts.ppv()),
            (Ok(2.0 / 3.0), Ok(0.5), Ok(2.0 / 3.0))
        );
    }

    #[test]
    fn an_empty_denominator_is_undefined_and_never_zero() {
        let none = Counts::default();
        for rate in [
            none.accuracy(),
            none.selection_rate(),
            none.tpr(),
            none.fpr(),
            none.ppv(),
        ] {
            assert_eq!(rate, Err(Undefined::NoImages));
        }
        let negatives = Counts::new(&[0, 0], &[0.1, 0.2], 0.5);
        assert_eq!(negatives.tpr(), Err(Undefined::NoPositives));
        assert_eq!(negatives.ppv(), Err(Undefined::NoneSelected));
        assert_eq!(negatives.fpr(), Ok(0.0));
        assert_eq!(
            Counts::new(&[1], &[0.1], 0.5).fpr(),
            Err(Undefined::NoNegatives)
        );
    }
}
