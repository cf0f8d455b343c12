//! Groups: each sensitive attribute alone, and the intersections of several.
//!
//! Everything rests on the *cells*, the combinations of all attributes that occur (`male=0*young=1`):
//! every group is a union of cells. A group that no image falls into is kept: a gap over it is not
//! estimable, rather than silently a gap over the others.

use std::collections::HashMap;

use crate::error::{Fault, Result};
use crate::fairness::table::attribute::AttributeColumn;

/// A frame of more groups than this cannot be audited: most would be empty.
pub const MAX_GROUPS: usize = 4096;
/// More frames than this are refused: nobody reads them.
pub const MAX_FRAMES: usize = 4096;

/// Which groups are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    /// Intersections of up to so many attributes; 1 = each attribute alone.
    pub order: usize,
    /// The attribute or intersection of the primary metrics, whose groups are also the strata; without
    /// one, the widest intersection of the first attributes that is looked at.
    pub primary: Option<String>,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            order: 2,
            primary: None,
        }
    }
}

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
    /// Number of cells.
    pub cells: usize,
    /// For each image, its cell; cells are ordered by the levels of the attributes, the last varying
    /// fastest.
    pub cell_of: Vec<u32>,
    /// Every attribute alone, in table order, then the pairs, the triples, …
    pub frames: Vec<Frame>,
    primary: usize,
}

impl Grouping {
    /// Groups images by their attributes (at least one, all of one length).
    ///
    /// # Errors
    /// Config error for an order of 0 or a primary frame that is not looked at; data error when a frame
    /// has more than [`MAX_GROUPS`] groups, or there are more than [`MAX_FRAMES`] frames.
    pub fn new(attributes: &[AttributeColumn], orders: &Orders) -> Result<Self> {
        if orders.order == 0 {
            return Err(Fault::plain("0")
                .key("audit.order")
                .expected("at least 1: each attribute alone")
                .config());
        }
        let (cell_of, codes) = cells(attributes);
        let mut frames = Vec::new();
        for order in 1..=orders.order.min(attributes.len()) {
            for subset in subsets(attributes.len(), order) {
                if frames.len() == MAX_FRAMES {
                    return Err(Fault::plain(format!(
                        "{} attributes, with more than {MAX_FRAMES} intersections up to order {order}",
                        attributes.len()
                    ))
                    .expected("fewer")
                    .next("lower audit.order, or choose columns with --attributes")
                    .data());
                }
                frames.push(frame(attributes, &codes, &subset)?);
            }
        }
        let primary = match &orders.primary {
            // The first of the highest order is that of the first attributes.
            None => {
                let widest = orders.order.min(attributes.len());
                let first: Vec<&str> = attributes[..widest].iter().map(|a| a.name()).collect();
                frames.iter().position(|f| f.name == first.join("*"))
            }
            Some(name) => frames.iter().position(|f| f.name == *name),
        };
        let Some(primary) = primary else {
            let known: Vec<&str> = frames.iter().map(|f| f.name.as_str()).collect();
            return Err(Fault::plain(format!("{:?}", orders.primary))
                .key("audit.primary")
                .expected(format!("one of {}", known.join(", ")))
                .config());
        };
        Ok(Self {
            cells: codes.len(),
            cell_of,
            frames,
            primary,
        })
    }

    /// Index of the frame that primary metrics are read from.
    pub fn primary(&self) -> usize {
        self.primary
    }

    /// For each cell, the stratum of the bootstrap: its group in the primary frame.
    pub fn stratum_of_cell(&self) -> &[usize] {
        &self.frames[self.primary].group_of_cell
    }
}

/// The cell of each image, and the levels of each cell.
fn cells(attributes: &[AttributeColumn]) -> (Vec<u32>, Vec<Vec<u16>>) {
    let n = attributes.first().map_or(0, |a| a.codes().len());
    let mut cell_of = vec![0u32; n];
    let mut codes: Vec<Vec<u16>> = vec![Vec::new()];
    // One attribute after the other splits the cells so far; those that nobody is in never arise.
    for attribute in attributes {
        let width = attribute.levels().len() as u64;
        let mut kinds: HashMap<u64, u32> = HashMap::new();
        let split: Vec<u64> = cell_of
            .iter()
            .zip(attribute.codes())
            .map(|(cell, code)| u64::from(*cell) * width + u64::from(*code))
            .collect();
        for key in &split {
            kinds.entry(*key).or_default();
        }
        let mut order: Vec<u64> = kinds.keys().copied().collect();
        order.sort_unstable();
        for (new, key) in (0u32..).zip(&order) {
            kinds.insert(*key, new);
        }
        codes = order
            .iter()
            .map(|key| {
                let mut levels = codes[(key / width) as usize].clone();
                levels.push((key % width) as u16);
                levels
            })
            .collect();
        for (cell, key) in cell_of.iter_mut().zip(&split) {
            *cell = kinds[key];
        }
    }
    (cell_of, codes)
}

