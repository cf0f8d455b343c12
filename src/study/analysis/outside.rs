//! Configurations outside the declared family: controls, other targets, other seeds.

use super::configuration::Configuration;
use super::measured::Measured;
use super::results::against_baseline;
use crate::fairness::Gap;
use crate::fairness::compare::family::holm;

/// A target, seed and whether of controls; each configuration with its two p.
type Question = ((String, u64, bool), Vec<(usize, [f64; 2])>);

/// Holm's p of DP and EO for configurations outside the family, each within its own question: the
/// controls together, and each target and seed of the variants.
pub fn holm_within_questions(
    configurations: &[Configuration],
    targets: &[Measured],
) -> Vec<(usize, [f64; 2])> {
    let mut groups: Vec<Question> = Vec::new();
    for m in targets {
        for (place, entry) in m.entries.iter().enumerate() {
            let Some((_, comparison)) = against_baseline(m, place) else {
                continue;
            };
            let primary = &comparison.attributes[m.grouping.primary()];
            let p = [Gap::Dp, Gap::Eo].map(|gap| {
                let found = primary.gaps.iter().find(|g| g.gap == gap);
                match found {
                    Some(g) if g.adjusted.is_none() => g.p.unwrap_or(f64::NAN),
                    _ => f64::NAN,
                }
            });
            let question = (
                m.target.clone(),
                entry.key.seed,
                configurations[entry.at].control,
            );
            match groups.iter_mut().find(|g| g.0 == question) {
                Some(group) => group.1.push((entry.at, p)),
                None => groups.push((question, vec![(entry.at, p)])),
            }
        }
    }
    let mut found = Vec::new();
    for (_, members) in groups {
        let flat: Vec<f64> = members
            .iter()
            .flat_map(|m| m.1)
            .filter(|p| !p.is_nan())
            .collect();
        let mut held = holm(&flat).into_iter();
        for (at, p) in members {
            let of = p.map(|p| {
                if p.is_nan() {
                    p
                } else {
                    held.next().unwrap_or(f64::NAN)
                }
            });
            if of.iter().any(|p| !p.is_nan()) {
                found.push((at, of));
            }
        }
    }
    found
}
