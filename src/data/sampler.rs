//! In which order an epoch visits its records: a pure function of (records, seed, epoch).

use serde::{Deserialize, Serialize};

use super::random::{Draw, keyed, shuffle};
use super::table::Table;
use crate::error::{Fault, Result};

/// How an epoch draws from its records. Every epoch has as many draws as there are records.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// As given.
    Sequential,
    /// Each record once, in random order.
    #[default]
    Shuffled,
    /// Every cell that has records equally often.
    GroupBalanced,
    /// Cells in proportion to weights, one per cell in cell order.
    GroupWeighted(Vec<f64>),
}

/// What becomes of the records that do not fill a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastBatch {
    /// A smaller batch at the end.
    Keep,
    /// Left out of this epoch.
    Drop,
}

impl LastBatch {
    /// The part of an epoch's order that is used.
    pub fn trim(self, mut order: Vec<usize>, batch_size: usize) -> Vec<usize> {
        if self == Self::Drop {
            order.truncate(order.len() / batch_size.max(1) * batch_size.max(1));
        }
        order
    }
}

/// The order of one epoch, as indices into the table.
///
/// A cell that is drawn more often than it has records is gone through whole, in a new random order
/// each time, so that its records' draws differ by at most one; a cell that is drawn less often
/// gives a random subset.
///
/// # Errors
/// Configuration error when weights are negative, not finite, all zero, not one per cell, or positive
/// for a cell without records.
pub fn epoch_order(
    table: &Table,
    records: &[usize],
    sampler: &Sampler,
    seed: u64,
    epoch: u64,
) -> Result<Vec<usize>> {
    let mut rng = keyed(Draw::Order, seed, epoch, 0);
    let weights = match sampler {
        Sampler::Sequential => return Ok(records.to_vec()),
        Sampler::Shuffled => {
            let mut order = records.to_vec();
            shuffle(&mut order, &mut rng);
            return Ok(order);
        }
        Sampler::GroupBalanced => None,
        Sampler::GroupWeighted(weights) => Some(weights),
    };
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); table.cells()];
    records
        .iter()
        .for_each(|&r| members[table.cell(r) as usize].push(r));
    let shares = match weights {
        Some(weights) => {
            check_weights(table, &members, weights)?;
            weights.clone()
        }
        None => members
            .iter()
            .map(|m| f64::from(u8::from(!m.is_empty())))
            .collect(),
    };
    let quotas = apportion(records.len(), &shares, epoch);
    let mut order = Vec::with_capacity(records.len());
    for (cell, (members, quota)) in members.iter_mut().zip(quotas).enumerate() {
        let mut rng = keyed(Draw::Order, seed, epoch, cell as u64 + 1);
        let mut left = quota;
        while left > 0 {
            shuffle(members, &mut rng);
            let taken = left.min(members.len());
            order.extend_from_slice(&members[..taken]);
            left -= taken;
        }
    }
    shuffle(&mut order, &mut rng);
    Ok(order)
}

fn check_weights(table: &Table, members: &[Vec<usize>], weights: &[f64]) -> Result<()> {
    let fault = |found: String| Err(Fault::new("", found).key("sampler").config());
    if weights.len() != members.len() {
        let names: Vec<String> = (0..members.len())
            .map(|c| table.cell_name(c as u32))
            .collect();
        return fault(format!(
            "{} weights for the cells {}",
            weights.len(),
            names.join(", ")
        ));
    }
    for (cell, (weight, members)) in weights.iter().zip(members).enumerate() {
        let name = table.cell_name(cell as u32);
        if !weight.is_finite() || *weight < 0.0 {
            return fault(format!(
                "weight {weight} for {name} is not a number from 0 up"
            ));
        }
        if *weight > 0.0 && members.is_empty() {
            return fault(format!("weight {weight} for {name}, which has no images"));
        }
    }
    if weights.iter().all(|w| *w == 0.0) {
        return fault("weights that are all 0".into());
    }
    Ok(())
}

/// Divides `total` in proportion to `shares` by largest remainders; ties go round with the epoch.
fn apportion(total: usize, shares: &[f64], epoch: u64) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    if sum == 0.0 {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|s| s / sum * total as f64).collect();
    let mut quotas: Vec<usize> = exact.iter().map(|e| e.floor() as usize).collect();
    let n = shares.len() as u64;
    let mut by_remainder: Vec<usize> = (0..shares.len()).filter(|&c| shares[c] > 0.0).collect();
    by_remainder.sort_by(|&a, &b| {
        let remainder = |c: usize| exact[c] - exact[c].floor();
        let turn = |c: usize| (c as u64 + n - epoch % n) % n;
        remainder(b)
            .total_cmp(&remainder(a))
            .then(turn(a).cmp(&turn(b)))
    });
    let given: usize = quotas.iter().sum();
    for &cell in by_remainder
        .iter()
        .cycle()
        .take(total.saturating_sub(given))
    {
        quotas[cell] += 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_add_up_and_take_turns() {
        assert_eq!(apportion(10, &[1.0, 1.0, 1.0, 0.0], 0), [4, 3, 3, 0]);
        assert_eq!(apportion(10, &[1.0, 1.0, 1.0, 0.0], 1), [3, 4, 3, 0]);
        assert_eq!(apportion(10, &[3.0, 1.0], 0), [8, 2]);
        for total in 0..50 {
            assert_eq!(
                apportion(total, &[0.3, 0.1, 0.0, 7.7], 5)
                    .iter()
                    .sum::<usize>(),
                total
            );
        }
    }
}
