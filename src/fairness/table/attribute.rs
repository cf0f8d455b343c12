//! One sensitive attribute of every image: a name, its levels, and a code per image.

use std::collections::BTreeSet;

use crate::error::{Fault, Result};

/// More levels than this are taken for a continuous column that was not cut into bins.
pub const MAX_LEVELS: usize = 1000;

/// A sensitive attribute with any number of levels (`male`: 0, 1; `race`: five names).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeColumn {
    name: String,
    levels: Vec<String>,
    codes: Vec<u16>,
}

impl AttributeColumn {
    /// Builds a column from one value per image.
    ///
    /// Levels are the values that occur, in numeric order where all are whole numbers and in byte
    /// order otherwise, so that the order of the rows does not change the report.
    ///
    /// # Errors
    /// Data error when the name or a value is empty or holds a NUL, or when there are more than
    /// [`MAX_LEVELS`] levels.
    pub fn new<S: AsRef<str>>(name: &str, values: &[S]) -> Result<Self> {
        check_name(name).map_err(|f| f.data())?;
        let distinct: BTreeSet<&str> = values.iter().map(AsRef::as_ref).collect();
        for value in &distinct {
            check_level(value).map_err(|f| f.key(name).data())?;
        }
        if distinct.len() > MAX_LEVELS {
            return Err(too_many_levels(distinct.len()).key(name).data());
        }
        let mut levels: Vec<&str> = distinct.into_iter().collect();
        if levels.iter().all(|l| l.parse::<i64>().is_ok()) {
            // A stable sort: equal numbers ("1", "01") stay in byte order.
            levels.sort_by_key(|l| l.parse::<i64>().unwrap_or_default());
        }
        let code: std::collections::HashMap<&str, u16> =
            levels.iter().zip(0u16..).map(|(l, c)| (*l, c)).collect();
        let codes = values.iter().map(|v| code[v.as_ref()]).collect();
        Ok(Self {
            name: name.to_string(),
            levels: levels.into_iter().map(String::from).collect(),
            codes,
        })
    }

    /// The same from codes in any order and the level of each.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn from_codes(name: &str, levels: &[&str], codes: &[u16]) -> Result<Self> {
        let sorted = Self::new(name, levels)?;
        let codes = codes.iter().map(|code| sorted.codes[usize::from(*code)]);
        Ok(Self {
            codes: codes.collect(),
            ..sorted
        })
    }

    /// The column's name, as configured (`male`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The levels that occur, in the order of their codes.
    pub fn levels(&self) -> &[String] {
        &self.levels
    }

    /// One code per image: an index into [`levels`](Self::levels).
    pub fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// The images `rows`, in that order; levels that none of them has are gone.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let codes = rows.iter().map(|row| self.codes[*row]).collect();
        Self::with_levels(&self.name, &self.levels, codes)
    }

    /// A column whose levels keep the order given; those that no code names are left out.
    pub(super) fn with_levels(name: &str, levels: &[String], mut codes: Vec<u16>) -> Self {
        let mut seen = vec![false; levels.len()];
        for code in &codes {
            seen[usize::from(*code)] = true;
        }
        let kept = levels.iter().zip(&seen).filter(|(_, seen)| **seen);
        let new: Vec<u16> = seen
            .iter()
            .scan(0, |next, seen| {
                let mine = *next;
                *next += u16::from(*seen);
                Some(mine)
            })
            .collect();
        for code in &mut codes {
            *code = new[usize::from(*code)];
        }
        Self {
            name: name.into(),
            levels: kept.map(|(level, _)| level.clone()).collect(),
            codes,
        }
    }

    /// The level of image `i`.
    ///
    /// # Panics
    /// When `i` is out of range.
    pub fn level(&self, i: usize) -> &str {
        &self.levels[usize::from(self.codes[i])]
    }
}

/// Names that can head an attribute column: `*` and `=` would make cell names ambiguous.
pub(super) fn check_name(name: &str) -> std::result::Result<(), Fault> {
    let reserved = ["image", "identity", "label", "score"];
    if name.is_empty() || name.contains(['*', '=', '\0']) || reserved.contains(&name) {
        return Err(Fault::plain(format!("column name {name:?}"))
            .expected("an attribute name that is not empty, is not image, identity, label or score, and has no `*`, `=` or NUL"));
    }
    Ok(())
}

/// Values that can be a level: an unknown value has to be named.
pub(super) fn check_level(value: &str) -> std::result::Result<(), Fault> {
    if value.is_empty() {
        return Err(Fault::plain("an empty value")
            .expected("a value for every image")
            .next("write `unknown` to make those images a group of their own"));
    }
    if value.contains('\0') {
        return Err(Fault::plain("a NUL byte").expected("text"));
    }
    Ok(())
}

pub(super) fn too_many_levels(found: usize) -> Fault {
    Fault::plain(format!("{found} different values"))
        .expected(format!("at most {MAX_LEVELS} groups"))
        .next("cut a continuous column into bins")
}
