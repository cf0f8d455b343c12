//! The report for a terminal: gaps by attribute, with intervals.

use std::fmt::Write;

use super::report::{AttributeReport, FairnessReport, Rank, Resampling};
use crate::fairness::measure::counts::GroupMetric;
use crate::fairness::measure::decide::Thresholds;
use crate::fairness::measure::estimate::Estimate;
use crate::fairness::measure::gaps::{EIGHTY_PERCENT, Gap};

/// Attributes side by side before the table goes on below.
const COLUMNS: usize = 3;
/// Width of the first column and of the others.
const WIDTHS: (usize, usize) = (22, 26);
/// The rows.
const ROWS: [Gap; 8] = [
    Gap::Dp,
    Gap::Eo,
    Gap::Eopp,
    Gap::Pe,
    Gap::Di,
    Gap::Ppv,
    Gap::Accuracy,
    Gap::WorstGroupAccuracy,
];

impl FairnessReport {
    /// A readable table: overall accuracy, AUC and ECE, then the gaps of each attribute and of the
    /// intersection with their intervals. Primary metrics carry `*`, a DI ratio below 0.8 carries `!`.
    /// What cannot be estimated is `–`, with the reasons below.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let scheme = match &self.resampling {
            Resampling::Stratified { strata } => format!("bootstrap of images within {strata}"),
            Resampling::ByIdentity { identities } => {
                format!("bootstrap of {identities} identities")
            }
        };
        let percent = 100.0 * self.confidence;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} images, {}, {percent} % intervals: {scheme}, {} replicates, seed {}",
            self.n,
            threshold(&self.thresholds),
            self.replicates,
            self.seed
        );
        let _ = writeln!(
            out,
            "accuracy {}   AUC {}   ECE {}",
            cell(self.accuracy()),
            cell(self.overall(GroupMetric::Auc)),
            cell(self.overall(GroupMetric::Ece))
        );
        for block in self.attributes.chunks(COLUMNS) {
            out.push('\n');
            line(&mut out, "", block.iter().map(|a| a.name.clone()));
            for gap in ROWS {
                line(
                    &mut out,
                    gap.title(),
                    block.iter().map(|a| gap_cell(a, gap)),
                );
            }
            line(&mut out, "  in group", block.iter().map(worst_group));
        }
        out.push('\n');
        let _ = writeln!(
            out,
            "* primary metric   ! below the 80 % rule   – not estimable"
        );
        for reason in self.reasons() {
            let _ = writeln!(out, "– {reason}");
        }
        for note in &self.notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }

    /// Why cells of the table are empty, each reason once.
    fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        let overall = [
            ("accuracy", self.accuracy()),
            ("AUC", self.overall(GroupMetric::Auc)),
            ("ECE", self.overall(GroupMetric::Ece)),
        ];
        let overall = overall
            .into_iter()
            .map(|(name, found)| (name.to_string(), found));
        let gaps = self.attributes.iter().flat_map(|a| {
            let shown = ROWS
                .iter()
                .filter_map(|gap| Some((gap.title(), a.gap(*gap)?)));
            shown.map(|(title, found)| (format!("{} {title}", a.name), &found.estimate))
        });
        for (name, found) in overall.chain(gaps) {
            if let Some(reason) = found.reason() {
                reasons.push(format!("{name}: {reason}"));
            }
        }
        reasons
    }
}

/// `threshold 0.5`, or what there is one of for each group.
fn threshold(thresholds: &Thresholds) -> String {
    match thresholds {
        Thresholds::One(threshold) => format!("threshold {threshold}"),
        Thresholds::PerGroup { frame, .. } => format!("a threshold for each {frame}"),
    }
}

fn line(out: &mut String, title: &str, cells: impl Iterator<Item = String>) {
    let mut text = pad(title, WIDTHS.0);
    for cell in cells {
        // A name wider than its column still keeps its distance from the next.
        text.push_str(&pad(&cell, WIDTHS.1 - 2));
        text.push_str("  ");
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

fn gap_cell(attribute: &AttributeReport, gap: Gap) -> String {
    let Some(found) = attribute.gap(gap) else {
        return String::new();
    };
    let mut text = cell(&found.estimate);
    if attribute.rank == Rank::Primary && gap.is_primary() {
        text.push_str(" *");
    }
    if gap == Gap::Di
        && found
            .estimate
            .value()
            .is_some_and(|ratio| ratio < EIGHTY_PERCENT)
    {
        text.push_str(" !");
    }
    text
}

fn worst_group(attribute: &AttributeReport) -> String {
    let pair = attribute
        .gap(Gap::WorstGroupAccuracy)
        .and_then(|g| g.pair.as_ref());
    pair.map_or_else(String::new, |pair| pair[0].clone())
}

fn cell(found: &Estimate) -> String {
    match (found.value(), found.interval()) {
        (Some(value), Some((lo, hi))) => format!("{value:.3} [{lo:.3}, {hi:.3}]"),
        (Some(value), None) => format!("{value:.3} [–]"),
        (None, _) => "–".to_string(),
    }
}
