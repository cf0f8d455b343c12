//! The output folder: generated under a temporary name beside it, renamed when complete, reused when it holds
//! the same set already, refused when it holds anything else.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::SynthConfig;
use super::layout::{ATTRIBUTES, IDENTITIES, IMAGES, PARTITIONS, image_name};
use crate::error::{Error, Fault, Result};
use crate::files;

/// Name of the description that makes a folder a complete synthetic set.
pub const DESCRIPTION: &str = "synthetic.json";

/// Marks a folder under construction as made here; locked by the process that fills it.
const MARKER: &str = "under-construction";

/// `synthetic.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Always "fairbit data synth".
    pub generator: String,
    /// [`super::GENERATOR_VERSION`] of the program that drew the set.
    pub generator_version: u64,
    /// What it was asked for, the seed included.
    pub config: SynthConfig,
    /// Number of identities.
    pub identities: usize,
    /// Upper bound of any classifier's expected accuracy on the test split, see [`super::smile`].
    pub bayes_accuracy: f64,
    /// Size of all images together, bytes.
    pub image_bytes: u64,
    /// SHA-256 of the concatenated SHA-256 digests of the images in order and of the attribute, partition
    /// and identity tables.
    pub sha256: String,
}

/// What the folder asked for is.
pub enum Existing {
    /// Not there, or empty.
    Nothing,
    /// The complete set with this very configuration.
    Same(Description),
}

/// Looks at what `out` holds.
///
/// # Errors
/// Configuration error when it holds another set or something else; data error when files of the set are gone
/// or have changed size; run error when it cannot be read.
pub fn inspect(out: &Path, config: &SynthConfig) -> Result<Existing> {
    let unreadable = |e: io::Error| Fault::new(out, format!("cannot be read ({e})")).run();
    let mut entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Existing::Nothing),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            return Err(Fault::new(out, "a file")
                .expected("a folder, or nothing")
                .next("choose another --out")
                .config());
        }
        Err(e) => return Err(unreadable(e)),
    };
    if entries.next().is_none() {
        return Ok(Existing::Nothing);
    }
    let path = out.join(DESCRIPTION);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Fault::new(out, "a folder with other content")
                .expected("an empty folder, or a synthetic set")
                .next("choose another --out")
                .config());
        }
        Err(e) => return Err(unreadable(e)),
    };
    let found: Description = serde_json::from_str(&text).map_err(|e| {
        Fault::new(
            &path,
            format!("not the description of a synthetic set ({e})"),
        )
        .next("choose another --out")
        .config()
    })?;
    let version = super::GENERATOR_VERSION;
    if found.config != *config || found.generator_version != version {
        return Err(Fault::new(
            out,
            format!(
                "a set of {} (generator {})",
                found.config, found.generator_version
            ),
        )
        .expected(format!("{config} (generator {version})"))
        .next("choose another --out, or ask for what is there")
        .config());
    }
    check_complete(out, &found)?;
    Ok(Existing::Same(found))
}

/// Names and sizes only: reading every image would cost as much as the first epoch.
fn check_complete(out: &Path, found: &Description) -> Result<()> {
    let damaged = |path: PathBuf, what: String| {
        Fault::new(path, what)
            .next("delete the folder and generate it again")
            .data()
    };
    let mut bytes = 0;
    for index in 1..=found.config.images {
        let path = out.join(IMAGES).join(image_name(index));
        bytes += fs::metadata(&path)
            .map_err(|e| damaged(path, format!("cannot be read ({e})")))?
            .len();
    }
    if bytes != found.image_bytes {
        let what = format!("{bytes} bytes of images");
        return Err(Fault::new(out.join(IMAGES), what)
            .expected(found.image_bytes.to_string())
            .next("delete the folder and generate it again")
            .data());
    }
    for table in [ATTRIBUTES, PARTITIONS, IDENTITIES] {
        let path = out.join(table);
        if !path.is_file() {
            return Err(damaged(path, "missing".into()));
        }
    }
    Ok(())
}

