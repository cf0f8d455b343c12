//! Opens `.pth` files, including those that burn's reader takes for damaged.
//!
//! `torch.save` ends its archives with zip64 records even where none are needed. Version 9.8.1 of the zip
//! crate, below burn's reader, then looks for the central directory 76 bytes too late, which goes unnoticed
//! unless the first header is exactly 76 bytes long: when the folder inside the archive, named after the
//! file, has 21 letters. Without the records the same archive is read. Format: APPNOTE 4.3.14 to 4.3.16.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use burn::store::pytorch_reader::{PytorchError, PytorchReader};

const END: (&[u8], usize) = (b"PK\x05\x06", 22);
const LOCATOR: (&[u8], usize) = (b"PK\x06\x07", 20);
const END64: &[u8] = b"PK\x06\x06";

/// Opens a file written by `torch.save`.
///
/// # Errors
/// The reader's own.
pub(super) fn open(path: &Path) -> Result<PytorchReader, PytorchError> {
    PytorchReader::new(path).or_else(|error| {
        match fs::read(path).ok().as_deref().and_then(without_zip64) {
            Some(bytes) => open_copy(&bytes).unwrap_or(Err(error)),
            None => Err(error),
        }
    })
}

/// The archive without its zip64 records, if it has some it does not need.
fn without_zip64(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.len().checked_sub(END.1)?;
    let locator = end.checked_sub(LOCATOR.1)?;
    let u32_at = |at: usize| {
        bytes
            .get(at..at + 4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    };
    let directory = u32_at(end + 16)?;
    let end64 = directory.checked_add(u32_at(end + 12)?)?;
    let plain = bytes[end..].starts_with(END.0)
        && bytes[locator..].starts_with(LOCATOR.0)
        && end64 < locator
        && bytes[end64..].starts_with(END64);
    plain.then(|| [&bytes[..end64], &bytes[end..]].concat())
}

/// Opens a temporary copy; the reader keeps it open, its name goes at once. `None` if it cannot be written.
fn open_copy(bytes: &[u8]) -> Option<Result<PytorchReader, PytorchError>> {
    let unique = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?
        .as_nanos();
    let path = std::env::temp_dir().join(format!("fairbit-{}-{unique}.pth", std::process::id()));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(&path)
        .ok()?;
    let opened = file
        .write_all(bytes)
        .ok()
        .map(|()| PytorchReader::new(&path));
    let _ = fs::remove_file(&path);
    opened
}
