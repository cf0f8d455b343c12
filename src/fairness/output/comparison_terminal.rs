//! A comparison for a terminal.

use std::fmt::Write;

use crate::fairness::compare::{Comparison, FrameChange, GapChange};
use crate::fairness::measure::estimate::Estimate;
use crate::fairness::measure::gaps::Gap;

/// The gaps of the table.
const ROWS: [Gap; 6] = [
    Gap::Dp,
    Gap::Eo,
    Gap::Eopp,
    Gap::Pe,
    Gap::Accuracy,
    Gap::WorstGroupAccuracy,
];

impl Comparison {
    /// A readable table: what changed, how surely, and whether it is shown to be small.
    pub fn table(&self, base: &str) -> String {
        let mut out = String::new();
        let settings = &self.settings;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} against {base}: {} images, {} replicates, {} swaps, seed {}, family of {} tests",
            self.name,
            self.overall.n,
            settings.replicates,
            settings.draws,
            settings.seed,
            settings.family
        );
        let all = &self.overall;
        let _ = writeln!(
            out,
            "Δ accuracy {} (McNemar {}: {} right→wrong, {} wrong→right)   Δ AUC {} ({} {})",
            points(&all.accuracy),
            p(all.mcnemar_p),
            all.right_to_wrong,
            all.wrong_to_right,
            points(&self.auc.delta),
            self.auc.method,
            self.auc.p.map_or("–".into(), p),
        );
        for frame in &self.attributes {
            let _ = writeln!(
                out,
                "\n{:<22}{:<26}{:<10}{:<10}{:<12}equivalent within ±{}",
                frame.name, "Δ, percentage points", "p", "p sharp", "p adjusted", settings.margin
            );
            for gap in ROWS {
                if let Some(found) = frame.gaps.iter().find(|g| g.gap == gap) {
                    line(&mut out, found, settings.margin);
                }
            }
            flips(&mut out, frame);
        }
        let _ = writeln!(
            out,
            "\np: studentized bootstrap of no change; p sharp: randomization, the models are exchangeable; p adjusted: \
             Romano–Wolf over the family.\nA p above 0.05 does not show that nothing changed: that is what the last \
             column is for."
        );
        out
    }
}

fn line(out: &mut String, found: &GapChange, margin: f64) {
    let optional = |p_value: Option<f64>| p_value.map_or("–".into(), p);
    let adjusted = found.adjusted.map(|a| a.romano_wolf);
    let equivalence = match &found.equivalence {
        Ok(e) if e.attainable <= margin => format!("yes, p {}", p(e.p)),
        Ok(e) => format!("not shown; these data show ±{:.4}", e.attainable),
        Err(reason) => format!("– ({reason})"),
    };
    let _ = writeln!(
        out,
        "{:<22}{:<26}{:<10}{:<10}{:<12}{equivalence}",
        found.gap.title(),
        points(&found.delta),
        optional(found.p),
        optional(found.p_sharp),
        optional(adjusted),
    );
}

fn flips(out: &mut String, frame: &FrameChange) {
    for group in frame
        .groups
        .iter()
        .filter(|g| g.right_to_wrong + g.wrong_to_right > 0)
    {
        let _ = writeln!(
            out,
            "  {:<30}{:>6} images, {} right→wrong, {} wrong→right, McNemar {}",
            group.group,
            group.n,
            group.right_to_wrong,
            group.wrong_to_right,
            p(group.mcnemar_p)
        );
    }
}

/// Percentage points with their interval.
fn points(found: &Estimate) -> String {
    match (found.value(), found.interval()) {
        (Some(value), Some((lo, hi))) => {
            format!(
                "{:+.2} [{:+.2}, {:+.2}]",
                100.0 * value,
                100.0 * lo,
                100.0 * hi
            )
        }
        (Some(value), None) => format!("{:+.2} [–]", 100.0 * value),
        (None, _) => "–".into(),
    }
}

fn p(value: f64) -> String {
    match value < 0.0001 {
        true => "<0.0001".into(),
        false => format!("{value:.4}"),
    }
}
