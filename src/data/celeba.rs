//! CelebA's tables: Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015.
//!
//! As distributed, `list_attr_celeba.txt` holds the number of images, the 40 names (with a space at
//! the end of the line) and one line of ±1 per image, padded with double spaces, lines ending in
//! CRLF; `list_eval_partition.txt` holds `name partition` and `identity_CelebA.txt` `name person`.
//! The Kaggle form has the same as CSV with a header. Either may be gzipped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::config::{DataConfig, HOW_TO_GET_CELEBA};
use super::select::missing_column;
use super::split::Split;
use super::table::{Attribute, Listing, Record};
use super::text::{Text, find, is_csv};
use crate::error::{Fault, Result};

/// Attributes are kept as bits of one word.
const MAX_COLUMNS: usize = 64;

/// The attribute table, all columns.
#[derive(Debug, Clone)]
pub struct AttributeTable {
    /// The file.
    pub path: PathBuf,
    /// Column names in file order.
    pub names: Vec<String>,
    /// Image names in file order.
    pub images: Vec<String>,
    /// Line of each image, counted from 1.
    pub lines: Vec<usize>,
    /// Per image, bit `c` is set where column `c` is 1 and clear where it is -1.
    pub bits: Vec<u64>,
}

impl AttributeTable {
    /// Reads `list_attr_celeba` in either form.
    ///
    /// # Errors
    /// Data error naming file and line: wrong count, wrong number of columns, a value other than
    /// ±1.
    pub fn read(path: &Path) -> Result<Self> {
        let text = Text::read(path)?;
        let csv = is_csv(path);
        let mut lines = text.lines();
        let mut stated = None;
        if !csv {
            let (line, count) = lines.next().unwrap_or((1, ""));
            let count = count.trim();
            stated = Some(count.parse::<usize>().map_err(|_| {
                Fault::new(path, format!("\"{}\"", shorten(count)))
                    .line(line)
                    .expected("the number of images")
                    .data()
            })?);
        }
        let (header_line, header) = lines.next().unwrap_or((1, ""));
        let names: Vec<String> = fields(header, csv)
            .skip(usize::from(csv))
            .map(String::from)
            .collect();
        if names.is_empty() || names.len() > MAX_COLUMNS {
            return Err(Fault::new(path, format!("{} attribute names", names.len()))
                .line(header_line)
                .expected(format!("1 to {MAX_COLUMNS}"))
                .data());
        }
        let mut table = Self {
            path: path.to_path_buf(),
            names,
            images: Vec::new(),
            lines: Vec::new(),
            bits: Vec::new(),
        };
        for (line, row) in lines {
            table.push(line, row, csv)?;
        }
        table.check(stated)?;
        Ok(table)
    }

    fn push(&mut self, line: usize, row: &str, csv: bool) -> Result<()> {
        let mut values = fields(row, csv);
        let image = values.next().unwrap_or_default();
        let mut bits = 0u64;
        let mut n = 0;
        for value in values {
            match value {
                "1" => bits |= 1u64.checked_shl(n as u32).unwrap_or(0),
                "-1" => {}
                other => {
                    let name = self.names.get(n).map_or("?", String::as_str);
                    return Err(Fault::new(
                        &self.path,
                        format!("\"{}\" for {name}", shorten(other)),
                    )
                    .line(line)
                    .expected("-1 or 1")
                    .data());
                }
            }
            n += 1;
        }
        if n != self.names.len() || image.is_empty() {
            return Err(Fault::new(&self.path, format!("{n} values"))
                .line(line)
                .expected(format!("an image name and {} values", self.names.len()))
                .data());
        }
        self.images.push(image.to_string());
        self.lines.push(line);
        self.bits.push(bits);
        Ok(())
    }

    fn check(&self, stated: Option<usize>) -> Result<()> {
        if let Some(stated) = stated.filter(|&n| n != self.images.len()) {
            return Err(
                Fault::new(&self.path, format!("{stated} as the number of images"))
                    .line(1)
                    .expected(format!(
                        "{}, the number of rows that follow",
                        self.images.len()
                    ))
                    .next("the table is cut short or was edited: get it again")
                    .data(),
            );
        }
        if self.images.is_empty() {
            return Err(Fault::new(&self.path, "no rows")
                .expected("one per image")
                .data());
        }
        Ok(())
    }

    /// Column of a configured name, whatever its case.
    ///
    /// # Errors
    /// Data error naming the nearest columns.
    pub fn column(&self, key: &str, name: &str) -> Result<usize> {
        let names = || self.names.iter().map(String::as_str);
        names()
            .position(|n| n.eq_ignore_ascii_case(name))
            .ok_or_else(|| missing_column(&self.path, key, name, names()))
    }
}

