//! Settings put onto a problem: the choices that are open, the budgets in integers, or why not.

use std::collections::HashSet;

use super::keep::{kept_choice, kept_layers};
use super::search;
use super::{Budget, Choice, LayerChoices, Objective, Problem, Settings};
use crate::compress::plan::WeightBits;
use crate::error::{Fault, Result};

/// A problem with the choices and budgets that settings leave.
#[derive(Debug, Clone)]
pub(super) struct Limits<'a> {
    pub(super) problem: &'a Problem,
    /// Indices of the choices open to each layer, by bytes and then width; never none.
    pub(super) open: Vec<Vec<usize>>,
    /// Most bytes.
    pub(super) bytes: u64,
    /// Most nanoseconds; where there are any, every open choice has a time.
    pub(super) nanos: Option<u64>,
    pub(super) objective: Objective,
    /// As [`Settings::gap`].
    pub(super) gap: f64,
}

impl<'a> Limits<'a> {
    /// # Errors
    /// As [`super::allocate`], but for the solver.
    pub(super) fn new(problem: &'a Problem, settings: &Settings) -> Result<Self> {
        settings.check()?;
        check_losses(problem)?;
        if problem.groups.is_empty() && settings.objective.worst_share() > 0.0 {
            return Err(Fault::plain("no groups")
                .key("objective")
                .expected("groups, to have a worst one")
                .next("objective = \"total\", or name the groups of the audit")
                .config());
        }
        let mut limits = Self {
            problem,
            open: open_choices(problem, settings)?,
            bytes: budget_bytes(problem, settings.budget)?,
            nanos: settings.latency_nanos,
            objective: settings.objective,
            gap: settings.gap,
        };
        limits.check_times()?;
        limits.check_budgets()?;
        limits.drop_too_large();
        Ok(limits)
    }

    pub(super) fn choice(&self, layer: usize, choice: usize) -> &'a Choice {
        &self.problem.layers[layer].choices[choice]
    }

    /// Bytes and nanoseconds of one choice for each layer; times that are not measured count 0.
    pub(super) fn cost(&self, taken: &[usize]) -> (u64, u64) {
        let choices = taken.iter().enumerate().map(|(l, &c)| self.choice(l, c));
        choices.fold((0, 0), |(bytes, nanos), c| {
            (bytes + c.bytes, nanos + c.nanos.unwrap_or(0))
        })
    }

    /// Whether one choice for each layer keeps the budgets.
    pub(super) fn keeps(&self, taken: &[usize]) -> bool {
        let (bytes, nanos) = self.cost(taken);
        bytes <= self.bytes && self.nanos.is_none_or(|most| nanos <= most)
    }

    /// The sum over layers of the smallest `cost`.
    pub(super) fn least(&self, cost: impl Fn(&Choice) -> u64) -> u64 {
        let layers = self.problem.layers.iter().zip(&self.open);
        let least = |(layer, open): (&LayerChoices, &Vec<usize>)| {
            let costs = open.iter().map(|&c| cost(&layer.choices[c]));
            costs.min().expect("a layer has an open choice")
        };
        layers.map(least).sum()
    }

    /// Whether two layers cost the same at each open choice.
    pub(super) fn are_alike(&self, a: usize, b: usize) -> bool {
        let costs = |layer: usize| {
            let choices = self.open[layer].iter().map(move |&c| self.choice(layer, c));
            choices.map(|c| (c.bytes, c.nanos, c.loss, &c.group_loss))
        };
        costs(a).eq(costs(b))
    }

    fn check_times(&self) -> Result<()> {
        if self.nanos.is_none() {
            return Ok(());
        }
        for (layer, open) in self.problem.layers.iter().zip(&self.open) {
            let unmeasured = open.iter().map(|&c| &layer.choices[c]);
            if let Some(choice) = unmeasured.into_iter().find(|c| c.nanos.is_none()) {
                let found = format!("no measured time at {}", width(choice.weight));
                return Err(Fault::plain(found)
                    .key(&layer.path)
                    .next("measure the layers' times, or leave out `latency-nanos`")
                    .config());
            }
        }
        Ok(())
    }

    fn check_budgets(&self) -> Result<()> {
        let refuse = |key: &str, most: u64, least: u64, unit: &str| {
            Fault::plain(format!("{most} {unit}"))
                .key(key)
                .expected(format!("{least} {unit} at least, the smallest allocation"))
                .next("raise it, allow narrower `widths` or `keep` fewer layers")
                .config()
        };
        let least = self.least(|c| c.bytes);
        if self.bytes < least {
            return Err(refuse("budget", self.bytes, least, "bytes"));
        }
        let Some(nanos) = self.nanos else {
            return Ok(());
        };
        let least = self.least(|c| c.nanos.unwrap_or(0));
        if nanos < least {
            return Err(refuse("latency-nanos", nanos, least, "nanoseconds"));
        }
        let smallest = search::smallest(self)?;
        let (bytes, _) = self.cost(&smallest);
        if bytes > self.bytes {
            let found = format!("{} bytes within {nanos} nanoseconds", self.bytes);
            return Err(Fault::plain(found)
                .key("budget")
                .expected(format!("{bytes} bytes at least within that time"))
                .next("raise one of `budget` and `latency-nanos`: both cannot be kept")
                .config());
        }
        Ok(())
    }

    /// Closes choices that exceed a budget even where all other layers take their least.
    fn drop_too_large(&mut self) {
        let bytes = self.bytes - self.least(|c| c.bytes);
        let nanos = self.nanos.map(|n| n - self.least(|c| c.nanos.unwrap_or(0)));
        for (layer, open) in self.problem.layers.iter().zip(&mut self.open) {
            let of = |c: &usize| &layer.choices[*c];
            let least = open.iter().map(|c| of(c).bytes).min().unwrap_or(0);
            let fastest = open.iter().filter_map(|c| of(c).nanos).min().unwrap_or(0);
            open.retain(|c| {
                let time = of(c).nanos.unwrap_or(fastest);
                of(c).bytes - least <= bytes && nanos.is_none_or(|most| time - fastest <= most)
            });
        }
    }
}

