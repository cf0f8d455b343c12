//! Figures and tables of an audit: what [`fairness`](crate::fairness) found, put into the charts of this
//! room. Nothing else here knows fairness.

mod changes;

use std::path::Path;

use super::{
    Calibration, Column, GroupRates, Measured, RateFrame, RateGroup, Roc, Row, ScoredGroup, Table,
    write,
};
use crate::error::Result;
use crate::fairness::measure::ranked::ECE_BINS;
use crate::fairness::{
    AttributeReport, Estimate, FairnessReport, Gap, GroupMetric, GroupReport, Grouping, Interval,
    Predictions, Resampling, Thresholds,
};
use crate::files::{create_dir, write_bytes};

pub use changes::write_changes;

/// More curves than this cannot be told apart.
const MOST_CURVES: usize = 9;

/// Rows of a figure that still fit a page, in groups of all attributes together.
const MOST_GROUPS: usize = 60;

/// Which of many attributes and intersections are drawn, by name and number of groups: the primary one,
/// then the others in order as long as there is room.
fn drawn<'a>(all: impl Iterator<Item = (&'a str, usize)>, primary: &str) -> Vec<&'a str> {
    let all: Vec<(&str, usize)> = all.collect();
    let mut room = MOST_GROUPS;
    if let Some((_, groups)) = all.iter().find(|(name, _)| *name == primary) {
        room = room.saturating_sub(*groups);
    }
    let fits = all.into_iter().filter(|(name, groups)| {
        let fits = *name == primary || *groups <= room;
        if *name != primary && fits {
            room -= groups;
        }
        fits
    });
    fits.map(|(name, _)| name).collect()
}

/// What to say where not all are drawn.
fn left_out(drawn: usize, all: usize) -> String {
    match all - drawn {
        0 => String::new(),
        _ => format!(" {drawn} of {all} attributes and intersections are shown."),
    }
}

/// Gaps that are drawn and tabulated.
const GAPS: [Gap; 6] = [
    Gap::Dp,
    Gap::Eo,
    Gap::Eopp,
    Gap::Pe,
    Gap::Accuracy,
    Gap::WorstGroupAccuracy,
];

/// One audited table.
#[derive(Debug, Clone, Copy)]
pub struct Audited<'a> {
    /// What it is called.
    pub name: &'a str,
    /// SHA-256 of its file.
    pub hash: &'a str,
    /// What was found.
    pub report: &'a FairnessReport,
    /// The table.
    pub predictions: &'a Predictions,
    /// Its groups.
    pub grouping: &'a Grouping,
}

