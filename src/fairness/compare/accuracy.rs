//! What a comparison says of accuracy and AUC.

use super::comparison::{AucChange, Flipped};
use super::delong::delong;
use super::judge::{Case, Judge, Subject};
use super::mcnemar;
use super::pair::Pair;
use super::people::auc_changes;
use super::sharp::two_sided_p;
use super::statistics::PAIRED;
use crate::fairness::measure::estimate::{Estimate, Interval};
use crate::fairness::measure::groups::Frame;
use crate::fairness::measure::rates::Rate;
use crate::fairness::resample::bootstrap::percentile;

impl Judge<'_> {
    /// Flips of each group of a frame.
    pub(super) fn flipped(
        &self,
        case: &Case,
        f: usize,
        frame: &Frame,
        groups: &[Pair],
    ) -> Vec<Flipped> {
        let accuracy = PAIRED
            .iter()
            .position(|r| *r == Rate::Accuracy)
            .expect("a paired rate");
        let from = self.statistics.rates(f, accuracy);
        let mut people = self
            .images(&case.candidate)
            .map(|images| images.differences(&self.groups_of_images(frame), groups.len()));
        groups
            .iter()
            .enumerate()
            .map(|(g, group)| {
                let column = case.replicates.column(from + g);
                self.flips(&frame.groups[g], group, case.row[from + g], column, || {
                    people.as_mut().map(|of| std::mem::take(&mut of[g]))
                })
            })
            .collect()
    }

    /// Flips of one group; `people` gives the differences by person where they are known.
    pub(super) fn flips(
        &self,
        name: &str,
        group: &Pair,
        delta: f64,
        replicates: impl ExactSizeIterator<Item = f64>,
        people: impl FnOnce() -> Option<Vec<i64>>,
    ) -> Flipped {
        let [worse, better] = group.flips();
        let accuracies = (group.base().accuracy(), group.other().accuracy());
        Flipped {
            group: name.into(),
            n: group.n(),
            right_to_wrong: worse,
            wrong_to_right: better,
            to_positive: u64::from(group.of[1] + group.of[5]),
            to_negative: u64::from(group.of[2] + group.of[6]),
            accuracy: match accuracies.0 {
                Ok(_) => Estimate::Value {
                    value: delta,
                    ci: percentile(replicates, self.config.confidence),
                },
                Err(cause) => Estimate::NotEstimable {
                    reason: format!("{name}: {cause}"),
                },
            },
            mcnemar_p: people().map_or_else(|| mcnemar::mid_p(worse, better), mcnemar::clustered_p),
            cohens_h: match accuracies {
                (Ok(base), Ok(other)) => Some(mcnemar::cohens_h(other, base)),
                _ => None,
            },
            odds_ratio: mcnemar::odds_ratio(worse, better, self.config.confidence),
        }
    }

    /// Change of AUC over all images.
    pub(super) fn auc(&self, candidate: &Subject) -> AucChange {
        let scores = [self.base.score, candidate.score];
        let missing = |method, reason: &str| AucChange {
            delta: Estimate::NotEstimable {
                reason: reason.into(),
            },
            p: None,
            method,
        };
        match self.people {
            None => match delong(self.label, scores) {
                None => missing("DeLong", "fewer than two positives or negatives"),
                Some(found) => {
                    let [lo, hi] = found.interval(self.config.confidence);
                    AucChange {
                        delta: Estimate::Value {
                            value: found.change(),
                            ci: Interval::Bounds { lo, hi },
                        },
                        p: Some(found.p()),
                        method: "DeLong",
                    }
                }
            },
            Some((_, resampler)) => {
                const METHOD: &str = "cluster bootstrap";
                let Some(found) = delong(self.label, scores) else {
                    return missing(METHOD, "fewer than two positives or negatives");
                };
                let changes = auc_changes(
                    self.label,
                    scores,
                    resampler,
                    self.config.replicates,
                    self.config.seed,
                );
                let change = found.change();
                let centred = changes.iter().map(|c| c - change);
                let p = two_sided_p(change, centred.collect::<Vec<_>>().into_iter());
                AucChange {
                    delta: Estimate::Value {
                        value: change,
                        ci: percentile(changes.into_iter(), self.config.confidence),
                    },
                    p: Some(p),
                    method: METHOD,
                }
            }
        }
    }
}
