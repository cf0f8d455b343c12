//! Hypotheses with their effects and verdicts.

use super::{NOTHING, source};
use crate::report::study::Study;
use crate::report::study::findings::Effect;
use crate::report::text::{fixed, p_value};
use crate::report::{Align, Column, Row, Table};

/// One row per hypothesis.
pub fn hypotheses(study: &Study) -> Table {
    let found = study.findings.as_ref();
    let rows = found.iter().flat_map(|f| &f.hypotheses).map(|h| {
        let effect = h.effect.as_ref();
        let p = effect.and_then(|e| e.p_adjusted.or(e.p));
        Row::cells([
            h.id.clone(),
            h.claim.clone(),
            h.verdict.clone(),
            effect.map_or_else(|| NOTHING.into(), words),
            p.map_or_else(|| NOTHING.into(), p_value),
        ])
    });
    let mut notes = vec![
        "Supported: the adjusted interval excludes 0 in the claimed direction; contradicted: in the other; else \
         inconclusive. p: adjusted where several tests are one question, else as it is."
            .to_string(),
        source(study),
    ];
    if found.is_none() {
        notes.insert(0, "Not measured: hypotheses.json is missing.".into());
    }
    let paragraph = |title: &str, mm: u16| Column {
        title: title.into(),
        align: Align::Paragraph { mm },
    };
    Table {
        caption: "Hypotheses and verdicts.".into(),
        label: "tab:hypotheses".into(),
        columns: vec![
            Column::left(""),
            paragraph("claim", 52),
            Column::left("verdict"),
            paragraph("effect", 46),
            Column::right("p"),
        ],
        rows: rows.collect(),
        notes,
    }
}

/// `change of the EO gap: 0.4 [-1.1, 1.8] points`, or why there is none.
fn words(effect: &Effect) -> String {
    let Some(found) = effect.measured().filter(|m| m.value.is_finite()) else {
        return effect.reason.clone().unwrap_or_else(|| NOTHING.into());
    };
    let decimals = if found.value.abs() < 0.1 { 3 } else { 2 };
    let value = fixed(found.value, decimals);
    let interval = found.interval.map_or_else(String::new, |(lo, hi)| {
        format!(" [{}, {}]", fixed(lo, decimals), fixed(hi, decimals))
    });
    let name = if effect.name.is_empty() {
        String::new()
    } else {
        format!("{}: ", effect.name)
    };
    format!("{name}{value}{interval} {}", effect.unit)
        .trim_end()
        .to_string()
}