fn check_losses(problem: &Problem) -> Result<()> {
    for layer in &problem.layers {
        let mut widths = HashSet::new();
        for choice in &layer.choices {
            let at = format!("{} at {}", layer.path, width(choice.weight));
            assert!(widths.insert(choice.weight), "{at} is there twice");
            let losses = &choice.group_loss;
            assert_eq!(losses.len(), problem.groups.len(), "groups of {at}");
            let named = losses.iter().zip(&problem.groups);
            let named = named.map(|(loss, group)| (loss, format!(" over {group}")));
            for (loss, over) in std::iter::once((&choice.loss, String::new())).chain(named) {
                if !loss.is_finite() {
                    let found = format!("a loss of {loss}{over}");
                    return Err(Fault::plain(found)
                        .key(at)
                        .expected("a finite loss")
                        .next("look for values that are not finite in the model and its inputs")
                        .run());
                }
            }
        }
    }
    Ok(())
}

fn budget_bytes(problem: &Problem, budget: Budget) -> Result<u64> {
    let share = match budget {
        Budget::Bytes(bytes) => return Ok(bytes),
        Budget::ShareOf8Bit(share) => share,
    };
    let mut whole = 0;
    for layer in &problem.layers {
        let eight = find(layer, WeightBits::Eight).ok_or_else(|| {
            let fault = Fault::plain("no choice of 8 bits").key(&layer.path);
            fault.next("give the `budget` in bytes").config()
        })?;
        whole += layer.choices[eight].bytes;
    }
    Ok((share * whole as f64).floor() as u64)
}

fn open_choices(problem: &Problem, settings: &Settings) -> Result<Vec<Vec<usize>>> {
    let allowed = |layer: &LayerChoices| {
        let mut open: Vec<usize> = (0..layer.choices.len())
            .filter(|&c| settings.widths.contains(&layer.choices[c].weight))
            .collect();
        open.sort_by_key(|&c| (layer.choices[c].bytes, layer.choices[c].weight));
        open
    };
    let mut open: Vec<Vec<usize>> = problem.layers.iter().map(allowed).collect();
    if let Some(keep) = &settings.keep {
        for l in kept_layers(problem, settings.objective, keep, &open)? {
            open[l] = vec![kept_choice(&problem.layers[l], keep)?];
        }
    }
    match problem.layers.iter().zip(&open).find(|(_, o)| o.is_empty()) {
        Some((layer, _)) => Err(Fault::plain("no choice of an allowed width")
            .key(&layer.path)
            .next("allow more `widths`")
            .config()),
        None => Ok(open),
    }
}

/// Index of a width among a layer's choices.
pub(super) fn find(layer: &LayerChoices, weight: WeightBits) -> Option<usize> {
    layer.choices.iter().position(|c| c.weight == weight)
}

/// A width in words.
pub(super) fn width(weight: WeightBits) -> String {
    match weight.bits() {
        Some(bits) => format!("{bits} bits"),
        None => "float".into(),
    }
}
