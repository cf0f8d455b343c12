//! Quantization in a graph: codes and back, so that a reader sees floats on a grid and may compute with the
//! codes instead (ONNX calls the pairs QDQ).
//!
//! A leaf on its grids has two places for them: what it reads and gives ([`activations`]) and its weights
//! ([`weights`]). Ranges that are found for each image have no form in ONNX, whose dynamic quantization is
//! of a whole batch: such activations stay floats there.

use burn::module::Param;
use burn::tensor::Tensor;

use super::graph::{Numbers, Op};
use super::{Act, LeafQuant, Symbol, record};
use crate::quant::{FakeAct, FakeWeight, weight_codes};

/// The code of the real number 0, and with it the kind of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// Codes from −128 to 127.
    I8(i8),
    /// Codes from 0 to 255.
    U8(u8),
}

/// Activations on the grid of one scale; `name` is that of the place.
///
/// Readers clip at the ends of their codes: −128, where [`ActQuant`](fairbit_kernels::ActQuant) ends at
/// −127. The two differ by one step, and only below what calibration saw.
pub fn activations<const D: usize>(x: &Symbol<D>, name: &str, scale: f32, zero: Zero) -> Symbol<D> {
    let graph = x.recorder();
    let zero = match zero {
        Zero::I8(zero) => Numbers::I8(vec![zero]),
        Zero::U8(zero) => Numbers::U8(vec![zero]),
    };
    let grid = [
        graph.scalar(&format!("{name}.scale"), scale),
        graph.constant(&format!("{name}.zero"), &[], zero),
    ];
    x.map(
        &format!("{name}.codes"),
        Op::QuantizeLinear { axis: None },
        &grid,
    )
    .map(
        &format!("{name}.floats"),
        Op::DequantizeLinear { axis: None },
        &grid,
    )
    .on_grid_as(true)
}

/// What a leaf multiplies its weights by.
pub(super) fn enter<const D: usize>(
    quant: Option<&LeafQuant>,
    x: &Symbol<D>,
    path: &str,
) -> Symbol<D> {
    match quant {
        Some(quant) if !x.is_on_grid() => on_grid(Some(&quant.input), x, &format!("{path}.input")),
        _ => x.clone(),
    }
}

/// From a leaf's sum to what it gives.
pub(super) fn leave<const D: usize>(
    quant: Option<&LeafQuant>,
    act: Act,
    sum: &Symbol<D>,
    path: &str,
) -> Symbol<D> {
    let grid = quant.and_then(|quant| quant.sum.as_ref());
    let sum = on_grid(grid, sum, &format!("{path}.sum"));
    let y = record::act(act, &sum, path);
    let grid = quant.and_then(|quant| quant.output.as_ref());
    on_grid(grid, &y, &format!("{path}.output"))
}

/// A value on a grid, where there is one and it is the same for all images.
pub(super) fn on_grid<const D: usize>(
    grid: Option<&FakeAct>,
    x: &Symbol<D>,
    name: &str,
) -> Symbol<D> {
    match grid.and_then(FakeAct::quant) {
        Some(quant) => {
            // After a ReLU nothing is below zero. With the lowest code for it, which ONNX has and we do
            // not, the grid is the same, and ONNX Runtime sees that it may compute with integers.
            let zero = match quant.zero() {
                -127 => i8::MIN,
                zero => zero as i8,
            };
            activations(x, name, quant.scale(), Zero::I8(zero))
        }
        None => x.clone(),
    }
}

/// The weight of a leaf as codes, `[out, …]` of a convolution or `[in, out]`; none without a grid.
///
/// # Panics
/// For a scale per group of weights, which `Model::trace` refuses.
pub(super) fn parameter<const D: usize, const E: usize>(
    x: &Symbol<E>,
    name: &str,
    weight: &Param<Tensor<D>>,
) -> Option<String> {
    let state = weight.reparameterization::<FakeWeight>()?;
    assert!(state.group().is_none(), "one scale per channel");
    let base = weight.base();
    let shape = base.dims();
    let axis = if D == 2 { 1 } else { 0 };
    let k = base.shape().num_elements() / shape[axis];
    // A channel is a row while codes are found.
    let rows = if D == 2 { base.swap_dims(0, 1) } else { base };
    let rows: Vec<f32> = rows.into_data().iter::<f32>().collect();
    let scales = state.scales();
    let mut codes = weight_codes(&rows, k, None, state.bits(), &scales);
    if D == 2 {
        let column = |i: usize| (0..shape[1]).map(move |o| o * k + i);
        codes = (0..k).flat_map(column).map(|at| codes[at]).collect();
    }
    let codes = match state.bits() {
        ..=4 => Numbers::I4(codes),
        _ => Numbers::I8(codes),
    };
    Some(weights(x, name, &shape, codes, &scales, axis))
}

/// A weight kept as codes around 0, with a scale for each place along `axis`; returns the name of its
/// floats. `x` is any value of the graph.
///
/// # Panics
/// If the codes are not [`Numbers::I8`] or [`Numbers::I4`], or their number or that of the scales is not
/// what `shape` says.
pub fn weights<const D: usize>(
    x: &Symbol<D>,
    name: &str,
    shape: &[usize],
    codes: Numbers,
    scales: &[f32],
    axis: usize,
) -> String {
    assert_eq!(scales.len(), shape[axis], "{name}: one scale per channel");
    let graph = x.recorder();
    let zeros = match codes {
        Numbers::I8(_) => Numbers::I8(vec![0; scales.len()]),
        Numbers::I4(_) => Numbers::I4(vec![0; scales.len()]),
        _ => panic!("{name}: weights are codes with a sign"),
    };
    let channels = [scales.len()];
    let inputs = vec![
        graph.constant(&format!("{name}.codes"), shape, codes),
        graph.constant(
            &format!("{name}.scale"),
            &channels,
            Numbers::F32(scales.to_vec()),
        ),
        graph.constant(&format!("{name}.zero"), &channels, zeros),
    ];
    let axis = Some(axis as i64);
    graph
        .node(name, Op::DequantizeLinear { axis }, inputs, 1)
        .remove(0)
}
