//! Convolution on channels-last activations, forward and backward.
//!
//! Weights are `[c_out, c_in / groups, kernel height, kernel width]`, as PyTorch stores them, and are laid
//! into panels at each call, because training changes them at each step.

use rayon::prelude::*;

use super::depthwise;
use super::gather::Gather;
use super::outer::outer;
use super::panels::{Panels, View};
use super::product::{Rows, product};
use super::share::written;
use crate::shape::ConvShape;
use crate::trace;

/// Input channels up to which a row is so short that taps are gathered into one long row first.
const NARROW: usize = 8;

/// The convolution of `x`, `[batch, height, width, c_in]`, as `[batch, height', width', c_out]`.
///
/// # Panics
/// When lengths do not belong together.
pub fn forward(shape: &ConvShape, x: &[f32], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    check(shape, x.len(), weights.len());
    if shape.is_depthwise() {
        trace::ran("float-depthwise");
        return depthwise::forward(shape, x, weights, bias);
    }
    trace::ran("float-conv");
    let columns;
    let (gather, a, narrow) = if is_narrow(shape) {
        columns = gather_columns(shape, x);
        (Gather::rows(), columns.as_slice(), true)
    } else {
        (gather(shape), x, false)
    };
    let images = if gather.positions == 1 {
        a_rows(shape)
    } else {
        shape.batch
    };
    written(output_len(shape), |out| {
        for group in 0..shape.groups {
            let mut panels = Panels::pack(weights, &by_output(shape, group));
            if narrow {
                panels.join_taps();
            }
            let rows = Rows {
                data: a,
                row_len: a.len() / (images * gather.sources),
                start: group * shape.c_in_group(),
            };
            let n = shape.c_out_group();
            let bias = bias.map(|bias| &bias[group * n..(group + 1) * n]);
            product(
                &gather,
                images,
                rows,
                &panels,
                bias,
                (out, shape.c_out, group * n),
            );
        }
    })
}

/// Gradient of the input from the gradient `g` of the output.
///
/// # Panics
/// When lengths do not belong together.
pub fn backward_input(shape: &ConvShape, g: &[f32], weights: &[f32]) -> Vec<f32> {
    assert_eq!(g.len(), output_len(shape), "gradient of another output");
    if shape.is_depthwise() {
        return depthwise::backward_input(shape, g, weights);
    }
    let [h, w] = shape.input;
    let gather = if shape.is_pointwise() {
        Gather::rows()
    } else {
        Gather::backward(shape)
    };
    let images = if gather.positions == 1 {
        a_rows(shape)
    } else {
        shape.batch
    };
    written(shape.batch * h * w * shape.c_in, |out| {
        for group in 0..shape.groups {
            let panels = Panels::pack(weights, &by_input(shape, group));
            let rows = Rows {
                data: g,
                row_len: shape.c_out,
                start: group * shape.c_out_group(),
            };
            let start = group * shape.c_in_group();
            product(
                &gather,
                images,
                rows,
                &panels,
                None,
                (out, shape.c_in, start),
            );
        }
    })
}

/// Gradient of the weights, in their order, from the input and the gradient `g` of the output.
///
/// # Panics
/// When lengths do not belong together.
pub fn backward_weights(shape: &ConvShape, x: &[f32], g: &[f32]) -> Vec<f32> {
    assert_eq!(g.len(), output_len(shape), "gradient of another output");
    if shape.is_depthwise() {
        return depthwise::backward_weights(shape, x, g);
    }
    let columns;
    let (gather, a, narrow) = if is_narrow(shape) {
        columns = gather_columns(shape, x);
        (Gather::rows(), columns.as_slice(), true)
    } else {
        (gather(shape), x, false)
    };
    let images = if gather.positions == 1 {
        a_rows(shape)
    } else {
        shape.batch
    };
    written(shape.c_out * shape.k(), |weights| {
        for group in 0..shape.groups {
            let view = by_output(shape, group);
            let mut panels = Panels::zeros(&view);
            if narrow {
                panels.join_taps();
            }
            let rows = Rows {
                data: a,
                row_len: a.len() / (images * gather.sources),
                start: group * shape.c_in_group(),
            };
            let gradient = Rows {
                data: g,
                row_len: shape.c_out,
                start: group * shape.c_out_group(),
            };
            outer(&gather, images, rows, gradient, &mut panels);
            panels.unpack(&view, weights);
        }
    })
}

