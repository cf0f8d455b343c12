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
use super::bins::{Bins, Edges};
use super::names::{Codes, Names};
use super::predictions::{Predictions, check_image, check_score, check_text};
use crate::error::{Error, Fault, Result};
use crate::files::write_atomic;

const HEADER: &str = "image,identity,<one column per sensitive attribute>,label,score";

/// Which columns are read, and how.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// The attribute columns wanted, in that order; all where none is named.
    pub attributes: Vec<String>,
    /// Columns of numbers that are cut into bins.
    pub bins: Bins,
}

impl Predictions {
    /// Reads a predictions table: every column that is not a fixed one is an attribute.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_csv(path: &Path) -> Result<Self> {
        Self::read(path, &Reading::default())
    }

    /// Reads a predictions table.
    ///
    /// # Errors
    /// Data error with file and line for a file that cannot be read or is empty, missing or repeated
    /// columns, rows of another length, text that is not UTF-8 or holds a NUL, labels other than 0 and
    /// 1, scores that are not numbers in [0, 1], empty attribute values, values to be cut into bins that
    /// are not numbers, and repeated images.
    pub fn read(path: &Path, reading: &Reading) -> Result<Self> {
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
        let columns = Columns::find(path, &record, reading)?;
        let mut rows = Rows::new(columns, &reading.bins);
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
                csv.write_field(self.image().get(i))?;
                csv.write_field(self.identity().get(i).unwrap_or_default())?;
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
    fn find(path: &Path, header: &ByteRecord, reading: &Reading) -> Result<Self> {
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
        let free: Vec<usize> = (0..names.len()).filter(|i| !fixed.contains(i)).collect();
        let missing = |wanted: &str| {
            let there: Vec<&str> = free.iter().map(|i| names[*i]).collect();
            fail(
                Fault::plain(format!("no attribute column `{wanted}`"))
                    .expected(format!("one of `{}`", there.join(","))),
            )
        };
        let chosen = match reading.attributes.is_empty() {
            true => free.clone(),
            false => {
                let place = |wanted: &String| {
                    let at = free.iter().find(|i| names[**i] == wanted.as_str());
                    at.copied().ok_or_else(|| missing(wanted))
                };
                reading
                    .attributes
                    .iter()
                    .map(place)
                    .collect::<Result<_>>()?
            }
        };
        if let Some(column) = reading
            .bins
            .columns()
            .find(|c| !chosen.iter().any(|i| names[*i] == *c))
        {
            return Err(missing(column));
        }
        let attributes: Vec<(usize, String)> = chosen
            .into_iter()
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
    image: Names,
    /// Where each row begins, for repeated images.
    lines: Vec<u32>,
    identity: Codes,
    levels: Vec<Levels>,
    label: Vec<u8>,
    score: Vec<f64>,
}

/// An attribute's values so far.
struct Levels {
    codes: Vec<u16>,
    kind: Kind,
}

enum Kind {
    /// Values as they are, with codes in order of appearance.
    Text(HashMap<String, u16>),
    /// Numbers that are cut.
    Number(Edges),
}

impl Rows {
    fn new(columns: Columns, bins: &Bins) -> Self {
        let levels = columns.attributes.iter().map(|(_, name)| Levels {
            codes: Vec::new(),
            kind: match bins.of(name) {
                None => Kind::Text(HashMap::new()),
                Some(edges) => Kind::Number(edges.clone()),
            },
        });
        Self {
            levels: levels.collect(),
            columns,
            image: Names::default(),
            lines: Vec::new(),
            identity: Codes::default(),
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
        let identity = text(&record[self.columns.identity])?;
        for ((at, name), levels) in self.columns.attributes.iter().zip(&mut self.levels) {
            let value = text(&record[*at])?;
            levels.push(value).map_err(|f| Fault {
                found: format!("{} in column `{name}`", f.found),
                ..f
            })?;
        }
        self.label.push(label(text(&record[self.columns.label])?)?);
        self.score.push(score(text(&record[self.columns.score])?)?);
        self.image.push(image);
        self.identity.push(identity);
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<Predictions> {
        if self.image.is_empty() {
            return Err(Fault::new(path, "a header and no rows")
                .expected("at least one image")
                .data());
        }
        if let Some([first, second]) = self.image.repeated() {
            let image = self.image.get(second);
            let line = |row: usize| self.lines[row] as usize;
            return Err(Fault::new(
                path,
                format!("image `{image}` again, first in line {}", line(first)),
            )
            .line(line(second))
            .expected("every image once")
            .data());
        }
        let names = self.columns.attributes.iter().map(|(_, name)| name);
        let columns = self.levels.into_iter().zip(names);
        let columns = columns.map(|(levels, name)| levels.column(name));
        let attributes = columns.collect::<Result<_>>().map_err(|e| match e {
            Error::Data(fault) => Error::Data(Fault {
                file: path.into(),
                ..fault
            }),
            other => other,
        })?;
        Ok(Predictions::from_checked(
            self.image,
            self.identity,
            attributes,
            self.label,
            self.score,
        ))
    }
}

impl Levels {
    fn push(&mut self, value: &str) -> std::result::Result<(), Fault> {
        check_level(value)?;
        let code = match &mut self.kind {
            Kind::Number(edges) => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => edges.bin(number),
                _ => {
                    return Err(
                        Fault::plain(format!("{value:?}")).expected("a number to cut into bins")
                    );
                }
            },
            Kind::Text(levels) => match levels.get(value) {
                Some(code) => *code,
                None if levels.len() >= MAX_LEVELS => {
                    return Err(too_many_levels(levels.len() + 1));
                }
                None => {
                    let code = levels.len() as u16;
                    levels.insert(value.to_string(), code);
                    code
                }
            },
        };
        self.codes.push(code);
        Ok(())
    }

    fn column(self, name: &str) -> Result<AttributeColumn> {
        match self.kind {
            Kind::Text(levels) => {
                let mut by_code = vec![""; levels.len()];
                for (level, code) in &levels {
                    by_code[usize::from(*code)] = level;
                }
                AttributeColumn::from_codes(name, &by_code, &self.codes)
            }
            Kind::Number(edges) => Ok(AttributeColumn::with_levels(
                name,
                edges.names(),
                self.codes,
            )),
        }
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
