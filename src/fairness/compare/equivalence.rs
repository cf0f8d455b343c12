//! "Preserves fairness": whether a gap is shown to have changed by no more than a margin.
//!
//! With Δ_g the change of a rate in group g, |ΔG| ≤ max |Δ_g − Δ_h| for a maximum minus a minimum, and
//! |ΔG| ≤ max |Δ_g| for the worst group's accuracy. So a gap is equivalent within δ if the 90 % interval
//! of every such contrast lies within ±δ: two one-sided tests at 5 % (Schuirmann 1987), and an
//! intersection-union over contrasts, which needs no adjustment (Berger 1982).
//!
//! Where fewer than [`SPARSE`] images (or people) of a group changed sides, the bootstrap cannot be
//! trusted: no flip would give the interval [0, 0]. Such a group's Δ = (up − down) / n is bounded by the
//! exact bounds of both flip rates, each with a quarter of the error, and a contrast by the bounds of
//! its two groups, each with half.

use super::mcnemar::clopper_pearson;
use super::pair::Pair;
use crate::fairness::measure::rates::Rate;
use crate::fairness::resample::quantile::quantile;

/// Fewest flips of a group for which its bootstrap is used.
pub const SPARSE: u64 = 5;

/// Error of each one-sided test; the intervals have 1 − 2 of it.
pub const ALPHA: f64 = 0.05;

/// Images of a group by the side that they changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flips {
    /// Selected by the compressed model alone (or right by it alone, for accuracy).
    pub up: u64,
    /// By the base alone.
    pub down: u64,
    /// All that the rate is over: images, or people where identities are known.
    pub n: u64,
}

impl Flips {
    /// Images of a group that changed sides in a rate; only for rates over the same images for both
    /// models.
    ///
    /// # Panics
    /// For PPV, which is over different images for each model.
    pub fn of(rate: Rate, group: &Pair) -> Self {
        let of = group.of.map(u64::from);
        let (up, down, n) = match rate {
            Rate::Selection => (of[1] + of[5], of[2] + of[6], group.n()),
            Rate::Tpr => (of[5], of[6], of[4..].iter().sum()),
            Rate::Fpr => (of[1], of[2], of[..4].iter().sum()),
            Rate::Accuracy => (of[2] + of[5], of[1] + of[6], group.n()),
            Rate::Ppv => panic!("PPV is over different images for each model"),
        };
        Self { up, down, n }
    }
}

/// Change of a rate in each group of a frame.
pub struct Changes<'a> {
    /// Flips of each group.
    pub flips: &'a [Flips],
    /// Δ_g of each group in each replicate, `[replicates][groups]`; none is NaN.
    pub replicates: &'a [Vec<f64>],
}

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Differences Δ_g − Δ_h of all pairs of groups.
    Pairs,
    /// Each Δ_g.
    Groups,
}

/// The result of a test of equivalence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// The smallest margin that these data show.
    pub attainable: f64,
    /// The largest p of the one-sided tests at the margin asked for.
    pub p: f64,
}

/// Bounds of one contrast, as a function of the one-sided error.
enum Bound {
    /// Percentiles of sorted replicates.
    Bootstrap(Vec<f64>),
    /// From the bounds of the two groups, `upper` and `lower` of the first minus the second.
    Joined(Box<[Bound; 2]>),
    /// Exact, from flips.
    Exact(Flips),
}

impl Bound {
    fn at(&self, alpha: f64) -> [f64; 2] {
        match self {
            Self::Bootstrap(sorted) => [quantile(sorted, alpha), quantile(sorted, 1.0 - alpha)],
            Self::Joined(two) => {
                let [a, b] = [two[0].at(alpha / 2.0), two[1].at(alpha / 2.0)];
                [a[0] - b[1], a[1] - b[0]]
            }
            Self::Exact(flips) => {
                let [up, down] =
                    [flips.up, flips.down].map(|k| clopper_pearson(k, flips.n, alpha / 2.0));
                [up[0] - down[1], up[1] - down[0]]
            }
        }
    }

    /// How far from 0 the bounds reach.
    fn reach(&self, alpha: f64) -> f64 {
        let [lo, hi] = self.at(alpha);
        lo.abs().max(hi.abs())
    }
}

