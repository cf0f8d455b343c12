//! Target and attributes out of columns of strings (UTKFace, FairFace, plain CSV).

use std::path::{Path, PathBuf};

use super::config::DataConfig;
use super::split::Split;
use super::table::{Attribute, Listing, Record};
use super::text::nearest;
use crate::error::{Error, Fault, Result};

/// One listed image with the text of its columns.
pub(super) struct Row {
    pub image: String,
    pub identity: Option<String>,
    pub split: Split,
    /// Values in the order of [`Rows::columns`].
    pub values: Vec<String>,
    /// File and line that a fault of this row is reported at.
    pub line: usize,
}

/// A column and, where the layout defines them, its levels in order.
pub(super) struct Column {
    pub name: String,
    /// Empty: the distinct values found, sorted (as numbers where all are).
    pub levels: Vec<String>,
}

/// A table of strings.
pub(super) struct Rows {
    pub root: PathBuf,
    pub listing: PathBuf,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

impl Rows {
    /// Picks the configured target and attributes.
    ///
    /// # Errors
    /// Configuration error for a column or level that is not there or a target with more than two
    /// levels; data error for a value that is empty or more than 255 levels.
    pub fn select(self, config: &DataConfig) -> Result<Listing> {
        let (target, positive) = self.target(&config.target)?;
        let mut picked = Vec::new();
        for name in &config.attributes {
            let column = self.column("data.attributes", name)?;
            let levels = self.levels(column)?;
            picked.push((
                column,
                Attribute {
                    name: name.to_lowercase(),
                    levels,
                },
            ));
        }
        let mut records = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let mut groups = Vec::with_capacity(picked.len());
            for (column, attribute) in &picked {
                groups.push(self.level(row, *column, &attribute.levels)?);
            }
            records.push(Record {
                image: row.image.clone(),
                identity: row.identity.clone(),
                split: row.split,
                label: u8::from(row.values[target] == positive),
                groups,
                line: row.line,
            });
        }
        let attributes = picked.into_iter().map(|(_, attribute)| attribute).collect();
        Ok(Listing {
            root: self.root,
            listing: self.listing,
            attributes,
            records,
        })
    }

    /// Column and positive level of `column` or `column=level`.
    fn target(&self, target: &str) -> Result<(usize, String)> {
        let (name, level) = match target.split_once('=') {
            Some((name, level)) => (name.trim(), Some(level.trim())),
            None => (target, None),
        };
        let column = self.column("data.target", name)?;
        let levels = self.levels(column)?;
        let positive = match level {
            Some(level) => levels.iter().find(|l| l.eq_ignore_ascii_case(level)),
            None if levels.len() == 2 => levels.last(),
            None => None,
        };
        match positive {
            Some(positive) => Ok((column, positive.clone())),
            None => Err(Fault::new(&self.listing, format!("target \"{target}\""))
                .key("data.target")
                .expected(format!(
                    "`{name}=LEVEL` with LEVEL one of {}",
                    levels.join(", ")
                ))
                .config()),
        }
    }

    fn column(&self, key: &str, name: &str) -> Result<usize> {
        let names = || self.columns.iter().map(|c| c.name.as_str());
        names()
            .position(|n| n.eq_ignore_ascii_case(name))
            .ok_or_else(|| missing_column(&self.listing, key, name, names()))
    }

    fn levels(&self, column: usize) -> Result<Vec<String>> {
        if !self.columns[column].levels.is_empty() {
            return Ok(self.columns[column].levels.clone());
        }
        let mut levels: Vec<String> = self.rows.iter().map(|r| r.values[column].clone()).collect();
        levels.sort_unstable();
        levels.dedup();
        let number = |l: &String| l.parse::<f64>().ok().filter(|n| n.is_finite());
        if levels.iter().all(|l| number(l).is_some()) {
            levels.sort_by(|a, b| {
                number(a)
                    .partial_cmp(&number(b))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
        }
        if levels.len() > 255 {
            let found = format!(
                "{} different values in column {}",
                levels.len(),
                self.columns[column].name
            );
            return Err(Fault::new(&self.listing, found)
                .expected("at most 255 groups")
                .data());
        }
        Ok(levels)
    }

    fn level(&self, row: &Row, column: usize, levels: &[String]) -> Result<u8> {
        let value = &row.values[column];
        let position = levels
            .iter()
            .position(|l| l == value)
            .filter(|_| !value.is_empty());
        position.map(|i| i as u8).ok_or_else(|| {
            Fault::new(
                &self.listing,
                format!("\"{value}\" in column {}", self.columns[column].name),
            )
            .line(row.line)
            .expected("a value")
            .data()
        })
    }
}

/// A configured column that the file does not have: names the nearest that it has.
pub(super) fn missing_column<'a>(
    file: &Path,
    key: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    Fault::new(file, format!("no column \"{name}\""))
        .key(key)
        .next(format!("nearest columns: {}", nearest(name, known)))
        .data()
}