/// A linear layer: rows of `x`, `[rows, d_in]`, times `weights`, `[d_in, d_out]`, plus the bias.
///
/// # Panics
/// When lengths do not belong together.
pub fn linear(
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    [d_in, d_out]: [usize; 2],
) -> Vec<f32> {
    trace::ran("float-linear");
    let rows = x.len() / d_in;
    written(rows * d_out, |out| {
        let panels = Panels::pack(weights, &linear_view([d_in, d_out]));
        let x = Rows {
            data: x,
            row_len: d_in,
            start: 0,
        };
        product(&Gather::rows(), rows, x, &panels, bias, (out, d_out, 0));
    })
}

/// Gradient of [`linear`]'s input.
///
/// # Panics
/// When lengths do not belong together.
pub fn linear_backward_input(g: &[f32], weights: &[f32], [d_in, d_out]: [usize; 2]) -> Vec<f32> {
    let rows = g.len() / d_out;
    written(rows * d_in, |out| {
        let view = View {
            n: d_in,
            n_step: d_out,
            k: d_out,
            k_step: 1,
            taps: 1,
            tap_step: 0,
            start: 0,
        };
        let panels = Panels::pack(weights, &view);
        let g = Rows {
            data: g,
            row_len: d_out,
            start: 0,
        };
        product(&Gather::rows(), rows, g, &panels, None, (out, d_in, 0));
    })
}

/// Gradient of [`linear`]'s weights.
///
/// # Panics
/// When lengths do not belong together.
pub fn linear_backward_weights(x: &[f32], g: &[f32], [d_in, d_out]: [usize; 2]) -> Vec<f32> {
    let rows = x.len() / d_in;
    let view = linear_view([d_in, d_out]);
    let mut panels = Panels::zeros(&view);
    let a = Rows {
        data: x,
        row_len: d_in,
        start: 0,
    };
    let g = Rows {
        data: g,
        row_len: d_out,
        start: 0,
    };
    outer(&Gather::rows(), rows, a, g, &mut panels);
    written(d_in * d_out, |weights| panels.unpack(&view, weights))
}

fn linear_view([d_in, d_out]: [usize; 2]) -> View {
    View {
        n: d_out,
        n_step: 1,
        k: d_in,
        k_step: d_out,
        taps: 1,
        tap_step: 0,
        start: 0,
    }
}

/// Columns are output channels, k the input channels of the group.
fn by_output(shape: &ConvShape, group: usize) -> View {
    let taps = shape.kernel[0] * shape.kernel[1];
    View {
        n: shape.c_out_group(),
        n_step: shape.k(),
        k: shape.c_in_group(),
        k_step: taps,
        taps,
        tap_step: 1,
        start: group * shape.c_out_group() * shape.k(),
    }
}

/// Columns are input channels of the group, k its output channels.
fn by_input(shape: &ConvShape, group: usize) -> View {
    let by_output = by_output(shape, group);
    View {
        n: by_output.k,
        n_step: by_output.k_step,
        k: by_output.n,
        k_step: by_output.n_step,
        ..by_output
    }
}

fn gather(shape: &ConvShape) -> Gather {
    if shape.is_pointwise() {
        Gather::rows()
    } else {
        Gather::forward(shape)
    }
}

/// Rows of a product whose output positions are all alike.
fn a_rows(shape: &ConvShape) -> usize {
    let [h, w] = shape.output();
    shape.batch * h * w
}

fn is_narrow(shape: &ConvShape) -> bool {
    shape.c_in <= NARROW && shape.groups == 1 && shape.kernel != [1, 1]
}

/// All taps of an output position side by side, `[batch · height' · width', taps, c_in]`.
fn gather_columns(shape: &ConvShape, x: &[f32]) -> Vec<f32> {
    let gather = Gather::forward(shape);
    let (c, taps) = (shape.c_in, gather.taps);
    let mut columns = vec![0.0; shape.batch * gather.positions * taps * c];
    let rows = columns.par_chunks_exact_mut(taps * c).enumerate();
    rows.with_min_len(64).for_each(|(row, to)| {
        let place = gather.place(row);
        let mut tap = 0;
        while tap < taps {
            let Some(source) = gather.source(place, tap) else {
                tap += 1;
                continue;
            };
            // Taps of one kernel row lie side by side.
            let follows = |i: &usize| gather.source(place, tap + i) == Some(source + i);
            let run = 1 + (1..taps - tap).take_while(follows).count();
            to[tap * c..(tap + run) * c].copy_from_slice(&x[source * c..(source + run) * c]);
            tap += run;
        }
    });
    columns
}

fn output_len(shape: &ConvShape) -> usize {
    a_rows(shape) * shape.c_out
}

fn check(shape: &ConvShape, x: usize, weights: usize) {
    let [h, w] = shape.input;
    assert_eq!(
        x,
        shape.batch * h * w * shape.c_in,
        "an input of another shape"
    );
    assert_eq!(weights, shape.c_out * shape.k(), "weights of another shape");
}
