//! What the figures are given: numbers with intervals, and scores with labels.

/// A number and its interval, in the unit of whoever measured it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The estimate.
    pub value: f64,
    /// `(lo, hi)`; `None` where the estimate stands without an interval.
    pub interval: Option<(f64, f64)>,
}

impl Measured {
    /// A number without an interval.
    pub fn point(value: f64) -> Self {
        Self {
            value,
            interval: None,
        }
    }

    /// Everything that has to fit on an axis: the estimate and the ends of its interval.
    pub(super) fn extent(self) -> impl Iterator<Item = f64> {
        let (lo, hi) = self.interval.unwrap_or((self.value, self.value));
        [self.value, lo, hi].into_iter()
    }
}

impl From<(f64, f64, f64)> for Measured {
    /// From `(value, lo, hi)`.
    fn from((value, lo, hi): (f64, f64, f64)) -> Self {
        Self {
            value,
            interval: Some((lo, hi)),
        }
    }
}

/// What can be drawn of a number: NaN and infinities are as absent as a number that is not there.
pub(super) fn drawable(measured: Option<Measured>) -> Option<Measured> {
    let found = measured.filter(|m| m.value.is_finite())?;
    let interval = found
        .interval
        .filter(|(lo, hi)| lo.is_finite() && hi.is_finite());
    Some(Measured { interval, ..found })
}

/// Scores and labels of one group of images, for [`Roc`](super::Roc) and
/// [`Calibration`](super::Calibration).
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredGroup {
    /// `male=0*young=1`.
    pub name: String,
    /// Probability of the positive class, in [0, 1]. What is not finite is left out.
    pub scores: Vec<f64>,
    /// The true label of each score; as long as `scores`.
    pub labels: Vec<bool>,
    /// Area under the ROC curve, as reported elsewhere: it is printed, not computed again.
    pub auc: Option<Measured>,
    /// Expected calibration error, likewise.
    pub ece: Option<Measured>,
}

impl ScoredGroup {
    /// The pairs of finite score and label, in the order given.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (f64, bool)> {
        self.scores
            .iter()
            .copied()
            .zip(self.labels.iter().copied())
            .filter(|(score, _)| score.is_finite())
    }

    /// Numbers of positive and negative labels.
    pub(super) fn counts(&self) -> (usize, usize) {
        let positives = self.pairs().filter(|(_, label)| *label).count();
        (positives, self.pairs().count() - positives)
    }
}
