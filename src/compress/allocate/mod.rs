//! Which layer gets how many bits: the allocation with the least loss under a budget, exactly.
//!
//! Each layer takes one of its choices, losses add up over layers, and what is minimized is the total,
//! the worst group's sum or a mix of both: a multiple-choice knapsack problem (Kellerer, Pferschy and
//! Pisinger 2004, chapter 11) whose worst-group form is its min-max version. It is solved as an integer
//! programme, as HAWQ-V3 does for the total (arXiv:2011.10680, section 3.4).

mod keep;
mod limits;
mod program;
mod random;
mod search;
mod settings;
mod terms;
#[cfg(test)]
mod tests;

pub use random::allocate_at_random;
pub use settings::{Budget, Keep, Kept, Objective, Settings};

use serde::{Deserialize, Serialize};

use crate::compress::plan::{Activation, Granularity, LayerPlan, Plan, WeightBits};
use crate::error::Result;

use limits::Limits;

/// One width of one layer, and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The width of the weights.
    pub weight: WeightBits,
    /// Bytes of weights and scales.
    pub bytes: u64,
    /// Nanoseconds of the layer; none where it was not measured.
    pub nanos: Option<u64>,
    /// What the width costs over everybody, in any unit that adds up over layers. It may be negative,
    /// as estimates from gradients can be.
    pub loss: f64,
    /// The same over each group of [`Problem::groups`].
    pub group_loss: Vec<f64>,
}

/// The widths that one layer can have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerChoices {
    /// Path in the model.
    pub path: String,
    /// At most one for each width, in any order.
    pub choices: Vec<Choice>,
}

/// What there is to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Names of the groups.
    pub groups: Vec<String>,
    /// The layers, in the model's order.
    pub layers: Vec<LayerChoices>,
}

/// A width for every layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// Path and width of each layer, in the problem's order.
    pub choices: Vec<(String, WeightBits)>,
    /// Bytes of all layers.
    pub bytes: u64,
    /// Nanoseconds of all layers; none where one was not measured.
    pub nanos: Option<u64>,
    /// What was minimized.
    pub objective: f64,
    /// Loss over everybody.
    pub loss: f64,
    /// Loss over each group.
    pub group_loss: Vec<f64>,
}

/// The allocation with the least objective within the budgets, to about 1e-9 of the spread of the losses
/// that matter; the same for the same input on every machine. Of allocations that are as good it is one
/// with the fewest bytes, from a second solve. With [`Settings::gap`] it is only near it.
///
/// # Errors
/// - Configuration error: settings that make no sense; a budget below the smallest allocation, which is
///   named; two budgets that cannot be kept together; a kept layer that the problem lacks, with the
///   nearest that it has; a layer with no choice of a width that is needed; a latency budget without
///   measured times; a worst group without groups.
/// - Run error: a loss that is not finite; the solver gives up.
///
/// # Panics
/// When a choice has not one loss for each group, or a layer has a width twice.
pub fn allocate(problem: &Problem, settings: &Settings) -> Result<Allocation> {
    let limits = Limits::new(problem, settings)?;
    let taken = search::best(&limits)?;
    Ok(Allocation::of(problem, settings.objective, &taken))
}

impl Allocation {
    /// What the choices with these indices, one for each layer, come to.
    fn of(problem: &Problem, objective: Objective, taken: &[usize]) -> Self {
        let pairs = problem.layers.iter().zip(taken);
        let choices: Vec<&Choice> = pairs.map(|(layer, &c)| &layer.choices[c]).collect();
        let loss = choices.iter().map(|c| c.loss).sum();
        let of_group = |g: usize| choices.iter().map(|c| c.group_loss[g]).sum();
        let group_loss: Vec<f64> = (0..problem.groups.len()).map(of_group).collect();
        let named = problem.layers.iter().zip(&choices);
        Self {
            bytes: choices.iter().map(|c| c.bytes).sum(),
            nanos: choices.iter().map(|c| c.nanos).sum(),
            objective: objective.value(loss, &group_loss),
            choices: named.map(|(l, c)| (l.path.clone(), c.weight)).collect(),
            loss,
            group_loss,
        }
    }

    /// The plan with these widths; layers in codes get this granularity and activation, the others stay
    /// as trained.
    pub fn to_plan(&self, granularity: Granularity, activation: Activation) -> Plan {
        let layer = |(path, weight): &(String, WeightBits)| {
            let plan = match weight {
                WeightBits::Float => LayerPlan::FLOAT,
                &weight => LayerPlan {
                    weight,
                    granularity,
                    activation,
                },
            };
            (path.clone(), plan)
        };
        Plan {
            default: None,
            layers: self.choices.iter().map(layer).collect(),
        }
    }
}
