//! Gaps between groups: how far the best and the worst treated group are apart.
//!
//! Sources: Hardt et al. 2016 (equalized odds, equal opportunity); Chouldechova 2017 (predictive
//! equality); Fairlearn's `demographic_parity_difference` and `equalized_odds_difference`, with which
//! `dp_gap`, `eo_gap` and `eo_mean` agree wherever all groups are estimable. A gap over a group whose
//! rate is undefined is undefined too.

use super::counts::Counts;
use super::estimate::Undefined;
use super::ranges::Ranges;

/// A fairness gap, as reports name it. SR is the selection rate; max, min and range run over groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// Demographic parity, max SR − min SR. Range [0, 1], fair at 0; undefined where a group is empty.
    Dp,
    /// Equalized odds, max(range TPR, range FPR). Range [0, 1], fair at 0; undefined where a group
    /// lacks positives or negatives.
    Eo,
    /// Mean of the ranges of TPR and FPR (Fairlearn's `agg="mean"`). Range, ideal and undefined case
    /// as [`Eo`](Self::Eo).
    EoMean,
    /// Sum of the ranges of TPR and FPR (as the FFB benchmark). Range [0, 2], fair at 0; undefined as
    /// [`Eo`](Self::Eo).
    EoSum,
    /// Equal opportunity, max TPR − min TPR. Range [0, 1], fair at 0; undefined where a group lacks
    /// positives.
    Eopp,
    /// Predictive equality, max FPR − min FPR. Range [0, 1], fair at 0; undefined where a group lacks
    /// negatives.
    Pe,
    /// Disparate impact, min SR / max SR. Range [0, 1], fair at 1, below 0.8 fails the "80 % rule";
    /// undefined where a group is empty or nobody is selected.
    Di,
    /// Predictive parity, max PPV − min PPV (Chouldechova 2017). Range [0, 1], fair at 0; undefined
    /// where nobody of a group is selected.
    Ppv,
    /// max ACC − min ACC. Range [0, 1], fair at 0; undefined where a group is empty.
    Accuracy,
    /// min ACC. Range [0, 1], ideal 1; undefined where a group is empty. Shown beside every gap:
    /// levelling down must show.
    WorstGroupAccuracy,
}

/// Below this disparate-impact ratio the "80 % rule" is broken (US EEOC Uniform Guidelines, 1978).
pub const EIGHTY_PERCENT: f64 = 0.8;

impl Gap {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Dp,
        Self::Eo,
        Self::EoMean,
        Self::EoSum,
        Self::Eopp,
        Self::Pe,
        Self::Di,
        Self::Ppv,
        Self::Accuracy,
        Self::WorstGroupAccuracy,
    ];

    /// The name in files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Dp => "dp_gap",
            Self::Eo => "eo_gap",
            Self::EoMean => "eo_mean",
            Self::EoSum => "eo_sum",
            Self::Eopp => "eopp_gap",
            Self::Pe => "pe_gap",
            Self::Di => "di_ratio",
            Self::Ppv => "ppv_gap",
            Self::Accuracy => "accuracy_gap",
            Self::WorstGroupAccuracy => "worst_group_accuracy",
        }
    }

    /// The name in tables and figures.
    pub fn title(self) -> &'static str {
        match self {
            Self::Dp => "DP gap",
            Self::Eo => "EO gap",
            Self::EoMean => "EO, mean",
            Self::EoSum => "EO, sum",
            Self::Eopp => "EOpp gap",
            Self::Pe => "PE gap",
            Self::Di => "DI ratio",
            Self::Ppv => "PPV gap",
            Self::Accuracy => "accuracy gap",
            Self::WorstGroupAccuracy => "worst-group accuracy",
        }
    }

    /// Whether a large value is the unfair one.
    pub fn unfair_side(self) -> UnfairSide {
        match self {
            Self::Di | Self::WorstGroupAccuracy => UnfairSide::Low,
            _ => UnfairSide::High,
        }
    }

    /// Primary metrics, fixed before any run (on the intersection): DP, EO and worst-group accuracy.
    pub fn is_primary(self) -> bool {
        matches!(self, Self::Dp | Self::Eo | Self::WorstGroupAccuracy)
    }
}

