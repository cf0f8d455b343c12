//! The control of an allocation: bits handed out at random under the same budgets.

use super::limits::Limits;
use super::{Allocation, Problem, Settings, search};
use crate::data::random::{Draw, below, keyed};
use crate::error::Result;

/// An allocation that knows the budgets and not the losses; the same for the same seed.
///
/// It starts at the smallest allocation and widens one layer after another, drawn among those whose next
/// choice (by bytes, then width) still fits, until none does. That is the end of a chain of draws and
/// not a uniform draw among all allocations that fit: it spends the budget, as an allocation that is
/// planned does, and large layers are passed over more often near its end.
///
/// # Errors
/// As [`super::allocate`].
///
/// # Panics
/// As [`super::allocate`].
pub fn allocate_at_random(problem: &Problem, settings: &Settings, seed: u64) -> Result<Allocation> {
    let limits = Limits::new(problem, settings)?;
    let mut rng = keyed(Draw::Bits, seed, 0, 0);
    let mut taken = search::smallest(&limits)?;
    loop {
        let wider = |l: usize| {
            let open = &limits.open[l];
            let at = open.iter().position(|&c| c == taken[l]);
            let mut next = taken.clone();
            next[l] = *open.get(at.expect("a taken choice is open") + 1)?;
            limits.keeps(&next).then_some(next)
        };
        let mut fitting: Vec<Vec<usize>> = (0..taken.len()).filter_map(wider).collect();
        if fitting.is_empty() {
            return Ok(Allocation::of(problem, settings.objective, &taken));
        }
        taken = fitting.swap_remove(below(fitting.len(), &mut rng));
    }
}
