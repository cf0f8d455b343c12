//! What the device is asked to do: one value that every backend carries out, and how the CPU does it.
//!
//! | task | floats in | codes in |
//! |---|---|---|
//! | `Conv` | `[B, C, H, W]`, or `[B, H, W, C]` | `[B, H, W, ⌈C/4⌉]` |
//! | `Linear` | `[.., K]` | `[.., ⌈K/4⌉]` |
//! | `QuantizeImages`, `QuantizeRows` | the same two | |
//! | `DequantizeImages`, `DequantizeRows`, `Lookup`, `MaxPool`, `GlobalMean` | | the same two |
//! | `Add`, `Concat` | | two tensors of codes |
//! | `Scale` | `[B, C]` besides | `[B, H, W, ⌈C/4⌉]` |

use super::layers::{QConv2d, QLinear};
use crate::arith::{ActQuant, Activation, Output};
use crate::cpu::joints::{self, Part, Pool};
use crate::cpu::{Acts, Isa, Stored, quantize};
use crate::shape::ConvShape;
use std::sync::Arc;

/// How floats of images lie; codes have their channels last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[B, C, H, W]`.
    ChannelsFirst,
    /// `[B, H, W, C]`.
    ChannelsLast,
}

/// A piece of work on one or two tensors.
#[derive(Debug, Clone)]
pub enum Task {
    /// A convolution; how its floats lie, those that come in and those that go out.
    Conv(QConv2d, [Layout; 2]),
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

/// What a task of one tensor is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Floats.
    Floats,
    /// Codes.
    Codes,
}

impl Task {
    /// Sizes of the result of a task on a tensor of these sizes.
    ///
    /// # Panics
    /// If the task is not one of a tensor of this kind and size, or a kernel or window does not fit.
    pub fn output(&self, given: Given, dims: &[usize]) -> Vec<usize> {
        let last = |front: &[usize], channels: usize, stores: &Output| match stores {
            Output::F32 => [front, &[channels]].concat(),
            _ => [front, &[channels.div_ceil(4)]].concat(),
        };
        match (self, given, dims) {
            (Self::Conv(layer, [before, after]), given, &[batch, a, b, c]) => {
                let input = match (given, before) {
                    (Given::Floats, Layout::ChannelsFirst) => [b, c],
                    _ => [a, b],
                };
                let shape = ConvShape {
                    batch,
                    input,
                    ..*layer.shape()
                };
                if let Err(error) = shape.check() {
                    panic!("{error}");
                }
                let [h, w] = shape.output();
                match (&layer.epilogue().output, after) {
                    (Output::F32, Layout::ChannelsFirst) => vec![batch, shape.c_out, h, w],
                    (Output::F32, Layout::ChannelsLast) => vec![batch, h, w, shape.c_out],
                    _ => vec![batch, h, w, shape.c_out.div_ceil(4)],
                }
            }
            (Self::Linear(layer), _, [front @ .., _]) => {
                last(front, layer.weights().rows(), &layer.epilogue().output)
            }
            (Self::QuantizeImages(_), Given::Floats, &[batch, c, h, w]) => {
                vec![batch, h, w, c.div_ceil(4)]
            }
            (Self::QuantizeRows(_), Given::Floats, [front @ .., k]) => {
                [front, &[k.div_ceil(4)]].concat()
            }
            (&Self::DequantizeImages(c, _), Given::Codes, &[batch, h, w, _]) => {
                vec![batch, c, h, w]
            }
            (&Self::DequantizeRows(k, _), Given::Codes, [front @ .., _]) => [front, &[k]].concat(),
            (Self::Lookup(_), Given::Codes, dims) => dims.to_vec(),
            (Self::MaxPool(pool), Given::Codes, &[batch, h, w, words]) => match pool.output([h, w])
            {
                Ok([rows, cols]) => vec![batch, rows, cols, words],
                Err(error) => panic!("{error}"),
            },
            (&Self::GlobalMean(c, _), Given::Codes, &[batch, ..]) => vec![batch, c],
            (task, given, dims) => panic!("{task:?} of {given:?} {dims:?}"),
        }
    }

    /// Sizes of the result of a task on two tensors of codes of these sizes.
    ///
    /// # Panics
    /// If the task is not one, or the sizes do not belong together.
    pub fn output_of_two(&self, a: &[usize], b: &[usize]) -> Vec<usize> {
        match self {
            Self::Add(..) => {
                assert_eq!(a, b, "tensors of the same size");
                a.to_vec()
            }
            Self::Concat([ca, cb], _) => {
                let front = &a[..a.len() - 1];
                assert_eq!(front, &b[..b.len() - 1], "all but the channels");
                [front, &[(ca + cb).div_ceil(4)]].concat()
            }
            task => panic!("{task:?} of two tensors of codes"),
        }
    }

