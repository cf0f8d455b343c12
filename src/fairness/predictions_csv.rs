//! `predictions-*.csv`: `image,identity,<one column per sensitive attribute>,label,score`.
//!
//! Columns are found by name, so other tools may order them differently; every column that is not
//! one of the four fixed ones is a sensitive attribute. Rows are read as a stream: memory holds the
//! columns, not the text.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Terminator, WriterBuilder};

use super::attribute::{AttributeColumn, MAX_LEVELS, check_level, check_name, too_many_levels};
use super::predictions::{Predictions, check_image, check_score, check_text};
use crate::error::{Error, Fault, Result};
use crate::files::write_atomic;

const HEADER: &str = "image,identity,<one column per sensitive attribute>,label,score";

impl Predictions {
    /// Reads a predictions table.
    ///
    /// # Errors
    /// Data error with file and line for a file that cannot be read or is empty, missing or repeated
    /// columns, rows of another length, text that is not UTF-8 or holds a NUL, labels other than 0 and
    /// 1, scores that are not numbers in [0, 1], empty attribute values and repeated images.
    pub fn read_csv(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| unreadable(path, &e.to_string()))?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(file);
        let mut record = ByteRecord::new();
        let next = |reader: &mut csv::Reader<File>, record: &mut ByteRecord| {
            reader
                .read_byte_record(record)
                .map_err(|e| unreadable(path, &e.to_string()))
        };

        if !next(&mut reader, &mut record)? {
            return Err(Fault::new(path, "an empty file").expected(HEADER).data());
        }
        let columns = Columns::find(path, &record)?;
        let mut rows = Rows::new(columns);
        while next(&mut reader, &mut record)? {
            let line = record.position().map_or(0, |p| p.line() as usize);
            rows.push(&record, line).map_err(|f| {
                Error::Data(Fault {
                    file: path.into(),
                    ..f.line(line)
                })
            })?;
        }
        rows.finish(path)
    }

    /// Writes the table so that [`Predictions::read_csv`] gives back equal predictions; the same
    /// predictions always give the same bytes, and the file is wholly there or not there.
    ///
    /// # Errors
    /// Run error when the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        write_atomic(path, |out| {
            let mut csv = WriterBuilder::new()
                .terminator(Terminator::Any(b'\n'))
                .from_writer(out);
            let names = self.attributes().iter().map(AttributeColumn::name);
            csv.write_record(
                ["image", "identity"]
                    .into_iter()
                    .chain(names)
                    .chain(["label", "score"]),
            )?;
            for i in 0..self.n() {
                // `{:?}` is the shortest decimal that reads back exactly, with an exponent where that is shorter.
                let (label, score) = (
                    self.label()[i].to_string(),
                    format!("{:?}", self.score()[i]),
                );
                csv.write_field(&self.image()[i])?;
                csv.write_field(self.identity()[i].as_deref().unwrap_or_default())?;
                for attribute in self.attributes() {
                    csv.write_field(attribute.level(i))?;
                }
                csv.write_record([label, score])?;
            }
            csv.flush()
        })
    }
}

/// Where each column stands.
struct Columns {
    width: usize,
    image: usize,
    identity: usize,
    label: usize,
    score: usize,
    attributes: Vec<(usize, String)>,
}

impl Columns {
    fn find(path: &Path, header: &ByteRecord) -> Result<Self> {
        let fail = |fault: Fault| {
            Error::Data(Fault {
                file: path.into(),
                ..fault.line(1)
            })
        };
        let names = header
            .iter()
            .map(text)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(fail)?;
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(fail(
                    Fault::plain(format!("column `{name}` twice")).expected("every column once"),
                ));
            }
        }
        let position = |wanted: &str| {
            names.iter().position(|n| *n == wanted).ok_or_else(|| {
                fail(
                    Fault::plain(format!("no column `{wanted}` in `{}`", names.join(",")))
                        .expected(HEADER),
                )
            })
        };
        let [image, identity] = [position("image")?, position("identity")?];
        let [label, score] = [position("label")?, position("score")?];
        let fixed = [image, identity, label, score];
        let attributes: Vec<(usize, String)> = (0..names.len())
            .filter(|i| !fixed.contains(i))
            .map(|i| (i, names[i].to_string()))
            .collect();
        if attributes.is_empty() {
            return Err(fail(
                Fault::plain("no attribute column")
                    .expected(HEADER)
                    .next("add the sensitive attributes"),
            ));
        }
        for (_, name) in &attributes {
            check_name(name).map_err(fail)?;
        }
        Ok(Self {
            width: names.len(),
            image,
            identity,
            label,
            score,
            attributes,
        })
    }
}

