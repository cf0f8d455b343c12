//! Tables of a study folder: CSV files with named columns, and how their numbers are written.

use std::path::{Path, PathBuf};

use crate::error::{Fault, Result};
use crate::files::write_atomic;

/// A number with six significant digits, or exact where fewer do; empty for what is not finite.
pub fn six(x: f64) -> String {
    if !x.is_finite() {
        return String::new();
    }
    // Adding zero turns −0 into 0.
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    format!("{}", rounded + 0.0)
}

/// The same for what may be missing.
pub fn cell(x: Option<f64>) -> String {
    x.map(six).unwrap_or_default()
}

/// A CSV file in memory.
#[derive(Debug, Clone)]
pub struct Sheet {
    path: PathBuf,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Reads a file.
    ///
    /// # Errors
    /// Data error naming the file, and the line of a row that is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path)
            .map_err(|e| Fault::new(path, format!("cannot be read ({e})")).data())?;
        Self::parse(path, &text)
    }

    /// The same from bytes; `path` is for messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(bytes);
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (line, record) in csv.records().enumerate() {
            let record = record.map_err(|e| {
                let found = match e.kind() {
                    csv::ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => {
                        return Fault::new(path, format!("{len} fields"))
                            .line(line + 1)
                            .expected(format!("{expected_len}, as in the header"))
                            .data();
                    }
                    csv::ErrorKind::Utf8 { .. } => "bytes that are no UTF-8 text".to_string(),
                    other => format!("{other:?}"),
                };
                Fault::new(path, found).line(line + 1).data()
            })?;
            rows.push(record.iter().map(String::from).collect());
        }
        if rows.is_empty() {
            return Err(Fault::new(path, "an empty file")
                .expected("a CSV table with a header")
                .data());
        }
        Ok(Self {
            path: path.into(),
            header: rows.remove(0),
            rows,
        })
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Number of rows under the header.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Place of a column.
    ///
    /// # Errors
    /// Data error naming file and column where it is missing.
    pub fn column(&self, name: &str) -> Result<usize> {
        self.header.iter().position(|h| h == name).ok_or_else(|| {
            Fault::new(
                &self.path,
                format!("no column `{name}` in `{}`", self.header.join(",")),
            )
            .line(1)
            .expected(format!("a column `{name}`"))
            .data()
        })
    }

    /// A field.
    pub fn text(&self, row: usize, column: usize) -> &str {
        &self.rows[row][column]
    }

    /// A number, where the field is not empty.
    ///
    /// # Errors
    /// Data error naming file, line and column of what is no number.
    pub fn number<T: std::str::FromStr>(&self, row: usize, column: usize) -> Result<Option<T>> {
        match self.text(row, column).trim() {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.wrong(row, column, "a number")),
            },
        }
    }

    /// A number that has to be there.
    ///
    /// # Errors
    /// As [`number`](Self::number), and for an empty field.
    pub fn needed<T: std::str::FromStr>(&self, row: usize, column: usize) -> Result<T> {
        self.number(row, column)?
            .ok_or_else(|| self.wrong(row, column, "a number"))
    }

    /// The fault of a field.
    pub fn wrong(&self, row: usize, column: usize, expected: &str) -> crate::error::Error {
        let found = format!(
            "{:?} in column `{}`",
            self.text(row, column),
            self.header[column]
        );
        // The header is line 1.
        Fault::new(&self.path, found)
            .line(row + 2)
            .expected(expected)
            .data()
    }
}

/// Writes a table, wholly or not at all.
///
/// # Errors
/// Run error naming the path.
pub fn write_sheet(path: &Path, header: &[String], rows: &[Vec<String>]) -> Result<()> {
    write_atomic(path, |out| fill(out, header, rows))
}

/// Writes a header and rows, lines end with a line feed.
///
/// # Errors
/// Those of `out`.
pub fn fill(
    out: &mut dyn std::io::Write,
    header: &[String],
    rows: &[Vec<String>],
) -> std::io::Result<()> {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(out);
    csv.write_record(header)?;
    for row in rows {
        csv.write_record(row)?;
    }
    csv.flush()
}

/// Names as a header.
pub fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|c| c.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits_or_fewer() {
        assert_eq!(six(1.0 / 3.0), "0.333333");
        assert_eq!(six(0.25), "0.25");
        assert_eq!(six(-0.0), "0");
        assert_eq!(six(1_234_567.0), "1234570");
        assert_eq!(six(1.5e-9), "0.0000000015");
        assert_eq!((cell(None), six(f64::NAN)), (String::new(), String::new()));
    }

    #[test]
    fn faults_name_line_and_column() {
        let path = Path::new("a.csv");
        let sheet = Sheet::parse(path, b"x,y\n1,2\nz,\n").unwrap();
        assert_eq!(sheet.number::<f64>(0, 1).unwrap(), Some(2.0));
        assert_eq!(sheet.number::<f64>(1, 1).unwrap(), None);
        let e = sheet.number::<f64>(1, 0).unwrap_err();
        assert_eq!(
            e.to_string(),
            "a.csv, line 3: found \"z\" in column `x`, expected a number"
        );
        assert!(
            sheet
                .column("w")
                .unwrap_err()
                .to_string()
                .contains("no column `w`")
        );
        let e = Sheet::parse(path, b"x,y\n1\n").unwrap_err();
        assert_eq!(
            e.to_string(),
            "a.csv, line 2: found 1 fields, expected 2, as in the header"
        );
        assert!(Sheet::parse(path, b"").is_err());
    }
}
