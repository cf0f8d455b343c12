//! What an audit finds, as data: see [`json`](super::json) for the file and [`table`](super::table)
//! for the terminal.

use super::estimate::Estimate;
use super::gaps::Gap;
use super::metrics::GroupMetric;

/// How the bootstrap drew its replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Images within intersection cells.
    Stratified,
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
    /// Decision threshold: ŷ = 1 where score ≥ threshold.
    pub threshold: f64,
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
    /// Accuracy of all images.
    pub accuracy: Estimate,
    /// AUC of all images.
    pub auc: Estimate,
    /// Calibration error of all images.
    pub ece: Estimate,
    /// Each attribute alone, then the intersection.
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