impl Audited<'_> {
    /// Writes `figures/rates-NAME`, `roc-NAME` and `calibration-NAME` (`.svg`, `.png`) and
    /// `tables/NAME.tex` into `out`.
    ///
    /// # Errors
    /// Run error when a file cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let (figures, tables) = (out.join("figures"), out.join("tables"));
        let stem = |kind: &str| format!("{kind}-{}", self.name);
        write(&self.rates().draw(), &figures, &stem("rates"))?;
        let groups = self.scored();
        let roc = Roc {
            subject: self.name.into(),
            threshold: match self.report.thresholds {
                Thresholds::One(threshold) => Some(threshold),
                Thresholds::PerGroup { .. } => None,
            },
            groups: &groups,
            caption: self.caption(),
        };
        write(&roc.draw(), &figures, &stem("roc"))?;
        let calibration = Calibration {
            subject: self.name.into(),
            bins: ECE_BINS,
            groups: &groups,
            caption: self.caption(),
        };
        write(&calibration.draw(), &figures, &stem("calibration"))?;
        create_dir(&tables)?;
        let path = tables.join(format!("{}.tex", self.name));
        write_bytes(&path, self.table().to_latex().as_bytes())
    }

    /// Where the numbers come from, in one line.
    fn caption(&self) -> String {
        let report = self.report;
        let scheme = match &report.resampling {
            Resampling::Stratified { strata } => format!("bootstrap of images within {strata}"),
            Resampling::ByIdentity { identities } => {
                format!("bootstrap of {identities} identities")
            }
        };
        let threshold = match &report.thresholds {
            Thresholds::One(threshold) => format!("threshold {threshold}"),
            Thresholds::PerGroup { frame, .. } => format!("a threshold for each {frame}"),
        };
        format!(
            "{} images, {threshold}, {scheme}, {} replicates, seed {}; data sha256:{}; fairbit {}.",
            report.n,
            report.replicates,
            report.seed,
            &self.hash[..self.hash.len().min(16)],
            env!("CARGO_PKG_VERSION")
        )
    }

    fn rates(&self) -> GroupRates {
        let group = |of: &GroupReport| {
            let rate = |metric| of.metric(metric).and_then(measured);
            RateGroup {
                name: of.name.clone(),
                n: of.n,
                n_pos: of.n_pos,
                selection_rate: rate(GroupMetric::SelectionRate),
                tpr: rate(GroupMetric::Tpr),
                fpr: rate(GroupMetric::Fpr),
                accuracy: rate(GroupMetric::Accuracy),
            }
        };
        let shown = self.shown();
        let frames = shown.iter().map(|attribute| RateFrame {
            name: attribute.name.clone(),
            groups: attribute.groups.iter().map(group).collect(),
        });
        GroupRates {
            subject: self.name.into(),
            n: self.report.n as u64,
            confidence: self.report.confidence,
            frames: frames.collect(),
            caption: self.caption() + &left_out(shown.len(), self.report.attributes.len()),
        }
    }

    /// The attributes and intersections that figures and tables have room for.
    fn shown(&self) -> Vec<&AttributeReport> {
        let all = &self.report.attributes;
        let names = all.iter().map(|a| (a.name.as_str(), a.groups.len()));
        let primary = &self.grouping.frames[self.grouping.primary()].name;
        let drawn = drawn(names, primary);
        all.iter()
            .filter(|a| drawn.contains(&a.name.as_str()))
            .collect()
    }

    /// Scores and labels of the groups of the primary frame, or of the first attribute with few enough.
    fn scored(&self) -> Vec<ScoredGroup> {
        let primary = self.grouping.primary();
        let order = std::iter::once(primary).chain(0..self.grouping.frames.len());
        let few = |f: &usize| self.grouping.frames[*f].groups.len() <= MOST_CURVES;
        let Some(f) = order.into_iter().find(few) else {
            return Vec::new();
        };
        let frame = &self.grouping.frames[f];
        let reported = self.report.attributes.iter().find(|a| a.name == frame.name);
        let mut groups: Vec<ScoredGroup> = frame
            .groups
            .iter()
            .map(|name| {
                let metric = |m| reported?.group(name)?.metric(m).and_then(measured);
                ScoredGroup {
                    name: name.clone(),
                    scores: Vec::new(),
                    labels: Vec::new(),
                    auc: metric(GroupMetric::Auc),
                    ece: metric(GroupMetric::Ece),
                }
            })
            .collect();
        let (label, score) = (self.predictions.label(), self.predictions.score());
        for (i, cell) in self.grouping.cell_of.iter().enumerate() {
            let group = &mut groups[frame.group_of_cell[*cell as usize]];
            group.scores.push(score[i]);
            group.labels.push(label[i] == 1);
        }
        groups
    }

    fn table(&self) -> Table {
        let shown = self.shown();
        let mut columns = vec![Column::left("")];
        columns.extend(shown.iter().map(|a| Column::right(&a.name)));
        let rows = GAPS.iter().map(|gap| {
            let cells = shown.iter().map(|attribute| {
                attribute
                    .gap(*gap)
                    .map_or(String::new(), |found| cell(&found.estimate))
            });
            Row::cells(std::iter::once(gap.title().to_string()).chain(cells))
        });
        let percent = 100.0 * self.report.confidence;
        Table {
            caption: format!(
                "Fairness of {}: accuracy {}. Gaps between groups with {percent} % intervals.",
                self.name,
                cell(self.report.accuracy())
            ),
            label: format!("tab:fairness-{}", self.name),
            columns,
            rows: rows.collect(),
            notes: std::iter::once(
                self.caption() + &left_out(shown.len(), self.report.attributes.len()),
            )
            .chain(self.report.notes.iter().cloned())
            .collect(),
        }
    }
}

fn measured(found: &Estimate) -> Option<Measured> {
    match found {
        Estimate::NotEstimable { .. } => None,
        Estimate::Value { value, ci } => Some(Measured {
            value: *value,
            interval: match ci {
                Interval::Bounds { lo, hi } => Some((*lo, *hi)),
                Interval::NotEstimable { .. } => None,
            },
        }),
    }
}

fn cell(found: &Estimate) -> String {
    match (found.value(), found.interval()) {
        (Some(value), Some((lo, hi))) => format!("{value:.3} [{lo:.3}, {hi:.3}]"),
        (Some(value), None) => format!("{value:.3}"),
        (None, _) => "–".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_room_for_the_primary_frame_and_some_more() {
        let names: Vec<String> = (0..100).map(|i| format!("a{i}")).collect();
        let all = || names.iter().map(|name| (name.as_str(), 4));
        let shown = drawn(all(), "a99");
        assert_eq!((shown.len(), shown[0], shown[14]), (15, "a0", "a99"));
        assert_eq!(drawn(all().take(3), "a2").len(), 3);
        // One frame that is too large is still drawn if it is the primary one.
        let large = [("race*age", 500), ("race", 5)];
        assert_eq!(drawn(large.into_iter(), "race*age"), ["race*age"]);
        assert_eq!(drawn(large.into_iter(), "race"), ["race"]);
        assert_eq!(left_out(3, 3), "");
        assert!(left_out(15, 100).contains("15 of 100"));
    }
}
