//! Which images a model is calibrated on, and how much each of them counts.

use serde::{Deserialize, Serialize};

use crate::data::Table;
use crate::data::random::{Draw, keyed, shuffle};
use crate::error::{Fault, Result};

/// How calibration images are drawn from the training split. Groups are the cells of all attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrawBy {
    /// Each image as likely as any other.
    #[default]
    Random,
    /// As many from each group.
    Balanced,
    /// As at random, but each group counts as much as any other: an image's weight is one over its
    /// group's share of the set.
    GroupWeighted,
}

/// The images of a calibration set and their weights, 1 on average.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationSet {
    /// Record indices into the table.
    pub records: Vec<usize>,
    /// A weight for each.
    pub weights: Vec<f64>,
}

impl CalibrationSet {
    /// Draws `images` of `pool`, records of the training split; the same for a seed on every machine.
    ///
    /// # Errors
    /// Configuration error when there are not as many images, or when a group that is to be balanced or
    /// weighted has none (naming it).
    pub fn draw(
        table: &Table,
        mut pool: Vec<usize>,
        images: usize,
        by: DrawBy,
        seed: u64,
    ) -> Result<Self> {
        if images > pool.len() {
            return Err(Fault::plain(format!("{images} images"))
                .key("calibration.images")
                .expected(format!("at most the {} of the training split", pool.len()))
                .config());
        }
        shuffle(&mut pool, &mut keyed(Draw::Calibration, seed, 0, 0));
        let cells = table.cells();
        let lacking = |cell: usize, found: usize, wanted: usize| {
            Fault::plain(format!(
                "{found} images of {}",
                table.cell_name(cell as u32)
            ))
            .key("calibration.draw")
            .expected(format!("{wanted} at least"))
            .next("draw more images, or draw = \"random\"")
            .config()
        };
        let records = match by {
            DrawBy::Random | DrawBy::GroupWeighted => pool[..images].to_vec(),
            DrawBy::Balanced => {
                let mut records = Vec::with_capacity(images);
                for cell in 0..cells {
                    // What does not divide goes to the first groups.
                    let wanted = images / cells + usize::from(cell < images % cells);
                    let members = pool.iter().filter(|&&r| table.cell(r) as usize == cell);
                    let members: Vec<usize> = members.copied().take(wanted).collect();
                    if members.len() < wanted {
                        return Err(lacking(cell, members.len(), wanted));
                    }
                    records.extend(members);
                }
                shuffle(&mut records, &mut keyed(Draw::Calibration, seed, 1, 0));
                records
            }
        };
        let mut counts = vec![0usize; cells];
        records
            .iter()
            .for_each(|&r| counts[table.cell(r) as usize] += 1);
        if by == DrawBy::GroupWeighted
            && let Some(cell) = counts.iter().position(|n| *n == 0)
        {
            return Err(lacking(cell, 0, 1));
        }
        let weight = |&r: &usize| match by {
            DrawBy::Random | DrawBy::Balanced => 1.0,
            DrawBy::GroupWeighted => {
                images as f64 / (cells * counts[table.cell(r) as usize]) as f64
            }
        };
        let weights = records.iter().map(weight).collect();
        Ok(Self { records, weights })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataConfig, Split, synth};

    #[test]
    fn groups_are_drawn_or_weighted_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let config = synth::SynthConfig {
            images: 400,
            ..synth::SynthConfig::default()
        };
        synth::generate(&config, dir.path(), &|_| ()).unwrap();
        let data = DataConfig {
            dir: Some(dir.path().to_path_buf()),
            ..DataConfig::default()
        };
        let table = Table::open(&data).unwrap();
        let pool = table.split(Split::Train);
        let draw = |images, by, seed| CalibrationSet::draw(&table, pool.clone(), images, by, seed);
        let count = |set: &CalibrationSet, cell: u32| {
            let of = set.records.iter().filter(|&&r| table.cell(r) == cell);
            of.count()
        };
        let random = draw(100, DrawBy::Random, 1).unwrap();
        assert_eq!(random, draw(100, DrawBy::Random, 1).unwrap());
        assert_ne!(random, draw(100, DrawBy::Random, 2).unwrap());
        assert_eq!(random.weights, [1.0; 100]);
        let mut once = random.records.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), 100);
        let balanced = draw(42, DrawBy::Balanced, 1).unwrap();
        let counts: Vec<usize> = (0..4).map(|cell| count(&balanced, cell)).collect();
        assert_eq!(counts, [11, 11, 10, 10]);
        let weighted = draw(100, DrawBy::GroupWeighted, 1).unwrap();
        assert_eq!(weighted.records, random.records);
        for cell in 0..4 {
            let each = weighted.records.iter().zip(&weighted.weights);
            let sum: f64 = each
                .filter(|(r, _)| table.cell(**r) == cell)
                .map(|(_, w)| w)
                .sum();
            assert!((sum - 25.0).abs() < 1e-9, "{cell}: {sum}");
        }
        let many = draw(pool.len() + 1, DrawBy::Random, 1).unwrap_err();
        assert_eq!(many.exit_code(), 2);
        // One image cannot be of four groups; four hundred cannot be balanced.
        let one = draw(1, DrawBy::GroupWeighted, 1).unwrap_err().to_string();
        assert!(one.contains("0 images of male="), "{one}");
        let all = draw(pool.len(), DrawBy::Balanced, 1)
            .unwrap_err()
            .to_string();
        assert!(
            all.contains("calibration.draw") && all.contains("images of"),
            "{all}"
        );
    }
}