impl Changes<'_> {
    fn bounds(&self, over: Over) -> Vec<Bound> {
        let group = |g: usize| match self.sparse(g) {
            true => Bound::Exact(self.flips[g]),
            false => self.sorted(|row| row[g]),
        };
        let groups = 0..self.flips.len();
        match over {
            Over::Groups => groups.map(group).collect(),
            Over::Pairs => groups
                .flat_map(|a| (a + 1..self.flips.len()).map(move |b| [a, b]))
                .map(|[a, b]| match self.sparse(a) || self.sparse(b) {
                    true => Bound::Joined(Box::new([group(a), group(b)])),
                    false => self.sorted(|row| row[a] - row[b]),
                })
                .collect(),
        }
    }

    fn sparse(&self, group: usize) -> bool {
        let Flips { up, down, .. } = self.flips[group];
        up + down < SPARSE
    }

    fn sorted(&self, of: impl Fn(&[f64]) -> f64) -> Bound {
        let mut values: Vec<f64> = self.replicates.iter().map(|row| of(row)).collect();
        values.sort_unstable_by(f64::total_cmp);
        Bound::Bootstrap(values)
    }
}

/// How far from 0 the contrasts of `changes` may lie, each with a one-sided error of `alpha`.
///
/// # Panics
/// When a group that is not sparse has no replicate.
pub fn reach(changes: &[Changes], over: Over, alpha: f64) -> f64 {
    let bounds = changes.iter().flat_map(|c| c.bounds(over));
    bounds.map(|bound| bound.reach(alpha)).fold(0.0, f64::max)
}

/// Tests a gap that all of `changes` bound (TPR and FPR for equalized odds) against `margin`.
///
/// # Panics
/// When there is no replicate.
pub fn equivalence(changes: &[Changes], over: Over, margin: f64) -> Equivalence {
    let bounds: Vec<Bound> = changes.iter().flat_map(|c| c.bounds(over)).collect();
    let attainable = reach(changes, over, ALPHA);
    let replicates = changes.first().map_or(1, |c| c.replicates.len());
    // A bootstrap of B replicates cannot show less than 1 / (B + 1).
    let mut p = 1.0 / (replicates + 1) as f64;
    for bound in &bounds {
        if bound.reach(p) <= margin {
            continue;
        }
        let (mut low, mut high) = (p, 1.0);
        while high - low > 1e-6 {
            let middle = (low + high) / 2.0;
            match bound.reach(middle) <= margin {
                true => high = middle,
                false => low = middle,
            }
        }
        p = high;
    }
    Equivalence { attainable, p }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::resample::draw::replicate_rng;
    use rand_distr::{Binomial, Distribution};

    fn changes(flips: &[Flips]) -> Vec<Vec<f64>> {
        let mut rng = replicate_rng(4, 0);
        let mut draw = |k: u64, n: u64| {
            let of = Binomial::new(n, k as f64 / n as f64).unwrap();
            of.sample(&mut rng) as f64 / n as f64
        };
        let mut row = || {
            flips
                .iter()
                .map(|f| draw(f.up, f.n) - draw(f.down, f.n))
                .collect()
        };
        (0..4000).map(|_| row()).collect()
    }

    fn test(flips: &[Flips], over: Over, margin: f64) -> Equivalence {
        let replicates = changes(flips);
        let of = Changes {
            flips,
            replicates: &replicates,
        };
        equivalence(&[of], over, margin)
    }

    #[test]
    fn no_flips_are_not_proof_of_equality() {
        let none = |n| Flips { up: 0, down: 0, n };
        // 58 images: even without a flip one in 58 / ln(1 / 0.0125) may flip.
        let found = test(&[none(58), none(1000)], Over::Pairs, 0.01);
        let bound = |n: f64| 1.0 - 0.0125f64.powf(1.0 / n);
        assert!((found.attainable - bound(58.0) - bound(1000.0)).abs() < 1e-12);
        assert!(found.p > 0.05);
        let large = test(&[none(5000), none(9000)], Over::Pairs, 0.01);
        assert!(large.attainable < 0.002 && large.p < 1e-3, "{large:?}");
    }

    #[test]
    fn many_flips_use_the_bootstrap_and_p_fits_the_interval() {
        let even = Flips {
            up: 40,
            down: 40,
            n: 4000,
        };
        let shifted = Flips { up: 60, ..even };
        let found = test(&[even, shifted], Over::Pairs, 0.01);
        // Contrast 20 / 4000 = 0.005, standard error √(180) / 4000 = 0.00335; 0.005 + 1.645 s = 0.0105.
        assert!((found.attainable - 0.0105).abs() < 0.0004, "{found:?}");
        // (0.01 − 0.005) / s = 1.49: p = 0.068.
        assert!((found.p - 0.068).abs() < 0.015, "{found:?}");
        let single = test(&[even, shifted], Over::Groups, 0.02);
        assert!(single.p < 0.001 && single.attainable < 0.01, "{single:?}");
    }
}
