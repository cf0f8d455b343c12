//! Losses as a solver likes them: above their layer's least, over their spread.

use super::limits::Limits;

/// The scaled losses of the open choices. For one choice of each layer, the objective is
/// `scale × (Σ total + max(0, max over groups of (Σ group − head)))` and a constant.
pub(super) struct Terms {
    /// The largest loss above a layer's least, in the unit of the losses; 1 where all are equal.
    pub(super) scale: f64,
    /// By layer and open choice: the share of the total.
    pub(super) total: Vec<Vec<f64>>,
    /// By layer, open choice and group: the share of the worst group; empty where it does not count.
    pub(super) groups: Vec<Vec<Vec<f64>>>,
    /// By group: how far its least is below that of the group with the largest least.
    pub(super) head: Vec<f64>,
}

impl Terms {
    pub(super) fn new(limits: &Limits) -> Self {
        let share = limits.objective.worst_share();
        let count = match share {
            0.0 => 0,
            _ => limits.problem.groups.len(),
        };
        let (mut total, mut groups) = (Vec::new(), Vec::new());
        let mut floor = vec![0.0; count];
        let mut scale = 0.0f64;
        for (l, open) in limits.open.iter().enumerate() {
            let choices = || open.iter().map(|&c| limits.choice(l, c));
            let least = choices().map(|c| c.loss).fold(f64::INFINITY, f64::min);
            let above: Vec<f64> = choices()
                .map(|c| (1.0 - share) * (c.loss - least))
                .collect();
            let mut of_groups = vec![vec![0.0; count]; open.len()];
            for (g, floor) in floor.iter_mut().enumerate() {
                let loss = choices().map(|c| c.group_loss[g]);
                let least = loss.clone().fold(f64::INFINITY, f64::min);
                *floor += share * least;
                for (of_groups, loss) in of_groups.iter_mut().zip(loss) {
                    of_groups[g] = share * (loss - least);
                }
            }
            let all = above.iter().chain(of_groups.iter().flatten());
            scale = all.copied().fold(scale, f64::max);
            total.push(above);
            groups.push(of_groups);
        }
        if scale == 0.0 {
            scale = 1.0;
        }
        let most = floor.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let head = floor.iter().map(|floor| (most - floor) / scale).collect();
        let all = groups.iter_mut().flatten().flatten();
        all.chain(total.iter_mut().flatten())
            .for_each(|loss| *loss /= scale);
        Self {
            scale,
            total,
            groups,
            head,
        }
    }

    /// The scaled objective of one choice for each layer, without the constant.
    pub(super) fn value(&self, limits: &Limits, taken: &[usize]) -> f64 {
        let mut sums = vec![0.0; self.head.len()];
        let mut total = 0.0;
        for (l, (open, taken)) in limits.open.iter().zip(taken).enumerate() {
            let k = open.iter().position(|c| c == taken);
            let k = k.expect("a taken choice is open");
            total += self.total[l][k];
            sums.iter_mut()
                .zip(&self.groups[l][k])
                .for_each(|(sum, loss)| *sum += loss);
        }
        total + self.worst(&sums)
    }

    /// Closes the choices with which even the least of all other layers is above the value of `taken`.
    pub(super) fn close_hopeless(&self, limits: &mut Limits, taken: &[usize]) {
        // Far above rounding, far below the tolerances of the solver that this is for.
        let most = self.value(limits, taken) + 1e-9;
        for (l, open) in limits.open.iter_mut().enumerate() {
            let mut bounds = self.total[l].iter().zip(&self.groups[l]);
            open.retain(|c| {
                let (total, groups) = bounds.next().expect("one for each open choice");
                total + self.worst(groups) <= most || *c == taken[l]
            });
        }
    }

    fn worst(&self, sums: &[f64]) -> f64 {
        let above = sums.iter().zip(&self.head).map(|(sum, head)| sum - head);
        above.fold(0.0, f64::max)
    }
}
