//! Which layout a folder has.

use std::path::Path;

use super::config::{DataConfig, HOW_TO_GET_CELEBA, Layout};
use super::{fairface, text, utkface};
use crate::error::{Fault, Result};

/// The layout that the folder's files show, in the order CelebA, FairFace, UTKFace, plain CSV.
///
/// # Errors
/// Data error when none fits.
pub fn layout(dir: &Path, config: &DataConfig) -> Result<Layout> {
    if text::find(dir, "list_attr_celeba", &["txt", "csv"]).is_some() {
        Ok(Layout::Celeba)
    } else if fairface::is_here(dir) {
        Ok(Layout::Fairface)
    } else if utkface::is_here(dir) {
        Ok(Layout::Utkface)
    } else if dir.join(&config.csv.file).is_file() {
        Ok(Layout::Csv)
    } else {
        Err(Fault::new(dir, "no known table or image names")
            .expected(format!(
                "list_attr_celeba.txt, fairface_label_train.csv, UTKFace images or {}",
                config.csv.file
            ))
            .next(HOW_TO_GET_CELEBA)
            .data())
    }
}
