//! A linear layer: a convolution of one pixel per row, and nothing but the shape of its input to itself.

use super::isa::Isa;
use super::layer::{Acts, Input, QConv2d};
use super::product::Stored;
use super::quantize;
use crate::arith::{ActQuant, Epilogue};
use crate::error::Result;
use crate::packed::PackedWeights;
use crate::shape::ConvShape;

/// A packed linear layer with its epilogue.
#[derive(Debug)]
pub struct QLinear(QConv2d);

impl QLinear {
    /// A layer from `weights.k()` features to `weights.rows()`.
    ///
    /// # Errors
    /// As [`QConv2d::new`].
    pub fn new(
        weights: &PackedWeights,
        input: Input,
        epilogue: &Epilogue,
        isa: Isa,
    ) -> Result<Self> {
        let shape = linear_shape(weights);
        QConv2d::new(weights, shape, input, epilogue, isa).map(Self)
    }

    /// Name of the kernel that runs.
    pub fn kernel(&self) -> &'static str {
        self.0.kernel()
    }

    /// Quantizer of the codes that it stores; `None` where it stores floats.
    pub fn output(&self) -> Option<ActQuant> {
        self.0.output()
    }

    /// How the input becomes codes.
    pub fn input(&self) -> Input {
        self.0.input()
    }

    /// Features in and out.
    pub fn features(&self) -> [usize; 2] {
        [self.0.shape.c_in, self.0.shape.c_out]
    }

    /// The product of rows of floats `[M, K]`, or of codes `[M, ⌈K/4⌉]`. Of a dynamic layer each of
    /// `images` equal parts of the rows has its own range (all tokens of an image share one); the others
    /// take no notice of `images`.
    ///
    /// # Panics
    /// If the length is not that of whole rows, the parts are not equal, or codes are given to a layer
    /// that finds its own range or computes with floats.
    pub fn run(&self, images: usize, x: Acts) -> Stored {
        let k = self.0.shape.c_in;
        let (len, row) = match x {
            Acts::Floats(x) | Acts::ChannelsLast(x) => (x.len(), k),
            Acts::Codes(x) => (x.len(), k.div_ceil(4)),
        };
        assert_eq!(len % row, 0, "whole rows of {row}");
        let m = len / row;
        // Rows are the pixels of one column.
        let shape = self.0.shape(1, [m, 1]);
        match (self.0.input, x) {
            (Input::Float, Acts::Floats(x) | Acts::ChannelsLast(x)) => {
                self.0.floats(&shape, &quantize::padded(x, k))
            }
            (Input::Static(quant), Acts::Floats(x) | Acts::ChannelsLast(x)) => {
                let x = quantize::rows(x, k, &[quant], self.0.isa);
                self.0.codes(&shape, &x, &[quant])
            }
            (Input::Static(quant), Acts::Codes(x)) => self.0.codes(&shape, x, &[quant]),
            (Input::Dynamic, Acts::Floats(x) | Acts::ChannelsLast(x)) => {
                assert_eq!(m % images.max(1), 0, "{m} rows of {images} images");
                let shape = self.0.shape(images, [m / images.max(1), 1]);
                let quants = quantize::ranges(x, images, self.0.isa);
                let x = quantize::rows(x, k, &quants, self.0.isa);
                self.0.codes(&shape, &x, &quants)
            }
            (Input::Float | Input::Dynamic, Acts::Codes(_)) => {
                panic!("codes for a layer that computes with {:?}", self.0.input)
            }
        }
    }
}

/// A linear layer as a convolution of one pixel per row.
pub fn linear_shape(weights: &PackedWeights) -> ConvShape {
    ConvShape {
        batch: 1,
        c_in: weights.k(),
        c_out: weights.rows(),
        input: [1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    }
}
