//! Cross-layer equalization: channels that reach further than others are scaled down where they are made
//! and up where they are read, so that one range fits them all (Nagel et al., arXiv:1906.04721, sec. 4.1).
//!
//! In floats nothing changes: f(t · x) = t · f(x) for t > 0 through ReLU, pooling, additions and gates. What
//! changes is what quantization sees. With a scale per output channel of the weights, as here, the rows of
//! the layer before are free; what is balanced is the range of the activation in a channel against the
//! share that the channel has in the rows of the layers after (as Xiao et al. do, arXiv:2211.10438, eq. 4,
//! with α = ½); for depthwise layers, whose rows are single channels, the activations alone. Where
//! activations are cut off at 6, channels grow to 6 at most on the calibration images, and one that
//! reaches it stays as it is.

mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::fold::fold;
use super::rows::{Rows, change_conv, change_linear, floats};
use crate::error::Result;
use crate::models::{LayerKind, Model};
use crate::nn::{Site, UnitMut, Watch};

use streams::{Stream, streams};

/// Which models are equalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Equalize {
    /// None.
    None,
    /// Those with depthwise layers, which need it most.
    #[default]
    Depthwise,
    /// All that have channels to scale.
    All,
}

impl Equalize {
    /// Whether it concerns `model`.
    pub fn concerns(self, model: &Model) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Depthwise => {
                let mut layers = model.layers().into_iter();
                layers.any(|layer| layer.kind == LayerKind::Depthwise)
            }
        }
    }
}

/// No channel is scaled by more, up or down.
const MOST: f64 = 64.0;

/// The model with its channels equalized on `batches` of images, `[B, 3, px, px]`, normalization kept. A
/// model that has nothing to equalize stays as it is.
///
/// # Errors
/// Whatever error a batch is.
pub fn equalize(
    mut model: Model,
    px: usize,
    batches: impl Iterator<Item = Result<Tensor<4>>>,
) -> Result<Model> {
    let folded = fold(model.clone());
    let streams = streams(&folded.trace(px)?);
    let ranges = input_ranges(&folded, batches)?;
    let weights = all_rows(&folded);
    for stream in &streams {
        if let Some(factors) = factors(stream, &ranges, &weights) {
            scale(&mut model, stream, &factors);
        }
    }
    Ok(model)
}

/// The largest magnitude of each channel that a leaf reads, by its path.
fn input_ranges(
    model: &Model,
    batches: impl Iterator<Item = Result<Tensor<4>>>,
) -> Result<BTreeMap<String, Vec<f32>>> {
    let seen = Arc::new(Mutex::new(BTreeMap::<String, Vec<f32>>::new()));
    let mut watched = model.clone();
    watched.units_mut(&mut |path, unit| {
        let (path, seen) = (path.to_string(), seen.clone());
        let watch = Some(Watch::new(move |site, values, shape| {
            if site != Site::Input {
                return;
            }
            let channels = *shape.last().expect("activations have channels");
            let mut seen = seen.lock().expect("no panic while it is held");
            let most = seen.entry(path.clone()).or_insert(vec![0.0; channels]);
            for pixel in values.chunks_exact(channels) {
                let pairs = most.iter_mut().zip(pixel);
                pairs.for_each(|(most, x)| *most = most.max(x.abs()));
            }
        }));
        match unit {
            UnitMut::Conv(unit) => unit.watch = watch,
            UnitMut::Linear(unit) => unit.watch = watch,
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => {}
        }
    });
    for images in batches {
        watched.forward(images?);
    }
    let mut seen = seen.lock().expect("no panic while it is held");
    Ok(std::mem::take(&mut seen))
}

/// The weights of every leaf by its path, with the channels that it reads at once.
fn all_rows(model: &Model) -> BTreeMap<String, (Rows, usize)> {
    let mut all = BTreeMap::new();
    model.clone().units_mut(&mut |path, unit| {
        let rows = match unit {
            UnitMut::Conv(unit) => {
                let [_, channels, _, _] = unit.conv.weight.lazy_shape().dims();
                (Rows::of_conv(&unit.conv), channels)
            }
            UnitMut::Linear(unit) => {
                let rows = Rows::of_linear(&unit.linear);
                let channels = rows.shape[1];
                (rows, channels)
            }
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
        };
        all.insert(path.to_string(), rows);
    });
    all
}

