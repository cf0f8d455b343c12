//! The search: programmes one after the other, until the best allocation is found.

use good_lp::constraint;

use super::Allocation;
use super::limits::Limits;
use super::program::{Program, gave_up};
use super::terms::Terms;
use crate::error::Result;

/// The choices with the least objective within the budgets, and of such ones with the fewest bytes.
///
/// # Errors
/// Run error when the solver gives up.
pub(super) fn best(limits: &Limits) -> Result<Vec<usize>> {
    let value = |taken: &[usize]| Allocation::of(limits.problem, limits.objective, taken).objective;
    let mut limits = limits.clone();
    let mut found: Option<Vec<usize>> = None;
    let mut scale = f64::INFINITY;
    loop {
        let terms = Terms::new(&limits);
        // The solver's tolerances are absolute: again where the losses that matter are far smaller.
        if terms.scale < 0.1 * scale {
            scale = terms.scale;
            let mut program = Program::new(&limits);
            let loss = program.loss(&limits, &terms);
            let next = program.solve(&limits, loss, limits.gap, |_| true)?;
            let next = next.ok_or_else(|| gave_up("no allocation within the budgets"))?;
            if found.as_ref().is_none_or(|old| value(&next) <= value(old)) {
                found = Some(next);
            }
            terms.close_hopeless(&mut limits, found.as_deref().expect("just found"));
            continue;
        }
        let found = found.expect("the first scale is finite");
        if limits.gap > 0.0 {
            return Ok(found);
        }
        let mut program = Program::new(&limits);
        let loss = program.loss(&limits, &terms);
        let most = terms.value(&limits, &found) + 1e-9;
        program.rows.push(constraint::leq(loss, most));
        limits.bytes = limits.cost(&found).0.saturating_sub(1);
        if limits.bytes < limits.least(|c| c.bytes) {
            return Ok(found);
        }
        let bytes = program.bytes(&limits);
        // As good up to rounding, which depends on the order of equal losses.
        let good = value(&found) + 1e-12 * terms.scale;
        let fewer = program.solve(&limits, bytes, 0.0, |taken| value(taken) <= good)?;
        return Ok(fewer.unwrap_or(found));
    }
}

/// The choices with the fewest bytes within the time, however many bytes there may be.
///
/// # Errors
/// Run error when the solver gives up.
pub(super) fn smallest(limits: &Limits) -> Result<Vec<usize>> {
    let mut limits = limits.clone();
    limits.bytes = u64::MAX;
    let first: Vec<usize> = limits.open.iter().map(|open| open[0]).collect();
    if limits.keeps(&first) {
        return Ok(first);
    }
    let program = Program::new(&limits);
    let bytes = program.bytes(&limits);
    let found = program.solve(&limits, bytes, 0.0, |_| true)?;
    found.ok_or_else(|| gave_up("no allocation within the latency budget"))
}