/// On which side of a metric unfairness lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfairSide {
    /// Gaps: the larger, the less fair.
    High,
    /// Ratios and worst-group accuracy: the smaller, the less fair.
    Low,
}

/// A gap and the two groups that attain it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attained {
    /// The gap.
    pub value: f64,
    /// Index of the group with the lowest rate; the first where several tie.
    pub low: usize,
    /// Index of the group with the highest rate; the first where several tie.
    pub high: usize,
}

/// Why a gap is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapUndefined {
    /// The group to blame; `None` where it is all of them.
    pub group: Option<usize>,
    /// What it lacks.
    pub cause: Undefined,
}

/// A gap with its groups, or why it is undefined.
pub type GapPoint = Result<Attained, GapUndefined>;

/// All gaps between `groups`, in the order of [`Gap::ALL`], see [`Ranges::gap`].
pub fn gaps(groups: &[Counts]) -> [GapPoint; Gap::ALL.len()] {
    let ranges = Ranges::of(groups);
    Gap::ALL.map(|gap| ranges.gap(gap))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tn: u64, fp: u64, fn_: u64, tp: u64) -> Counts {
        Counts {
            of: [tn, fp, fn_, tp],
        }
    }

    #[test]
    fn worked_example() {
        // SR 0.5, 0.25, 0.75; TPR 1, 0.5, 0.75; FPR 0, 0, 0.75; PPV 1, 1, 0.5; accuracy 1, 0.75, 0.5.
        let got = gaps(&[of(2, 0, 0, 2), of(2, 0, 1, 1), of(1, 3, 1, 3)]).map(Result::unwrap);
        let expected = [
            (0.5, 1, 2),
            (0.75, 0, 2),
            (0.625, 0, 2),
            (1.25, 0, 2),
            (0.5, 1, 0),
            (0.75, 0, 2),
            (1.0 / 3.0, 1, 2),
            (0.5, 2, 0),
            (0.5, 2, 0),
            (0.5, 2, 0),
        ];
        assert_eq!(got.map(|a| (a.value, a.low, a.high)), expected);
    }

    #[test]
    fn a_gap_over_an_undefined_rate_names_the_group() {
        let got = gaps(&[of(2, 1, 1, 2), of(2, 1, 0, 0)]);
        let lacks = |cause| {
            Some(GapUndefined {
                group: Some(1),
                cause,
            })
        };
        assert_eq!(got[0].err(), None);
        for eo in &got[1..5] {
            assert_eq!(eo.err(), lacks(Undefined::NoPositives));
        }
        assert_eq!(got[5].err(), None);
        let empty = gaps(&[of(2, 1, 1, 2), of(0, 0, 0, 0)]);
        assert!(
            empty
                .iter()
                .all(|gap| gap.err() == lacks(Undefined::NoImages))
        );
    }

    #[test]
    fn one_group_has_no_gap_and_nobody_selected_has_no_ratio() {
        let one = gaps(&[of(2, 1, 1, 2)]);
        for gap in &one[..9] {
            assert_eq!(gap.unwrap_err().cause, Undefined::OneGroup);
        }
        assert_eq!(one[9].unwrap().value, 4.0 / 6.0);
        let nobody = gaps(&[of(2, 0, 1, 0), of(3, 0, 1, 0)]);
        assert_eq!(
            nobody[6],
            Err(GapUndefined {
                group: None,
                cause: Undefined::NoneSelected
            })
        );
        assert_eq!(nobody[7].unwrap_err().cause, Undefined::NoneSelected);
        assert_eq!(nobody[0].unwrap().value, 0.0);
        // A rate of 0 is a value: the ratio is 0, not undefined.
        assert_eq!(
            gaps(&[of(2, 0, 1, 0), of(3, 1, 0, 1)])[6].unwrap().value,
            0.0
        );
    }
}
