//! Allocation as an integer programme: a variable x, 0 or 1, for each open choice.
//!
//! ```text
//! minimize    Σ t x + z                      t: a choice's share of the total, above its layer's least
//! subject to  Σ e x − z ≤ h    each group    e: the same of the group; h: its distance to the worst
//!             Σ x = 1          each layer
//!             Σ b x ≤ B        bytes, and nanoseconds
//! ```
//!
//! Bytes and nanoseconds are integers above the layers' least, divided by what they have in common.

use good_lp::{
    Constraint, Expression, ProblemVariables, ResolutionError, Solution, SolutionStatus,
    SolverModel, Variable, WithMipGap, WithTimeLimit, constraint, microlp, variable,
};

use super::Choice;
use super::limits::Limits;
use super::terms::Terms;
use crate::error::{Error, Fault, Result};

/// After so long a solve is given up, in seconds.
const LIMIT_SECONDS: f64 = 300.0;
/// So many solutions of one programme may be refused, when its tolerances let them through.
const REFUSALS: usize = 50;

/// Variables and rows; what is minimized comes with [`Self::solve`].
pub(super) struct Program {
    variables: ProblemVariables,
    /// Layers that are alike in every cost: told apart, they would be searched in every order.
    alike: Vec<Vec<usize>>,
    /// By such layers and open choice: how many of them take it.
    x: Vec<Vec<Variable>>,
    pub(super) rows: Vec<Constraint>,
}

