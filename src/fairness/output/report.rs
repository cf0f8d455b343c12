//! What an audit finds, as data: see `json` for the file and `terminal`
//! for the terminal.

use crate::fairness::measure::counts::GroupMetric;
use crate::fairness::measure::decide::Thresholds;
use crate::fairness::measure::estimate::{Estimate, Interval};
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::rates::Rate;

/// How the bootstrap drew its replicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resampling {
    /// Images within the groups of the primary frame.
    Stratified {
        /// Its name.
        strata: String,
    },
    /// Whole identities, without strata.
    ByIdentity {
        /// Number of identities.
        identities: usize,
    },
}

/// Fairness of one model on one table of predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessReport {
    /// Number of images.
    pub n: usize,
    /// Decision thresholds.
    pub thresholds: Thresholds,
    /// Number of bootstrap replicates.
    pub replicates: usize,
    /// Seed of replicates and permutations.
    pub seed: u64,
    /// Confidence of the intervals (0.95).
    pub confidence: f64,
    /// Number of permutations behind the noise floors.
    pub permutations: usize,
    /// How replicates were drawn.
    pub resampling: Resampling,
    /// All images as one group.
    pub everyone: GroupReport,
    /// Each attribute alone, then the intersections.
    pub attributes: Vec<AttributeReport>,
    /// What a reader has to know to read the numbers rightly.
    pub notes: Vec<String>,
}

/// One attribute, or the intersection of all.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeReport {
    /// `male`, or `male*young`.
    pub name: String,
    /// The groups, empty ones included.
    pub groups: Vec<GroupReport>,
    /// One entry per gap, in the order of [`Gap::ALL`].
    pub gaps: Vec<GapReport>,
    /// Whether its primary gaps are the primary metrics of the audit.
    pub rank: Rank,
    /// Differences between all pairs of groups; none in a frame of more than
    /// [`MAX_COMPARED`](crate::fairness::resample::bands::MAX_COMPARED) groups, or for a rate that a group
    /// lacks.
    pub contrasts: Vec<RateContrast>,
}

/// A signed difference of a rate between two groups.
#[derive(Debug, Clone, PartialEq)]
pub struct RateContrast {
    /// The rate.
    pub rate: Rate,
    /// The groups: the first's rate minus the second's.
    pub pair: [String; 2],
    /// The difference.
    pub value: f64,
    /// Its percentile interval.
    pub ci: Interval,
    /// Its simultaneous band: all pairs of the frame lie in theirs with the confidence.
    pub band: [f64; 2],
}

/// Primary metrics are those of the intersection (or of the only attribute).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Its DP gap, EO gap and worst-group accuracy were chosen before any run.
    Primary,
    /// Everything else.
    Secondary,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupReport {
    /// `male=0`, or `male=0*young=1`.
    pub name: String,
    /// Number of images.
    pub n: u64,
    /// Number of positive labels.
    pub n_pos: u64,
    /// Number of negative labels.
    pub n_neg: u64,
    /// One entry per metric, in the order of [`GroupMetric::ALL`].
    pub metrics: Vec<(GroupMetric, Estimate)>,
    /// BCa intervals in the same order; none for ECE, which is not smooth, and where the bootstrap was of
    /// decisions only.
    pub bca: Vec<Option<[f64; 2]>>,
}

/// One gap.
#[derive(Debug, Clone, PartialEq)]
pub struct GapReport {
    /// Which one.
    pub gap: Gap,
    /// Its value and interval.
    pub estimate: Estimate,
    /// 95th percentile under permuted group labels; `None` where it cannot be estimated.
    pub noise_floor: Option<f64>,
    /// The groups with the lowest and the highest rate.
    pub pair: Option<[String; 2]>,
}

impl FairnessReport {
    /// The attribute or intersection of that name (`male`, `male*young`).
    pub fn attribute(&self, name: &str) -> Option<&AttributeReport> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// Accuracy of all images.
    pub fn accuracy(&self) -> &Estimate {
        self.overall(GroupMetric::Accuracy)
    }

    /// A metric of all images.
    pub fn overall(&self, metric: GroupMetric) -> &Estimate {
        self.everyone
            .metric(metric)
            .expect("every group has every metric")
    }

    /// The attribute or intersection that the primary metrics are read from.
    pub fn primary(&self) -> Option<&AttributeReport> {
        self.attributes.iter().find(|a| a.rank == Rank::Primary)
    }
}

impl AttributeReport {
    /// One gap.
    pub fn gap(&self, gap: Gap) -> Option<&GapReport> {
        self.gaps.iter().find(|g| g.gap == gap)
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&GroupReport> {
        self.groups.iter().find(|g| g.name == name)
    }
}

impl GroupReport {
    /// One metric.
    pub fn metric(&self, metric: GroupMetric) -> Option<&Estimate> {
        self.metrics
            .iter()
            .find(|(m, _)| *m == metric)
            .map(|(_, estimate)| estimate)
    }
}
