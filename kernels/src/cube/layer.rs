//! A layer on a device: weights arranged and uploaded once, a kernel chosen at each call.

use cubecl::client::Client;

use super::contract::{Finish, Stored};
use super::device::{Buffer, ability};
use super::gather::Quants;
use super::launch::Call;
use super::panels;
use super::select::{Ability, Form, Kernel, Layout, layout, select};
use super::tiled::Inner;
use super::{quantize, tiled};
use crate::arith::{ActQuant, Epilogue, Output};
use crate::cpu::Input;
use crate::error::{KernelError, Result};
use crate::packed::PackedWeights;
use crate::shape::ConvShape;
use crate::trace;

/// Activations given to a layer.
#[derive(Debug, Clone)]
pub enum Acts {
    /// `[B, C, H, W]`, or `[rows, K]`.
    Floats(Buffer),
    /// `[B, H, W, ⌈C/4⌉]`, or `[rows, ⌈K/4⌉]`.
    Codes(Buffer),
}

/// Sizes of a call.
#[derive(Debug, Clone, Copy)]
pub enum Batch {
    /// So many images of `[height, width]`.
    Images(usize, [usize; 2]),
    /// So many rows; of a dynamic layer, that many equal parts of them have a range each.
    Rows(usize, usize),
}

/// A layer, uploaded.
pub struct Layer {
    pub(super) client: Client,
    pub(super) ability: Ability,
    pub(super) layout: Layout,
    pub(super) packed: PackedWeights,
    pub(super) shape: ConvShape,
    pub(super) input: Input,
    pub(super) finish: Finish,
    pub(super) weights: Buffer,
    pub(super) scales: Buffer,
    pub(super) sums: Buffer,
    pub(super) bias: Buffer,
    pub(super) table: Buffer,
    /// Of the input, where it is static.
    pub(super) quants: Buffer,
    /// What requantizes; of no effect where floats are stored.
    pub(super) coder: ActQuant,
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let mut layer = f.debug_struct("Layer");
        layer
            .field("layout", &self.layout)
            .field("shape", &self.shape)
            .field("input", &self.input);
        layer.finish_non_exhaustive()
    }
}

impl Layer {
    /// Uploads a layer that [`crate::cpu::QConv2d::new`] accepts; a linear one is a convolution of one
    /// pixel.
    ///
    /// # Errors
    /// [`KernelError::Memory`] where the device is too small for the weights.
    pub fn new(
        client: &Client,
        weights: &PackedWeights,
        shape: ConvShape,
        form: Form,
        input: Input,
        epilogue: &Epilogue,
    ) -> Result<Self> {
        Self::with(
            client,
            ability(client),
            weights,
            shape,
            form,
            input,
            epilogue,
        )
    }

