//! Files that are either wholly there or not there: temporary name, fsync, rename.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Fault, Result};

/// Writes `path` so that a reader, or a crash, sees the old content or the new one and never a part.
///
/// The bytes go to a temporary name in the same folder, are synced to disk and renamed.
///
/// # Errors
/// Run error naming the path when the folder cannot be written or the disk is full; the temporary
/// file is removed then.
pub fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let tmp = temporary_name(path);
    let written = (|| {
        let mut out = BufWriter::new(File::create(&tmp)?);
        fill(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&tmp, path)
    })();
    written.map_err(|e| {
        let _ = fs::remove_file(&tmp);
        cannot_write(path, &e)
    })
}

/// [`write_atomic`] for bytes that are already there.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic(path, |out| out.write_all(bytes))
}

/// Creates a folder and its parents.
///
/// # Errors
/// Run error naming the path.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| cannot_write(path, &e))
}

/// SHA-256 of a file's bytes, as 64 hexadecimal digits.
///
/// # Errors
/// Data error naming the path when it cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let unreadable = |e: std::io::Error| Fault::new(path, format!("cannot be read ({e})")).data();
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path).map_err(unreadable)?, &mut hash).map_err(unreadable)?;
    let digits = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(digits)
}

/// The temporary name used for `path`: same folder, hidden, unique to this process.
pub fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

fn cannot_write(path: &Path, e: &std::io::Error) -> crate::error::Error {
    Fault::new(path, format!("cannot be written ({e})"))
        .next(
            "check the folder's permissions and the free space, or choose another place with --out",
        )
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        write_bytes(&path, b"old").unwrap();
        let failed = write_atomic(&path, |out| {
            out.write_all(b"ne")?;
            Err(std::io::Error::other("disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("disk full"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
