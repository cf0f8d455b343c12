//! Images/s from disk to batches on the CPU: first read (decode cache built) and from the cache.
//!
//! `cargo bench --bench loader -- DIR [PX] [BATCH] [ROUNDS]`, beside `benches/peers/loader.py`,
//! which reads the same images with torchvision. Prints one line of JSON per pass. The page cache is
//! warm in both: a round before the first one is not counted.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::Device;
use fairbit::data::{Augment, DataConfig, Faces, Sampler, epoch_order, loader};

fn main() -> Result<(), Box<dyn Error>> {
    // cargo adds --bench
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    let Some(dir) = args.next() else {
        eprintln!("loader: no folder given, nothing measured (loader DIR [PX] [BATCH] [ROUNDS])");
        return Ok(());
    };
    let mut number = |default: usize| args.next().map_or(Ok(default), |a| a.parse::<usize>());
    let (px, batch, rounds) = (number(64)?, number(32)?, number(3)?);
    let config = DataConfig {
        dir: Some(PathBuf::from(dir)),
        px,
        ..DataConfig::default()
    };
    let cache = std::env::temp_dir().join(format!("fairbit-bench-{}", std::process::id()));
    let measured = (|| {
        for round in 0..=rounds {
            fairbit::data::cache::clear_in(&cache)?;
            let start = Instant::now();
            let faces = Faces::open_in(&cache, &config, &())?;
            let images = epoch(&faces, batch, 0)?;
            let first_s = start.elapsed().as_secs_f64();
            let start = Instant::now();
            epoch(&faces, batch, 1)?;
            let cached_s = start.elapsed().as_secs_f64();
            if round > 0 {
                report("first_read", px, batch, images, first_s);
                report("from_cache", px, batch, images, cached_s);
            }
        }
        Ok(())
    })();
    let _ = std::fs::remove_dir_all(&cache);
    measured
}

/// One training epoch over all usable images; returns their number.
fn epoch(faces: &Faces, batch: usize, epoch: u64) -> Result<usize, Box<dyn Error>> {
    let records: Vec<usize> = fairbit::data::Split::ALL
        .iter()
        .flat_map(|&s| faces.split(s))
        .collect();
    let order = epoch_order(faces.table(), &records, &Sampler::Shuffled, 1, epoch)?;
    let augment = Augment::Flip { seed: 1, epoch };
    let mut images = 0;
    for batch in loader(faces, order, batch, augment, &Device::flex()).iter() {
        images += batch?.indices.len();
    }
    assert_eq!(images, records.len(), "every image once");
    Ok(images)
}

fn report(pass: &str, px: usize, batch: usize, images: usize, seconds: f64) {
    let rate = images as f64 / seconds;
    println!(
        "{{\"loader\": \"fairbit\", \"pass\": \"{pass}\", \"px\": {px}, \"batch\": {batch}, \
         \"images\": {images}, \"seconds\": {seconds:.3}, \"images_per_s\": {rate:.0}}}"
    );
}
