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
        let table = Self::open_table(config)?;
        // Before anything is decoded: a wrong folder should not cost a cache full of nothing.
        check_bad(&table, &cache::missing(&table), config.max_bad_images)?;
        let faces = Self::decode(cache, table, config, progress)?;
        check_bad(faces.table(), faces.bad(), config.max_bad_images)?;
        if let Some(first) = faces.bad().first() {
            let (n, first) = (faces.bad().len(), describe(faces.table(), first));
            tracing::warn!("{n} unusable images are left out, the first: {first}");
        }
        Ok(faces)
    }

    /// Opens however many images are bad.
    pub(super) fn open_unchecked(
        cache: &Path,
        config: &DataConfig,
        progress: &dyn Progress,
    ) -> Result<Self> {
        Self::decode(cache, Self::open_table(config)?, config, progress)
    }

    fn open_table(config: &DataConfig) -> Result<Table> {
        let table = Table::open(config)?;
        if table.root.is_dir() {
            return Ok(table);
        }
        let (n, listing) = (table.records.len(), table.listing.display());
        Err(Fault::new(&table.root, "no such image folder")
            .expected(format!("the {n} images that {listing} lists"))
            .data())
    }

    fn decode(
        cache: &Path,
        table: Table,
        config: &DataConfig,
        progress: &dyn Progress,
    ) -> Result<Self> {
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

/// Refuses more bad images than `share` of the table.
fn check_bad(table: &Table, bad: &[BadImage], share: f64) -> Result<()> {
    let allowed = (share * table.records.len() as f64).floor() as usize;
    if bad.len() <= allowed {
        return Ok(());
    }
    let names: Vec<String> = bad.iter().take(3).map(|b| describe(table, b)).collect();
    let found = format!("{} unusable images: {}", bad.len(), names.join(", "));
    let fault = Fault::new(&table.listing, found)
        .expected(format!("at most {allowed} (data.max_bad_images = {share})"))
        .next(format!("restore them in {}", table.root.display()));
    Err(match table.records[bad[0].record].line {
        0 => fault.data(),
        line => fault.line(line).data(),
    })
}

fn describe(table: &Table, bad: &BadImage) -> String {
    format!("{} ({})", table.records[bad.record].image, bad.reason)
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
