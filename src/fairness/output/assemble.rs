//! Joins points, intervals and noise floors into the parts of a report.

use super::report::{AttributeReport, GapReport, GroupReport, Rank, RateContrast};
use crate::fairness::compare::delong::{standard_error, z};
use crate::fairness::measure::counts::{Counts, GroupMetric, class};
use crate::fairness::measure::estimate::{Estimate, Interval, Point};
use crate::fairness::measure::gaps::{Gap, GapUndefined};
use crate::fairness::measure::groups::{Frame, Grouping};
use crate::fairness::measure::panel::{FramePoints, Panel};
use crate::fairness::measure::placements::placements;
use crate::fairness::measure::rates::Rate;
use crate::fairness::resample::bands::{MAX_COMPARED, bands};
use crate::fairness::resample::bca::{acceleration, bca};
use crate::fairness::resample::bootstrap::{Replicates, percentile};
use crate::fairness::resample::draw::Resampler;
use crate::fairness::resample::noise_floor::NoiseFloors;
use crate::fairness::resample::quantile::defined;
use crate::fairness::table::predictions::Predictions;

/// Everything that an audit has computed.
pub struct Desk<'a> {
    /// The table.
    pub predictions: &'a Predictions,
    /// Decisions on its images.
    pub decisions: &'a [u8],
    /// Its cells.
    pub grouping: &'a Grouping,
    /// The images, prepared.
    pub panel: &'a Panel<'a>,
    /// Replicates of the panel.
    pub replicates: &'a Replicates,
    /// What drew them.
    pub resampler: &'a Resampler,
    /// Whether AUC and ECE are among them.
    pub scores: bool,
    /// Whether identities were drawn.
    pub by_identity: bool,
    /// Confidence of the intervals.
    pub confidence: f64,
}

/// The rate behind a metric of decisions.
fn rate(metric: GroupMetric) -> Option<Rate> {
    match metric {
        GroupMetric::Accuracy => Some(Rate::Accuracy),
        GroupMetric::SelectionRate => Some(Rate::Selection),
        GroupMetric::Tpr => Some(Rate::Tpr),
        GroupMetric::Fpr => Some(Rate::Fpr),
        GroupMetric::Ppv => Some(Rate::Ppv),
        GroupMetric::Auc | GroupMetric::Ece => None,
    }
}

/// The metric of a rate.
fn metric(rate: Rate) -> GroupMetric {
    match rate {
        Rate::Accuracy => GroupMetric::Accuracy,
        Rate::Selection => GroupMetric::SelectionRate,
        Rate::Tpr => GroupMetric::Tpr,
        Rate::Fpr => GroupMetric::Fpr,
        Rate::Ppv => GroupMetric::Ppv,
    }
}

