//! Quantization in a graph: codes and back, so that a reader sees floats on a grid and may compute with the
//! codes instead (ONNX calls the pairs QDQ).
//!
//! No layer records these yet. One that quantizes has two places for them: what it reads
//! ([`activations`]) and its weights ([`weights`]).

use super::Symbol;
use super::graph::{Numbers, Op};

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
