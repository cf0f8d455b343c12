//! UTKFace: labels in the file names, `age_gender_race_date.jpg` (Zhang et al., CVPR 2017).
//!
//! Columns are `age` (groups by `data.age_bins`), `gender` (0 = male, 1 = female in the data set) and
//! `race` (0–4). There are no official partitions: [`Split::by_hash`] of the file name. The few files
//! whose names lack a field (known faults of the distribution) are left out with a warning.

use std::fs;
use std::path::{Path, PathBuf};

use super::config::DataConfig;
use super::select::{Column, Row, Rows};
use super::split::Split;
use super::table::Listing;
use crate::error::{Fault, Result};

const GENDERS: [&str; 2] = ["male", "female"];
const RACES: [&str; 5] = ["white", "black", "asian", "indian", "other"];

/// Age in years, gender and race of a file name; `None` when it does not say.
pub fn parse_name(name: &str) -> Option<(u32, usize, usize)> {
    let mut parts = name.split('_');
    let age = parts.next()?.parse().ok().filter(|age| *age <= 130)?;
    let gender = parts.next()?.parse().ok().filter(|g| *g < GENDERS.len())?;
    let race = parts.next()?.parse().ok().filter(|r| *r < RACES.len())?;
    parts.next().map(|_| (age, gender, race))
}

/// Whether the folder, or a folder in it, holds images named this way.
pub fn is_here(dir: &Path) -> bool {
    folders(dir).iter().any(|folder| {
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = names.map(|e| e.file_name().to_string_lossy().into_owned());
        names.any(|name| is_image(&name) && parse_name(&name).is_some())
    })
}

/// The folder and the folders in it (`UTKFace/`, `part1/` …), sorted.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut inner: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    inner.sort();
    inner.insert(0, dir.to_path_buf());
    inner
}

fn is_image(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".jpg", ".jpeg", ".png"]
        .iter()
        .any(|ext| lower.ends_with(ext))
}

/// Reads a folder in UTKFace's layout.
pub(super) fn read(dir: &Path, config: &DataConfig) -> Result<Listing> {
    let mut names = Vec::new();
    for folder in folders(dir) {
        let entries = fs::read_dir(&folder)
            .map_err(|e| Fault::new(&folder, format!("cannot be read ({e})")).data())?;
        let prefix = folder.strip_prefix(dir).unwrap_or(Path::new(""));
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_image(&name) {
                let path = prefix.join(&name).to_string_lossy().replace('\\', "/");
                names.push((path, name));
            }
        }
    }
    // Folder order differs between file systems.
    names.sort();
    let groups = age_groups(&config.age_bins);
    let mut rows = Vec::with_capacity(names.len());
    let mut unnamed = 0usize;
    for (image, name) in names {
        let Some((age, gender, race)) = parse_name(&name) else {
            unnamed += 1;
            continue;
        };
        let bin = config.age_bins.partition_point(|&first| first <= age);
        let values = vec![
            groups[bin].clone(),
            GENDERS[gender].into(),
            RACES[race].into(),
        ];
        rows.push(Row {
            split: Split::by_hash(&name),
            identity: None,
            values,
            line: 0,
            image,
        });
    }
    if unnamed > 0 {
        tracing::warn!(
            "{}: {unnamed} images whose names lack age, gender or race are left out",
            dir.display()
        );
    }
    if rows.is_empty() {
        return Err(Fault::new(dir, "no images")
            .expected("images named age_gender_race_date.jpg")
            .data());
    }
    let column = |name: &str, levels: Vec<String>| Column {
        name: name.into(),
        levels,
    };
    let owned = |levels: &[&str]| levels.iter().map(|l| l.to_string()).collect();
    let columns = vec![
        column("age", groups),
        column("gender", owned(&GENDERS)),
        column("race", owned(&RACES)),
    ];
    Rows {
        root: dir.to_path_buf(),
        listing: dir.to_path_buf(),
        columns,
        rows,
    }
    .select(config)
}

/// `[20, 40]` → `0-19`, `20-39`, `40+`.
fn age_groups(bins: &[u32]) -> Vec<String> {
    let mut first = 0;
    let mut groups: Vec<String> = Vec::new();
    for &next in bins {
        groups.push(format!("{first}-{}", next - 1));
        first = next;
    }
    groups.push(format!("{first}+"));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_or_refused() {
        assert_eq!(
            parse_name("26_1_2_20170116184024662.jpg.chip.jpg"),
            Some((26, 1, 2))
        );
        assert_eq!(parse_name("61_1_20170109142408075.jpg.chip.jpg"), None);
        assert_eq!(parse_name("26_2_2_x.jpg"), None);
        assert_eq!(parse_name("000001.jpg"), None);
        assert_eq!(age_groups(&[20, 40]), ["0-19", "20-39", "40+"]);
        assert_eq!(age_groups(&[]), ["0+"]);
    }
}
