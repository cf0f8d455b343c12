//! Text tables, plain or gzipped, checked before anybody parses them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::{Fault, Result};

/// No table of faces is larger; a gzipped one must not fill the memory.
const MAX_TABLE_BYTES: u64 = 1 << 30;

/// A text file that is there, not empty, UTF-8 and free of NUL.
pub(super) struct Text {
    /// Its content, without a byte-order mark.
    pub content: String,
}

impl Text {
    /// Reads `path`, unpacking it when it starts as gzip does.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path)
            .map_err(|e| Fault::new(path, format!("cannot be read ({e})")).data())?;
        if bytes.len() as u64 > MAX_TABLE_BYTES {
            return Err(Fault::new(path, "more than 1 GiB of text")
                .expected("a table of images")
                .data());
        }
        if let Some(at) = bytes.iter().position(|&b| b == 0) {
            return Err(Fault::new(path, "a NUL byte")
                .line(line_of(&bytes, at))
                .expected("text")
                .next("the file is damaged or not a table: get it again")
                .data());
        }
        let mut content = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Fault::new(path, "a byte that is not UTF-8")
                .line(line_of(e.as_bytes(), at))
                .expected("UTF-8 text")
                .data()
        })?;
        if content.starts_with('\u{feff}') {
            content.drain(..'\u{feff}'.len_utf8());
        }
        if content.trim().is_empty() {
            return Err(Fault::new(path, "an empty file").expected("a table").data());
        }
        Ok(Self { content })
    }

    /// Lines with their numbers from 1, without line ends and without blank lines at the end.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.content.trim_end().lines();
        lines
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim_end_matches('\r')))
    }
}

fn read_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_TABLE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let packed = std::mem::take(&mut bytes);
        MultiGzDecoder::new(packed.as_slice())
            .take(MAX_TABLE_BYTES + 1)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|&&b| b == b'\n').count()
}

/// The first of `stem.ext` and `stem.ext.gz` over `exts` that is a file in `dir`.
pub(super) fn find(dir: &Path, stem: &str, exts: &[&str]) -> Option<PathBuf> {
    let names = exts
        .iter()
        .flat_map(|ext| [format!("{stem}.{ext}"), format!("{stem}.{ext}.gz")]);
    names.map(|name| dir.join(name)).find(|path| path.is_file())
}

/// Whether the file's name, without `.gz`, ends in `.csv`.
pub(super) fn is_csv(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    name.trim_end_matches(".gz").ends_with(".csv")
}

/// The names of `known` nearest to `name`, for an error message.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let mut ranked: Vec<(f64, &str)> = known
        .map(|k| (strsim::jaro_winkler(&lower, &k.to_lowercase()), k))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let names: Vec<&str> = ranked.into_iter().take(3).map(|(_, k)| k).collect();
    names.join(", ")
}
