//! Small folders in CelebA's layout, drawn on the spot.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fairbit::data::{DataConfig, Progress};
use image::{ImageFormat, RgbImage};

/// Names of the columns, in the order of the bits of [`values`].
pub const NAMES: [&str; 4] = ["Male", "Smiling", "Wearing_Hat", "Young"];

/// Attribute values of image `i`: with 3 bits of `i` every combination of the used columns occurs.
pub fn values(i: usize) -> [bool; 4] {
    [i & 1 == 1, i & 2 == 2, false, i & 4 == 4]
}

pub fn name(i: usize) -> String {
    format!("{:06}.jpg", i + 1)
}

/// Partition of image `i`: sixteen to train, eight each to val and test, over and over.
pub fn partition(i: usize) -> usize {
    [0, 0, 1, 2][i / 8 % 4]
}

/// The attribute table as distributed: CRLF, a space at the end of the header, double spaces.
pub fn attributes(n: usize) -> String {
    let mut text = format!("{n}\r\n{} \r\n", NAMES.join(" "));
    for i in 0..n {
        let row = values(i).map(|v| if v { " 1" } else { "-1" });
        text += &format!("{} {}\r\n", name(i), row.join(" "));
    }
    text
}

pub fn partitions(n: usize) -> String {
    (0..n)
        .map(|i| format!("{} {}\r\n", name(i), partition(i)))
        .collect()
}

/// A picture that depends on `i` and is not symmetric.
pub fn picture(i: usize, width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let i = i as u32;
        image::Rgb([
            (x * 9 + i * 31) as u8,
            (y * 7 + i * 17) as u8,
            ((x + y) * 3) as u8,
        ])
    })
}

pub fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub fn encode(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A temporary folder with tables and, beside it, a cache folder.
pub struct Folder {
    pub temp: tempfile::TempDir,
    pub config: DataConfig,
}

impl Folder {
    /// Tables without images.
    pub fn tables(n: usize) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("celeba");
        write(&dir.join("list_attr_celeba.txt"), attributes(n));
        write(&dir.join("list_eval_partition.txt"), partitions(n));
        let config = DataConfig {
            dir: Some(dir),
            px: 16,
            ..DataConfig::default()
        };
        Self { temp, config }
    }

    /// Tables and images of 20 × 26 pixels.
    pub fn images(n: usize) -> Self {
        let folder = Self::tables(n);
        for i in 0..n {
            write(
                &folder.image(i),
                encode(&picture(i, 20, 26), ImageFormat::Jpeg),
            );
        }
        folder
    }

    pub fn dir(&self) -> &Path {
        self.config.dir.as_deref().unwrap()
    }

    pub fn image(&self, i: usize) -> PathBuf {
        self.dir().join("img_align_celeba").join(name(i))
    }

    pub fn cache(&self) -> PathBuf {
        self.temp.path().join("cache")
    }
}

/// Counts the images that are decoded; other work passes by.
#[derive(Default)]
pub struct Counter {
    pub starts: AtomicU64,
    pub steps: AtomicU64,
    decoding: AtomicBool,
}

impl Progress for Counter {
    fn start(&self, what: &str, _total: u64) {
        let decoding = what == "decoding images";
        self.decoding.store(decoding, Ordering::Relaxed);
        self.starts.fetch_add(decoding.into(), Ordering::Relaxed);
    }

    fn inc(&self, n: u64) {
        if self.decoding.load(Ordering::Relaxed) {
            self.steps.fetch_add(n, Ordering::Relaxed);
        }
    }

    fn finish(&self) {
        self.decoding.store(false, Ordering::Relaxed);
    }
}

/// The shared real data, or `None` with a message saying what was not tested.
pub fn real(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FAIRBIT_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no {part} in {} (set FAIRBIT_DATA)",
        root.display()
    );
    None
}
