//! Whether methods change groups differently on different architectures: a restricted permutation test.
//!
//! d_i[m][k] is what method k changes in the decision of architecture m on image i: −1, 0 or 1. Its mean
//! over a group is the change of the group's rate; less the mean over groups it is what the method does
//! to that group in particular. The statistic is the sum over groups of the squares of what is left of
//! that after the effects of architecture and of method (double centring): the interaction. Under no
//! interaction the architectures of an image can be permuted, all methods together; a shift that is the
//! same for all methods of an architecture, its main effect, drops out of the statistic, so that only
//! the interaction is tested (Anderson & ter Braak 2003 on restricted permutation). The test is
//! approximate: architectures must be alike in spread.

use rand::seq::SliceRandom;
use rayon::prelude::*;

use crate::fairness::replicate_rng;

/// Keeps the streams of these permutations apart from those of replicates.
const STREAMS: u64 = 5 << 60;

/// Images with everything that the test needs.
pub struct Changes<'a> {
    /// Class of each image: a group, or a group and label.
    pub class_of: Vec<usize>,
    /// Which set of rates each class is of; the mean over a set is taken off.
    pub set_of: Vec<usize>,
    /// Decisions of the base of each architecture.
    pub bases: Vec<&'a [u8]>,
    /// Decisions of each architecture's methods.
    pub others: Vec<Vec<&'a [u8]>>,
    /// People, where known: their images are permuted alike.
    pub people: Option<&'a [u32]>,
}

/// p of no interaction; `None` with fewer than two architectures or methods.
pub fn p(changes: &Changes, permutations: usize, seed: u64) -> Option<f64> {
    let (models, methods) = (changes.bases.len(), changes.others.first()?.len());
    if models < 2 || methods < 2 {
        return None;
    }
    let width = models * methods;
    let row = |i: usize| -> Vec<i8> {
        let mut row = Vec::with_capacity(width);
        for (base, others) in changes.bases.iter().zip(&changes.others) {
            row.extend(others.iter().map(|o| o[i] as i8 - base[i] as i8));
        }
        row
    };
    // Images on which nothing changes are the same in any order.
    let moved: Vec<(usize, Vec<i8>)> = (0..changes.class_of.len())
        .map(|i| (i, row(i)))
        .filter(|(_, row)| row.iter().any(|d| *d != 0))
        .collect();
    let classes = changes.set_of.len();
    let mut sizes = vec![0.0; classes];
    changes.class_of.iter().for_each(|c| sizes[*c] += 1.0);
    // Units that are permuted together, as places in `moved`.
    let unit_of = |i: usize| changes.people.map_or(i as u32, |people| people[i]);
    let mut units: Vec<(u32, usize)> = moved
        .iter()
        .enumerate()
        .map(|(at, (i, _))| (unit_of(*i), at))
        .collect();
    units.sort_unstable();
    let statistic = |orders: &mut dyn FnMut() -> Vec<usize>| -> f64 {
        let mut sums = vec![0.0; classes * width];
        let mut order = Vec::new();
        let mut unit = None;
        for (of, at) in &units {
            if unit != Some(*of) {
                order = orders();
                unit = Some(*of);
            }
            let (i, row) = &moved[*at];
            let to = &mut sums[changes.class_of[*i] * width..][..width];
            for (m, from) in order.iter().enumerate() {
                for k in 0..methods {
                    to[m * methods + k] += f64::from(row[from * methods + k]);
                }
            }
        }
        interaction(&sums, &sizes, &changes.set_of, models, methods)
    };
    let plain: Vec<usize> = (0..models).collect();
    let observed = statistic(&mut || plain.clone());
    let reached = (0..permutations as u64)
        .into_par_iter()
        .filter(|r| {
            let mut rng = replicate_rng(seed, STREAMS | r);
            let mut order = plain.clone();
            let drawn = statistic(&mut || {
                order.shuffle(&mut rng);
                order.clone()
            });
            drawn >= observed - 1e-15
        })
        .count();
    Some((1 + reached) as f64 / (permutations + 1) as f64)
}

/// Sum of squares of the interaction of group-wise changes of rates.
fn interaction(
    sums: &[f64],
    sizes: &[f64],
    set_of: &[usize],
    models: usize,
    methods: usize,
) -> f64 {
    let width = models * methods;
    let sets = set_of.iter().max().map_or(0, |s| s + 1);
    let mut total = 0.0;
    for set in 0..sets {
        let classes: Vec<usize> = (0..set_of.len())
            .filter(|c| set_of[*c] == set && sizes[*c] > 0.0)
            .collect();
        let rate = |c: usize, at: usize| sums[c * width + at] / sizes[c];
        let mean: Vec<f64> = (0..width)
            .map(|at| classes.iter().map(|c| rate(*c, at)).sum::<f64>() / classes.len() as f64)
            .collect();
        for &c in &classes {
            let u: Vec<f64> = (0..width).map(|at| rate(c, at) - mean[at]).collect();
            let all = u.iter().sum::<f64>() / width as f64;
            let of_model: Vec<f64> = (0..models)
                .map(|m| u[m * methods..][..methods].iter().sum::<f64>() / methods as f64)
                .collect();
            for k in 0..methods {
                let of_method =
                    (0..models).map(|m| u[m * methods + k]).sum::<f64>() / models as f64;
                for m in 0..models {
                    total += (u[m * methods + k] - of_model[m] - of_method + all).powi(2);
                }
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// Three architectures, two methods, two groups; `special` flips the first group's decisions on one
    /// architecture with one method.
    fn found(special: f64, seed: u64) -> f64 {
        let n = 600;
        let mut rng = replicate_rng(seed, 1);
        let base: Vec<u8> = (0..n).map(|_| rng.random_bool(0.5).into()).collect();
        let mut others: Vec<Vec<Vec<u8>>> = Vec::new();
        for m in 0..3 {
            let mut of = Vec::new();
            for k in 0..2 {
                let share = 0.05 + 0.05 * k as f64;
                let decide = |i: usize, rng: &mut rand_chacha::ChaCha8Rng| {
                    let hit = m == 0 && k == 1 && i.is_multiple_of(2) && rng.random_bool(special);
                    match (hit, rng.random_bool(share)) {
                        (true, _) => 1,
                        (false, true) => 1 - base[i],
                        _ => base[i],
                    }
                };
                of.push((0..n).map(|i| decide(i, &mut rng)).collect());
            }
            others.push(of);
        }
        let changes = Changes {
            class_of: (0..n).map(|i| i % 2).collect(),
            set_of: vec![0, 0],
            bases: vec![&base; 3],
            others: others
                .iter()
                .map(|of| of.iter().map(Vec::as_slice).collect())
                .collect(),
            people: None,
        };
        p(&changes, 400, 3).unwrap()
    }

    #[test]
    fn an_interaction_is_found_and_none_is_not() {
        assert!(found(0.3, 1) < 0.01);
        let small = (0..40).filter(|seed| found(0.0, 10 + seed) <= 0.1).count();
        // Binomial(40, 0.1): more than 10 has a probability of 0.0015.
        assert!(small <= 10, "{small} of 40 at 10 %");
    }
}
