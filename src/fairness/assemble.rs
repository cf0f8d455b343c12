//! Joins points, intervals and noise floors into the parts of a report.

use super::audit::{AuditConfig, Intervals};
use super::bootstrap::Replicates;
use super::estimate::{Estimate, Interval, Point};
use super::gaps::{Gap, GapUndefined};
use super::groups::Frame;
use super::metrics::GroupMetric;
use super::noise_floor::NoiseFloors;
use super::panel::{FramePoints, Panel};
use super::report::{AttributeReport, GapReport, GroupReport, Rank};

/// Joins points, intervals and noise floors.
pub struct Desk<'a> {
    /// The images, prepared.
    pub panel: &'a Panel,
    /// Its replicates.
    pub replicates: &'a Replicates,
    /// The settings of the audit.
    pub config: &'a AuditConfig,
}

impl Desk<'_> {
    /// A metric of a group called `name`; `metric` is an index into [`GroupMetric::ALL`].
    pub fn metric(
        &self,
        frame: usize,
        group: usize,
        metric: usize,
        point: Point,
        name: &str,
    ) -> Estimate {
        let value = match point {
            Ok(value) => value,
            Err(cause) => {
                return Estimate::NotEstimable {
                    reason: format!("{name}: {cause}"),
                };
            }
        };
        let ci =
            if metric >= GroupMetric::DECISIONS && self.config.intervals == Intervals::Decisions {
                Interval::NotEstimable {
                    reason: "only intervals of decisions were asked for".into(),
                }
            } else {
                self.interval(self.panel.group_column(frame, group, metric))
            };
        Estimate::Value { value, ci }
    }

    fn interval(&self, column: usize) -> Interval {
        self.replicates.interval(column, self.config.confidence)
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
        let groups = frame
            .groups
            .iter()
            .enumerate()
            .map(|(g, name)| GroupReport {
                name: name.clone(),
                n: points.counts[g].n(),
                n_pos: points.counts[g].n_pos(),
                n_neg: points.counts[g].n_neg(),
                metrics: (GroupMetric::ALL.into_iter().enumerate())
                    .map(|(m, metric)| (metric, self.metric(f, g, m, points.groups[g][m], name)))
                    .collect(),
            });
        let gaps = Gap::ALL
            .into_iter()
            .enumerate()
            .map(|(i, gap)| match points.gaps[i] {
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
            groups: groups.collect(),
            gaps: gaps.collect(),
            rank,
        }
    }
}

fn blame(frame: &Frame, undefined: GapUndefined) -> String {
    match undefined.group {
        Some(g) => format!("{}: {}", frame.groups[g], undefined.cause),
        None => format!("{}: {}", frame.name, undefined.cause),
    }
}
