//! `metrics.csv`: one row per epoch and split, readable by any plotting tool.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files;

/// A row of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// `train` or `val`.
    pub split: String,
    /// Mean loss; with weights and smoothing for `train`, plain cross entropy for `val`.
    pub loss: f64,
    /// Share of images decided right; for `train` while the weights move and images are augmented.
    pub accuracy: f64,
    /// Learning rate of the last update of the epoch.
    pub lr: f64,
    /// Images per second, loading included.
    pub images_per_s: f64,
}

/// Sums over the steps of an epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Σ loss · images.
    pub loss: f64,
    /// Images decided right.
    pub correct: usize,
    /// Images seen.
    pub images: usize,
    /// Seconds spent, also before a resume.
    pub seconds: f64,
}

impl Sums {
    /// Adds one batch with mean loss `loss`.
    pub fn add(&mut self, loss: f64, correct: usize, images: usize) {
        self.loss += loss * images as f64;
        self.correct += correct;
        self.images += images;
    }

    /// Mean loss per image.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images as f64
    }

    /// Share decided right.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images as f64
    }

    /// Images per second.
    pub fn images_per_s(&self) -> f64 {
        self.images as f64 / self.seconds.max(1e-9)
    }

    /// The row of this epoch.
    pub fn row(&self, epoch: usize, split: &str, lr: f64) -> Row {
        Row {
            epoch,
            split: split.into(),
            loss: self.mean_loss(),
            accuracy: self.accuracy(),
            lr,
            images_per_s: self.images_per_s(),
        }
    }
}

/// Writes all rows; the file is replaced as a whole.
///
/// # Errors
/// Run error when the file cannot be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<()> {
    files::write_atomic(path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        for row in rows {
            csv.serialize(row).map_err(std::io::Error::other)?;
        }
        csv.flush()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_become_the_documented_columns() {
        let mut sums = Sums::default();
        sums.add(1.0, 1, 2);
        sums.add(4.0, 1, 1);
        sums.seconds = 1.5;
        let row = sums.row(3, "train", 0.1);
        assert_eq!((row.loss, row.images_per_s), (2.0, 2.0));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.csv");
        write(&path, &[row]).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.starts_with("epoch,split,loss,accuracy,lr,images_per_s\n3,train,2.0,0.666"),
            "{text}"
        );
    }
}
