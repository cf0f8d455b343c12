//! The lowest and highest of every rate over groups: all that gaps are made of, and their linear form.

use super::counts::Counts;
use super::estimate::Undefined;
use super::gaps::{Attained, Gap, GapPoint, GapUndefined};
use super::rates::Rate;

/// One rate of one group in the linear form of a gap, near the counts at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Index of the group.
    pub group: usize,
    /// Its rate.
    pub rate: Rate,
    /// Derivative of the gap by it.
    pub slope: f64,
}

/// The lowest and highest of every rate over groups: all that gaps are made of.
#[derive(Debug, Clone, Copy)]
pub struct Ranges {
    of: [Result<Range, GapUndefined>; 5],
    groups: usize,
}

impl Ranges {
    /// Over the groups of a frame.
    pub fn of(groups: &[Counts]) -> Self {
        Self {
            of: Rate::ALL.map(|rate| range(groups, rate)),
            groups: groups.len(),
        }
    }

    fn range(&self, rate: Rate) -> Result<Range, GapUndefined> {
        self.of[rate as usize]
    }

    /// A gap and who attains it. The pair of a gap over TPR and FPR is that of the larger range (of TPR
    /// where they are equal). With fewer than two groups every gap is undefined, except worst-group
    /// accuracy.
    pub fn gap(&self, gap: Gap) -> GapPoint {
        let apart = |rate| {
            let r = self.range(rate)?;
            self.attained(r, r.max - r.min)
        };
        let odds = |join: fn(f64, f64) -> f64| {
            let (t, f) = (apart(Rate::Tpr)?, apart(Rate::Fpr)?);
            let wider = if f.value > t.value { f } else { t };
            Ok(Attained {
                value: join(t.value, f.value),
                ..wider
            })
        };
        match gap {
            Gap::Dp => apart(Rate::Selection),
            Gap::Eo => odds(f64::max),
            Gap::EoMean => odds(|t, f| (t + f) / 2.0),
            Gap::EoSum => odds(|t, f| t + f),
            Gap::Eopp => apart(Rate::Tpr),
            Gap::Pe => apart(Rate::Fpr),
            Gap::Di => {
                let r = self.range(Rate::Selection)?;
                if r.max == 0.0 {
                    return Err(GapUndefined {
                        group: None,
                        cause: Undefined::NoneSelected,
                    });
                }
                self.attained(r, r.min / r.max)
            }
            Gap::Ppv => apart(Rate::Ppv),
            Gap::Accuracy => apart(Rate::Accuracy),
            Gap::WorstGroupAccuracy => self.range(Rate::Accuracy).map(|r| Attained {
                value: r.min,
                low: r.low,
                high: r.high,
            }),
        }
    }

    /// The linear form of a gap: its derivatives by the rates of the groups that attain it, as long as
    /// they do. Nothing where the gap is undefined.
    pub fn terms(&self, gap: Gap) -> Terms {
        let mut terms = Terms::default();
        let mut apart = |rate: Rate, slope: f64| {
            if let Ok(r) = self.range(rate) {
                terms.push(r.high, rate, slope);
                terms.push(r.low, rate, -slope);
            }
        };
        match gap {
            Gap::Dp => apart(Rate::Selection, 1.0),
            Gap::Eopp => apart(Rate::Tpr, 1.0),
            Gap::Pe => apart(Rate::Fpr, 1.0),
            Gap::Ppv => apart(Rate::Ppv, 1.0),
            Gap::Accuracy => apart(Rate::Accuracy, 1.0),
            Gap::Eo => {
                let width = |rate| self.range(rate).map_or(0.0, |r| r.max - r.min);
                match width(Rate::Fpr) > width(Rate::Tpr) {
                    true => apart(Rate::Fpr, 1.0),
                    false => apart(Rate::Tpr, 1.0),
                }
            }
            Gap::EoMean | Gap::EoSum => {
                let slope = if gap == Gap::EoMean { 0.5 } else { 1.0 };
                apart(Rate::Tpr, slope);
                apart(Rate::Fpr, slope);
            }
            Gap::Di => {
                if let Ok(r) = self.range(Rate::Selection)
                    && r.max > 0.0
                {
                    terms.push(r.low, Rate::Selection, 1.0 / r.max);
                    terms.push(r.high, Rate::Selection, -r.min / (r.max * r.max));
                }
            }
            Gap::WorstGroupAccuracy => {
                if let Ok(r) = self.range(Rate::Accuracy) {
                    terms.push(r.low, Rate::Accuracy, 1.0);
                }
            }
        }
        terms
    }

    fn attained(&self, range: Range, value: f64) -> GapPoint {
        if self.groups < 2 {
            return Err(GapUndefined {
                group: None,
                cause: Undefined::OneGroup,
            });
        }
        Ok(Attained {
            value,
            low: range.low,
            high: range.high,
        })
    }
}

/// The terms of a gap, at most four.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    terms: [Option<Term>; 4],
    len: usize,
}

impl Terms {
    fn push(&mut self, group: usize, rate: Rate, slope: f64) {
        self.terms[self.len] = Some(Term { group, rate, slope });
        self.len += 1;
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Term> {
        self.terms.iter().flatten()
    }
}

/// Lowest and highest rate, and the first groups that have them.
#[derive(Debug, Clone, Copy)]
struct Range {
    min: f64,
    max: f64,
    low: usize,
    high: usize,
}

fn range(groups: &[Counts], rate: Rate) -> Result<Range, GapUndefined> {
    let mut found: Option<Range> = None;
    for (g, counts) in groups.iter().enumerate() {
        let value = rate.of(counts).map_err(|cause| GapUndefined {
            group: Some(g),
            cause,
        })?;
        let range = found.get_or_insert(Range {
            min: value,
            max: value,
            low: g,
            high: g,
        });
        if value < range.min {
            (range.min, range.low) = (value, g);
        }
        if value > range.max {
            (range.max, range.high) = (value, g);
        }
    }
    found.ok_or(GapUndefined {
        group: None,
        cause: Undefined::NoImages,
    })
}