impl Desk<'_> {
    /// One group of a frame; `f` counts the frame of all images as the first.
    pub fn group(&self, f: usize, g: usize, frame: &Frame, points: &FramePoints) -> GroupReport {
        let name = &frame.groups[g];
        let counts = &points.counts[g];
        let members = || -> Vec<usize> {
            let cell = |i: &usize| self.grouping.cell_of[*i] as usize;
            let all = 0..self.predictions.n();
            all.filter(|i| frame.group_of_cell[cell(i)] == g).collect()
        };
        let metrics = GroupMetric::ALL.map(|m| {
            let estimate = match points.groups[g][m as usize] {
                Err(cause) => Estimate::NotEstimable {
                    reason: format!("{name}: {cause}"),
                },
                Ok(value) => Estimate::Value {
                    value,
                    ci: match (rate(m).is_some() || self.scores, m) {
                        (true, _) => self.interval(self.panel.group_column(f, g, m as usize)),
                        (false, GroupMetric::Auc) if !self.by_identity => {
                            self.delong_interval(&members())
                        }
                        _ => Interval::NotEstimable {
                            reason: "not resampled, see the notes".into(),
                        },
                    },
                },
            };
            (m, estimate)
        });
        let bca = GroupMetric::ALL.map(|m| {
            let value = points.groups[g][m as usize].ok()?;
            self.scores
                .then(|| self.bca(f, g, frame, m, value, counts))?
        });
        GroupReport {
            name: name.clone(),
            n: counts.n(),
            n_pos: counts.n_pos(),
            n_neg: counts.n_neg(),
            metrics: metrics.into(),
            bca: bca.into(),
        }
    }

    fn interval(&self, column: usize) -> Interval {
        self.replicates.interval(column, self.confidence)
    }

    fn delong_interval(&self, members: &[usize]) -> Interval {
        let label: Vec<u8> = members
            .iter()
            .map(|i| self.predictions.label()[*i])
            .collect();
        let score: Vec<f64> = members
            .iter()
            .map(|i| self.predictions.score()[*i])
            .collect();
        match standard_error(&label, &score) {
            Some((auc, se)) => Interval::Bounds {
                lo: (auc - z(self.confidence) * se).max(0.0),
                hi: (auc + z(self.confidence) * se).min(1.0),
            },
            None => Interval::NotEstimable {
                reason: "fewer than two positives or negatives".into(),
            },
        }
    }

    /// The BCa interval of a smooth metric of a group.
    fn bca(
        &self,
        f: usize,
        g: usize,
        frame: &Frame,
        m: GroupMetric,
        value: f64,
        counts: &Counts,
    ) -> Option<[f64; 2]> {
        let (label, score) = (self.predictions.label(), self.predictions.score());
        let group = |i: usize| frame.group_of_cell[self.grouping.cell_of[i] as usize];
        let mut influence = vec![0.0; self.predictions.n()];
        match (rate(m), m) {
            (Some(rate), _) => {
                let of = rate.influence(counts);
                for (i, u) in influence
                    .iter_mut()
                    .enumerate()
                    .filter(|(i, _)| group(*i) == g)
                {
                    *u = of[usize::from(class(label[i], self.decisions[i]))];
                }
            }
            (None, GroupMetric::Auc) => {
                let members: Vec<usize> = (0..influence.len()).filter(|i| group(*i) == g).collect();
                let labels: Vec<u8> = members.iter().map(|i| label[*i]).collect();
                let scores: Vec<f64> = members.iter().map(|i| score[*i]).collect();
                let of = placements(&labels, &scores)?.influence(&labels);
                for (i, u) in members.iter().zip(of) {
                    influence[*i] = u;
                }
            }
            _ => return None,
        }
        let column = self.panel.group_column(f, g, m as usize);
        let sorted = defined(self.replicates.column(column)).ok()?;
        // Replicates that are all equal have no interval of any kind.
        if sorted.first() == sorted.last() {
            return None;
        }
        bca(
            value,
            &sorted,
            acceleration(&influence, self.resampler),
            self.confidence,
        )
    }

    /// A whole attribute or intersection.
    pub fn attribute(
        &self,
        f: usize,
        frame: &Frame,
        points: &FramePoints,
        floors: &NoiseFloors,
        rank: Rank,
    ) -> AttributeReport {
        let groups = 0..frame.groups.len();
        let gaps = Gap::ALL.into_iter().enumerate();
        let gaps = gaps.map(|(i, gap)| match points.gaps[i] {
            Ok(attained) => GapReport {
                gap,
                estimate: Estimate::Value {
                    value: attained.value,
                    ci: self.interval(self.panel.gap_column(f, i)),
                },
                noise_floor: floors[i],
                pair: Some([attained.low, attained.high].map(|g| frame.groups[g].clone())),
            },
            Err(undefined) => GapReport {
                gap,
                estimate: Estimate::NotEstimable {
                    reason: blame(frame, undefined),
                },
                noise_floor: None,
                pair: None,
            },
        });
        AttributeReport {
            name: frame.name.clone(),
            groups: groups.map(|g| self.group(f, g, frame, points)).collect(),
            gaps: gaps.collect(),
            contrasts: self.contrasts(f, frame, points),
            rank,
        }
    }

    /// Differences of every rate between all pairs of groups.
    fn contrasts(&self, f: usize, frame: &Frame, points: &FramePoints) -> Vec<RateContrast> {
        let groups = frame.groups.len();
        let mut found = Vec::new();
        if groups > MAX_COMPARED {
            return found;
        }
        for rate in Rate::ALL {
            let values: Vec<Point> = points.counts.iter().map(|c| rate.of(c)).collect();
            let Ok(values) = values.into_iter().collect::<Result<Vec<f64>, _>>() else {
                continue;
            };
            let columns: Vec<Vec<f64>> = (0..groups)
                .map(|g| self.panel.group_column(f, g, metric(rate) as usize))
                .map(|column| self.replicates.column(column).collect())
                .collect();
            let row = |r: usize| -> Vec<f64> { columns.iter().map(|c| c[r]).collect() };
            let rows: Vec<Vec<f64>> = (0..columns[0].len()).map(row).collect();
            for c in bands(&values, rows.len(), |r| &rows[r], self.confidence) {
                let [a, b] = c.of;
                let differences = rows.iter().map(|row| row[a] - row[b]);
                found.push(RateContrast {
                    rate,
                    pair: [a, b].map(|g| frame.groups[g].clone()),
                    value: c.value,
                    ci: percentile(differences, self.confidence),
                    band: c.band,
                });
            }
        }
        found
    }
}

fn blame(frame: &Frame, undefined: GapUndefined) -> String {
    match undefined.group {
        Some(g) => format!("{}: {}", frame.groups[g], undefined.cause),
        None => format!("{}: {}", frame.name, undefined.cause),
    }
}
