//! CSV files of a study: every fault names the file, the line and the column.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::error::{Error, Fault, Result};
use crate::report::Measured;

/// A table in memory.
pub struct Cells {
    file: PathBuf,
    header: Vec<String>,
    rows: Vec<(usize, StringRecord)>,
}

/// One row of it.
pub struct Row<'a> {
    table: &'a Cells,
    line: usize,
    record: &'a StringRecord,
}

impl Cells {
    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// Data error naming the file, and the line or column: what cannot be read, a row with too few or too
    /// many cells, one of `columns` missing.
    pub fn read(file: &Path, columns: &[String]) -> Result<Option<Self>> {
        let open = match File::open(file) {
            Ok(open) => open,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Fault::new(file, format!("cannot be read ({e})")).data()),
        };
        let mut reader = csv::Reader::from_reader(open);
        let broken = |e: csv::Error| {
            let line = e.position().map_or(1, |p| p.line() as usize);
            let fault = Fault::new(file, format!("a broken table ({e})"));
            fault.line(line).next(AGAIN).data()
        };
        let header: Vec<String> = reader
            .headers()
            .map_err(broken)?
            .iter()
            .map(str::to_string)
            .collect();
        if let Some(missing) = columns.iter().find(|c| !header.contains(c)) {
            let fault = Fault::new(file, "no such column").key(missing.as_str());
            return Err(fault.next(AGAIN).data());
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let line = record.position().map_or(0, |p| p.line() as usize);
            rows.push((line, record));
        }
        Ok(Some(Self {
            file: file.to_path_buf(),
            header,
            rows,
        }))
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// What `read` makes of each row.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn each<T>(&self, read: impl Fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        let rows = self.rows.iter().map(|(line, record)| Row {
            table: self,
            line: *line,
            record,
        });
        rows.map(|row| read(&row)).collect()
    }
}

const AGAIN: &str = "run `fairbit study --phase 4` again, which writes it anew";

impl Row<'_> {
    /// The cell of a column; empty where there is no such column.
    pub fn text(&self, column: &str) -> &str {
        let place = self.table.header.iter().position(|c| c == column);
        place.and_then(|i| self.record.get(i)).unwrap_or("")
    }

    /// The cell as an owned text, `None` where it is empty.
    pub fn some_text(&self, column: &str) -> Option<String> {
        let text = self.text(column);
        (!text.is_empty()).then(|| text.to_string())
    }

    /// A finite number; `None` where the cell is empty.
    ///
    /// # Errors
    /// Data error naming file, line and column.
    pub fn number(&self, column: &str) -> Result<Option<f64>> {
        self.parsed(column, "a number", |text| {
            text.parse().ok().filter(|x: &f64| x.is_finite())
        })
    }

    /// A count; `None` where the cell is empty.
    ///
    /// # Errors
    /// As [`Row::number`].
    pub fn count(&self, column: &str) -> Result<Option<u64>> {
        self.parsed(column, "a whole number", |text| text.parse().ok())
    }

    /// A count that has to be there.
    ///
    /// # Errors
    /// As [`Row::number`], also where the cell is empty.
    pub fn some_count(&self, column: &str) -> Result<u64> {
        let count = self.count(column)?;
        count.ok_or_else(|| self.fault(column, "a whole number"))
    }

    /// `true` or `false`; `None` where the cell is empty.
    ///
    /// # Errors
    /// As [`Row::number`].
    pub fn flag(&self, column: &str) -> Result<Option<bool>> {
        self.parsed(column, "true or false", |text| match text {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        })
    }

    /// The number of a column with the interval of `column_lo`, `column_hi`; `None` where there is no number.
    ///
    /// # Errors
    /// As [`Row::number`].
    pub fn measured(&self, column: &str) -> Result<Option<Measured>> {
        let lo = self.number(&format!("{column}_lo"))?;
        let hi = self.number(&format!("{column}_hi"))?;
        let measured = self.number(column)?.map(|value| Measured {
            value,
            interval: lo.zip(hi),
        });
        Ok(measured)
    }

    fn parsed<T>(
        &self,
        column: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.text(column) {
            "" => Ok(None),
            text => match parse(text) {
                Some(found) => Ok(Some(found)),
                None => Err(self.fault(column, expected)),
            },
        }
    }

    fn fault(&self, column: &str, expected: &str) -> Error {
        let found = format!("{:?} in column `{column}`", self.text(column));
        Fault::new(&self.table.file, found)
            .line(self.line)
            .expected(expected)
            .next(AGAIN)
            .data()
    }
}
