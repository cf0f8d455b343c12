//! Groups: each sensitive attribute alone, and the intersection of all of them.
//!
//! Everything rests on the *cells*, the combinations of all attributes (`male=0*young=1`): they are
//! the strata of the bootstrap, and every group is a union of cells. A cell that no image falls into
//! is kept: a gap over it is not estimable, rather than silently a gap over the others.

use super::attribute::AttributeColumn;
use crate::error::{Fault, Result};

/// More cells than this cannot be audited: most would be empty.
pub const MAX_CELLS: usize = 4096;

/// One way of grouping the images: an attribute (`male`) or an intersection (`male*young`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// `male`, or `male*young`.
    pub name: String,
    /// Names of the groups: `male=0`, or `male=0*young=1`.
    pub groups: Vec<String>,
    /// For each cell, the group it belongs to.
    pub group_of_cell: Vec<usize>,
}

/// The cells of all images, and the frames built on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Number of cells: the product of the attributes' numbers of levels.
    pub cells: usize,
    /// For each image, its cell; the last attribute varies fastest.
    pub cell_of: Vec<u32>,
    /// Every attribute alone, in table order, then the intersection where there are several.
    pub frames: Vec<Frame>,
}

impl Grouping {
    /// Groups `n` images by their attributes (at least one, all of length `n`).
    ///
    /// # Errors
    /// Data error when the attributes have more than [`MAX_CELLS`] combinations.
    pub fn new(attributes: &[AttributeColumn]) -> Result<Self> {
        let widths: Vec<usize> = attributes.iter().map(|a| a.levels().len()).collect();
        let cells = widths
            .iter()
            .try_fold(1usize, |product, w| product.checked_mul(*w));
        let Some(cells) = cells.filter(|c| *c <= MAX_CELLS) else {
            let names: Vec<&str> = attributes.iter().map(AttributeColumn::name).collect();
            return Err(Fault::plain(format!(
                "{widths:?} levels, whose combinations are too many groups"
            ))
            .key(names.join("*"))
            .expected(format!("at most {MAX_CELLS} combinations"))
            .next("cut continuous columns into bins, or leave columns out")
            .data());
        };

        let n = attributes.first().map_or(0, |a| a.codes().len());
        let mut cell_of = vec![0u32; n];
        for (attribute, width) in attributes.iter().zip(&widths) {
            for (cell, code) in cell_of.iter_mut().zip(attribute.codes()) {
                *cell = *cell * *width as u32 + u32::from(*code);
            }
        }

        let mut frames: Vec<Frame> = (0..attributes.len())
            .map(|a| frame(attributes, cells, &[a]))
            .collect();
        if attributes.len() > 1 {
            let all: Vec<usize> = (0..attributes.len()).collect();
            frames.push(frame(attributes, cells, &all));
        }
        Ok(Self {
            cells,
            cell_of,
            frames,
        })
    }

    /// The frame that primary metrics are read from: the intersection, or the only attribute.
    ///
    /// # Panics
    /// When there is no attribute.
    pub fn primary(&self) -> usize {
        self.frames
            .len()
            .checked_sub(1)
            .expect("a grouping has at least one attribute")
    }
}

/// The frame of the attributes chosen by `subset`, in that order.
fn frame(attributes: &[AttributeColumn], cells: usize, subset: &[usize]) -> Frame {
    let width = |a: usize| attributes[a].levels().len();
    let group_of_cell = (0..cells)
        .map(|cell| {
            subset.iter().fold(0, |group, a| {
                let stride: usize = (a + 1..attributes.len()).map(width).product();
                group * width(*a) + cell / stride % width(*a)
            })
        })
        .collect();
    let mut groups = vec![String::new()];
    for a in subset {
        let attribute = &attributes[*a];
        groups = groups
            .iter()
            .flat_map(|prefix| {
                attribute.levels().iter().map(move |level| {
                    let joint = if prefix.is_empty() { "" } else { "*" };
                    format!("{prefix}{joint}{}={level}", attribute.name())
                })
            })
            .collect();
    }
    let names: Vec<&str> = subset.iter().map(|a| attributes[*a].name()).collect();
    Frame {
        name: names.join("*"),
        groups,
        group_of_cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_groups_name_the_same_images() {
        let race = AttributeColumn::new("race", &["b", "a", "c", "a"]).unwrap();
        let male = AttributeColumn::new("male", &["1", "0", "0", "1"]).unwrap();
        let age = AttributeColumn::new("age", &["10", "9", "9", "10"]).unwrap();
        let columns = [race, male, age];
        let grouping = Grouping::new(&columns).unwrap();
        assert_eq!(grouping.cells, 12);
        let names: Vec<&str> = grouping.frames.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["race", "male", "age", "race*male*age"]);
        for (i, cell) in grouping.cell_of.iter().enumerate() {
            let mut joint = Vec::new();
            for (frame, column) in grouping.frames.iter().zip(&columns) {
                let name = &frame.groups[frame.group_of_cell[*cell as usize]];
                assert_eq!(*name, format!("{}={}", column.name(), column.level(i)));
                joint.push(name.clone());
            }
            let frame = &grouping.frames[3];
            assert_eq!(
                frame.groups[frame.group_of_cell[*cell as usize]],
                joint.join("*")
            );
        }
        // Whole numbers sort as numbers: 9 before 10.
        assert_eq!(grouping.frames[2].groups, ["age=9", "age=10"]);
    }

    #[test]
    fn one_attribute_has_no_intersection_and_too_many_cells_are_refused() {
        let values: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let a = AttributeColumn::new("a", &values).unwrap();
        assert_eq!(
            Grouping::new(std::slice::from_ref(&a))
                .unwrap()
                .frames
                .len(),
            1
        );
        let b = AttributeColumn::new("b", &values).unwrap();
        let error = Grouping::new(&[a, b]).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("`a*b`"), "{error}");
    }
}
