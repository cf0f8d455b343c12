//! What methods change against the baseline.

use super::{NOTHING, points, source};
use crate::report::study::Study;
use crate::report::study::order::{BASELINE, model_title};
use crate::report::study::results::Configuration;
use crate::report::text::{hundredfold, p_value};
use crate::report::{Column, Row, Table};

/// Phases of the study.
const QUANTIZATION: u64 = 2;
const MITIGATION: u64 = 3;

/// Phase 2: what quantization does.
pub fn quantization(study: &Study) -> Table {
    let of_phase = |c: &Configuration| c.phase.unwrap_or(QUANTIZATION) == QUANTIZATION;
    let caption = "Quantization against the float baseline.";
    changes(study, "tab:quantization", caption, of_phase)
}

/// Phase 3: what is done against it.
pub fn mitigation(study: &Study) -> Table {
    let of_phase = |c: &Configuration| c.phase == Some(MITIGATION);
    changes(
        study,
        "tab:mitigation",
        "Mitigation against the float baseline.",
        of_phase,
    )
}

fn changes(
    study: &Study,
    label: &str,
    caption: &str,
    shown: impl Fn(&Configuration) -> bool,
) -> Table {
    let mut rows = Vec::new();
    for model in study.models() {
        let own: Vec<&Configuration> = study
            .primary()
            .filter(|c| c.model == model && c.method != BASELINE && shown(c))
            .collect();
        if own.is_empty() {
            continue;
        }
        rows.push(Row::Heading(model_title(model).into()));
        rows.extend(own.into_iter().map(row));
    }
    let margin = study.findings.as_ref().map(|f| f.family.margin);
    let mut notes = vec![format!("Percentage points. {}", source(study))];
    notes.push(match (margin, study.findings.as_ref()) {
        (Some(margin), Some(found)) => format!(
            "p: adjusted by {} over {} tests; controls are outside of the family. ≈: shown to be equivalent within ±{} points.",
            found.family.method,
            found.family.size,
            hundredfold(margin)
        ),
        _ => "p: adjusted over the family. ≈: shown to be equivalent within the margin.".into(),
    });
    let titles = [
        "Δ accuracy",
        "Δ DP gap",
        "p",
        "Δ EO gap",
        "p",
        "Δ worst group",
    ];
    Table {
        caption: caption.into(),
        label: label.into(),
        columns: std::iter::once(Column::left("method"))
            .chain(titles.map(Column::right))
            .collect(),
        rows,
        notes,
    }
}

fn row(found: &Configuration) -> Row {
    let name = if found.control {
        format!("{} (control)", found.method)
    } else {
        found.method.clone()
    };
    if !found.done {
        let failed = ["failed", "", "", "", "", ""].map(String::from);
        return Row::cells(std::iter::once(name).chain(failed));
    }
    let change = |column: &str| points(found.change(column).map(|c| c.delta));
    let p = |gap: &str| {
        let Some(change) = found.change(gap) else {
            return NOTHING.to_string();
        };
        let same = if change.equivalent == Some(true) {
            " ≈"
        } else {
            ""
        };
        change.p_adjusted.map_or_else(|| NOTHING.into(), p_value) + same
    };
    Row::cells([
        name,
        change("accuracy"),
        change("dp_gap"),
        p("dp_gap"),
        change("eo_gap"),
        p("eo_gap"),
        change("worst_group_accuracy"),
    ])
}
