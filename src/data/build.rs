//! Building one folder of the decode cache: read, hash, decode, write, in chunks.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use super::cache::{BadImage, Index, MISSING, cannot_write};
use super::config::DataConfig;
use super::content::{self, Content};
use super::decode::{Scratch, decode_square};
use super::progress::Progress;
use super::table::Table;
use crate::error::{Fault, Result};
use crate::files;

/// Bytes of decoded pixels held in memory at a time.
const CHUNK_BYTES: usize = 64 << 20;

/// What became of one image file.
struct Outcome {
    /// SHA-256 of the file; of nothing when it could not be read.
    digest: [u8; 32],
    bad: Option<String>,
}

/// Fills `home` with `pixels.u8` and `index.json`, synced to disk. `content` is the hash of the image
/// files that the folder is to stand for.
///
/// # Errors
/// Run error when `home` cannot be written, or when the files have changed since they were hashed.
pub(super) fn build(
    home: &Path,
    content: &str,
    table: &Table,
    config: &DataConfig,
    progress: &dyn Progress,
) -> Result<()> {
    progress.start("decoding images", table.records.len() as u64);
    let built = write_pixels(home, table, config, progress);
    progress.finish();
    let index = built?;
    if index.content != content {
        return Err(
            Fault::new(&table.root, "the images changed while they were read")
                .next("run again when nothing writes there")
                .run(),
        );
    }
    let index = serde_json::to_vec_pretty(&index).expect("an index is plain data");
    // Last, so that a folder without an index is known to be unfinished.
    files::write_bytes(&home.join("index.json"), &index)
}

fn write_pixels(
    home: &Path,
    table: &Table,
    config: &DataConfig,
    progress: &dyn Progress,
) -> Result<Index> {
    let path = home.join("pixels.u8");
    let failed = |e: std::io::Error| cannot_write(&path, &e);
    let mut file = File::create(&path).map_err(failed)?;
    let size = config.px * config.px * 3;
    let per_chunk = (CHUNK_BYTES / size).clamp(1, 1024);
    let mut pixels = vec![0u8; per_chunk.min(table.records.len()) * size];
    let mut content = Content::new();
    let mut bad = Vec::new();
    for (chunk, records) in table.records.chunks(per_chunk).enumerate() {
        let pixels = &mut pixels[..records.len() * size];
        let outcomes: Vec<Outcome> = records
            .par_iter()
            .zip(pixels.par_chunks_exact_mut(size))
            .map_init(Scratch::default, |scratch, (record, out)| {
                let outcome = read_one(&table.root.join(&record.image), config, scratch, out);
                progress.inc(1);
                outcome
            })
            .collect();
        for (i, (outcome, record)) in outcomes.into_iter().zip(records).enumerate() {
            content.add(&record.image, &outcome.digest);
            let record = chunk * per_chunk + i;
            bad.extend(outcome.bad.map(|reason| BadImage { record, reason }));
        }
        file.write_all(pixels).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    Ok(Index {
        images: table.records.len(),
        px: config.px,
        content: content.hex(),
        bad,
    })
}

fn read_one(path: &Path, config: &DataConfig, scratch: &mut Scratch, out: &mut [u8]) -> Outcome {
    let bytes = fs::read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => MISSING.to_string(),
        _ => e.to_string(),
    });
    let digest = content::digest(bytes.as_deref().unwrap_or_default());
    let decoded =
        bytes.and_then(|bytes| decode_square(&bytes, config.px, config.max_pixels, scratch, out));
    if decoded.is_err() {
        out.fill(0);
    }
    Outcome {
        digest,
        bad: decoded.err(),
    }
}
