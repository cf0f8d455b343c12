//! FairFace: `fairface_label_train.csv` and `fairface_label_val.csv` (Kärkkäinen and Joo, WACV 2021).
//!
//! Columns are `file,age,gender,race,service_test`. The published validation file serves as the test
//! split, as in the literature; a tenth of the training file, by [`Split::by_hash`]'s hash of the
//! name, serves as validation.

use std::path::Path;

use super::config::DataConfig;
use super::plain::CsvText;
use super::select::{Column, Row, Rows};
use super::split::{Split, hash_percent};
use super::table::Listing;
use super::text::find;
use crate::error::{Fault, Result};

/// The published age groups, youngest first.
const AGES: [&str; 9] = [
    "0-2",
    "3-9",
    "10-19",
    "20-29",
    "30-39",
    "40-49",
    "50-59",
    "60-69",
    "more than 70",
];
const COLUMNS: [&str; 4] = ["age", "gender", "race", "service_test"];

/// Whether the folder holds the training labels.
pub fn is_here(dir: &Path) -> bool {
    find(dir, "fairface_label_train", &["csv"]).is_some()
}

/// Reads a folder in FairFace's layout.
pub(super) fn read(dir: &Path, config: &DataConfig) -> Result<Listing> {
    let mut rows = Vec::new();
    let mut first = None;
    for part in ["train", "val"] {
        let stem = format!("fairface_label_{part}");
        let path = find(dir, &stem, &["csv"]).ok_or_else(|| {
            Fault::new(dir, format!("no {stem}.csv"))
                .expected("FairFace's two label files")
                .data()
        })?;
        let csv = CsvText::read(&path)?;
        let image = csv.column("file")?;
        let mut columns = Vec::new();
        for name in COLUMNS
            .iter()
            .filter(|name| csv.has(name) || **name != "service_test")
        {
            columns.push((csv.column(name)?, *name));
        }
        for (line, record) in &csv.rows {
            let name = record[image].clone();
            let split = match part {
                "val" => Split::Test,
                _ if hash_percent(&name) < 10 => Split::Val,
                _ => Split::Train,
            };
            let values = columns.iter().map(|&(c, _)| record[c].clone()).collect();
            rows.push(Row {
                image: name,
                identity: None,
                split,
                values,
                line: *line,
            });
        }
        first.get_or_insert((path, columns));
    }
    let (listing, columns) = first.expect("two files were read");
    let columns = columns.into_iter().map(|(_, name)| Column {
        name: name.into(),
        levels: if name == "age" {
            AGES.map(String::from).to_vec()
        } else {
            Vec::new()
        },
    });
    Rows {
        root: dir.to_path_buf(),
        listing,
        columns: columns.collect(),
        rows,
    }
    .select(config)
}
