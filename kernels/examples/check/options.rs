//! What the command line asks for.

use crate::error::{CheckError, Result};

/// The command line.
pub struct Options {
    /// Images of a batch, where it is not to be that of the shapes.
    pub batch: Option<usize>,
    /// Part of the names of shapes.
    pub name: Option<String>,
}

impl Options {
    pub fn read(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            batch: None,
            name: None,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--batch" => {
                    let value = args.next().unwrap_or_default();
                    let images = value.parse().ok().filter(|&images| images > 0);
                    options.batch = Some(images.ok_or(CheckError::Batch(value))?);
                }
                option if option.starts_with('-') => return Err(CheckError::Option(arg)),
                _ => options.name = Some(arg),
            }
        }
        Ok(options)
    }

    /// Whether what is called `name` is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|part| name.contains(part))
    }
}
