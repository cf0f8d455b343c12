//! A number, its interval, or the reason why there is none.
//!
//! A rate whose denominator is empty is *not estimable*; it is never reported as 0.

use std::fmt;

/// A metric of one group or a gap: the value, or why it is undefined.
pub type Point = Result<f64, Undefined>;

/// Why a metric is undefined for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Undefined {
    /// The group is empty: selection rate, accuracy and ECE have no denominator.
    NoImages,
    /// No positive label: TPR has no denominator, AUC no positive.
    NoPositives,
    /// No negative label: FPR has no denominator, AUC no negative.
    NoNegatives,
    /// No positive decision: PPV has no denominator, and where it holds for every group, nor has the
    /// ratio of selection rates.
    NoneSelected,
    /// One group only: there is nothing to compare it with.
    OneGroup,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoImages => "no images",
            Self::NoPositives => "no positive labels",
            Self::NoNegatives => "no negative labels",
            Self::NoneSelected => "no positive decisions",
            Self::OneGroup => "one group only, nothing to compare it with",
        })
    }
}

/// An interval around a value, or why none can be given.
#[derive(Debug, Clone, PartialEq)]
pub enum Interval {
    /// Both ends, `lo <= hi`.
    Bounds {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// The value stands without an interval.
    NotEstimable {
        /// Why, in words for the reader of a report.
        reason: String,
    },
}

/// A reported number: value with interval, or the reason why it cannot be estimated.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimate {
    /// The value on the images at hand, and its interval.
    Value {
        /// The point estimate.
        value: f64,
        /// Its interval.
        ci: Interval,
    },
    /// There is no value, and so no interval.
    NotEstimable {
        /// Why, in words for the reader of a report.
        reason: String,
    },
}

impl Estimate {
    /// The value, where there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value { value, .. } => Some(*value),
            Self::NotEstimable { .. } => None,
        }
    }

    /// `(lo, hi)`, where there is an interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        match self {
            Self::Value {
                ci: Interval::Bounds { lo, hi },
                ..
            } => Some((*lo, *hi)),
            _ => None,
        }
    }

    /// Why the value or its interval is missing; `None` when both are there.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NotEstimable { reason } => Some(reason),
            Self::Value {
                ci: Interval::NotEstimable { reason },
                ..
            } => Some(reason),
            Self::Value { .. } => None,
        }
    }
}
