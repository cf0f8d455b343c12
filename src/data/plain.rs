//! A plain CSV with columns that the configuration names.

use std::path::{Path, PathBuf};

use super::config::DataConfig;
use super::select::{Column, Row, Rows, missing_column};
use super::split::Split;
use super::table::Listing;
use super::text::Text;
use crate::error::{Fault, Result};

/// A CSV in memory, every row as wide as the header.
pub(super) struct CsvText {
    pub path: PathBuf,
    pub header: Vec<String>,
    /// Line (from 1) and fields.
    pub rows: Vec<(usize, Vec<String>)>,
}

impl CsvText {
    /// Reads a CSV, plain or gzipped.
    ///
    /// # Errors
    /// Data error naming file and line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = Text::read(path)?;
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.content.as_bytes());
        let fault = |e: csv::Error| {
            let line = e.position().map_or(1, |p| p.line() as usize);
            Fault::new(path, format!("a row that is no CSV ({e})"))
                .line(line)
                .data()
        };
        let header = reader
            .headers()
            .map_err(fault)?
            .iter()
            .map(String::from)
            .collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(fault)?;
            let line = record.position().map_or(0, |p| p.line() as usize);
            rows.push((line, record.iter().map(String::from).collect()));
        }
        if rows.is_empty() {
            return Err(Fault::new(path, "no rows").expected("one per image").data());
        }
        Ok(Self {
            path: path.to_path_buf(),
            header,
            rows,
        })
    }

    /// Whether there is such a column.
    pub fn has(&self, name: &str) -> bool {
        self.header.iter().any(|h| h == name)
    }

    /// Position of a column.
    ///
    /// # Errors
    /// Data error naming the nearest columns.
    pub fn column(&self, name: &str) -> Result<usize> {
        let names = || self.header.iter().map(String::as_str);
        names()
            .position(|h| h == name)
            .ok_or_else(|| missing_column(&self.path, name, name, names()))
    }
}

/// Reads the CSV that `[data.csv]` describes.
pub(super) fn read(dir: &Path, config: &DataConfig) -> Result<Listing> {
    let names = &config.csv;
    let csv = CsvText::read(&dir.join(&names.file))?;
    let image = csv.column(&names.image)?;
    let optional = |name: &String| (!name.is_empty()).then(|| csv.column(name)).transpose();
    let split_column = optional(&names.split)?;
    let identity_column = optional(&names.identity)?;
    let mut rows = Vec::with_capacity(csv.rows.len());
    for (line, values) in &csv.rows {
        let name = values[image].replace('\\', "/");
        let identity = identity_column
            .map(|c| values[c].clone())
            .filter(|i| !i.is_empty());
        let split = match split_column {
            None => Split::by_hash(identity.as_ref().unwrap_or(&name)),
            Some(c) => Split::parse(&values[c]).ok_or_else(|| {
                Fault::new(
                    &csv.path,
                    format!("\"{}\" in column {}", values[c], names.split),
                )
                .line(*line)
                .expected("train, val, test or 0, 1, 2")
                .data()
            })?,
        };
        rows.push(Row {
            image: name,
            identity,
            split,
            values: values.clone(),
            line: *line,
        });
    }
    let columns = csv.header.iter().map(|name| Column {
        name: name.clone(),
        levels: Vec::new(),
    });
    Rows {
        root: dir.join(&names.images),
        columns: columns.collect(),
        listing: csv.path.clone(),
        rows,
    }
    .select(config)
}
