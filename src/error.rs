//! The one error type of the library: what was found where, what was expected, what to do next.

use std::fmt;
use std::path::Path;

/// Result of everything in this crate that a file, a device or a command line can make fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error with the exit code that the command line gives it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Command line or configuration (exit code 2).
    #[error("{0}")]
    Config(Fault),
    /// A data file: tables, images, predictions (exit code 3).
    #[error("{0}")]
    Data(Fault),
    /// A model file: weights, checkpoints (exit code 3).
    #[error("{0}")]
    Model(Fault),
    /// The run itself: devices, disks, interruptions (exit code 1).
    #[error("{0}")]
    Run(Fault),
}

impl Error {
    /// Exit code of the process: 1 the run failed, 2 usage or configuration, 3 data or model file.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Run(_) => 1,
            Self::Config(_) => 2,
            Self::Data(_) | Self::Model(_) => 3,
        }
    }

    /// The details, whatever the kind.
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Config(f) | Self::Data(f) | Self::Model(f) | Self::Run(f) => f,
        }
    }
}

/// Where inside a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// A line, counted from 1.
    Line(usize),
    /// A configuration key, column, tensor or image name.
    Key(String),
}

/// One fault on one line: `file, line 7: found "2", expected -1 or 1; next step`.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The file or folder, empty where none is involved.
    pub file: Box<Path>,
    /// Line or key.
    pub place: Place,
    /// What is there.
    pub found: String,
    /// What should be there; empty where `found` says it all.
    pub expected: String,
    /// What the user can do; empty where that is obvious.
    pub next: String,
}

impl Fault {
    /// A fault of `file` as a whole.
    pub fn new(file: impl AsRef<Path>, found: impl Into<String>) -> Self {
        Self {
            file: file.as_ref().into(),
            place: Place::Whole,
            found: found.into(),
            expected: String::new(),
            next: String::new(),
        }
    }

    /// A fault that no file is the cause of.
    pub fn plain(found: impl Into<String>) -> Self {
        Self::new("", found)
    }

    /// Names the line, counted from 1.
    pub fn line(mut self, line: usize) -> Self {
        self.place = Place::Line(line);
        self
    }

    /// Names the key, column, tensor or image.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.place = Place::Key(key.into());
        self
    }

    /// Says what should have been there.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Says what to do.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// As a configuration error (exit code 2).
    pub fn config(self) -> Error {
        Error::Config(self)
    }

    /// As a data error (exit code 3).
    pub fn data(self) -> Error {
        Error::Data(self)
    }

    /// As a model-file error (exit code 3).
    pub fn model(self) -> Error {
        Error::Model(self)
    }

    /// As an error of the run (exit code 1).
    pub fn run(self) -> Error {
        Error::Run(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display().to_string();
        let place = match &self.place {
            Place::Whole => String::new(),
            Place::Line(n) => format!("line {n}"),
            Place::Key(k) => format!("`{k}`"),
        };
        let head: Vec<&str> = [file.as_str(), place.as_str()]
            .into_iter()
            .filter(|s| !s.is_empty())
            .collect();
        if !head.is_empty() {
            write!(f, "{}: ", head.join(", "))?;
        }
        if self.expected.is_empty() {
            write!(f, "{}", self.found)?;
        } else {
            write!(f, "found {}, expected {}", self.found, self.expected)?;
        }
        if !self.next.is_empty() {
            write!(f, "; {}", self.next)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_one_line() {
        let e = Fault::new("list_attr.txt", "\"2\"")
            .line(7)
            .expected("-1 or 1")
            .next("download the table again")
            .data();
        assert_eq!(
            e.to_string(),
            "list_attr.txt, line 7: found \"2\", expected -1 or 1; download the table again"
        );
        assert_eq!(e.exit_code(), 3);
        assert_eq!(Fault::plain("no device").run().to_string(), "no device");
    }
}
