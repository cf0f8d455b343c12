//! What changed against a base, as forest plots and a table.

use std::path::Path;

use super::{GAPS, cell, drawn, measured};
use crate::error::Result;
use crate::fairness::Comparison;
use crate::files::{create_dir, write_bytes};
use crate::report::{Candidate, Column, Forest, GapChange, Row, Table, write};

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
    let names = first
        .attributes
        .iter()
        .map(|a| (a.name.as_str(), a.groups.len()));
    for frame in drawn(names, primary) {
        let forest = Forest {
            subject: frame.into(),
            baseline: base.into(),
            n: first.overall.n,
            confidence: settings.confidence,
            alpha: 0.05,
            limit: None,
            candidates: compared.iter().map(|c| candidate(c, frame)).collect(),
            caption: caption.clone(),
        };
        // `*` has a meaning in shells.
        let stem = format!("changes-{}", frame.replace('*', "-x-"));
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
