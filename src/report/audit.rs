//! Figures and tables of an audit: what [`fairness`](crate::fairness) found, put into the charts of this
//! room. The only file here that knows fairness.

use std::path::Path;

use super::{
    Calibration, Candidate, Column, Forest, GapChange, GroupRates, Measured, RateFrame, RateGroup,
    Roc, Row, ScoredGroup, Table, write,
};
use crate::error::Result;
use crate::fairness::measure::ranked::ECE_BINS;
use crate::fairness::{
    Comparison, Estimate, FairnessReport, Gap, GroupMetric, GroupReport, Grouping, Interval,
    Predictions, Resampling, Thresholds,
};
use crate::files::{create_dir, write_bytes};

/// More curves than this cannot be told apart.
const MOST_CURVES: usize = 9;

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
        let frames = self.report.attributes.iter().map(|attribute| RateFrame {
            name: attribute.name.clone(),
            groups: attribute.groups.iter().map(group).collect(),
        });
        GroupRates {
            subject: self.name.into(),
            n: self.report.n as u64,
            confidence: self.report.confidence,
            frames: frames.collect(),
            caption: self.caption(),
        }
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
        let mut columns = vec![Column::left("")];
        columns.extend(
            self.report
                .attributes
                .iter()
                .map(|a| Column::right(&a.name)),
        );
        let rows = GAPS.iter().map(|gap| {
            let cells = self.report.attributes.iter().map(|attribute| {
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
            notes: std::iter::once(self.caption())
                .chain(self.report.notes.iter().cloned())
                .collect(),
        }
    }
}

/// Writes `figures/changes-FRAME` (`.svg`, `.png`) of every attribute and intersection, and
/// `tables/changes.tex` of the primary one.
///
/// # Errors
/// Run error when a file cannot be written.
pub fn write_changes(
    out: &Path,
    base: &str,
    primary: &str,
    compared: &[Comparison],
    hash: &str,
) -> Result<()> {
    let Some(first) = compared.first() else {
        return Ok(());
    };
    let settings = &first.settings;
    let caption = format!(
        "{} images, {} replicates, seed {}; p adjusted over {} tests (Romano–Wolf step-down, {primary} only); base \
         sha256:{}; fairbit {}.",
        first.overall.n,
        settings.replicates,
        settings.seed,
        settings.family,
        &hash[..hash.len().min(16)],
        env!("CARGO_PKG_VERSION")
    );
    for frame in &first.attributes {
        let forest = Forest {
            subject: frame.name.clone(),
            baseline: base.into(),
            n: first.overall.n,
            confidence: settings.confidence,
            alpha: 0.05,
            limit: None,
            candidates: compared.iter().map(|c| candidate(c, &frame.name)).collect(),
            caption: caption.clone(),
        };
        // `*` has a meaning in shells.
        let stem = format!("changes-{}", frame.name.replace('*', "-x-"));
        write(&forest.draw(), &out.join("figures"), &stem)?;
    }
    create_dir(&out.join("tables"))?;
    let table = changes_table(base, primary, compared, caption);
    write_bytes(&out.join("tables/changes.tex"), table.to_latex().as_bytes())
}

fn candidate(of: &Comparison, frame: &str) -> Candidate {
    let gaps = of
        .attributes
        .iter()
        .filter(|a| a.name == frame)
        .flat_map(|a| &a.gaps);
    let margin = of.settings.margin;
    let gap = |found: &crate::fairness::compare::GapChange| {
        let title = GAPS.iter().find(|gap| **gap == found.gap)?.title();
        Some(GapChange {
            gap: title.into(),
            delta: measured(&found.delta),
            p_adjusted: found.adjusted.map(|a| a.romano_wolf),
            margin: Some(margin),
        })
    };
    Candidate {
        name: of.name.clone(),
        gaps: gaps.filter_map(gap).collect(),
    }
}

fn changes_table(base: &str, primary: &str, compared: &[Comparison], caption: String) -> Table {
    let columns = ["gap", "Δ", "p", "adjusted p", "equivalent"];
    let mut rows = Vec::new();
    for of in compared {
        rows.push(Row::Heading(format!(
            "{}: Δ accuracy {}",
            of.name,
            cell(&of.overall.accuracy)
        )));
        let gaps = of
            .attributes
            .iter()
            .filter(|a| a.name == primary)
            .flat_map(|a| &a.gaps);
        for found in gaps {
            if !GAPS.contains(&found.gap) {
                continue;
            }
            let p = |p: Option<f64>| p.map_or("–".into(), |p| format!("{p:.4}"));
            let equivalent = match &found.equivalence {
                Ok(e) if e.attainable <= of.settings.margin => format!("yes, p {:.4}", e.p),
                Ok(e) => format!("±{:.4} shown", e.attainable),
                Err(_) => "–".into(),
            };
            rows.push(Row::cells([
                found.gap.title().to_string(),
                cell(&found.delta),
                p(found.p),
                p(found.adjusted.map(|a| a.romano_wolf)),
                equivalent,
            ]));
        }
    }
    Table {
        caption: format!(
            "Changes against {base} on {primary}, with {} % intervals; equivalence within ±{}.",
            100.0 * compared[0].settings.confidence,
            compared[0].settings.margin
        ),
        label: "tab:changes".into(),
        columns: columns
            .into_iter()
            .enumerate()
            .map(|(i, title)| {
                if i == 0 {
                    Column::left(title)
                } else {
                    Column::right(title)
                }
            })
            .collect(),
        rows,
        notes: vec![caption],
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
