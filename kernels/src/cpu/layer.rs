//! Layers: packed weights, how the input becomes codes, and what happens to the sums, checked together
//! once.
//!
//! | input | weights 8 bits | 4 and 2 bits |
//! |---|---|---|
//! | [`Input::Static`], [`Input::Dynamic`] | `gemm-w8a8-*`, `depthwise-a8-*` | `gemm-w4a8-*`, `depthwise-a8-*` |
//! | [`Input::Float`] | `gemm-w8f32-*`, `depthwise-f32-*` | `gemm-w4f32-*`, `depthwise-f32-*` |
//!
//! A depthwise convolution whose kernel is split into scale groups runs as a grouped matrix product.

use super::depthwise::{self, Depthwise};
use super::finish::Finish;
use super::isa::Isa;
use super::panels::{Order, Panels};
use super::product::{Job, Stored};
use super::rows::{self, Rows};
use super::{gemm, quantize, weight_only};
use crate::arith::{ActQuant, Epilogue};
use crate::error::{KernelError, Result};
use crate::packed::PackedWeights;
use crate::shape::ConvShape;
use crate::trace;

/// What a layer computes with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// Floats times packed weights (weight-only).
    Float,
    /// Codes of this quantizer, given as such or as floats.
    Static(ActQuant),
    /// 8-bit codes; the range is found in the floats given, for each image.
    Dynamic,
}

