//! What `fairbit data check` finds out about a folder.

use std::fmt;
use std::path::Path;

use super::cache;
use super::config::DataConfig;
use super::faces::Faces;
use super::progress::Progress;
use super::split::Split;
use crate::error::Result;

/// Usable images of one cell in one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCount {
    /// The split.
    pub split: Split,
    /// `male=0*young=1`.
    pub cell: String,
    /// Images without the target.
    pub negative: usize,
    /// Images with the target.
    pub positive: usize,
}

/// The findings.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// File that lists the images.
    pub listing: String,
    /// Name of the target.
    pub target: String,
    /// Images listed.
    pub images: usize,
    /// Whether persons are known.
    pub identities: bool,
    /// Every split × cell, cells without images included.
    pub counts: Vec<CellCount>,
    /// Unusable images with the reason.
    pub bad: Vec<(String, String)>,
    /// What training or measuring on a split would refuse, one line each.
    pub warnings: Vec<String>,
    /// SHA-256 of images, labels, groups and splits.
    pub data_hash: String,
}

impl CheckReport {
    /// Share of listed images that cannot be used.
    pub fn bad_share(&self) -> f64 {
        self.bad.len() as f64 / self.images.max(1) as f64
    }
}

/// Reads tables and all images (filling the decode cache) and counts.
///
/// # Errors
/// As [`super::Table::open`]; unreadable images are reported, however many.
pub fn check(config: &DataConfig, progress: &dyn Progress) -> Result<CheckReport> {
    check_in(&cache::folder()?, config, progress)
}

/// [`check()`] with a given cache folder.
///
/// # Errors
/// As [`check()`].
pub fn check_in(cache: &Path, config: &DataConfig, progress: &dyn Progress) -> Result<CheckReport> {
    let faces = Faces::open_unchecked(cache, config, progress)?;
    let table = faces.table();
    let mut counts = Vec::new();
    for split in Split::ALL {
        let mut cells = vec![[0usize; 2]; table.cells()];
        for record in faces.split(split) {
            let face = faces.face(record);
            cells[face.cell as usize][usize::from(face.label)] += 1;
        }
        for (cell, [negative, positive]) in cells.into_iter().enumerate() {
            counts.push(CellCount {
                split,
                cell: table.cell_name(cell as u32),
                negative,
                positive,
            });
        }
    }
    let complete = |split: Split| table.require_complete(split).err().map(|e| e.to_string());
    let bad = faces
        .bad()
        .iter()
        .map(|b| (table.records[b.record].image.clone(), b.reason.clone()));
    Ok(CheckReport {
        listing: table.listing.display().to_string(),
        target: table.target.clone(),
        images: table.records.len(),
        identities: table.has_identities(),
        counts,
        bad: bad.collect(),
        warnings: Split::ALL.into_iter().filter_map(complete).collect(),
        data_hash: faces.data_hash().to_string(),
    })
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let persons = if self.identities {
            "identities known"
        } else {
            "identities unknown"
        };
        writeln!(f, "{}: {} images, {persons}", self.listing, self.images)?;
        let width = self
            .counts
            .iter()
            .map(|c| c.cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        let rate = format!("{} rate", self.target);
        writeln!(
            f,
            "{:<6} {:<width$} {:>8} {:>8} {:>8}  {rate}",
            "split", "group", "n", "n_neg", "n_pos"
        )?;
        for c in &self.counts {
            let n = c.negative + c.positive;
            let share = if n == 0 {
                "-".into()
            } else {
                format!("{:.3}", c.positive as f64 / n as f64)
            };
            let (split, cell) = (c.split, &c.cell);
            writeln!(
                f,
                "{split:<6} {cell:<width$} {n:>8} {:>8} {:>8}  {share}",
                c.negative, c.positive
            )?;
        }
        writeln!(f, "unreadable: {}", self.bad.len())?;
        for (image, reason) in self.bad.iter().take(20) {
            writeln!(f, "  {image}: {reason}")?;
        }
        if self.bad.len() > 20 {
            writeln!(f, "  and {} more", self.bad.len() - 20)?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        write!(f, "content hash: {}", self.data_hash)
    }
}
