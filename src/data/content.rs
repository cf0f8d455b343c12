//! The hash of what is in the image files.

use std::fs;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::digest::Fields;
use super::progress::Progress;
use super::table::Table;

/// Running hash over the images of a table, in table order.
pub(super) struct Content(Fields);

impl Content {
    pub fn new() -> Self {
        Self(Fields::new("fairbit images 1"))
    }

    /// One image: its name in the table and the [`digest`] of its file.
    pub fn add(&mut self, name: &str, digest: &[u8; 32]) {
        self.0.add(name.as_bytes());
        self.0.add(digest);
    }

    /// The hash as 64 hexadecimal digits.
    pub fn hex(self) -> String {
        self.0.hex()
    }
}

/// SHA-256 of one file's bytes; of nothing when it could not be read.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Reads every image file of `table` and hashes names and bytes. Unreadable files count as empty.
pub(super) fn hash(table: &Table, progress: &dyn Progress) -> String {
    progress.start("reading images", table.records.len() as u64);
    let digests: Vec<[u8; 32]> = table
        .records
        .par_iter()
        .map(|record| {
            progress.inc(1);
            digest(&fs::read(table.root.join(&record.image)).unwrap_or_default())
        })
        .collect();
    progress.finish();
    let mut content = Content::new();
    for (record, digest) in table.records.iter().zip(&digests) {
        content.add(&record.image, digest);
    }
    content.hex()
}
