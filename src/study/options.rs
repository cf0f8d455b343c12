//! How a study is carried out: what decides no result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Fault};
use crate::models::Architecture;

/// How a study is carried out.
#[derive(Debug, Clone)]
pub struct Options {
    /// The study's folder.
    pub out: PathBuf,
    /// Where units compute, resolved.
    pub device: String,
    /// Units at once.
    pub workers: usize,
    /// This process's share, among several on one folder.
    pub shard: Option<Shard>,
    /// One phase only, 1 to 3.
    pub phase: Option<u8>,
    /// Hours after which nothing is begun that would not be finished.
    pub max_hours: Option<f64>,
    /// These models only; all where none is named.
    pub models: Vec<Architecture>,
}

/// What a study is made of.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// Content hash of images and labels, by target.
    pub hashes: BTreeMap<String, String>,
    /// Usable images of the training, validation and test split, in this order.
    pub images: [usize; 3],
}

/// A share of the work: `2/3` is the second of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    /// At least 1.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text
            .split_once('/')
            .and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((index, of)) if index >= 1 && index <= of => Ok(Self { index, of }),
            _ => Err(Fault::plain(format!("`{text}`"))
                .key("--shard")
                .expected("I/N with I from 1 to N")
                .config()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_between_one_and_their_number() {
        assert_eq!("2/3".parse::<Shard>().unwrap(), Shard { index: 2, of: 3 });
        for text in ["0/2", "3/2", "1", "/", "a/b", "1/0", "-1/2"] {
            let e = text.parse::<Shard>().unwrap_err();
            assert_eq!(e.exit_code(), 2, "{text}");
        }
    }
}