    /// Channels of the tensor that a layer is given.
    ///
    /// # Panics
    /// If they are not the layer's.
    pub(super) fn check(&self, given: Given, dims: &[usize]) {
        let (found, channels, what) = match (self, given) {
            (Self::Conv(layer, [before, _]), Given::Floats) => (
                match before {
                    Layout::ChannelsFirst => dims[1],
                    Layout::ChannelsLast => dims[3],
                },
                layer.shape().c_in,
                "channels of a convolution's input",
            ),
            (Self::Conv(layer, _), Given::Codes) => (
                dims[3],
                layer.shape().c_in,
                "channels of a convolution's input",
            ),
            (Self::Linear(layer), _) => (
                dims[dims.len() - 1],
                layer.weights().k(),
                "features of a linear layer's input",
            ),
            _ => return,
        };
        let expected = match given {
            Given::Floats => channels,
            Given::Codes => channels.div_ceil(4),
        };
        assert_eq!(found, expected, "{what}");
    }

    /// Carries out a task of one tensor on the CPU.
    ///
    /// # Panics
    /// If the task is not one of a tensor of this kind and size.
    pub(super) fn run(&self, x: Acts, dims: &[usize]) -> Stored {
        let isa = Isa::best();
        match (self, x, dims) {
            (Self::Conv(layer, [before, after]), x, &[batch, a, b, c]) => {
                let (x, size) = match (x, before) {
                    (Acts::Floats(_), Layout::ChannelsFirst) => (x, [b, c]),
                    (Acts::Floats(x), Layout::ChannelsLast) => (Acts::ChannelsLast(x), [a, b]),
                    (x, _) => (x, [a, b]),
                };
                match after {
                    Layout::ChannelsFirst => layer.on_cpu().run(batch, size, x),
                    Layout::ChannelsLast => layer.on_cpu().run_channels_last(batch, size, x),
                }
            }
            // Of a dynamic layer every row of the first dimension has its own range.
            (Self::Linear(layer), x, dims) => layer.on_cpu().run(dims[0], x),
            (Self::QuantizeImages(quant), Acts::Floats(x), &[_, c, h, w]) => {
                Stored::Codes(quantize::images(x, [c, h * w], &[*quant], isa))
            }
            (Self::QuantizeRows(quant), Acts::Floats(x), &[.., k]) => {
                Stored::Codes(quantize::rows(x, k, &[*quant], isa))
            }
            (&Self::DequantizeImages(c, quant), Acts::Codes(x), &[_, h, w, _]) => {
                Stored::Floats(quantize::dequantize_images(x, [c, h * w], &[quant]))
            }
            (&Self::DequantizeRows(k, quant), Acts::Codes(x), _) => {
                Stored::Floats(quantize::dequantize_rows(x, k, &[quant]))
            }
            (Self::Lookup(table), Acts::Codes(x), _) => Stored::Codes(joints::lookup(x, table)),
            (Self::MaxPool(pool), Acts::Codes(x), &[_, h, w, words]) => {
                Stored::Codes(joints::max_pool(x, [h, w, words], pool, isa))
            }
            (&Self::GlobalMean(c, quant), Acts::Codes(x), &[_, h, w, _]) => {
                Stored::Floats(joints::global_mean(x, [h * w, c], quant))
            }
            (task, _, dims) => unreachable!("{task:?} of {dims:?} has no output"),
        }
    }

    /// Carries out a task of two tensors of codes on the CPU.
    ///
    /// # Panics
    /// If the task is not one.
    pub(super) fn run_two(&self, [a, b]: [&[u32]; 2]) -> Stored {
        let words = match self {
            &Self::Add(quants, activation, out) => {
                joints::add([a, b], quants, activation, out, Isa::best())
            }
            Self::Concat([ca, cb], [ta, tb]) => {
                let part = |words, channels, table| Part {
                    words,
                    channels,
                    table,
                };
                joints::concat(&[part(a, *ca, ta.as_deref()), part(b, *cb, tb.as_deref())])
            }
            task => panic!("{task:?} of two tensors of codes"),
        };
        Stored::Codes(words)
    }

    /// Carries out [`Task::Scale`] on the CPU.
    ///
    /// # Panics
    /// If the task is another, or the sizes do not belong together.
    pub(super) fn run_gated(&self, gates: &[f32], x: &[u32], batch: usize) -> Stored {
        let (channels, quants) = self.gates(gates.len(), batch);
        Stored::Codes(joints::scale(x, gates, channels, quants, Isa::best()))
    }

    /// Channels and quantizers of [`Task::Scale`].
    ///
    /// # Panics
    /// If the task is another, or there is not a gate for each image and channel.
    pub(super) fn gates(&self, gates: usize, batch: usize) -> (usize, [ActQuant; 2]) {
        let &Self::Scale(channels, quants) = self else {
            panic!("{self:?} of codes and gates");
        };
        assert_eq!(gates, batch * channels, "a gate for each image and channel");
        (channels, quants)
    }
}
