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
mod figures;
pub mod findings;
mod folder;
pub mod order;
pub mod reported;
pub mod results;
#[cfg(test)]
pub(super) mod sample;
mod tables;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use figures::{Figure, figures};
pub use folder::Study;
pub use tables::{tables, write_tables};

use super::write;
use crate::error::Result;

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