/// A table of `name value` rows: partitions or identities.
#[derive(Debug, Clone)]
pub struct PairTable {
    /// The file.
    pub path: PathBuf,
    /// Value and line by image name.
    pub pairs: HashMap<String, (String, usize)>,
}

impl PairTable {
    /// Reads either form; the CSV form has a header.
    ///
    /// # Errors
    /// Data error naming file and line: not two columns, an image listed twice.
    pub fn read(path: &Path) -> Result<Self> {
        let text = Text::read(path)?;
        let csv = is_csv(path);
        let mut pairs = HashMap::new();
        for (line, row) in text.lines().skip(usize::from(csv)) {
            let mut parts = fields(row, csv);
            let (Some(image), Some(value), None) = (parts.next(), parts.next(), parts.next())
            else {
                return Err(Fault::new(path, format!("\"{}\"", shorten(row)))
                    .line(line)
                    .expected("an image name and one value")
                    .data());
            };
            if let Some((_, first)) = pairs.insert(image.to_string(), (value.to_string(), line)) {
                return Err(Fault::new(path, format!("{image} again"))
                    .line(line)
                    .expected(format!("each image once (first on line {first})"))
                    .data());
            }
        }
        Ok(Self {
            path: path.to_path_buf(),
            pairs,
        })
    }

    /// Partition of an image: 0, 1 or 2.
    fn split(&self, image: &str) -> Result<Split> {
        let Some((value, line)) = self.pairs.get(image) else {
            return Err(Fault::new(&self.path, format!("no partition for {image}"))
                .expected("one for every image of the attribute table")
                .data());
        };
        match value.as_str() {
            "0" => Ok(Split::Train),
            "1" => Ok(Split::Val),
            "2" => Ok(Split::Test),
            other => Err(
                Fault::new(&self.path, format!("partition \"{}\"", shorten(other)))
                    .line(*line)
                    .expected("0, 1 or 2")
                    .data(),
            ),
        }
    }
}

/// Reads a folder in CelebA's layout.
pub(super) fn read(dir: &Path, config: &DataConfig) -> Result<Listing> {
    let needed = |stem: &str| {
        find(dir, stem, &["txt", "csv"]).ok_or_else(|| {
            Fault::new(dir, format!("no {stem}.txt (or .csv, or either with .gz)"))
                .next(HOW_TO_GET_CELEBA)
                .data()
        })
    };
    let table = AttributeTable::read(&needed("list_attr_celeba")?)?;
    let partitions = PairTable::read(&needed("list_eval_partition")?)?;
    let identities = find(dir, "identity_CelebA", &["txt", "csv"])
        .map(|path| PairTable::read(&path))
        .transpose()?;

    let target = table.column("data.target", &config.target)?;
    let mut columns = Vec::new();
    let mut attributes = Vec::new();
    for name in &config.attributes {
        columns.push(table.column("data.attributes", name)?);
        let levels = vec!["0".into(), "1".into()];
        attributes.push(Attribute {
            name: name.to_lowercase(),
            levels,
        });
    }
    let mut records = Vec::with_capacity(table.images.len());
    for ((image, &line), &bits) in table.images.iter().zip(&table.lines).zip(&table.bits) {
        let bit = |column: usize| (bits >> column & 1) as u8;
        let person = identities.as_ref().and_then(|t| t.pairs.get(image));
        records.push(Record {
            image: image.clone(),
            identity: person.map(|(person, _)| person.clone()),
            split: partitions.split(image)?,
            label: bit(target),
            groups: columns.iter().map(|&c| bit(c)).collect(),
            line,
        });
    }
    Ok(Listing {
        root: image_folder(dir),
        listing: table.path,
        attributes,
        records,
    })
}

/// `img_align_celeba/`, which the Kaggle archive nests once more.
fn image_folder(dir: &Path) -> PathBuf {
    let outer = dir.join("img_align_celeba");
    let nested = outer.join("img_align_celeba");
    if nested.is_dir() { nested } else { outer }
}

/// Fields separated by commas or by any amount of white space.
fn fields(line: &str, csv: bool) -> impl Iterator<Item = &str> {
    let (by_comma, by_space) = if csv {
        (
            Some(line.split(',').map(|f| f.trim().trim_matches('"'))),
            None,
        )
    } else {
        (None, Some(line.split_ascii_whitespace()))
    };
    by_comma
        .into_iter()
        .flatten()
        .chain(by_space.into_iter().flatten())
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
