//! The decode cache: every image decoded once into a memory-mapped file of bytes.
//!
//! One folder per (content, px): `decoded/<key>/pixels.u8` holds `[N, px, px, 3]` bytes in table
//! order, `index.json` says which images could not be read and the hash of all image files' content.
//!
//! The key is the SHA-256 of px, `max_pixels` and every image file's name and bytes, read anew each
//! time: an image that changed under the same size and date is noticed, and the same images in
//! another folder are not decoded again. The price is about 0.1 s for each 10,000 CelebA images.
//!
//! A folder is built under a temporary name, synced and renamed, under a lock that the system
//! releases when its holder dies: an interrupted build leaves nothing that is taken for a cache, its
//! remains are removed by the next build, and of two processes the second waits and finds the first
//! one's work.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::build;
use super::config::DataConfig;
use super::content;
use super::digest::Fields;
use super::progress::Progress;
use super::table::Table;
use crate::error::{Fault, Result};
use crate::files;

/// Changes when the same image would give other bytes.
const FORMAT: &str = "fairbit decode cache 2";

/// Why an image that is not there cannot be used.
pub(super) const MISSING: &str = "the file is missing";

/// An image that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadImage {
    /// Index of its record in the table.
    pub record: usize,
    /// Why, in words.
    pub reason: String,
}

/// `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Number of images, bad ones included.
    pub images: usize,
    /// Side of the squares, pixels.
    pub px: usize,
    /// SHA-256 over all names and file contents, in hexadecimal.
    pub content: String,
    /// Images that could not be used; their pixels are zero.
    pub bad: Vec<BadImage>,
}

/// The pixels of one table.
#[derive(Debug)]
pub struct Pixels {
    /// What is in the file.
    pub index: Index,
    map: Mmap,
}

impl Pixels {
    /// One image, `[px, px, 3]` bytes.
    ///
    /// # Panics
    /// When `record` is not below the number of images.
    pub fn image(&self, record: usize) -> &[u8] {
        let size = self.index.px * self.index.px * 3;
        &self.map[record * size..(record + 1) * size]
    }
}

/// The cache folder: `$FAIRBIT_CACHE`, else `$XDG_CACHE_HOME/fairbit`, else `~/.cache/fairbit`.
///
/// # Errors
/// Configuration error when none of the three variables is set.
pub fn folder() -> Result<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("FAIRBIT_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("fairbit")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/fairbit")))
        .ok_or_else(|| {
            Fault::plain("no place for the decode cache: neither FAIRBIT_CACHE nor HOME is set")
                .next("set FAIRBIT_CACHE to a folder")
                .config()
        })
}

/// Removes all decoded images; returns the bytes freed. Runs that have them open go on.
///
/// # Errors
/// As [`folder`]; run error when something cannot be removed.
pub fn clear() -> Result<u64> {
    clear_in(&folder()?)
}

/// [`clear`] for a given cache folder. Only what the cache wrote there is touched.
///
/// # Errors
/// Run error when something cannot be removed.
pub fn clear_in(cache: &Path) -> Result<u64> {
    let decoded = cache.join("decoded");
    let mut freed = 0;
    for entry in fs::read_dir(&decoded).into_iter().flatten().flatten() {
        let path = entry.path();
        let removed = if path.is_dir() {
            let parts = fs::read_dir(&path).into_iter().flatten().flatten();
            freed += parts
                .filter_map(|e| e.metadata().ok())
                .map(|m| m.len())
                .sum::<u64>();
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::new(&path, format!("cannot be removed ({e})")).run());
            }
            _ => {}
        }
    }
    Ok(freed)
}

/// The pixels of `table`, from the cache or decoded now.
///
/// # Errors
/// Run error when the cache cannot be written. Images that cannot be read are listed in the index,
/// however many: what to make of them is the caller's matter.
pub(super) fn open(
    cache: &Path,
    table: &Table,
    config: &DataConfig,
    progress: &dyn Progress,
) -> Result<Pixels> {
    let decoded = cache.join("decoded");
    let content = content::hash(table, progress);
    let key = key(&content, config);
    let home = decoded.join(&key);
    if let Some(pixels) = load(&home, table.records.len(), config.px) {
        return Ok(pixels);
    }
    files::create_dir(&decoded)?;
    let _lock = Lock::take(&decoded.join(format!("{key}.lock")))?;
    // Another process may have built it while this one waited.
    if let Some(pixels) = load(&home, table.records.len(), config.px) {
        return Ok(pixels);
    }
    // Under the lock, whatever is left of this key is the remains of a build that died.
    let building = decoded.join(format!("{key}.building"));
    for remains in [&home, &building] {
        if remains.exists() {
            fs::remove_dir_all(remains).map_err(|e| cannot_write(remains, &e))?;
        }
    }
    files::create_dir(&building)?;
    let built = build::build(&building, &content, table, config, progress)
        .and_then(|()| fs::rename(&building, &home).map_err(|e| cannot_write(&home, &e)));
    if built.is_err() {
        let _ = fs::remove_dir_all(&building);
    }
    built?;
    load(&home, table.records.len(), config.px).ok_or_else(|| {
        Fault::new(&home, "the decode cache vanished while it was opened")
            .next("run again")
            .run()
    })
}

/// A finished cache folder; `None` when it is not there or not whole.
fn load(home: &Path, images: usize, px: usize) -> Option<Pixels> {
    let index: Index = serde_json::from_slice(&fs::read(home.join("index.json")).ok()?).ok()?;
    let file = File::open(home.join("pixels.u8")).ok()?;
    let size = (images * px * px * 3) as u64;
    if index.images != images || index.px != px || file.metadata().ok()?.len() != size {
        return None;
    }
    // SAFETY: the file is only ever replaced or unlinked as a whole, never written once it has its
    // final name, so the mapped bytes do not change.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    Some(Pixels { index, map })
}

/// Listed images that are not there, in table order.
pub(super) fn missing(table: &Table) -> Vec<BadImage> {
    let records = table.records.par_iter().enumerate();
    let absent = records.filter(|(_, record)| !table.root.join(&record.image).is_file());
    absent
        .map(|(record, _)| BadImage {
            record,
            reason: MISSING.into(),
        })
        .collect()
}

/// Name of the cache folder: changes whenever a pixel may have.
fn key(content: &str, config: &DataConfig) -> String {
    let mut fields = Fields::new(FORMAT);
    fields.add(content.as_bytes());
    fields.add(&(config.px as u64).to_le_bytes());
    fields.add(&config.max_pixels.to_le_bytes());
    let mut name = fields.hex();
    name.truncate(32);
    format!("{name}-{}px", config.px)
}

/// An exclusive lock on a file beside the cache folder.
struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    fn take(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| cannot_write(path, &e))?;
        if let Err(e) = file.lock() {
            // Some network file systems have no locks; two builds at once then cost one of them an
            // error, not a damaged cache.
            tracing::warn!("{}: no lock ({e})", path.display());
        }
        Ok(Self {
            file,
            path: path.to_path_buf(),
        })
    }
}

/// The file goes while it is still locked; who waits for it then holds a nameless one, finds the
/// cache built and is done.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

pub(super) fn cannot_write(path: &Path, e: &std::io::Error) -> crate::error::Error {
    Fault::new(path, format!("cannot be written ({e})"))
        .next("free some space, or set FAIRBIT_CACHE to another folder")
        .run()
}