/// What each channel of a stream is multiplied by; none where a layer after it was not reached, or reads
/// something else than the channels that are made.
fn factors(
    stream: &Stream,
    ranges: &BTreeMap<String, Vec<f32>>,
    weights: &BTreeMap<String, (Rows, usize)>,
) -> Option<Vec<f32>> {
    let channels = weights.get(stream.producers.first()?)?.0.shape[0];
    let (mut reach, mut share) = (vec![0f64; channels], vec![0f64; channels]);
    for (path, depthwise) in &stream.consumers {
        let range = ranges.get(path).filter(|range| range.len() == channels)?;
        let pairs = reach.iter_mut().zip(range);
        pairs.for_each(|(most, &x)| *most = most.max(f64::from(x)));
        let (rows, width) = weights.get(path)?;
        if *depthwise {
            continue;
        }
        for row in rows.values.chunks_exact(rows.shape[1]) {
            let widest = row.iter().fold(0f32, |m, w| m.max(w.abs()));
            for (i, w) in row.iter().enumerate().filter(|_| widest > 0.0) {
                let share = &mut share[i % width];
                *share = share.max(f64::from(w.abs() / widest));
            }
        }
    }
    let all_depthwise = stream.consumers.iter().all(|(_, depthwise)| *depthwise);
    let live: Vec<bool> = reach
        .iter()
        .zip(&share)
        .map(|(&reach, &share)| reach > 0.0 && (all_depthwise || share > 0.0))
        .collect();
    let wish = |c: usize| match all_depthwise {
        true => 1.0 / reach[c],
        false => (share[c] / reach[c]).sqrt(),
    };
    let logs: Vec<f64> = (0..channels)
        .filter(|&c| live[c])
        .map(|c| wish(c).ln())
        .collect();
    let middle = (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp();
    let of = |c: usize| {
        const CAP: f64 = 6.0;
        if !live[c] || stream.capped && reach[c] >= CAP {
            return 1.0;
        }
        let factor = match (stream.capped, all_depthwise) {
            (true, true) => CAP / reach[c],
            (true, false) => (wish(c) / middle).min(CAP / reach[c]),
            (false, _) => wish(c) / middle,
        };
        factor.clamp(1.0 / MOST, MOST)
    };
    // A power of two changes no mantissa: equalizing rounds nothing.
    Some(
        (0..channels)
            .map(|c| of(c).log2().floor().exp2() as f32)
            .collect(),
    )
}

/// Channels times their factors where they are made, divided by them where they are read.
fn scale(model: &mut Model, stream: &Stream, factors: &[f32]) {
    model.units_mut(&mut |path, unit| {
        let made = stream.producers.iter().any(|p| p == path);
        let read = stream.consumers.iter().find(|(p, _)| p == path);
        match unit {
            UnitMut::Conv(unit) => {
                if let Some((_, depthwise)) = read {
                    change_conv(unit, |rows| divide(rows, factors, *depthwise));
                }
                if made {
                    match &mut unit.norm {
                        Some(norm) => {
                            norm.gamma = times(&norm.gamma, factors);
                            norm.beta = times(&norm.beta, factors);
                        }
                        None => {
                            change_conv(unit, |rows| multiply(rows, factors));
                            unit.conv.bias = unit.conv.bias.as_ref().map(|b| times(b, factors));
                        }
                    }
                }
            }
            UnitMut::Linear(unit) => {
                if read.is_some() {
                    change_linear(unit, |rows| divide(rows, factors, false));
                }
                if made {
                    change_linear(unit, |rows| multiply(rows, factors));
                    let linear = &mut unit.linear;
                    linear.bias = linear.bias.as_ref().map(|b| times(b, factors));
                }
            }
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => {}
        }
    });
}

/// Rows times their factors.
fn multiply(rows: &mut Rows, factors: &[f32]) {
    let k = rows.shape[1];
    for (row, factor) in rows.values.chunks_mut(k).zip(factors) {
        row.iter_mut().for_each(|w| *w *= factor);
    }
}

/// Columns, or the rows of a depthwise layer, by their factors.
fn divide(rows: &mut Rows, factors: &[f32], depthwise: bool) {
    let k = rows.shape[1];
    for (c, row) in rows.values.chunks_mut(k).enumerate() {
        for (i, w) in row.iter_mut().enumerate() {
            *w /= factors[if depthwise { c } else { i % factors.len() }];
        }
    }
}

/// The same parameter with other numbers.
fn times(param: &Param<Tensor<1>>, factors: &[f32]) -> Param<Tensor<1>> {
    let values = floats(param.val()).into_iter().zip(factors);
    let values: Vec<f32> = values.map(|(x, factor)| x * factor).collect();
    let mut scaled = Param::from_data(
        TensorData::new(values, [factors.len()]),
        &param.lazy_device(),
    );
    scaled.id = param.id;
    scaled
}
