//! What is known about every image: split, label, groups, person.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::config::{DataConfig, Layout};
use super::digest::Fields;
use super::random::{Draw, keyed, shuffle};
use super::split::Split;
use super::{celeba, detect, fairface, plain, utkface};
use crate::error::{Fault, Result};

/// A sensitive attribute and the values it can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Configured name in lower case: `male`.
    pub name: String,
    /// Values in the order of their indices: `["0", "1"]`.
    pub levels: Vec<String>,
}

/// One image of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Path relative to the table's image folder, with forward slashes.
    pub image: String,
    /// The person, where the data says so.
    pub identity: Option<String>,
    /// Partition.
    pub split: Split,
    /// 1 = the target is present.
    pub label: u8,
    /// Level index for each of the table's attributes.
    pub groups: Vec<u8>,
    /// Line of the listing file, counted from 1; 0 where the listing is a folder.
    pub line: usize,
}

/// All images of a data folder, in the order of its listing.
#[derive(Debug, Clone)]
pub struct Table {
    /// Folder that image paths are relative to.
    pub root: PathBuf,
    /// File (or folder) that lists the images.
    pub listing: PathBuf,
    /// Which layout was read; never [`Layout::Auto`].
    pub layout: Layout,
    /// The target as configured.
    pub target: String,
    /// Sensitive attributes in configured order.
    pub attributes: Vec<Attribute>,
    /// One per image.
    pub records: Vec<Record>,
    /// SHA-256 of names, identities, splits, labels and groups, in hexadecimal.
    pub hash: String,
}

/// What a layout's reader hands over.
pub(super) struct Listing {
    pub root: PathBuf,
    pub listing: PathBuf,
    pub attributes: Vec<Attribute>,
    pub records: Vec<Record>,
}

impl Table {
    /// Reads the folder's tables, not its images.
    ///
    /// # Errors
    /// Configuration error for impossible settings or columns that are not there; data error naming
    /// file and line for anything wrong in the tables.
    pub fn open(config: &DataConfig) -> Result<Self> {
        config.validate()?;
        let dir = config.folder()?;
        let layout = match config.layout {
            Layout::Auto => detect::layout(dir, config)?,
            stated => stated,
        };
        let listing = match layout {
            Layout::Celeba | Layout::Auto => celeba::read(dir, config)?,
            Layout::Utkface => utkface::read(dir, config)?,
            Layout::Fairface => fairface::read(dir, config)?,
            Layout::Csv => plain::read(dir, config)?,
        };
        check_names(&listing)?;
        Ok(Self::assemble(layout, config, listing))
    }

    fn assemble(layout: Layout, config: &DataConfig, listing: Listing) -> Self {
        let Listing {
            root,
            listing,
            attributes,
            mut records,
        } = listing;
        if let Some(seed) = config.shuffle_labels {
            shuffle_train_labels(&mut records, seed);
        }
        let hash = hash(&config.target, &attributes, &records);
        let target = config.target.clone();
        Self {
            root,
            listing,
            layout,
            target,
            attributes,
            records,
            hash,
        }
    }

    /// Whether any image has a known person.
    pub fn has_identities(&self) -> bool {
        self.records.iter().any(|r| r.identity.is_some())
    }

    /// Indices of a split's records, in table order.
    pub fn split(&self, split: Split) -> Vec<usize> {
        let inside = |i: &usize| self.records[*i].split == split;
        (0..self.records.len()).filter(inside).collect()
    }

    /// Number of cells: the product of all attributes' level counts.
    pub fn cells(&self) -> usize {
        self.attributes.iter().map(|a| a.levels.len()).product()
    }

    /// Cell of a record: its levels as digits of a number, the first attribute most significant.
    ///
    /// # Panics
    /// When `record` is not an index into `records`.
    pub fn cell(&self, record: usize) -> u32 {
        let groups = self.records[record].groups.iter();
        groups
            .zip(&self.attributes)
            .fold(0, |cell, (&level, attribute)| {
                cell * attribute.levels.len() as u32 + u32::from(level)
            })
    }

    /// `male=0*young=1`; `all` when there are no attributes.
    pub fn cell_name(&self, cell: u32) -> String {
        let mut rest = cell as usize;
        let mut parts: Vec<String> = Vec::new();
        for attribute in self.attributes.iter().rev() {
            let level = &attribute.levels[rest % attribute.levels.len()];
            parts.push(format!("{}={level}", attribute.name));
            rest /= attribute.levels.len();
        }
        parts.reverse();
        if parts.is_empty() {
            "all".into()
        } else {
            parts.join("*")
        }
    }

    /// Refuses a split that lacks a class or a cell, because training or measuring on it would be
    /// silently about fewer groups.
    ///
    /// # Errors
    /// Data error naming the split and the first class or cell that is absent.
    pub fn require_complete(&self, split: Split) -> Result<()> {
        let members = self.split(split);
        let absent = |what: String| {
            Err(Fault::new(
                &self.listing,
                format!("no image with {what} in the {split} split"),
            )
            .next("use another target, attributes or partition")
            .data())
        };
        for class in [0u8, 1] {
            if !members.iter().any(|&i| self.records[i].label == class) {
                return absent(format!("{} = {class}", self.target));
            }
        }
        let mut seen = vec![false; self.cells()];
        members
            .iter()
            .for_each(|&i| seen[self.cell(i) as usize] = true);
        match seen.iter().position(|there| !there) {
            Some(cell) => absent(self.cell_name(cell as u32)),
            None => Ok(()),
        }
    }
}

/// Every image once, and none outside the image folder.
fn check_names(listing: &Listing) -> Result<()> {
    let mut seen = HashMap::with_capacity(listing.records.len());
    for record in &listing.records {
        let name = record.image.as_str();
        let fault = |found: String| Fault::new(&listing.listing, found).line(record.line);
        let mut parts = Path::new(name).components();
        if name.is_empty() || !parts.all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
        {
            return Err(fault(format!("image path \"{name}\""))
                .expected("a path inside the image folder")
                .data());
        }
        if let Some(first) = seen.insert(name, record.line) {
            return Err(fault(format!("{name} again"))
                .expected(format!("each image once (first on line {first})"))
                .data());
        }
    }
    Ok(())
}

/// Permutes the labels of the training split among themselves: rates stay, meaning goes.
fn shuffle_train_labels(records: &mut [Record], seed: u64) {
    let mut train: Vec<&mut Record> = records
        .iter_mut()
        .filter(|r| r.split == Split::Train)
        .collect();
    let mut labels: Vec<u8> = train.iter().map(|r| r.label).collect();
    shuffle(&mut labels, &mut keyed(Draw::Labels, seed, 0, 0));
    train
        .iter_mut()
        .zip(labels)
        .for_each(|(r, label)| r.label = label);
}

fn hash(target: &str, attributes: &[Attribute], records: &[Record]) -> String {
    let mut fields = Fields::new("fairbit table 1");
    fields.add(target.to_lowercase().as_bytes());
    for attribute in attributes {
        fields.add(attribute.name.as_bytes());
        fields.add(attribute.levels.join("\n").as_bytes());
    }
    for r in records {
        fields.add(r.image.as_bytes());
        fields.add(r.identity.as_deref().unwrap_or("").as_bytes());
        fields.add(&[r.split as u8, r.label]);
        fields.add(&r.groups);
    }
    fields.hex()
}
