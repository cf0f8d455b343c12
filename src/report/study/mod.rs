//! A study's figures and tables: the only part of this room that reads a study folder.
//!
//! ```text
//! cells ─► results, details (CSV)      findings (JSON)
//!               └────────► folder: Study ◄────┘
//! Study ─► figures ─► Figure { stem, title, caption, csv, svg } ─► figures/stem.svg, stem.png
//!       └► tables  ─► tables/stem.tex
//! ```

mod cells;
pub mod details;
pub mod findings;
mod folder;
pub mod order;
pub mod results;
#[cfg(test)]
pub(super) mod sample;

use std::path::Path;

pub use folder::Study;

use super::write;
use crate::error::Result;

/// A figure of a study with the numbers it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its files without extension, `baselines`.
    pub stem: String,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it and where the numbers come from: n, intervals, seed.
    pub caption: String,
    /// Its numbers as CSV with a header.
    pub csv: String,
    /// The figure; a document without ids, so that several can stand in one page.
    pub svg: String,
    /// Why there is nothing to show, `not measured: …`; the figure says so too.
    pub missing: Option<String>,
}

/// All figures of a study, in the order of a report; those without data too, with the reason.
pub fn figures(_study: &Study) -> Vec<Figure> {
    Vec::new()
}

/// Writes `dir/figures/<stem>.svg` and `.png` and returns the figures.
///
/// # Errors
/// Data error of [`Study::read`]; run error when a file cannot be written.
pub fn write_figures(dir: &Path) -> Result<Vec<Figure>> {
    let figures = figures(&Study::read(dir)?);
    for figure in &figures {
        write(&figure.svg, &dir.join("figures"), &figure.stem)?;
    }
    Ok(figures)
}
