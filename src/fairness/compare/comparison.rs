//! What a comparison finds, as data.

use super::equivalence::Equivalence;
use crate::fairness::measure::estimate::{Estimate, Interval};
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::rates::Rate;

/// One model against a base, on the same images.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Name of the compressed model: its predictions file's stem.
    pub name: String,
    /// All images.
    pub overall: Flipped,
    /// Change of the area under the ROC curve.
    pub auc: AucChange,
    /// Each attribute and intersection.
    pub attributes: Vec<FrameChange>,
    /// The settings.
    pub settings: Settings,
}

/// How it was compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Draws of the randomization test.
    pub draws: usize,
    /// Seed of both.
    pub seed: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Margin of equivalence δ.
    pub margin: f64,
    /// Hypotheses in the family of adjusted p-values: candidates × {DP, EO} of the primary frame.
    pub family: usize,
    /// Whether identities were resampled.
    pub clustered: bool,
}

/// How the decisions of a group changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Flipped {
    /// `male=0*young=1`, or empty for all images.
    pub group: String,
    /// Images.
    pub n: u64,
    /// The base was right, the other is wrong.
    pub right_to_wrong: u64,
    /// The base was wrong, the other is right.
    pub wrong_to_right: u64,
    /// Selected by the other only.
    pub to_positive: u64,
    /// Selected by the base only.
    pub to_negative: u64,
    /// Change of accuracy.
    pub accuracy: Estimate,
    /// McNemar's mid-p, cluster-robust where identities are known.
    pub mcnemar_p: f64,
    /// Cohen's h of the two accuracies; `None` without images.
    pub cohens_h: Option<f64>,
    /// Odds of getting worse against getting better, with its exact interval; `None` without flips.
    pub odds_ratio: Option<(f64, [f64; 2])>,
}

/// Change of AUC.
#[derive(Debug, Clone, PartialEq)]
pub struct AucChange {
    /// The change and its interval, or why there is none.
    pub delta: Estimate,
    /// p of equal AUCs.
    pub p: Option<f64>,
    /// `DeLong`, or `cluster bootstrap`.
    pub method: &'static str,
}

/// One attribute or intersection.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameChange {
    /// `male`, or `male*young`.
    pub name: String,
    /// One entry per gap, in the order of [`Gap::ALL`].
    pub gaps: Vec<GapChange>,
    /// Flips of each group.
    pub groups: Vec<Flipped>,
    /// Changes of the differences between groups, with simultaneous bands; none in a frame of too many
    /// groups.
    pub contrasts: Vec<ContrastChange>,
}

/// Change of one gap.
#[derive(Debug, Clone, PartialEq)]
pub struct GapChange {
    /// Which one.
    pub gap: Gap,
    /// ΔG and its interval, or why there is none.
    pub delta: Estimate,
    /// Studentized bootstrap p of ΔG = 0; `None` where ΔG cannot be estimated.
    pub p: Option<f64>,
    /// Randomization p of exchangeable models.
    pub p_sharp: Option<f64>,
    /// Romano–Wolf over the family, and Holm; `None` outside of it.
    pub adjusted: Option<Adjusted>,
    /// Benjamini–Hochberg over everything that was tested; exploratory.
    pub q: Option<f64>,
    /// Equivalence, or why it is not tested.
    pub equivalence: Result<Equivalence, String>,
}

/// Family-wise p-values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjusted {
    /// Romano–Wolf step-down.
    pub romano_wolf: f64,
    /// Holm.
    pub holm: f64,
}

/// Δ_g − Δ_h of one rate.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastChange {
    /// The rate.
    pub rate: Rate,
    /// g and h.
    pub pair: [String; 2],
    /// Its value.
    pub value: f64,
    /// Percentile interval.
    pub ci: Interval,
    /// Band that holds all pairs of the frame together.
    pub band: [f64; 2],
}
