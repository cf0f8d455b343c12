//! What a chain of layers needs between them, on codes `[B, H, W, ⌈C/4⌉]`: everything in `f32` per number,
//! in the order given, then [`ActQuant::code`].
//!
//! | joint | result |
//! |---|---|
//! | [`add`] | code(activation(a.real(x) + b.real(y))) |
//! | [`scale`] | code(a.real(x) · gate) |
//! | [`lookup`] | a table of all codes: [`requantizer`], or an activation alone |
//! | [`concat()`] | channels side by side, each part through its table |
//! | [`max_pool`] | the largest code, which is that of the largest number |
//! | [`global_mean`] | (Σ (x − zero)) · (scale / pixels), the sum exact |
//!
//! Bytes of the padding channels are computed along, and mean nothing.

use super::finish::Coder;
use super::isa::{Isa, Work};
use super::product::copy;
use crate::arith::{ActQuant, Activation, Output};
use crate::error::{KernelError, Result};
use rayon::prelude::*;

/// Codes in one task.
const TASK: usize = 16 * 1024;
/// Codes in a vector.
const LANES: usize = 16;

/// Sum of two tensors of the same size, activated and requantized.
///
/// # Panics
/// If the lengths differ.
pub fn add(
    [a, b]: [&[u32]; 2],
    [qa, qb]: [ActQuant; 2],
    activation: Activation,
    out: ActQuant,
    isa: Isa,
) -> Vec<u32> {
    assert_eq!(a.len(), b.len(), "tensors of the same size");
    let mut words = vec![0; a.len()];
    let tasks = words.par_chunks_mut(TASK / 4);
    let tasks = tasks
        .zip(a.par_chunks(TASK / 4))
        .zip(b.par_chunks(TASK / 4));
    tasks.for_each(|((to, a), b)| {
        isa.run(Add {
            parts: [bytemuck::cast_slice(a), bytemuck::cast_slice(b)],
            quants: [qa, qb],
            activation,
            coder: Coder::activated(&out, activation),
            to: bytemuck::cast_slice_mut(to),
        });
    });
    words
}

/// Each image's channels times their gates, `gates` `[B, C]`, as squeeze and excitation does.
///
/// # Panics
/// If the lengths do not belong together.
pub fn scale(
    words: &[u32],
    gates: &[f32],
    channels: usize,
    [quant, out]: [ActQuant; 2],
    isa: Isa,
) -> Vec<u32> {
    let images = gates.len() / channels;
    assert_eq!(gates.len(), images * channels, "a gate for each channel");
    let per_pixel = channels.div_ceil(4);
    let image = words.len() / images.max(1);
    assert_eq!(words.len(), image * images, "whole images");
    assert_eq!(image % per_pixel, 0, "whole pixels");
    let mut result = vec![0; words.len()];
    let tasks = result
        .par_chunks_mut(image.max(1))
        .zip(words.par_chunks(image.max(1)));
    tasks
        .zip(gates.par_chunks(channels))
        .for_each(|((to, from), gates)| {
            let mut padded = vec![0.0; 4 * per_pixel];
            padded[..channels].copy_from_slice(gates);
            isa.run(Scale {
                from: bytemuck::cast_slice(from),
                gates: &padded,
                quant,
                coder: Coder::new(&out),
                to: bytemuck::cast_slice_mut(to),
            });
        });
    result
}

/// The table from codes of one quantizer to those of another.
pub fn requantizer(from: ActQuant, to: ActQuant) -> Box<[i8; 256]> {
    match Output::table(Activation::Identity, from, to) {
        Output::Table { codes, .. } => codes,
        _ => unreachable!("a table was asked for"),
    }
}

/// `table[code as u8 as usize]` for each code.
pub fn lookup(words: &[u32], table: &[i8; 256]) -> Vec<u32> {
    let one = |byte: u8| table[usize::from(byte)] as u8;
    let word = |word: &u32| u32::from_le_bytes(word.to_le_bytes().map(one));
    words.par_iter().with_min_len(TASK / 4).map(word).collect()
}

/// One of the tensors that [`concat()`] puts side by side.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Its codes.
    pub words: &'a [u32],
    /// Its channels.
    pub channels: usize,
    /// Through which it is requantized, see [`requantizer`]; `None` takes the codes as they are.
    pub table: Option<&'a [i8; 256]>,
}