    /// The same for a device that has `ability`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(
        client: &Client,
        ability: Ability,
        weights: &PackedWeights,
        shape: ConvShape,
        form: Form,
        input: Input,
        epilogue: &Epilogue,
    ) -> Result<Self> {
        let layout = layout(weights, &shape, form, input);
        match layout {
            Layout::Panels if ability.inner != Inner::Mma => {
                tracing::info!(
                    "{shape:?} runs on dp4a: {} has no INT8 tensor cores",
                    client.name()
                );
            }
            Layout::Natural if input != Input::Float => {
                tracing::info!(
                    "{shape:?} runs on the direct kernel: no faster one takes its groups"
                );
            }
            _ => {}
        }
        let arranged = match layout {
            Layout::Panels => panels::panels(weights, &shape),
            Layout::Depthwise => panels::depthwise(weights),
            Layout::Natural => panels::natural(weights),
            Layout::Rows => panels::rows(weights),
        };
        fits(
            ["weights", "choose fewer bits"],
            arranged.words.len(),
            client,
        )?;
        let none = ActQuant::from_range(0.0, 0.0, 8);
        let (stored, coder) = match &epilogue.output {
            Output::F32 => (Stored::Floats, none),
            Output::Codes(quant) => (Stored::Codes, *quant),
            Output::Table { before, .. } => (Stored::Table, *before),
        };
        let table: Vec<u32> = match &epilogue.output {
            Output::Table { codes, .. } => {
                let quads = codes.as_chunks::<4>().0.iter();
                quads
                    .map(|four| u32::from_le_bytes(four.map(|c| c as u8)))
                    .collect()
            }
            _ => vec![0],
        };
        let mut bias = epilogue.bias.clone().unwrap_or_default();
        bias.resize(
            weights.rows().next_multiple_of(tiled::COLUMNS as usize),
            0.0,
        );
        let quants = match input {
            Input::Static(quant) => [quant.scale(), quant.zero() as f32],
            _ => [1.0, 0.0],
        };
        Ok(Self {
            client: client.clone(),
            ability,
            layout,
            packed: weights.clone(),
            shape,
            input,
            finish: Finish {
                stored,
                activation: epilogue.activation,
            },
            weights: Buffer::words(client, &arranged.words),
            scales: Buffer::floats(client, &arranged.scales),
            sums: Buffer::ints(client, &arranged.sums),
            bias: Buffer::floats(client, &bias),
            table: Buffer::words(client, &table),
            quants: Buffer::floats(client, &quants),
            coder,
        })
    }

    /// The convolution's sizes for a batch; rows are the pixels of one column.
    fn sizes(&self, batch: Batch) -> ConvShape {
        let (batch, input) = match batch {
            Batch::Images(batch, size) => (batch, size),
            Batch::Rows(rows, _) => (1, [rows, 1]),
        };
        ConvShape {
            batch,
            input,
            ..self.shape
        }
    }

    /// The kernel that computes a batch.
    pub fn kernel(&self, batch: Batch) -> Kernel {
        let shape = self.sizes(batch);
        let [h, w] = shape.output();
        select(
            self.layout,
            &self.packed,
            self.input,
            shape.batch * h * w,
            self.ability,
        )
    }

    /// Whether the device holds a batch's input and output, each in one piece.
    ///
    /// # Errors
    /// [`KernelError::Memory`] where it does not.
    pub fn fits(&self, batch: Batch) -> Result<()> {
        let shape = self.sizes(batch);
        let [h, w] = shape.output();
        // Four bytes each: what is given or stored as codes is less.
        let input = shape.batch * shape.input[0] * shape.input[1] * shape.c_in;
        let output = shape.batch * h * w * shape.c_out;
        fits(
            ["activations", "choose a smaller batch"],
            input.max(output),
            &self.client,
        )
    }

    /// Computes a batch: floats `[B, H, W, C]` or `[rows, C]`, or words of codes, as the epilogue says.
    ///
    /// # Panics
    /// If codes are given to a layer that finds its own range or computes with floats, or a length is
    /// not that of the batch; or if the device does not hold the batch, see [`Self::fits`].
    pub fn run(&self, x: &Acts, batch: Batch) -> Buffer {
        self.fits(batch).unwrap_or_else(|error| panic!("{error}"));
        let shape = self.sizes(batch);
        let [h, w] = shape.output();
        let rows = shape.batch * h * w;
        let channels = shape.c_out;
        let out = match self.finish.stored {
            Stored::Floats => Buffer::empty(&self.client, rows * channels),
            _ => Buffer::empty(&self.client, rows * channels.div_ceil(4)),
        };
        self.check(x, &shape);
        if rows == 0 {
            return out;
        }
        let call = Call {
            kernel: self.kernel(batch),
            pixels: match (batch, self.input) {
                (Batch::Rows(rows, images), Input::Dynamic) => rows / images,
                _ => h * w,
            },
            quants: match self.input {
                Input::Dynamic => Quants::PerImage,
                _ => Quants::Shared,
            },
            shape,
            rows,
            out,
        };
        trace::ran(call.kernel);
        match (self.input, x) {
            (Input::Float, Acts::Floats(x)) => self.floats(x, &call),
            (Input::Static(_), Acts::Floats(x)) => {
                let x = self.quantized(x, &self.quants, Quants::Shared, batch);
                self.codes(&x, &self.quants, &call);
            }
            (Input::Static(_), Acts::Codes(x)) => self.codes(x, &self.quants, &call),
            (Input::Dynamic, Acts::Floats(x)) => {
                let images = match batch {
                    Batch::Images(images, _) | Batch::Rows(_, images) => images,
                };
                let quants = quantize::find(&self.client, x, images, 8);
                let x = self.quantized(x, &quants, Quants::PerImage, batch);
                self.codes(&x, &quants, &call);
            }
            (input, Acts::Codes(_)) => panic!("codes for a layer that computes with {input:?}"),
        }
        call.out
    }

    fn check(&self, x: &Acts, shape: &ConvShape) {
        let pixels = shape.batch * shape.input[0] * shape.input[1];
        let (found, expected) = match x {
            Acts::Floats(x) => (x.len, pixels * shape.c_in),
            Acts::Codes(x) => (x.len, pixels * shape.c_in.div_ceil(4)),
        };
        assert_eq!(found, expected, "activations of {shape:?}");
    }

    /// Codes of floats.
    fn quantized(&self, x: &Buffer, quants: &Buffer, which: Quants, batch: Batch) -> Buffer {
        let bits = match self.input {
            Input::Static(quant) => quant.bits(),
            _ => 8,
        };
        let of = match batch {
            Batch::Images(images, [h, w]) => quantize::Images {
                images,
                pixels: h * w,
                per_quant: 1,
            },
            Batch::Rows(rows, images) => quantize::Images {
                images: rows,
                pixels: 1,
                per_quant: rows / images.max(1),
            },
        };
        quantize::run(&self.client, x, of, self.shape.c_in, quants, which, bits)
    }

    fn codes(&self, x: &Buffer, quants: &Buffer, call: &Call) {
        match call.kernel {
            Kernel::Tiled(rows, inner) => self.tiled(x, quants, call, rows, inner),
            Kernel::Skinny => self.skinny(x, quants, call),
            Kernel::Depthwise => self.depthwise(x, quants, call),
            Kernel::Direct => self.direct(x, quants, call),
            Kernel::FloatRows | Kernel::FloatTaps => unreachable!("a kernel of floats"),
        }
    }
}

/// Refuses so many numbers of 4 bytes beyond what a device allocates in one piece.
fn fits(what: [&'static str; 2], numbers: usize, client: &Client) -> Result<()> {
    within(
        what,
        4 * numbers as u64,
        client.properties().memory.max_page_size,
    )
}

fn within([what, next]: [&'static str; 2], bytes: u64, limit: u64) -> Result<()> {
    match bytes > limit {
        true => Err(KernelError::Memory {
            what,
            next,
            bytes,
            limit,
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_does_not_hold_is_refused() {
        let what = ["weights", "choose fewer bits"];
        assert!(within(what, 128, 128).is_ok());
        let error = within(what, 129, 128).unwrap_err().to_string();
        assert!(
            error.starts_with("weights of 129 bytes; the device holds 128"),
            "{error}"
        );
    }
}
