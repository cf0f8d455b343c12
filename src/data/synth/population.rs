//! Who is in the set: CelebA's proportions of splits, gender × age groups and smiles; identities.
//!
//! Counts of CelebA (Liu et al., ICCV 2015, `list_attr_celeba.txt` × `list_eval_partition.txt`),
//! scaled to the wanted number of images by largest remainders. As there, the images of a split are
//! consecutive, a person has several images, and nobody is in two splits.

use super::dice::{Dice, Owner};

/// A gender × age cell in CelebA's terms (as perceived by annotators).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Group {
    /// `Male` is 1.
    pub male: bool,
    /// `Young` is 1.
    pub young: bool,
}

/// The four groups, in the order of [`CELEBA`].
pub const GROUPS: [Group; 4] = [
    Group {
        male: false,
        young: false,
    },
    Group {
        male: false,
        young: true,
    },
    Group {
        male: true,
        young: false,
    },
    Group {
        male: true,
        young: true,
    },
];

/// Images and smiling images of CelebA by partition (train, validation, test) and group.
pub const CELEBA: [[(usize, usize); 4]; 3] = [
    [
        (11_167, 7_668),
        (83_342, 43_153),
        (24_815, 10_647),
        (43_446, 16_612),
    ],
    [
        (1_795, 1_218),
        (9_614, 4_939),
        (3_240, 1_494),
        (5_218, 1_951),
    ],
    [
        (1_916, 1_305),
        (10_331, 5_588),
        (2_932, 1_185),
        (4_783, 1_909),
    ],
];

/// Images per identity; the last one of a group takes what is left.
const IMAGES_PER_PERSON: (usize, usize) = (5, 20);

/// One image of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// 0 train, 1 validation, 2 test.
    pub partition: usize,
    /// Gender × age.
    pub group: Group,
    /// Identity, counted from 1.
    pub identity: usize,
    /// The label.
    pub smiling: bool,
}

/// Plans `images` images: the splits one after the other, in random order within each.
pub fn plan(images: usize, seed: u64) -> Vec<Member> {
    let mut dice = Dice::new(seed, Owner::Plan);
    let mut members = Vec::with_capacity(images);
    let mut identity = 0;
    for (partition, cells) in allocate(images).iter().enumerate() {
        let mut split = Vec::new();
        for (group, &[calm, smiling]) in GROUPS.iter().zip(cells) {
            let mut labels = vec![false; calm];
            labels.resize(calm + smiling, true);
            dice.shuffle(&mut labels);
            let mut left = 0;
            for (i, &smiling) in labels.iter().enumerate() {
                if left == 0 {
                    identity += 1;
                    left = person_size(&mut dice, labels.len() - i);
                }
                left -= 1;
                split.push(Member {
                    partition,
                    group: *group,
                    identity,
                    smiling,
                });
            }
        }
        dice.shuffle(&mut split);
        members.append(&mut split);
    }
    members
}

/// How many of the `available` images the next person of a group gets.
fn person_size(dice: &mut Dice, available: usize) -> usize {
    let (low, high) = IMAGES_PER_PERSON;
    let size = low + dice.below(high - low + 1);
    // Nobody is left with fewer than `low` images.
    if available < size + low {
        available
    } else {
        size
    }
}

/// Images per partition, group and label (not smiling, smiling).
pub fn allocate(images: usize) -> [[[usize; 2]; 4]; 3] {
    let split_weights = CELEBA.map(|groups| groups.iter().map(|g| g.0).sum::<usize>());
    let splits = largest_remainder(images, &split_weights);
    let mut cells = [[[0; 2]; 4]; 3];
    for (partition, groups) in CELEBA.iter().enumerate() {
        let weights: Vec<usize> = groups
            .iter()
            .flat_map(|&(n, smiling)| [n - smiling, smiling])
            .collect();
        let counts = largest_remainder(splits[partition], &weights);
        for (i, count) in counts.into_iter().enumerate() {
            cells[partition][i / 2][i % 2] = count;
        }
    }
    cells
}

/// Splits `total` in proportion to `weights` by Hamilton's method: each share is its quota rounded
/// down or up. Where `total` suffices nobody gets nothing: the largest shares give one away.
fn largest_remainder(total: usize, weights: &[usize]) -> Vec<usize> {
    let sum: usize = weights.iter().sum();
    let mut shares: Vec<usize> = weights.iter().map(|w| total * w / sum).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(total * weights[i] % sum), i));
    let missing = total - shares.iter().sum::<usize>();
    for &i in order.iter().take(missing) {
        shares[i] += 1;
    }
    while total >= shares.len() {
        let Some(empty) = shares.iter().position(|&s| s == 0) else {
            break;
        };
        let largest = (0..shares.len())
            .max_by_key(|&i| shares[i])
            .unwrap_or(empty);
        shares[largest] -= 1;
        shares[empty] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn at_full_size_the_counts_are_celebas() {
        let cells = allocate(202_599);
        for (cells, celeba) in cells.iter().zip(CELEBA) {
            for (cell, (n, smiling)) in cells.iter().zip(celeba) {
                assert_eq!(*cell, [n - smiling, smiling]);
            }
        }
    }

    #[test]
    fn scaled_counts_are_within_rounding_and_never_empty() {
        for images in [1000, 1001, 4321, 12_000] {
            let cells = allocate(images);
            assert_eq!(cells.iter().flatten().flatten().sum::<usize>(), images);
            for (cells, celeba) in cells.iter().zip(CELEBA) {
                for (cell, (n, smiling)) in cells.iter().zip(celeba) {
                    for (got, of) in cell.iter().zip([n - smiling, smiling]) {
                        // One image of rounding of the split, scaled by the cell's share (below
                        // one), and one of the cell.
                        let quota = images as f64 * of as f64 / 202_599.0;
                        assert!((*got as f64 - quota).abs() < 2.0, "{got} of {quota}");
                        assert!(*got > 0);
                    }
                }
            }
        }
    }

    #[test]
    fn every_split_and_label_is_there_from_a_hundred_images_on() {
        assert!(allocate(100).iter().flatten().flatten().all(|&n| n > 0));
    }

    #[test]
    fn a_person_has_one_group_one_split_and_several_images() {
        let members = plan(3000, 7);
        assert_eq!(members.len(), 3000);
        let mut people: HashMap<usize, Vec<Member>> = HashMap::new();
        for m in &members {
            people.entry(m.identity).or_default().push(*m);
        }
        for images in people.values() {
            assert!(
                images
                    .iter()
                    .all(|m| m.group == images[0].group && m.partition == images[0].partition)
            );
            assert!((5..25).contains(&images.len()), "{}", images.len());
        }
        // Counted from 1, without holes.
        assert_eq!(people.keys().max(), Some(&people.len()));
        assert!(members.is_sorted_by_key(|m| m.partition));
        assert_ne!(members, plan(3000, 8));
    }
}