/// Channels of all parts side by side.
///
/// # Panics
/// If the parts do not have equally many pixels.
pub fn concat(parts: &[Part]) -> Vec<u32> {
    let Some(first) = parts.first() else {
        return Vec::new();
    };
    let pixels = first.words.len() / first.channels.div_ceil(4);
    let all: usize = parts.iter().map(|part| part.channels).sum();
    let stride = all.div_ceil(4);
    let mut out = vec![0u32; pixels * stride];
    for part in parts {
        let expected = pixels * part.channels.div_ceil(4);
        assert_eq!(part.words.len(), expected, "pixels of every part");
    }
    let tasks = out
        .par_chunks_mut(stride.max(1))
        .enumerate()
        .with_min_len(64);
    tasks.for_each(|(pixel, out)| {
        let mut out: &mut [u8] = bytemuck::cast_slice_mut(out);
        for part in parts {
            let per_pixel = part.channels.div_ceil(4);
            let from = &part.words[pixel * per_pixel..][..per_pixel];
            let from: &[u8] = bytemuck::cast_slice(from);
            let (to, rest) = out.split_at_mut(part.channels);
            match part.table {
                None => to.copy_from_slice(&from[..part.channels]),
                Some(table) => {
                    for (to, &from) in to.iter_mut().zip(from) {
                        *to = table[usize::from(from)] as u8;
                    }
                }
            }
            out = rest;
        }
    });
    out
}

/// Whether a window that hangs over the end counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rounding {
    /// No.
    #[default]
    Down,
    /// If it begins inside the image or its padding before: PyTorch's `ceil_mode`.
    Up,
}

/// Windows of a pooling layer, `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Size.
    pub kernel: [usize; 2],
    /// Step.
    pub stride: [usize; 2],
    /// Positions added on each side, which are never the largest.
    pub padding: [usize; 2],
    /// Of the number of windows.
    pub rounding: Rounding,
}

impl Pool {
    /// Number of windows for an image of `input` `[height, width]`.
    ///
    /// # Errors
    /// Zeros, padding beyond half the kernel, a kernel beyond the padded image.
    pub fn output(&self, input: [usize; 2]) -> Result<[usize; 2]> {
        let mut out = [0; 2];
        for axis in 0..2 {
            let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
            let padding = self.padding[axis];
            let padded = input[axis] + 2 * padding;
            let fits = kernel > 0 && stride > 0 && padding <= kernel / 2 && kernel <= padded;
            if !fits {
                let expected = format!("windows inside {input:?}");
                return Err(KernelError::shape("pooling", self, expected));
            }
            let room = padded - kernel;
            out[axis] = match self.rounding {
                Rounding::Down => room / stride + 1,
                Rounding::Up => {
                    let windows = room.div_ceil(stride) + 1;
                    let last_begins_inside = (windows - 1) * stride < input[axis] + padding;
                    windows - usize::from(!last_begins_inside)
                }
            };
        }
        Ok(out)
    }
}

/// Largest code of each window, `[B, H, W, words]`.
///
/// # Panics
/// If the windows do not fit, see [`Pool::output`], or the length is another.
pub fn max_pool(words: &[u32], [h, w, per_pixel]: [usize; 3], pool: &Pool, isa: Isa) -> Vec<u32> {
    let [rows, cols] = pool
        .output([h, w])
        .unwrap_or_else(|error| panic!("{error}"));
    let image = h * w * per_pixel;
    assert_eq!(words.len() % image, 0, "whole images");
    let mut out = vec![0u32; words.len() / image * rows * cols * per_pixel];
    let lines = out.par_chunks_mut(cols * per_pixel).enumerate();
    lines.for_each(|(line, to)| {
        isa.run(MaxLine {
            image: bytemuck::cast_slice(&words[line / rows * image..][..image]),
            size: [h, w, 4 * per_pixel],
            row: line % rows,
            pool,
            to: bytemuck::cast_slice_mut(to),
        });
    });
    out
}