/// The rows read so far.
struct Rows {
    columns: Columns,
    image: Vec<String>,
    line_of: HashMap<String, usize>,
    identity: Vec<Option<String>>,
    /// Per attribute: codes in order of appearance, and the levels they stand for.
    codes: Vec<(Vec<u16>, HashMap<String, u16>)>,
    label: Vec<u8>,
    score: Vec<f64>,
}

impl Rows {
    fn new(columns: Columns) -> Self {
        let codes = vec![(Vec::new(), HashMap::new()); columns.attributes.len()];
        Self {
            columns,
            image: Vec::new(),
            line_of: HashMap::new(),
            identity: Vec::new(),
            codes,
            label: Vec::new(),
            score: Vec::new(),
        }
    }

    fn push(&mut self, record: &ByteRecord, line: usize) -> std::result::Result<(), Fault> {
        if record.len() != self.columns.width {
            return Err(Fault::plain(format!("{} fields", record.len()))
                .expected(format!("{}, as in the header", self.columns.width)));
        }
        let image = text(&record[self.columns.image])?;
        check_image(image)?;
        if let Some(first) = self.line_of.insert(image.to_string(), line) {
            return Err(
                Fault::plain(format!("image `{image}` again, first in line {first}"))
                    .expected("every image once"),
            );
        }
        let identity = text(&record[self.columns.identity])?;
        for ((at, name), (codes, levels)) in self.columns.attributes.iter().zip(&mut self.codes) {
            let level = text(&record[*at])?;
            check_level(level).map_err(|f| Fault {
                found: format!("{} in column `{name}`", f.found),
                ..f
            })?;
            let code = match levels.get(level) {
                Some(code) => *code,
                None if levels.len() >= MAX_LEVELS => {
                    let fault = too_many_levels(levels.len() + 1);
                    return Err(Fault {
                        found: format!("{} in column `{name}`", fault.found),
                        ..fault
                    });
                }
                None => {
                    let code = levels.len() as u16;
                    levels.insert(level.to_string(), code);
                    code
                }
            };
            codes.push(code);
        }
        self.label.push(label(text(&record[self.columns.label])?)?);
        self.score.push(score(text(&record[self.columns.score])?)?);
        self.image.push(image.to_string());
        self.identity
            .push((!identity.is_empty()).then(|| identity.to_string()));
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<Predictions> {
        if self.image.is_empty() {
            return Err(Fault::new(path, "a header and no rows")
                .expected("at least one image")
                .data());
        }
        let in_file = |e: Error| match e {
            Error::Data(fault) => Error::Data(Fault {
                file: path.into(),
                ..fault
            }),
            other => other,
        };
        let attributes =
            self.columns
                .attributes
                .iter()
                .zip(&self.codes)
                .map(|((_, name), (codes, levels))| {
                    let mut by_code = vec![""; levels.len()];
                    for (level, code) in levels {
                        by_code[usize::from(*code)] = level;
                    }
                    let values: Vec<&str> =
                        codes.iter().map(|c| by_code[usize::from(*c)]).collect();
                    AttributeColumn::new(name, &values).map_err(in_file)
                });
        let attributes = attributes.collect::<Result<Vec<_>>>()?;
        Ok(Predictions::from_checked(
            self.image,
            self.identity,
            attributes,
            self.label,
            self.score,
        ))
    }
}

fn text(field: &[u8]) -> std::result::Result<&str, Fault> {
    let text = std::str::from_utf8(field).map_err(|_| {
        Fault::plain(format!("{:?}", String::from_utf8_lossy(field))).expected("UTF-8 text")
    })?;
    check_text(text)?;
    Ok(text)
}

fn label(field: &str) -> std::result::Result<u8, Fault> {
    match field.trim() {
        "0" => Ok(0),
        "1" => Ok(1),
        _ => Err(Fault::plain(format!("label {field:?}")).expected("0 or 1")),
    }
}

fn score(field: &str) -> std::result::Result<f64, Fault> {
    let value: f64 = field.trim().parse().map_err(|_| {
        Fault::plain(format!("score {field:?}")).expected("a probability in [0, 1]")
    })?;
    check_score(value)?;
    Ok(value)
}

fn unreadable(path: &Path, why: &str) -> Error {
    Fault::new(path, format!("cannot be read ({why})"))
        .expected("a predictions table")
        .data()
}
