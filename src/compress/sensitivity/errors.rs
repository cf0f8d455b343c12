//! What rounding does to the weights of each layer at each width.

use rayon::prelude::*;

use crate::compress::plan::Granularity;
use crate::compress::rows::{Grid, Rows, floats};
use crate::error::{Fault, Result};
use crate::models::{LayerKind, Model};
use crate::nn::UnitMut;
use crate::quant::{Learn, ScaleFit, weight_scales};

/// A layer that can be quantized.
#[derive(Debug, Clone, PartialEq)]
pub struct SensedLayer {
    /// Path in the model.
    pub path: String,
    /// What it is.
    pub kind: LayerKind,
    /// Position in forward order, from 0.
    pub depth: usize,
    /// Its weights: the numbers that are rounded.
    pub params: usize,
    /// 10 log10 of Σ w² over Σ (ŵ − w)² at each width; none where rounding changes nothing.
    pub sqnr_db: Vec<Option<f64>>,
}

/// A layer rounded to each width.
pub(super) struct LayerErrors {
    pub(super) layer: SensedLayer,
    /// The grid of each width.
    pub(super) grids: Vec<Grid>,
    /// ŵ − w of each width, laid out as the layer's own weight is.
    pub(super) deltas: Vec<Vec<f32>>,
}

/// The weights on their grid, as floats.
pub(super) fn rounded(mut rows: Rows, grid: &Grid) -> Rows {
    rows.grid = Some(grid.clone());
    let codes = rows.codes().expect("just given a grid");
    rows.set_codes(&codes);
    rows.grid = None;
    rows
}

/// Rounds every layer of a folded float model to the nearest code at each width.
///
/// # Errors
/// Model error naming the layer with a weight that is not finite.
pub(super) fn errors(
    model: &Model,
    widths: &[u32],
    granularity: Granularity,
    scales: ScaleFit,
) -> Result<Vec<LayerErrors>> {
    let mut leaves = Vec::new();
    model.clone().units_mut(&mut |_, unit| match unit {
        UnitMut::Conv(unit) => leaves.push(Leaf::Conv(unit.conv.clone())),
        UnitMut::Linear(unit) => leaves.push(Leaf::Linear(unit.linear.clone())),
        UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => {}
    });
    let group = granularity.group().map(|size| size as usize);
    let each = model.layers().into_par_iter().zip(leaves);
    each.map(|(layer, leaf)| {
        let rows = leaf.rows();
        if rows.values.iter().any(|w| !w.is_finite()) {
            return Err(Fault::plain("a weight that is not finite")
                .key(&layer.name)
                .model());
        }
        let mut found = LayerErrors {
            layer: SensedLayer {
                path: layer.name,
                kind: layer.kind,
                depth: layer.depth,
                params: rows.values.len(),
                sqnr_db: Vec::new(),
            },
            grids: Vec::new(),
            deltas: Vec::new(),
        };
        for &bits in widths {
            let grid = Grid {
                scales: weight_scales(&rows.values, rows.shape[1], group, bits, scales),
                bits,
                group,
                learn: Learn::Fixed,
            };
            let mut error = rounded(rows.clone(), &grid);
            let on_grid = Rows {
                grid: Some(grid.clone()),
                ..rows.clone()
            };
            found.layer.sqnr_db.push(on_grid.sqnr_db(&rows));
            let both = error.values.iter_mut().zip(&rows.values);
            both.for_each(|(rounded, w)| *rounded -= w);
            found.deltas.push(leaf.laid_out(error));
            found.grids.push(grid);
        }
        Ok(found)
    })
    .collect()
}

/// A leaf's stock layer.
enum Leaf {
    Conv(burn::nn::conv::Conv2d),
    Linear(burn::nn::Linear),
}

impl Leaf {
    fn rows(&self) -> Rows {
        match self {
            Self::Conv(conv) => Rows::of_conv(conv),
            Self::Linear(linear) => Rows::of_linear(linear),
        }
    }

    /// A matrix of its rows in the order of its weight.
    fn laid_out(&self, rows: Rows) -> Vec<f32> {
        match self {
            Self::Conv(conv) => floats(rows.into_conv(conv.clone()).weight.val()),
            Self::Linear(linear) => floats(rows.into_linear(linear.clone()).weight.val()),
        }
    }
}