/// Mean over all pixels of each image, `[B, channels]`.
///
/// # Panics
/// If the length is not that of whole images of `pixels` pixels.
pub fn global_mean(words: &[u32], [pixels, channels]: [usize; 2], quant: ActQuant) -> Vec<f32> {
    let stride = 4 * channels.div_ceil(4);
    let bytes: &[i8] = bytemuck::cast_slice(words);
    assert_eq!(bytes.len() % (pixels * stride), 0, "whole images");
    let unit = quant.scale() / pixels as f32;
    let images = bytes.par_chunks(pixels * stride);
    let mean = |image: &[i8]| {
        let mut sums = vec![0i32; stride];
        for pixel in image.chunks_exact(stride) {
            for (sum, &code) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(code);
            }
        }
        let zero = quant.zero() * pixels as i32;
        sums.truncate(channels);
        sums.into_iter()
            .map(|sum| (sum - zero) as f32 * unit)
            .collect::<Vec<_>>()
    };
    images.flat_map_iter(mean).collect()
}

struct Add<'a> {
    parts: [&'a [i8]; 2],
    quants: [ActQuant; 2],
    activation: Activation,
    coder: Coder,
    to: &'a mut [i8],
}

impl Add<'_> {
    #[inline(always)]
    fn vector(&self, a: &[i8; LANES], b: &[i8; LANES]) -> [i8; LANES] {
        let [qa, qb] = self.quants;
        let mut y = [0.0; LANES];
        for j in 0..LANES {
            y[j] = qa.real(a[j]) + qb.real(b[j]);
        }
        // Piecewise linear activations are in the coder's limits.
        if !self.activation.is_piecewise_linear() {
            for y in &mut y {
                *y = self.activation.apply(*y);
            }
        }
        self.coder.codes(&y)
    }
}

impl Work for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let to = std::mem::take(&mut self.to);
        let [a, b] = self.parts.map(|part| part.as_chunks());
        let (full, rest) = to.as_chunks_mut();
        for ((a, b), to) in a.0.iter().zip(b.0).zip(full) {
            *to = self.vector(a, b);
        }
        copy(rest, &self.vector(&padded(a.1), &padded(b.1)));
    }
}

struct Scale<'a> {
    from: &'a [i8],
    gates: &'a [f32],
    quant: ActQuant,
    coder: Coder,
    to: &'a mut [i8],
}

impl Scale<'_> {
    #[inline(always)]
    fn vector(&self, from: &[i8; LANES], gates: &[f32; LANES]) -> [i8; LANES] {
        let mut y = [0.0; LANES];
        for j in 0..LANES {
            y[j] = self.quant.real(from[j]) * gates[j];
        }
        self.coder.codes(&y)
    }
}

impl Work for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let to = std::mem::take(&mut self.to);
        let stride = self.gates.len();
        let gates = self.gates.as_chunks();
        for (from, to) in self
            .from
            .chunks_exact(stride)
            .zip(to.chunks_exact_mut(stride))
        {
            let from = from.as_chunks();
            let (full, rest) = to.as_chunks_mut();
            for ((from, gates), to) in from.0.iter().zip(gates.0).zip(full) {
                *to = self.vector(from, gates);
            }
            if !rest.is_empty() {
                copy(rest, &self.vector(&padded(from.1), &padded(gates.1)));
            }
        }
    }
}

struct MaxLine<'a> {
    image: &'a [i8],
    size: [usize; 3],
    row: usize,
    pool: &'a Pool,
    to: &'a mut [i8],
}

impl Work for MaxLine<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [h, w, stride] = self.size;
        let span = |at: usize, axis: usize, size: usize| {
            let from = at * self.pool.stride[axis];
            let to = from + self.pool.kernel[axis];
            let padding = self.pool.padding[axis];
            from.saturating_sub(padding)..(to - padding.min(to)).min(size)
        };
        for (col, to) in self.to.chunks_exact_mut(stride).enumerate() {
            to.fill(i8::MIN);
            for row in span(self.row, 0, h) {
                for col in span(col, 1, w) {
                    let pixel = &self.image[(row * w + col) * stride..][..stride];
                    for (to, &code) in to.iter_mut().zip(pixel) {
                        *to = (*to).max(code);
                    }
                }
            }
        }
    }
}

/// Fewer than 16, followed by zeros.
#[inline(always)]
fn padded<T: Copy + Default>(x: &[T]) -> [T; LANES] {
    let mut out = [T::default(); LANES];
    out[..x.len()].copy_from_slice(x);
    out
}
