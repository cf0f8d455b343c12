//! What the device is asked to do: one value that every backend carries out, and how the CPU does it.
//!
//! | task | floats in | codes in |
//! |---|---|---|
//! | `Conv` | `[B, C, H, W]` | `[B, H, W, ⌈C/4⌉]` |
//! | `Linear` | `[.., K]` | `[.., ⌈K/4⌉]` |
//! | `QuantizeImages`, `QuantizeRows` | the same two | |
//! | `DequantizeImages`, `DequantizeRows`, `Lookup`, `MaxPool`, `GlobalMean` | | the same two |
//! | `Add`, `Concat` | | two tensors of codes |
//! | `Scale` | `[B, C]` besides | `[B, H, W, ⌈C/4⌉]` |

use super::layers::{QConv2d, QLinear};
use crate::arith::{ActQuant, Activation};
use crate::cpu::joints::{self, Part, Pool};
use crate::cpu::{Acts, Isa, Stored, quantize};
use std::sync::Arc;

/// A piece of work on one or two tensors.
#[derive(Debug, Clone)]
pub enum Task {
    /// A convolution.
    Conv(QConv2d),
    /// A linear layer.
    Linear(QLinear),
    /// Floats to codes.
    QuantizeImages(ActQuant),
    /// Floats to codes.
    QuantizeRows(ActQuant),
    /// Codes of so many channels to floats.
    DequantizeImages(usize, ActQuant),
    /// Codes of so many channels to floats.
    DequantizeRows(usize, ActQuant),
    /// Each code by a table.
    Lookup(Arc<[i8; 256]>),
    /// Largest of each window.
    MaxPool(Pool),
    /// Mean over all pixels of so many channels, as floats.
    GlobalMean(usize, ActQuant),
    /// Requantized sum: the quantizers of both and of the result.
    Add([ActQuant; 2], Activation, ActQuant),
    /// Channels side by side: numbers of channels, tables where a part is requantized.
    Concat([usize; 2], [Option<Box<[i8; 256]>>; 2]),
    /// Codes of so many channels times gates: the quantizers before and after.
    Scale(usize, [ActQuant; 2]),
}

/// A result and its sizes.
pub(super) type Done = (Stored, Vec<usize>);

impl Task {
    /// Carries out a task of one tensor on the CPU.
    ///
    /// # Panics
    /// If the task is not one of a tensor of this kind and size.
    pub(super) fn run(&self, x: Acts, dims: &[usize]) -> Done {
        let isa = Isa::best();
        match (self, x, dims) {
            (Self::Conv(layer), x, &[batch, a, b, c]) => {
                let (size, found) = match x {
                    Acts::Floats(_) => ([b, c], a),
                    Acts::Codes(_) => ([a, b], c),
                };
                layer.check_channels(x, found);
                let stored = layer.on_cpu().run(batch, size, x);
                let shape = layer.on_cpu().shape(batch, size);
                let [h, w] = shape.output();
                let dims = match stored {
                    Stored::Floats(_) => vec![batch, shape.c_out, h, w],
                    Stored::Codes(_) => vec![batch, h, w, shape.c_out.div_ceil(4)],
                };
                (stored, dims)
            }
            (Self::Linear(layer), x, &[ref front @ .., found]) => {
                layer.check_features(x, found);
                // Of a dynamic layer every row of the first dimension has its own range.
                let stored = layer.on_cpu().run(dims[0], x);
                let features = layer.on_cpu().features()[1];
                let last = match stored {
                    Stored::Floats(_) => features,
                    Stored::Codes(_) => features.div_ceil(4),
                };
                (stored, [front, &[last]].concat())
            }
            (Self::QuantizeImages(quant), Acts::Floats(x), &[batch, c, h, w]) => {
                let words = quantize::images(x, [c, h * w], &[*quant], isa);
                (Stored::Codes(words), vec![batch, h, w, c.div_ceil(4)])
            }
            (Self::QuantizeRows(quant), Acts::Floats(x), &[ref front @ .., k]) => {
                let words = quantize::rows(x, k, &[*quant], isa);
                (Stored::Codes(words), [front, &[k.div_ceil(4)]].concat())
            }
            (&Self::DequantizeImages(c, quant), Acts::Codes(x), &[batch, h, w, _]) => {
                let x = quantize::dequantize_images(x, [c, h * w], &[quant]);
                (Stored::Floats(x), vec![batch, c, h, w])
            }
            (&Self::DequantizeRows(k, quant), Acts::Codes(x), &[ref front @ .., _]) => {
                // Rows are images of one pixel.
                let x = quantize::dequantize_images(x, [k, 1], &[quant]);
                (Stored::Floats(x), [front, &[k]].concat())
            }
            (Self::Lookup(table), Acts::Codes(x), dims) => {
                (Stored::Codes(joints::lookup(x, table)), dims.to_vec())
            }
            (Self::MaxPool(pool), Acts::Codes(x), &[batch, h, w, words]) => {
                let [rows, cols] = match pool.output([h, w]) {
                    Ok(size) => size,
                    Err(error) => panic!("{error}"),
                };
                let x = joints::max_pool(x, [h, w, words], pool, isa);
                (Stored::Codes(x), vec![batch, rows, cols, words])
            }
            (&Self::GlobalMean(c, quant), Acts::Codes(x), &[batch, h, w, _]) => {
                let x = joints::global_mean(x, [h * w, c], quant);
                (Stored::Floats(x), vec![batch, c])
            }
            (task, x, dims) => {
                let kind = match x {
                    Acts::Floats(_) => "floats",
                    Acts::Codes(_) => "codes",
                };
                panic!("{task:?} of {kind} {dims:?}");
            }
        }
    }

    /// Carries out a task of two tensors of codes on the CPU.
    ///
    /// # Panics
    /// If the task is not one, or the sizes do not belong together.
    pub(super) fn run_two(&self, [a, b]: [&[u32]; 2], [da, db]: [&[usize]; 2]) -> Done {
        match self {
            &Self::Add(quants, activation, out) => {
                assert_eq!(da, db, "tensors of the same size");
                let words = joints::add([a, b], quants, activation, out, Isa::best());
                (Stored::Codes(words), da.to_vec())
            }
            Self::Concat([ca, cb], [ta, tb]) => {
                let front = &da[..da.len() - 1];
                assert_eq!(front, &db[..db.len() - 1], "all but the channels");
                let part = |words, channels, table| Part {
                    words,
                    channels,
                    table,
                };
                let words =
                    joints::concat(&[part(a, *ca, ta.as_deref()), part(b, *cb, tb.as_deref())]);
                (
                    Stored::Codes(words),
                    [front, &[(ca + cb).div_ceil(4)]].concat(),
                )
            }
            task => panic!("{task:?} of two tensors of codes"),
        }
    }

    /// Carries out [`Task::Scale`] on the CPU.
    ///
    /// # Panics
    /// If the task is another, or the sizes do not belong together.
    pub(super) fn run_gated(&self, gates: &[f32], x: &[u32], dims: &[usize]) -> Done {
        let &Self::Scale(channels, quants) = self else {
            panic!("{self:?} of codes and gates");
        };
        assert_eq!(
            gates.len(),
            dims[0] * channels,
            "a gate for each image and channel"
        );
        let words = joints::scale(x, gates, channels, quants, Isa::best());
        (Stored::Codes(words), dims.to_vec())
    }
}
