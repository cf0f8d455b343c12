//! Labelled faces ready for batches: a table, its pixels, and which images are usable.

use std::path::Path;
use std::sync::Arc;

use burn::data::dataset::{Dataset, DatasetError};

use super::cache::{self, BadImage, Pixels};
use super::config::DataConfig;
use super::digest::Fields;
use super::progress::Progress;
use super::split::Split;
use super::table::Table;
use crate::error::{Fault, Result};

/// One item of a data set; the pixels stay in the map until a batch is made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face {
    /// Index of the record in the table.
    pub index: usize,
    /// 1 = the target is present.
    pub label: u8,
    /// Intersection of all attributes, see [`Table::cell`].
    pub cell: u32,
}

/// A table with decoded images. Clones share everything.
#[derive(Debug, Clone)]
pub struct Faces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    table: Table,
    pixels: Pixels,
    data_hash: String,
}

impl Faces {
    /// Reads the tables and opens the decode cache, building it if need be.
    ///
    /// # Errors
    /// As [`Table::open`]; data error when the image folder is missing or more than
    /// `max_bad_images` of the images are missing or unreadable, naming the first of them.
    pub fn open(config: &DataConfig, progress: &dyn Progress) -> Result<Self> {
        Self::open_in(&cache::folder()?, config, progress)
    }

    /// [`Faces::open`] with a given cache folder.
    ///
    /// # Errors
    /// As [`Faces::open`].
    pub fn open_in(cache: &Path, config: &DataConfig, progress: &dyn Progress) -> Result<Self> {
        let faces = Self::open_unchecked(cache, config, progress)?;
        faces.check_bad(config.max_bad_images)?;
        Ok(faces)
    }

    /// Opens however many images are bad.
    pub(super) fn open_unchecked(
        cache: &Path,
        config: &DataConfig,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let table = Table::open(config)?;
        if !table.root.is_dir() {
            return Err(Fault::new(&table.root, "no such image folder")
                .expected(format!(
                    "the {} images that {} lists",
                    table.records.len(),
                    table.listing.display()
                ))
                .data());
        }
        let pixels = cache::open(cache, &table, config, progress)?;
        let mut fields = Fields::new("fairbit data 1");
        fields.add(table.hash.as_bytes());
        fields.add(pixels.index.content.as_bytes());
        Ok(Self(Arc::new(Inner {
            data_hash: fields.hex(),
            table,
            pixels,
        })))
    }

    fn check_bad(&self, share: f64) -> Result<()> {
        let bad = self.bad();
        let allowed = (share * self.0.table.records.len() as f64).floor() as usize;
        let name = |bad: &BadImage| {
            format!(
                "{} ({})",
                self.table().records[bad.record].image,
                bad.reason
            )
        };
        if bad.len() <= allowed {
            if let Some(first) = bad.first() {
                tracing::warn!(
                    "{} unreadable images are left out, the first: {}",
                    bad.len(),
                    name(first)
                );
            }
            return Ok(());
        }
        let first = &self.table().records[bad[0].record];
        let names: Vec<String> = bad.iter().take(3).map(name).collect();
        let mut fault = Fault::new(
            &self.table().listing,
            format!("{} unusable images: {}", bad.len(), names.join(", ")),
        )
        .expected(format!("at most {allowed} (data.max_bad_images = {share})"))
        .next(format!("restore them in {}", self.table().root.display()));
        if first.line > 0 {
            fault = fault.line(first.line);
        }
        Err(fault.data())
    }

    /// What the tables say.
    pub fn table(&self) -> &Table {
        &self.0.table
    }

    /// Side of the images, pixels.
    pub fn px(&self) -> usize {
        self.0.pixels.index.px
    }

    /// Images that could not be used.
    pub fn bad(&self) -> &[BadImage] {
        &self.0.pixels.index.bad
    }

    /// Indices of a split's usable records, in table order.
    pub fn split(&self, split: Split) -> Vec<usize> {
        let mut members = self.table().split(split);
        // The list of bad images is in table order.
        members.retain(|i| {
            self.bad()
                .binary_search_by_key(i, |bad| bad.record)
                .is_err()
        });
        members
    }

    /// SHA-256 of all images' content, labels, groups and splits, in hexadecimal.
    pub fn data_hash(&self) -> &str {
        &self.0.data_hash
    }

    /// One image, `[px, px, 3]` bytes.
    ///
    /// # Panics
    /// When `record` is not an index into the table.
    pub fn image(&self, record: usize) -> &[u8] {
        self.0.pixels.image(record)
    }

    /// The item of a record.
    ///
    /// # Panics
    /// When `record` is not an index into the table.
    pub fn face(&self, record: usize) -> Face {
        let table = self.table();
        Face {
            index: record,
            label: table.records[record].label,
            cell: table.cell(record),
        }
    }
}

/// Faces in a given order, as burn's loaders want them.
#[derive(Debug, Clone)]
pub struct Ordered {
    /// Where the faces are.
    pub faces: Faces,
    /// Record index of each item.
    pub order: Vec<usize>,
}

impl Dataset<Face> for Ordered {
    fn get(&self, index: usize) -> std::result::Result<Face, DatasetError> {
        Ok(self.faces.face(self.order[index]))
    }

    fn len(&self) -> usize {
        self.order.len()
    }
}
