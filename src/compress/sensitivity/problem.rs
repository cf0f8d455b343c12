//! What was found out, as a problem of allocation.

use super::{Estimate, Sensitivity};
use crate::compress::allocate::{Choice, LayerChoices, Problem};
use crate::compress::latency::LayerTimes;
use crate::compress::plan::{Granularity, LayerInfo, WeightBits, weight_bytes};

/// What a layer may be allocated and how its bytes count.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Widths of a layer.
    pub widths: Vec<WeightBits>,
    /// The first and the last layer get no fewer bits than that.
    pub ends: Option<WeightBits>,
    /// Weights under one scale.
    pub granularity: Granularity,
    /// How long layers take; none without a budget of time.
    pub times: Option<LayerTimes>,
}

impl Offer {
    /// The choices of the layer at `place` of `count`; `loss` gives the loss over everybody and each group.
    ///
    /// A width at which the layer's sums could overflow is no choice.
    fn layer(
        &self,
        layer: &LayerInfo,
        (place, count): (usize, usize),
        loss: &dyn Fn(WeightBits) -> (f64, Vec<f64>),
    ) -> LayerChoices {
        let is_end = place == 0 || place + 1 == count;
        let least = self.ends.filter(|_| is_end);
        let fits = |weight: &WeightBits| {
            let most = weight.stored_bits().map(fairbit_kernels::max_k);
            most.is_none_or(|most| layer.k <= most as u64)
                && least.is_none_or(|least| *weight >= least)
        };
        let choice = |&weight: &WeightBits| {
            let (loss, group_loss) = loss(weight);
            Choice {
                weight,
                bytes: weight_bytes(weight, self.granularity, layer.rows, layer.k),
                nanos: self.times.as_ref().and_then(|t| t.get(place, weight)),
                loss,
                group_loss,
            }
        };
        LayerChoices {
            path: layer.path.clone(),
            choices: self.widths.iter().filter(|w| fits(w)).map(choice).collect(),
        }
    }

    /// The problem in which no width costs anything: for allocations that know the bytes alone.
    pub fn without_losses(&self, layers: &[LayerInfo]) -> Problem {
        let none = |_| (0.0, Vec::new());
        let each = layers.iter().enumerate();
        let each = each.map(|(l, layer)| self.layer(layer, (l, layers.len()), &none));
        Problem {
            groups: Vec::new(),
            layers: each.collect(),
        }
    }
}

impl Sensitivity {
    /// The problem in which rounding costs what `estimate` says, floats cost nothing, and groups are the
    /// cells of all attributes; none where `estimate` or one of the offered widths was not found out.
    ///
    /// # Panics
    /// For layers of another model.
    pub fn problem(
        &self,
        estimate: Estimate,
        offer: &Offer,
        layers: &[LayerInfo],
    ) -> Option<Problem> {
        assert_eq!(layers.len(), self.layers.len(), "layers of one model");
        let means = self.means(estimate)?;
        let mut bits = offer.widths.iter().filter_map(|w| w.bits());
        if bits.any(|bits| !self.widths.contains(&bits)) {
            return None;
        }
        let cells = self.cell_groups();
        let loss = |layer: usize, weight: WeightBits| {
            let column = weight.bits().and_then(|bits| self.column(layer, bits));
            let of = |group: usize| column.map_or(0.0, |column| means[group][column]);
            (of(0), cells.iter().map(|&group| of(group)).collect())
        };
        let each = layers
            .iter()
            .enumerate()
            .map(|(l, layer)| offer.layer(layer, (l, layers.len()), &|weight| loss(l, weight)));
        Some(Problem {
            groups: cells.iter().map(|&g| self.groups[g].name.clone()).collect(),
            layers: each.collect(),
        })
    }

    /// Indices of the groups that are one cell; none without attributes.
    pub fn cell_groups(&self) -> Vec<usize> {
        let cell = |g: &usize| *g > 0 && self.groups[*g].cells.len() == 1;
        (0..self.groups.len()).filter(cell).collect()
    }
}