/// Subsets of `0..n` of a size, in dictionary order.
fn subsets(n: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut next = (size <= n).then(|| (0..size).collect::<Vec<usize>>());
    std::iter::from_fn(move || {
        let found = next.clone()?;
        // The last element that can go up does, and those after it follow closely.
        let up = (0..size).rev().find(|i| found[*i] < n - size + i);
        next = up.map(|i| {
            let head = found[..i].iter().copied();
            head.chain((0..size - i).map(|j| found[i] + 1 + j))
                .collect()
        });
        Some(found)
    })
}

/// The frame of the attributes chosen by `subset`, in that order.
fn frame(attributes: &[AttributeColumn], codes: &[Vec<u16>], subset: &[usize]) -> Result<Frame> {
    let chosen: Vec<&AttributeColumn> = subset.iter().map(|a| &attributes[*a]).collect();
    let names: Vec<&str> = chosen.iter().map(|a| a.name()).collect();
    let widths: Vec<usize> = chosen.iter().map(|a| a.levels().len()).collect();
    let groups = widths
        .iter()
        .try_fold(1usize, |product, width| product.checked_mul(*width))
        .filter(|groups| *groups <= MAX_GROUPS);
    if groups.is_none() {
        return Err(Fault::plain(format!(
            "{widths:?} levels, whose combinations are too many groups"
        ))
        .key(names.join("*"))
        .expected(format!("at most {MAX_GROUPS} combinations"))
        .next("cut continuous columns with audit.bins, or choose columns with --attributes")
        .data());
    }
    let group_of_cell = codes.iter().map(|levels| {
        let digits = subset.iter().zip(&widths);
        digits.fold(0, |group, (a, width)| {
            group * width + usize::from(levels[*a])
        })
    });
    let mut groups = vec![String::new()];
    for attribute in &chosen {
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
    Ok(Frame {
        name: names.join("*"),
        groups,
        group_of_cell: group_of_cell.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(order: usize) -> Orders {
        Orders {
            order,
            primary: None,
        }
    }

    #[test]
    fn cells_and_groups_name_the_same_images() {
        let race = AttributeColumn::new("race", &["b", "a", "c", "a"]).unwrap();
        let male = AttributeColumn::new("male", &["1", "0", "0", "1"]).unwrap();
        let age = AttributeColumn::new("age", &["10", "9", "9", "10"]).unwrap();
        let columns = [race, male, age];
        let grouping = Grouping::new(&columns, &up_to(3)).unwrap();
        // Of 12 combinations 4 occur.
        assert_eq!(grouping.cells, 4);
        let names: Vec<&str> = grouping.frames.iter().map(|f| f.name.as_str()).collect();
        let all = "race male age race*male race*age male*age race*male*age";
        assert_eq!(names.join(" "), all);
        assert_eq!(grouping.primary(), 6);
        for frame in &grouping.frames {
            let of = |name: &str| columns.iter().find(|c| c.name() == name).unwrap();
            for (i, cell) in grouping.cell_of.iter().enumerate() {
                let level = |name: &str| format!("{name}={}", of(name).level(i));
                let expected: Vec<String> = frame.name.split('*').map(level).collect();
                let group = frame.group_of_cell[*cell as usize];
                assert_eq!(frame.groups[group], expected.join("*"));
            }
        }
        // Whole numbers sort as numbers: 9 before 10.
        assert_eq!(grouping.frames[2].groups, ["age=9", "age=10"]);
        assert_eq!(grouping.frames[6].groups.len(), 12);
    }

    #[test]
    fn the_primary_frame_can_be_named() {
        let column = |name| AttributeColumn::new(name, &["0", "1"]).unwrap();
        let columns = ["a", "b", "c"].map(column);
        let primary = |order, name: Option<&str>| {
            let orders = Orders {
                order,
                primary: name.map(String::from),
            };
            Grouping::new(&columns, &orders).map(|g| g.frames[g.primary()].name.clone())
        };
        assert_eq!(primary(2, None).unwrap(), "a*b");
        assert_eq!(primary(1, None).unwrap(), "a");
        assert_eq!(primary(9, None).unwrap(), "a*b*c");
        assert_eq!(primary(2, Some("b*c")).unwrap(), "b*c");
        let error = primary(1, Some("b*c")).unwrap_err();
        assert!(error.to_string().contains("audit.primary"), "{error}");
        assert!(primary(0, None).is_err());
    }

    #[test]
    fn many_attributes_work_and_too_many_groups_are_refused() {
        let values: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let a = AttributeColumn::new("a", &values).unwrap();
        let one = Grouping::new(std::slice::from_ref(&a), &up_to(2)).unwrap();
        assert_eq!(one.frames.len(), 1);
        let b = AttributeColumn::new("b", &values).unwrap();
        let error = Grouping::new(&[a, b], &up_to(2)).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("`a*b`"), "{error}");
        // 2⁴⁰ combinations, of which at most 100 occur.
        let forty: Vec<AttributeColumn> = (0..40)
            .map(|a| {
                let bits: Vec<String> = (0..100)
                    .map(|i| (i * (a + 3) % 7 % 2).to_string())
                    .collect();
                AttributeColumn::new(&format!("a{a}"), &bits).unwrap()
            })
            .collect();
        let grouping = Grouping::new(&forty, &up_to(2)).unwrap();
        assert_eq!(grouping.frames.len(), 40 + 780);
        assert!(grouping.cells <= 100);
    }
}
