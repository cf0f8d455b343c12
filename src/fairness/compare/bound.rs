//! How far a gap can have changed where next to no decision did: exact, without a bootstrap.
//!
//! A bootstrap of images on which no decision changed says [0, 0], which is not what is known: see
//! [`equivalence`](super::equivalence).

use super::equivalence::{Changes, Flips, Over, SPARSE, reach};
use super::people::Images;
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::rates::Rate;

/// A bound of |ΔG| that is wrong with probability at most `alpha` on either side, from exact bounds of
/// the flip rates of each group; `None` where five or more images (or people) changed sides, so that the
/// bootstrap can be trusted, or where differences of rates do not bound the gap (the ratio DI, PPV).
/// Range [0, 2]; 2 for a sum, else 1, where a group has no image that a rate is over.
///
/// `images` are everybody's label, decisions and person; without `person` each image stands for itself.
pub fn exact_bound(
    gap: Gap,
    label: &[u8],
    decisions: [&[u8]; 2],
    person: Option<&[u32]>,
    groups: (&[usize], usize),
    alpha: f64,
) -> Option<f64> {
    let (rates, over): (&[Rate], Over) = match gap {
        Gap::Dp => (&[Rate::Selection], Over::Pairs),
        Gap::Eo | Gap::EoMean | Gap::EoSum => (&[Rate::Tpr, Rate::Fpr], Over::Pairs),
        Gap::Eopp => (&[Rate::Tpr], Over::Pairs),
        Gap::Pe => (&[Rate::Fpr], Over::Pairs),
        Gap::Accuracy => (&[Rate::Accuracy], Over::Pairs),
        Gap::WorstGroupAccuracy => (&[Rate::Accuracy], Over::Groups),
        Gap::Di | Gap::Ppv => return None,
    };
    let concerns = |i: &usize| match gap {
        Gap::Eopp => label[*i] == 1,
        Gap::Pe => label[*i] == 0,
        _ => true,
    };
    let differ = |i: &usize| decisions[0][*i] != decisions[1][*i];
    let changed = (0..label.len()).filter(|i| concerns(i) && differ(i));
    if person.is_none() && changed.count() as u64 >= SPARSE {
        return None;
    }
    let everyone: Vec<u32>;
    let person = match person {
        Some(person) => person,
        None => {
            everyone = (0..label.len() as u32).collect();
            &everyone
        }
    };
    let images = Images {
        label,
        base: decisions[0],
        other: decisions[1],
        person,
    };
    let flips: Vec<Vec<Flips>> = rates
        .iter()
        .map(|rate| images.flips(*rate, groups.0, groups.1))
        .collect();
    let changed: u64 = flips.iter().flatten().map(|f| f.up + f.down).sum();
    if changed >= SPARSE {
        return None;
    }
    let changes: Vec<Changes> = flips
        .iter()
        .map(|flips| Changes {
            flips,
            replicates: &[],
        })
        .collect();
    // Both ranges of a sum may change by as much.
    let (times, most) = if gap == Gap::EoSum {
        (2.0, 2.0)
    } else {
        (1.0, 1.0)
    };
    Some((times * reach(&changes, over, alpha)).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_changed_nothing_is_bounded_by_its_smallest_groups() {
        let n = 300;
        let label: Vec<u8> = (0..n).map(|i| u8::from(i % 2 == 0)).collect();
        let group: Vec<usize> = (0..n).map(|i| usize::from(i >= 200)).collect();
        let bound =
            |gap, other: &[u8]| exact_bound(gap, &label, [&label, other], None, (&group, 2), 0.05);
        // Each group with half of the error, each of its flip rates with a quarter.
        let zero = |n: f64| 1.0 - 0.0125f64.powf(1.0 / n);
        let dp = bound(Gap::Dp, &label).unwrap();
        assert!((dp - zero(200.0) - zero(100.0)).abs() < 1e-12, "{dp}");
        let eo = bound(Gap::Eo, &label).unwrap();
        assert!((eo - zero(100.0) - zero(50.0)).abs() < 1e-12, "{eo}");
        assert_eq!(bound(Gap::EoSum, &label), Some(2.0 * eo));
        assert_eq!(bound(Gap::Di, &label), None);
        let mut other = label.clone();
        (0..5).for_each(|i| other[i] = 1 - other[i]);
        assert_eq!(bound(Gap::Dp, &other), None);
        other[0] = label[0];
        assert!(bound(Gap::Dp, &other).unwrap() > dp);
    }
}
