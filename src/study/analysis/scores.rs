//! `predictions.csv.gz`: one row per image, one score column per configuration.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::{Compression, GzBuilder, read::GzDecoder};

use super::sheet::{Sheet, fill, names};
use crate::error::{Fault, Result};
use crate::fairness::{AttributeColumn, Predictions};
use crate::files::write_atomic;

/// Images of one target with the scores of every configuration.
#[derive(Debug, Clone)]
pub struct Scores {
    image: Vec<String>,
    identity: Vec<Option<String>>,
    attributes: Vec<AttributeColumn>,
    label: Vec<u8>,
    columns: Vec<(String, Vec<f64>)>,
}

impl Scores {
    /// The images of a table, without any score yet.
    pub fn of(table: &Predictions) -> Self {
        let n = 0..table.n();
        Self {
            image: table.image().iter().map(String::from).collect(),
            identity: n
                .map(|i| table.identity().get(i).map(String::from))
                .collect(),
            attributes: table.attributes().to_vec(),
            label: table.label().to_vec(),
            columns: Vec::new(),
        }
    }

    /// Adds a configuration, one score per image in the table's order.
    pub fn push(&mut self, name: String, score: &[f64]) {
        self.columns.push((name, score.to_vec()));
    }

    /// Number of images.
    pub fn n(&self) -> usize {
        self.image.len()
    }

    /// Names of the score columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The predictions of one configuration; `None` where it has no column.
    ///
    /// # Errors
    /// Data error naming the image of a score that is none.
    pub fn predictions(&self, name: &str) -> Result<Option<Predictions>> {
        let Some((_, score)) = self.columns.iter().find(|(found, _)| found == name) else {
            return Ok(None);
        };
        let table = Predictions::new(
            self.image.clone(),
            self.identity.clone(),
            self.attributes.clone(),
            self.label.clone(),
            score.clone(),
        )?;
        Ok(Some(table))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// Data error naming the file, and line and column of what is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let damaged = |e: std::io::Error| {
            Fault::new(path, format!("cannot be read ({e})"))
                .expected("a gzipped table of predictions")
                .next("it is truncated, damaged or no gzip file: copy it again, or run the study again")
                .data()
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(damaged)?;
        GzDecoder::new(file)
            .read_to_end(&mut bytes)
            .map_err(damaged)?;
        let sheet = Sheet::parse(path, &bytes)?;
        let [image, identity, label] = ["image", "identity", "label"].map(|c| sheet.column(c));
        let [image, identity, label] = [image?, identity?, label?];
        let rows = 0..sheet.len();
        if sheet.len() == 0 {
            return Err(Fault::new(path, "a header and no rows")
                .expected("at least one image")
                .data());
        }
        let mut attributes = Vec::new();
        let mut columns = Vec::new();
        for (c, name) in sheet.header().iter().enumerate() {
            if sheet.header()[..c].contains(name) {
                let fault = Fault::new(path, format!("column `{name}` twice")).line(1);
                return Err(fault.expected("every column once").data());
            }
            if [image, identity, label].contains(&c) {
                continue;
            }
            if name.contains('/') {
                let score = rows.clone().map(|r| match sheet.needed::<f64>(r, c)? {
                    s if (0.0..=1.0).contains(&s) => Ok(s),
                    _ => Err(sheet.wrong(r, c, "a probability in [0, 1]")),
                });
                columns.push((name.clone(), score.collect::<Result<_>>()?));
            } else {
                let values: Vec<&str> = rows.clone().map(|r| sheet.text(r, c)).collect();
                attributes.push(AttributeColumn::new(name, &values)?);
            }
        }
        if attributes.is_empty() {
            return Err(Fault::new(path, "no attribute column")
                .line(1)
                .expected(
                    "image,identity,label, the attributes, and a column for each configuration",
                )
                .data());
        }
        let mut seen = HashSet::new();
        for r in rows.clone() {
            if !seen.insert(sheet.text(r, image)) {
                return Err(sheet.wrong(r, image, "every image once"));
            }
        }
        Ok(Self {
            image: rows
                .clone()
                .map(|r| sheet.text(r, image).to_string())
                .collect(),
            identity: rows
                .clone()
                .map(|r| Some(sheet.text(r, identity).to_string()).filter(|t| !t.is_empty()))
                .collect(),
            label: rows
                .map(|r| match sheet.text(r, label) {
                    "0" => Ok(0),
                    "1" => Ok(1),
                    _ => Err(sheet.wrong(r, label, "0 or 1")),
                })
                .collect::<Result<_>>()?,
            attributes,
            columns,
        })
    }

    /// Writes the file: the same bytes for the same scores, without a time stamp.
    ///
    /// # Errors
    /// Run error naming the path.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut header = names(&["image", "identity", "label"]);
        header.extend(self.attributes.iter().map(|a| a.name().to_string()));
        header.extend(self.columns().map(String::from));
        let row = |i: usize| {
            let mut row = vec![
                self.image[i].clone(),
                self.identity[i].clone().unwrap_or_default(),
                self.label[i].to_string(),
            ];
            row.extend(self.attributes.iter().map(|a| a.level(i).to_string()));
            // The shortest decimal that reads back exactly.
            row.extend(
                self.columns
                    .iter()
                    .map(|(_, score)| format!("{:?}", score[i])),
            );
            row
        };
        let rows: Vec<Vec<String>> = (0..self.n()).map(row).collect();
        write_atomic(path, |out| {
            let mut gz = GzBuilder::new().mtime(0).write(out, Compression::best());
            fill(&mut gz, &header, &rows)?;
            gz.finish().map(|_| ())
        })
    }
}

/// The file of a target's predictions; that of the matrix has no target in its name.
pub fn file_name(target: &str, primary: &str) -> String {
    match target == primary {
        true => "predictions.csv.gz".into(),
        false => format!("predictions-{target}.csv.gz"),
    }
}
