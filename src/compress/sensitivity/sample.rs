//! The images that sensitivity is measured on, and the groups that they belong to.

use burn::tensor::{Device, Tensor};

use crate::compress::calibration_set::CalibrationSet;
use crate::data::random::{Draw, keyed, shuffle};
use crate::data::{Augment, Faces, Table, loader};
use crate::error::{Fault, Result};

/// Images by what they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `male=0`, `male=0*young=1`; empty for everybody.
    pub name: String,
    /// The cells of all attributes that it consists of, ascending.
    pub cells: Vec<usize>,
}

/// Everybody, then the groups of each attribute, then (of several attributes) their intersections.
pub fn groups(table: &Table) -> Vec<Group> {
    let cells = table.cells();
    let mut groups = vec![Group {
        name: String::new(),
        cells: (0..cells).collect(),
    }];
    // A cell is a number whose digits are levels, the first attribute most significant.
    let mut below = cells;
    for attribute in &table.attributes {
        let levels = attribute.levels.len();
        below /= levels;
        for (level, value) in attribute.levels.iter().enumerate() {
            groups.push(Group {
                name: format!("{}={value}", attribute.name),
                cells: (0..cells)
                    .filter(|cell| cell / below % levels == level)
                    .collect(),
            });
        }
    }
    if table.attributes.len() > 1 {
        groups.extend((0..cells).map(|cell| Group {
            name: table.cell_name(cell as u32),
            cells: vec![cell],
        }));
    }
    groups
}

/// Draws `images` of `pool`, records of the training split, as evenly over the cells of all attributes as
/// they allow, so that small groups are measured as well as large ones. Weights bring the cells back to
/// their shares of the pool: weighted means over everybody are those of the population.
///
/// # Errors
/// Data error naming a cell without images in the pool; configuration error for fewer images than cells or
/// more than there are.
pub fn draw_evenly(
    table: &Table,
    mut pool: Vec<usize>,
    images: usize,
    seed: u64,
) -> Result<CalibrationSet> {
    let cells = table.cells();
    let refused = |expected: String| {
        let fault = Fault::plain(format!("{images} images")).key("images");
        Err(fault.expected(expected).config())
    };
    if images < cells {
        return refused(format!("{cells} at least: one of each group"));
    }
    if images > pool.len() {
        return refused(format!("at most the {} of the training split", pool.len()));
    }
    shuffle(&mut pool, &mut keyed(Draw::Calibration, seed, 0, 0));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); cells];
    pool.iter()
        .for_each(|&record| members[table.cell(record) as usize].push(record));
    if let Some(cell) = members.iter().position(Vec::is_empty) {
        let name = table.cell_name(cell as u32);
        return Err(Fault::new(
            &table.listing,
            format!("no image of {name} in the train split"),
        )
        .expected("some of every group")
        .next("leave out an attribute: data.attributes")
        .data());
    }
    let taken = spread(&members.iter().map(Vec::len).collect::<Vec<_>>(), images);
    let (mut records, mut weights) = (Vec::new(), Vec::new());
    for (members, taken) in members.iter().zip(taken) {
        let share = members.len() as f64 / pool.len() as f64;
        records.extend(&members[..taken]);
        weights.extend(vec![share * images as f64 / taken as f64; taken]);
    }
    Ok(CalibrationSet { records, weights })
}

/// How many of each cell, `images` in all: the same from each, and what a small one lacks from the others.
fn spread(available: &[usize], images: usize) -> Vec<usize> {
    let mut taken = vec![0; available.len()];
    let mut left = images;
    while left > 0 {
        let open: Vec<usize> = (0..taken.len())
            .filter(|&c| taken[c] < available[c])
            .collect();
        // What does not divide goes to the first.
        let each = (left / open.len()).max(1);
        for c in open.into_iter().take(left) {
            let more = each.min(available[c] - taken[c]);
            taken[c] += more;
            left -= more;
        }
    }
    taken
}

/// Images in memory.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `[B, 3, px, px]` each, in order.
    pub batches: Vec<Tensor<4>>,
    /// Class of each image.
    pub labels: Vec<u8>,
    /// Cell of each image.
    pub cells: Vec<usize>,
    /// How much each image counts.
    pub weights: Vec<f64>,
    /// Everybody first.
    pub groups: Vec<Group>,
}

impl Sample {
    /// Loads the images of a set.
    ///
    /// # Errors
    /// Data error when one cannot be loaded; configuration error naming a group that the set has no image of.
    pub fn load(
        faces: &Faces,
        set: &CalibrationSet,
        batch: usize,
        device: &Device,
    ) -> Result<Self> {
        let loader = loader(faces, set.records.clone(), batch, Augment::None, device);
        let mut sample = Self {
            batches: Vec::new(),
            labels: Vec::new(),
            cells: Vec::new(),
            weights: set.weights.clone(),
            groups: groups(faces.table()),
        };
        for batch in loader.iter() {
            let batch = batch.map_err(|e| Fault::plain(e.to_string()).data())?;
            sample.batches.push(batch.images);
            sample.labels.extend(batch.label_list);
            sample.cells.extend(batch.cells.iter().map(|&c| c as usize));
        }
        for group in &sample.groups {
            if !sample.cells.iter().any(|cell| group.cells.contains(cell)) {
                return Err(Fault::plain(format!("0 images of {}", group.name))
                    .key("images")
                    .expected("some of every group")
                    .next("draw more images, or draw = \"balanced\"")
                    .config());
            }
        }
        Ok(sample)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cells_give_all_they_have_and_the_others_the_rest() {
        assert_eq!(spread(&[100, 100, 100, 100], 42), [11, 11, 10, 10]);
        assert_eq!(spread(&[3, 100, 100, 5], 60), [3, 26, 26, 5]);
        assert_eq!(spread(&[3, 2], 5), [3, 2]);
        assert_eq!(spread(&[9, 9, 9], 3), [1, 1, 1]);
    }
}