impl Program {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut variables = ProblemVariables::new();
        let mut alike: Vec<Vec<usize>> = Vec::new();
        for l in 0..limits.open.len() {
            match alike.iter_mut().find(|of| limits.are_alike(of[0], l)) {
                Some(of) => of.push(l),
                None => alike.push(vec![l]),
            }
        }
        let (mut x, mut rows) = (Vec::new(), Vec::new());
        for layers in &alike {
            let count = layers.len() as f64;
            let counts = variable().integer().min(0.0).max(count);
            let of = variables.add_vector(counts, limits.open[layers[0]].len());
            rows.push(constraint::eq(of.iter().sum::<Expression>(), count));
            x.push(of);
        }
        Self {
            variables,
            alike,
            x,
            rows,
        }
    }

    /// The scaled objective, with the rows that make `z` the worst group's.
    pub(super) fn loss(&mut self, limits: &Limits, terms: &Terms) -> Expression {
        let sum = |of: &dyn Fn(usize, usize) -> f64, start: Expression| {
            let mut sum = start;
            for (layers, x) in self.alike.iter().zip(&self.x) {
                for (k, &x) in x.iter().enumerate() {
                    sum.add_mul(of(layers[0], k), x);
                }
            }
            sum
        };
        let total = sum(&|l, k| terms.total[l][k], Expression::default());
        if limits.objective.worst_share() == 0.0 {
            return total;
        }
        let z = self.variables.add(variable().min(0.0));
        for (g, &head) in terms.head.iter().enumerate() {
            let row = sum(&|l, k| terms.groups[l][k][g], Expression::default() - z);
            self.rows.push(constraint::leq(row, head));
        }
        total + z
    }

    /// Bytes above the least, in their largest common unit.
    pub(super) fn bytes(&self, limits: &Limits) -> Expression {
        self.excess(limits, |c| c.bytes).0
    }

    /// A cost above the layers' least, in its largest common unit, which comes second.
    fn excess(&self, limits: &Limits, cost: impl Fn(&Choice) -> u64) -> (Expression, u64) {
        let mut excesses = Vec::new();
        for (layers, x) in self.alike.iter().zip(&self.x) {
            let (l, open) = (layers[0], &limits.open[layers[0]]);
            let cost = |c: usize| cost(limits.choice(l, c));
            let least = open.iter().map(|&c| cost(c)).min().unwrap_or(0);
            let above = open.iter().map(|&c| cost(c) - least);
            excesses.extend(x.iter().copied().zip(above));
        }
        let unit = excesses.iter().fold(0, |unit, &(_, n)| common(unit, n));
        let unit = unit.max(1);
        let mut sum = Expression::default();
        for (x, excess) in excesses {
            sum.add_mul((excess / unit) as f64, x);
        }
        (sum, unit)
    }

    /// The row that keeps a cost; half a unit more than there is, which no sum of integers reaches.
    fn budget(&self, limits: &Limits, most: u64, cost: impl Fn(&Choice) -> u64) -> Constraint {
        let all = limits.open.iter().enumerate();
        let all = all.map(|(l, open)| open.iter().map(|&c| cost(limits.choice(l, c))).max());
        // Not beyond what all could take, lest an endless budget drown the numbers.
        let spare = most.min(all.flatten().sum()) - limits.least(&cost);
        let (sum, unit) = self.excess(limits, cost);
        constraint::leq(sum, (spare / unit) as f64 + 0.5)
    }

    /// Choices that minimize within the budgets, up to a `gap` (a share); none where no such are `good`,
    /// or none of the first [`REFUSALS`] that the solver offers.
    ///
    /// # Errors
    /// Run error when the solver gives up.
    pub(super) fn solve(
        mut self,
        limits: &Limits,
        minimized: Expression,
        gap: f64,
        good: impl Fn(&[usize]) -> bool,
    ) -> Result<Option<Vec<usize>>> {
        if limits.open.iter().all(|open| open.len() == 1) {
            let taken: Vec<usize> = limits.open.iter().map(|open| open[0]).collect();
            return Ok(Some(taken).filter(|taken| limits.keeps(taken) && good(taken)));
        }
        if limits.bytes < u64::MAX {
            self.rows
                .push(self.budget(limits, limits.bytes, |c| c.bytes));
        }
        if let Some(nanos) = limits.nanos {
            let row = self.budget(limits, nanos, |c| c.nanos.unwrap_or(0));
            self.rows.push(row);
        }
        for _ in 0..REFUSALS {
            let problem = self.variables.clone().minimise(minimized.clone());
            let model = problem.using(microlp).with_time_limit(LIMIT_SECONDS);
            let model = model
                .with_mip_gap(gap as f32)
                .map_err(|e| gave_up(&e.to_string()))?;
            let solved = match model.with_all(self.rows.clone()).solve() {
                Ok(solved) => solved,
                Err(ResolutionError::Infeasible) => return Ok(None),
                Err(e) => return Err(gave_up(&e.to_string())),
            };
            if matches!(solved.status(), SolutionStatus::TimeLimit) {
                let found = format!("no proof of the best allocation in {LIMIT_SECONDS} s");
                return Err(gave_up(&found));
            }
            let counts = self.counts(&solved)?;
            let taken = self.taken(limits, &counts);
            if limits.keeps(&taken) && good(&taken) {
                return Ok(Some(taken));
            }
            if counts.iter().flatten().any(|&n| n > 1) {
                // No row excludes these counts and no others.
                return Ok(None);
            }
            let pairs = self.x.iter().flatten().zip(counts.iter().flatten());
            let ones: Vec<Variable> = pairs.filter(|&(_, &n)| n == 1).map(|(&x, _)| x).collect();
            let most = ones.len() as f64 - 0.5;
            self.rows
                .push(constraint::leq(ones.iter().sum::<Expression>(), most));
        }
        Ok(None)
    }

    /// How many layers take each choice.
    fn counts(&self, solved: &impl Solution) -> Result<Vec<Vec<usize>>> {
        let count = |&x: &Variable| {
            let value = solved.value(x);
            match (value - value.round()).abs() < 1e-4 && value.round() >= 0.0 {
                true => Ok(value.round() as usize),
                false => Err(gave_up("a solution that is not in whole choices")),
            }
        };
        let of = |x: &Vec<Variable>| x.iter().map(count).collect();
        let counts: Vec<Vec<usize>> = self.x.iter().map(of).collect::<Result<_>>()?;
        let sums = counts.iter().map(|of| of.iter().sum::<usize>());
        match sums.eq(self.alike.iter().map(Vec::len)) {
            true => Ok(counts),
            false => Err(gave_up("a solution without one choice for each layer")),
        }
    }

    /// The choice of each layer; of those that are alike the first get the narrow ones.
    fn taken(&self, limits: &Limits, counts: &[Vec<usize>]) -> Vec<usize> {
        let mut taken = vec![0; limits.open.len()];
        for (layers, counts) in self.alike.iter().zip(counts) {
            let each = counts.iter().enumerate();
            let each = each.flat_map(|(k, &n)| std::iter::repeat_n(k, n));
            for (&l, k) in layers.iter().zip(each) {
                taken[l] = limits.open[l][k];
            }
        }
        taken
    }
}

/// The run error of a solve that came to nothing.
pub(super) fn gave_up(found: &str) -> Error {
    Fault::plain(format!("the solver of the allocation gave up: {found}"))
        .next("set `gap` to 0.03, say, allow fewer `widths` or leave out a budget")
        .run()
}

fn common(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        _ => common(b, a % b),
    }
}