/// Activations given to a layer.
#[derive(Debug, Clone, Copy)]
pub enum Acts<'a> {
    /// `[B, C, H, W]` or `[M, K]`.
    Floats(&'a [f32]),
    /// `[B, H, W, C]` or `[M, K]`.
    ChannelsLast(&'a [f32]),
    /// `[B, H, W, ⌈C/4⌉]` or `[M, ⌈K/4⌉]`.
    Codes(&'a [u32]),
}

#[derive(Debug)]
enum Weights {
    Panels(Panels),
    Depthwise(Depthwise),
}

/// A packed convolution with its epilogue.
#[derive(Debug)]
pub struct QConv2d {
    pub(super) isa: Isa,
    pub(super) shape: ConvShape,
    pub(super) input: Input,
    bits: u32,
    weights: Weights,
    finish: Finish,
}

impl QConv2d {
    /// `shape` gives channels, kernel, stride, padding, dilation and groups; its batch and input size are
    /// those of each call instead.
    ///
    /// # Errors
    /// Weights of another shape, channels that groups do not divide, a bias of another length, scales or
    /// zero points out of range (checked where they are made), an [`Isa`] that the machine lacks.
    pub fn new(
        weights: &PackedWeights,
        shape: ConvShape,
        input: Input,
        epilogue: &Epilogue,
        isa: Isa,
    ) -> Result<Self> {
        check(weights, &shape, epilogue)?;
        if !isa.is_available() {
            let have: Vec<_> = Isa::available().map(Isa::name).collect();
            let expected = format!("one of {}", have.join(", "));
            return Err(KernelError::shape("instruction set", isa.name(), expected));
        }
        let float = matches!(input, Input::Float);
        let groups = shape.groups;
        let bits = weights.bits();
        let (weights, finish) = if shape.is_depthwise() && weights.groups() == 1 {
            let panels = [shape.c_out.div_ceil(depthwise::LANES), depthwise::LANES];
            let finish = Finish::new(weights, epilogue, 1, panels);
            let layer = if float {
                Depthwise::floats(weights)
            } else {
                Depthwise::codes(weights, isa)
            };
            (Weights::Depthwise(layer), finish)
        } else {
            let order = if float {
                Order::Lines
            } else {
                gemm::order(isa, bits)
            };
            let panels = Panels::new(weights, &shape, isa.columns(), order);
            let finish = Finish::new(
                weights,
                epilogue,
                groups,
                [panels.per_group, panels.columns],
            );
            (Weights::Panels(panels), finish)
        };
        Ok(Self {
            isa,
            shape,
            input,
            bits,
            weights,
            finish,
        })
    }

    /// Name of the kernel that runs.
    pub fn kernel(&self) -> &'static str {
        let float = matches!(self.input, Input::Float);
        match (&self.weights, float) {
            (Weights::Panels(_), false) => gemm::name(self.isa, self.bits),
            (Weights::Panels(_), true) => weight_only::name(self.isa, self.bits),
            (Weights::Depthwise(_), false) => depthwise::name(self.isa),
            (Weights::Depthwise(_), true) => depthwise::float_name(self.isa),
        }
    }

    /// Quantizer of the codes that it stores; `None` where it stores floats.
    pub fn output(&self) -> Option<ActQuant> {
        self.finish.output.quant()
    }

    /// How the input becomes codes.
    pub fn input(&self) -> Input {
        self.input
    }

    /// The convolution's sizes for `batch` images of `size` `[height, width]`.
    pub fn shape(&self, batch: usize, size: [usize; 2]) -> ConvShape {
        ConvShape {
            batch,
            input: size,
            ..self.shape
        }
    }

    /// Convolves `batch` images of `size` `[height, width]`: floats `[B, C, H, W]`, or codes
    /// `[B, H, W, ⌈C/4⌉]`.
    ///
    /// # Panics
    /// If the kernel does not fit the image, the length is another, or codes are given to a layer that
    /// finds its own range or computes with floats.
    pub fn run(&self, batch: usize, size: [usize; 2], x: Acts) -> Stored {
        match self.run_channels_last(batch, size, x) {
            Stored::Floats(y) => {
                let [h, w] = self.shape(batch, size).output();
                Stored::Floats(quantize::channels_first(&y, [self.shape.c_out, h * w]))
            }
            codes => codes,
        }
    }

    /// As [`Self::run`], but floats come out `[B, H, W, C]`.
    ///
    /// # Panics
    /// As [`Self::run`].
    pub fn run_channels_last(&self, batch: usize, size: [usize; 2], x: Acts) -> Stored {
        let shape = self.shape(batch, size);
        if let Err(error) = shape.check() {
            panic!("{error}");
        }
        let (c, pixels) = (shape.c_in, size[0] * size[1]);
        let given = match x {
            Acts::Floats(x) | Acts::ChannelsLast(x) => (x.len(), batch * pixels * c),
            Acts::Codes(x) => (x.len(), batch * pixels * c.div_ceil(4)),
        };
        assert_eq!(
            given.0, given.1,
            "activations of {batch} images of {size:?}"
        );
        match (self.input, x) {
            (Input::Float, Acts::Floats(x)) => {
                let x = quantize::channels_last(x, [c, pixels]);
                self.floats(&shape, &x)
            }
            (Input::Static(quant), Acts::Floats(x)) => {
                let x = quantize::images(x, [c, pixels], &[quant], self.isa);
                self.codes(&shape, &x, &[quant])
            }
            (Input::Float, Acts::ChannelsLast(x)) => self.floats(&shape, &quantize::padded(x, c)),
            (Input::Static(quant), Acts::ChannelsLast(x)) => {
                let x = quantize::rows(x, c, &[quant], self.isa);
                self.codes(&shape, &x, &[quant])
            }
            (Input::Dynamic, Acts::ChannelsLast(x)) => {
                let quants = quantize::ranges(x, batch, self.isa);
                let x = quantize::rows(x, c, &quants, self.isa);
                self.codes(&shape, &x, &quants)
            }
            (Input::Static(quant), Acts::Codes(x)) => self.codes(&shape, x, &[quant]),
            (Input::Dynamic, Acts::Floats(x)) => {
                let quants = quantize::ranges(x, batch, self.isa);
                let x = quantize::images(x, [c, pixels], &quants, self.isa);
                self.codes(&shape, &x, &quants)
            }
            (Input::Float | Input::Dynamic, Acts::Codes(_)) => {
                panic!("codes for a layer that computes with {:?}", self.input)
            }
        }
    }

    /// A convolution of codes `[B, H, W, ⌈C/4⌉]` with one quantizer or one for each image.
    pub(super) fn codes(&self, shape: &ConvShape, x: &[u32], quants: &[ActQuant]) -> Stored {
        trace::ran(self.kernel());
        let x: &[i8] = bytemuck::cast_slice(x);
        match &self.weights {
            Weights::Depthwise(layer) => depthwise::run(&self.depthwise(shape, x, layer, quants)),
            Weights::Panels(panels) => {
                let pad = |image: usize| quants[image % quants.len()].zero() as i8;
                let padded = self.padded(shape, x, panels, pad);
                gemm::run(&self.job(shape, x, padded.as_deref(), panels, quants))
            }
        }
    }

    /// A convolution of floats `[B, H, W, C padded to 4]`.
    pub(super) fn floats(&self, shape: &ConvShape, x: &[f32]) -> Stored {
        trace::ran(self.kernel());
        match &self.weights {
            Weights::Depthwise(layer) => {
                let none = [ActQuant::from_range(0.0, 0.0, 8)];
                depthwise::run(&self.depthwise(shape, x, layer, &none))
            }
            Weights::Panels(panels) => {
                let padded = self.padded(shape, x, panels, |_| 0.0);
                weight_only::run(&self.job(shape, x, padded.as_deref(), panels, &[]))
            }
        }
    }

    fn depthwise<'a, T>(
        &'a self,
        shape: &'a ConvShape,
        x: &'a [T],
        weights: &'a Depthwise,
        quants: &'a [ActQuant],
    ) -> depthwise::Job<'a, T> {
        depthwise::Job {
            isa: self.isa,
            weights,
            shape,
            x,
            quants,
            finish: &self.finish,
            scaled: self.finish.with(quants, weights.bias()),
        }
    }

    /// The images with padding around them, where a product reads runs of them and there is any.
    fn padded<A: Copy + Default + Send + Sync>(
        &self,
        shape: &ConvShape,
        data: &[A],
        panels: &Panels,
        pad: impl Fn(usize) -> A + Sync,
    ) -> Option<Vec<A>> {
        let stride = shape.c_in.next_multiple_of(4);
        let wanted = panels.by_runs(shape) && shape.padding != [0, 0];
        wanted.then(|| rows::with_padding(shape, data, stride, pad))
    }

    fn job<'a, A>(
        &'a self,
        shape: &'a ConvShape,
        data: &'a [A],
        padded: Option<&'a [A]>,
        panels: &'a Panels,
        quants: &'a [ActQuant],
    ) -> Job<'a, A> {
        let [h, w] = shape.output();
        let stride = shape.c_in.next_multiple_of(4);
        let rows = if shape.is_pointwise() {
            Rows::InPlace { data, stride }
        } else if panels.by_runs(shape) {
            Rows::Runs {
                data: padded.unwrap_or(data),
                stride,
                shape,
            }
        } else {
            Rows::Taps {
                data,
                stride,
                shape,
            }
        };
        Job {
            isa: self.isa,
            panels,
            finish: &self.finish,
            groups: shape.groups,
            channels: shape.c_out_group(),
            rows,
            count: shape.batch * h * w,
            quants,
            scaled: self.finish.with(quants, 0),
            rows_per_quant: h * w,
        }
    }
}

/// Whether weights, sizes and epilogue belong together, on any device.
pub(crate) fn check(weights: &PackedWeights, shape: &ConvShape, epilogue: &Epilogue) -> Result<()> {
    // An image that any kernel fits: its size is known only later.
    let reach = |axis: usize| shape.kernel[axis].saturating_mul(shape.dilation[axis]);
    ConvShape {
        batch: 1,
        input: [reach(0), reach(1)],
        ..*shape
    }
    .check()?;
    if weights.rows() != shape.c_out {
        return Err(KernelError::shape(
            "rows of weights",
            weights.rows(),
            shape.c_out,
        ));
    }
    if weights.k() != shape.k() {
        return Err(KernelError::shape("K of weights", weights.k(), shape.k()));
    }
    if let Some(bias) = &epilogue.bias
        && bias.len() != shape.c_out
    {
        return Err(KernelError::shape("bias", bias.len(), shape.c_out));
    }
    Ok(())
}
