//! What the `[data]` section of a configuration says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Fault, Result};

/// How to get the data that the study uses; the end of several error messages.
pub const HOW_TO_GET_CELEBA: &str = "CelebA (non-commercial research only) is at \
    https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: put img_align_celeba/, list_attr_celeba.txt and \
    list_eval_partition.txt into one folder and give it with --data, or make faces with `fairbit data synth`";

/// How a folder's files are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Whichever of the others the folder's files show.
    #[default]
    Auto,
    /// `img_align_celeba/` with `list_attr_celeba` and `list_eval_partition`.
    Celeba,
    /// `age_gender_race_date.jpg`.
    Utkface,
    /// `fairface_label_train.csv`, `fairface_label_val.csv`.
    Fairface,
    /// A CSV with the columns that `[data.csv]` names.
    Csv,
}

/// Columns of a plain CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvConfig {
    /// The file, relative to the data folder.
    pub file: String,
    /// Column of the image path, relative to `images`.
    pub image: String,
    /// Folder of the images, relative to the data folder.
    pub images: String,
    /// Column of the split (train, val, test or 0, 1, 2); empty: by hash, 70 : 10 : 20.
    pub split: String,
    /// Column of the person; empty: unknown.
    pub identity: String,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self {
            file: "labels.csv".into(),
            image: "image".into(),
            images: ".".into(),
            split: String::new(),
            identity: String::new(),
        }
    }
}

/// The `[data]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Folder of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// Arrangement of the folder.
    pub layout: Layout,
    /// Side of the square that images are resized to, pixels.
    pub px: usize,
    /// Column to predict; `column=level` where it has more than two levels.
    pub target: String,
    /// Sensitive columns; their intersections are the cells.
    pub attributes: Vec<String>,
    /// Share of the listed images that may be missing or unreadable before that is an error.
    pub max_bad_images: f64,
    /// Largest image, width × height in pixels, that is decoded at all.
    pub max_pixels: u64,
    /// Seed of a permutation of the training labels: a control run that must learn nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffle_labels: Option<u64>,
    /// First age of every age group but the first (UTKFace): `[20, 40]` is 0-19, 20-39, 40+.
    pub age_bins: Vec<u32>,
    /// Columns of a plain CSV.
    pub csv: CsvConfig,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            dir: None,
            layout: Layout::Auto,
            px: 64,
            target: "Smiling".into(),
            attributes: vec!["Male".into(), "Young".into()],
            max_bad_images: 0.001,
            max_pixels: 50_000_000,
            shuffle_labels: None,
            age_bins: vec![20, 40, 60],
            csv: CsvConfig::default(),
        }
    }
}

impl DataConfig {
    /// Refuses values that no data can satisfy.
    ///
    /// # Errors
    /// Configuration error naming the key.
    pub fn validate(&self) -> Result<()> {
        let bad = |key: &str, found: String, expected: &str| {
            Err(Fault::new("", found).key(key).expected(expected).config())
        };
        if !(8..=1024).contains(&self.px) {
            return bad(
                "data.px",
                self.px.to_string(),
                "a side between 8 and 1024 pixels",
            );
        }
        if !(0.0..=1.0).contains(&self.max_bad_images) {
            let found = self.max_bad_images.to_string();
            return bad("data.max_bad_images", found, "a share between 0 and 1");
        }
        if self.max_pixels == 0 {
            return bad("data.max_pixels", "0".into(), "at least 1 pixel");
        }
        if self.target.trim().is_empty() {
            return bad("data.target", "nothing".into(), "the column to predict");
        }
        for (i, name) in self.attributes.iter().enumerate() {
            let twice = |other: &String| other.eq_ignore_ascii_case(name);
            if name.trim().is_empty() || self.attributes[..i].iter().any(twice) {
                return bad(
                    "data.attributes",
                    format!("\"{name}\""),
                    "different columns, none empty",
                );
            }
        }
        if !self.age_bins.is_sorted_by(|a, b| a < b) || self.age_bins.first() == Some(&0) {
            return bad(
                "data.age_bins",
                format!("{:?}", self.age_bins),
                "rising ages above 0",
            );
        }
        Ok(())
    }

    /// The folder, if one is configured and there.
    ///
    /// # Errors
    /// Configuration error when no folder is configured, data error when it does not exist; both say
    /// how to get CelebA.
    pub fn folder(&self) -> Result<&PathBuf> {
        let Some(dir) = &self.dir else {
            return Err(Fault::plain("no data folder")
                .key("data.dir")
                .next(HOW_TO_GET_CELEBA)
                .config());
        };
        if !dir.is_dir() {
            return Err(Fault::new(dir, "no such folder")
                .next(HOW_TO_GET_CELEBA)
                .data());
        }
        Ok(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_survives_toml_and_is_valid() {
        let config = DataConfig::default();
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<DataConfig>(&text).unwrap(), config);
        assert_eq!(toml::from_str::<DataConfig>("").unwrap(), config);
        assert!(toml::from_str::<DataConfig>("pxx = 3").is_err());
    }

    #[test]
    fn impossible_values_name_their_key() {
        for (text, key) in [
            ("px = 0", "data.px"),
            ("max_bad_images = 2.0", "data.max_bad_images"),
            ("max_pixels = 0", "data.max_pixels"),
            ("target = ''", "data.target"),
            ("attributes = ['Male', 'male']", "data.attributes"),
            ("age_bins = [40, 20]", "data.age_bins"),
        ] {
            let error = toml::from_str::<DataConfig>(text)
                .unwrap()
                .validate()
                .unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