/// A folder under construction beside `out`; removed when dropped unfinished.
pub struct Construction {
    path: PathBuf,
    out: PathBuf,
    marker: Option<File>,
}

impl Construction {
    /// Starts one, clearing away what an interrupted process left.
    ///
    /// # Errors
    /// Configuration error when `out` has no name; run error when the place cannot be written, another process is
    /// at work there, or a folder of that name was not made by this program.
    pub fn begin(out: &Path) -> Result<Self> {
        let Some(name) = out.file_name() else {
            return Err(Fault::new(out, "no folder name")
                .expected("a new folder")
                .next("add a name to --out")
                .config());
        };
        let path = out.with_file_name(format!(".{}.synth-partial", name.to_string_lossy()));
        if let Some(parent) = out.parent().filter(|p| !p.as_os_str().is_empty()) {
            files::create_dir(parent)?;
        }
        let fresh = match fs::create_dir(&path) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(cannot_write(&path, &e)),
        };
        let marker = File::options()
            .write(true)
            .create_new(fresh)
            .open(path.join(MARKER))
            .map_err(|e| {
                Fault::new(&path, format!("not made by this program ({e})"))
                    .next("move it away")
                    .run()
            })?;
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(&path, "another process is generating this set")
                    .next("wait for it")
                    .run());
            }
            Err(TryLockError::Error(e)) => return Err(cannot_write(&path, &e)),
        }
        if !fresh {
            clear(&path).map_err(|e| cannot_write(&path, &e))?;
        }
        let construction = Self {
            path,
            out: out.to_path_buf(),
            marker: Some(marker),
        };
        let images = construction.path.join(IMAGES);
        fs::create_dir(&images).map_err(|e| cannot_write(&images, &e))?;
        Ok(construction)
    }

    /// Writes one file, not synced: only the rename at the end makes it count.
    ///
    /// # Errors
    /// Run error naming the file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        File::create(&path)
            .and_then(|mut f| f.write_all(bytes))
            .map_err(|e| cannot_write(&path, &e))
    }

    /// Writes the description and gives the folder its name.
    ///
    /// # Errors
    /// Run error naming the file or folder.
    pub fn finish(mut self, description: &Description) -> Result<()> {
        let text = serde_json::to_string_pretty(description)
            .map_err(|e| Fault::new(&self.path, format!("cannot be described ({e})")).run())?;
        files::write_bytes(&self.path.join(DESCRIPTION), format!("{text}\n").as_bytes())?;
        let marker = self.path.join(MARKER);
        let named = fs::remove_file(&marker).and_then(|()| fs::rename(&self.path, &self.out));
        if let Err(e) = named {
            // Marked again, so that the next run may clear it.
            let _ = File::create(&marker);
            return Err(cannot_write(&self.out, &e));
        }
        self.marker = None;
        Ok(())
    }

    /// What a kill leaves: the folder as it is, the lock released.
    #[cfg(test)]
    pub fn abandon(mut self) {
        self.marker = None;
    }
}

impl Drop for Construction {
    fn drop(&mut self) {
        // Only what was made here and never got its name; the marker goes last.
        if self.marker.take().is_some() && clear(&self.path).is_ok() {
            let _ = fs::remove_file(self.path.join(MARKER));
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Removes what a generation writes, and nothing else.
fn clear(path: &Path) -> io::Result<()> {
    let gone = |r: io::Result<()>| match r {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    gone(fs::remove_dir_all(path.join(IMAGES)))?;
    for name in [ATTRIBUTES, PARTITIONS, IDENTITIES, DESCRIPTION] {
        gone(fs::remove_file(path.join(name)))?;
    }
    Ok(())
}

fn cannot_write(path: &Path, e: &io::Error) -> Error {
    Fault::new(path, format!("cannot be written ({e})"))
        .next(
            "check the folder's permissions and the free space, or choose another place with --out",
        )
        .run()
}
