//! Many short texts in one piece of memory: image names, and identities by code.
//!
//! A `String` per image would take more memory than everything else in a table of 10⁷ rows.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Texts by index, one after the other in one string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    /// Where each ends.
    ends: Vec<u64>,
}

impl Names {
    /// Adds a text at the end.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u64);
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `i`.
    ///
    /// # Panics
    /// When `i` is out of range.
    pub fn get(&self, i: usize) -> &str {
        let from = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[from as usize..self.ends[i] as usize]
    }

    /// All texts, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The first pair of equal texts, `[first, second]`, by the place of the second.
    pub fn repeated(&self) -> Option<[usize; 2]> {
        let hasher = RandomState::new();
        let mut hashes: Vec<(u64, u32)> = (0u32..)
            .zip(self.iter())
            .map(|(i, name)| (hasher.hash_one(name), i))
            .collect();
        hashes.sort_unstable();
        let mut found: Option<[usize; 2]> = None;
        for run in hashes.chunk_by(|a, b| a.0 == b.0) {
            // Different texts may share a hash, hence every pair of the run.
            for (at, (_, second)) in run.iter().enumerate() {
                let second = *second as usize;
                let mut before = run[..at].iter().map(|(_, first)| *first as usize);
                let first = before.find(|first| self.get(*first) == self.get(second));
                if let Some(first) = first
                    && found.is_none_or(|[_, known]| second < known)
                {
                    found = Some([first, second]);
                }
            }
        }
        found
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.push(name.as_ref());
        }
        all
    }
}

/// One text per row, where rows share few texts; an empty one is no text.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    names: Names,
    code_of: HashMap<String, u32>,
    /// Code of each row; [`Codes::NONE`] where there is no text.
    codes: Vec<u32>,
}

impl Codes {
    /// Code of a row without a text.
    pub const NONE: u32 = u32::MAX;

    /// Adds a row.
    pub fn push(&mut self, name: &str) {
        if name.is_empty() {
            self.codes.push(Self::NONE);
            return;
        }
        let code = match self.code_of.get(name) {
            Some(code) => *code,
            None => {
                let code = self.names.len() as u32;
                self.code_of.insert(name.to_string(), code);
                self.names.push(name);
                code
            }
        };
        self.codes.push(code);
    }

    /// Code of each row, in order of first appearance.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Number of different texts.
    pub fn kinds(&self) -> usize {
        self.names.len()
    }

    /// The text of a row, where it has one.
    ///
    /// # Panics
    /// When `row` is out of range.
    pub fn get(&self, row: usize) -> Option<&str> {
        let code = self.codes[row];
        (code != Self::NONE).then(|| self.names.get(code as usize))
    }
}

impl PartialEq for Codes {
    fn eq(&self, other: &Self) -> bool {
        let rows = self.codes.len();
        rows == other.codes.len() && (0..rows).all(|row| self.get(row) == other.get(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_the_first_repetition_is_found() {
        let names: Names = ["a", "", "ßx", "b", "ßx", "a"].into_iter().collect();
        assert!(names.iter().eq(["a", "", "ßx", "b", "ßx", "a"]));
        assert_eq!(names.repeated(), Some([2, 4]));
        let all: Names = (0..1000).map(|i| i.to_string()).collect();
        assert_eq!(all.repeated(), None);
    }

    #[test]
    fn rows_share_codes_and_an_empty_text_has_none() {
        let mut codes = Codes::default();
        for name in ["x", "", "y", "x"] {
            codes.push(name);
        }
        assert_eq!(codes.codes(), [0, Codes::NONE, 1, 0]);
        assert_eq!(codes.kinds(), 2);
        assert_eq!((codes.get(3), codes.get(1)), (Some("x"), None));
    }
}
