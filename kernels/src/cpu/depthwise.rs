//! Depthwise convolution, channels-last: no matrix product, but as many small ones as there are channels,
//! side by side in vectors. A tile is one output position × 32 channels, its taps read in place.
//!
//! ```text
//! weights, arranged once, for each block of 32 channels ("a" below is the accumulator, see the tiles):
//!
//! Plain:  for each tap: 32 channels, 16 bits each                        portable and float
//! Pairs:  for each 2 taps: [ch 0: t t+1][ch 1: t t+1]..., 16 bits each   AVX2
//! Quads:  for each 4 taps: for a in 0..4: channels 4a..4a+4, then 16+4a..16+4a+4,
//!         each [t t+1 t+2 t+3], signed bytes                             AVX-VNNI
//! Wide:   for each 4 taps: as Quads, for 64 channels, four fours of them  AVX-512
//! ```
//!
//! The last block begins earlier where the channels are not a multiple of 32: what it shares with its
//! neighbour is computed twice. Taps beyond the kernel have weight 0. A position in the padding reads a row of codes `zero`, so that
//! the correction by the sum of the weights holds everywhere.

#[cfg(target_arch = "x86_64")]
use super::depthwise_512;
#[cfg(target_arch = "x86_64")]
use super::depthwise_x86;
use super::finish::{Finish, Scaled};
use super::isa::{Isa, Work};
use super::parts::filled;
use super::product::{Sink, Stored};
use crate::arith::{ActQuant, Output};
use crate::packed::PackedWeights;
use crate::shape::ConvShape;

/// Channels of a tile.
pub(super) const LANES: usize = 32;

/// Weights of a depthwise layer, see the picture.
#[derive(Debug)]
pub(super) enum Depthwise {
    Plain(Vec<[i16; LANES]>),
    Pairs(Vec<[i16; 2 * LANES]>),
    Quads(Vec<[i8; 4 * LANES]>),
    #[cfg(target_arch = "x86_64")]
    Wide(Vec<depthwise_512::Weights>),
}

/// A convolution to compute.
pub(super) struct Job<'a, T> {
    pub isa: Isa,
    pub weights: &'a Depthwise,
    pub shape: &'a ConvShape,
    /// `[B, H, W, channels padded to 4]`
    pub x: &'a [T],
    /// One, or one for each image.
    pub quants: &'a [ActQuant],
    pub finish: &'a Finish,
    /// What follows from each quantizer and the tile's bias.
    pub scaled: Vec<Scaled>,
}

/// What is multiplied: a code or a float.
pub(super) trait Element: Copy + Default + Send + Sync + 'static {
    type Sum: Copy + Default;
    /// The real number 0.
    fn zero(quant: &ActQuant) -> Self;
    fn add(sum: Self::Sum, weight: i16, x: Self) -> Self::Sum;
    /// Scaled sums.
    fn scale(
        job: &Job<Self>,
        image: usize,
        column: usize,
        sums: &[Self::Sum; LANES],
    ) -> [f32; LANES];
    /// One output row with the fastest tile.
    fn line(job: &Job<Self>, index: usize, sink: Sink);
}

impl Element for i8 {
    type Sum = i32;
    #[inline(always)]
    fn zero(quant: &ActQuant) -> i8 {
        quant.zero() as i8
    }
    #[inline(always)]
    fn add(sum: i32, weight: i16, x: i8) -> i32 {
        sum.wrapping_add(i32::from(weight) * i32::from(x))
    }
    #[inline(always)]
    fn scale(job: &Job<i8>, image: usize, column: usize, sums: &[i32; LANES]) -> [f32; LANES] {
        job.scaled[image % job.scaled.len()].scale([0, column], sums, 0)
    }
    fn line(job: &Job<i8>, index: usize, sink: Sink) {
        match job.weights {
            #[cfg(target_arch = "x86_64")]
            Depthwise::Pairs(weights) => depthwise_x86::avx2(job, weights, index, sink),
            #[cfg(target_arch = "x86_64")]
            #[cfg(target_arch = "x86_64")]
            Depthwise::Wide(weights) => depthwise_512::line(job, weights, index, sink),
            #[cfg(target_arch = "x86_64")]
            Depthwise::Quads(weights) => depthwise_x86::vnni256(job, weights, index, sink),
            _ => Plain { job, index, sink }.run(),
        }
    }
}

impl Element for f32 {
    type Sum = f32;
    #[inline(always)]
    fn zero(_: &ActQuant) -> f32 {
        0.0
    }
    #[inline(always)]
    fn add(sum: f32, weight: i16, x: f32) -> f32 {
        sum + f32::from(weight) * x
    }
    #[inline(always)]
    fn scale(job: &Job<f32>, _: usize, column: usize, sums: &[f32; LANES]) -> [f32; LANES] {
        job.finish.scale_floats([0, column], sums)
    }
    fn line(job: &Job<f32>, index: usize, sink: Sink) {
        job.isa.run(Plain { job, index, sink });
    }
}

/// Name of the kernel for codes, as the run record lists it.
pub(super) fn name(isa: Isa) -> &'static str {
    match isa {
        Isa::Amx | Isa::Vnni512 => "depthwise-a8-vnni512",
        Isa::Vnni256 => "depthwise-a8-vnni256",
        Isa::Avx2 => "depthwise-a8-avx2",
        Isa::Portable => "depthwise-a8-portable",
    }
}

/// Name of the kernel for floats.
pub(super) fn float_name(isa: Isa) -> &'static str {
    match isa {
        Isa::Amx | Isa::Vnni512 => "depthwise-f32-avx512",
        Isa::Vnni256 | Isa::Avx2 => "depthwise-f32-avx2",
        Isa::Portable => "depthwise-f32-portable",
    }
}

impl Depthwise {
    /// Weights for codes.
    pub fn codes(packed: &PackedWeights, isa: Isa) -> Self {
        match isa {
            Isa::Portable => Self::floats(packed),
            #[cfg(target_arch = "x86_64")]
            Isa::Amx | Isa::Vnni512 => {
                let starts = (0..packed.rows()).step_by(2 * LANES);
                let blocks = arrange(packed, 4, starts, depthwise_512::place);
                Self::Wide(blocks.into_iter().map(depthwise_512::Weights).collect())
            }
            Isa::Avx2 => Self::Pairs(arrange(packed, 2, starts(packed.rows()), |tap, c| {
                c * 2 + tap
            })),
            _ => Self::Quads(arrange(packed, 4, starts(packed.rows()), |tap, c| {
                let (half, a, i) = (c / 16, c % 16 / 4, c % 4);
                ((a * 2 + half) * 4 + i) * 4 + tap
            })),
        }
    }

    /// Weights for floats.
    pub fn floats(packed: &PackedWeights) -> Self {
        Self::Plain(arrange(packed, 1, starts(packed.rows()), |_, c| c))
    }
}

impl Depthwise {
    /// What the tile adds to each code.
    pub fn bias(&self) -> i32 {
        match self {
            Self::Plain(_) | Self::Pairs(_) => 0,
            Self::Quads(_) => 128,
            #[cfg(target_arch = "x86_64")]
            Self::Wide(_) => 128,
        }
    }
}

/// Blocks of channels × `taps` taps, all taps of the channels that begin with one of `starts` together;
/// `place` says where in its block a tap of a channel goes.
fn arrange<C: From<i8> + Copy + Default, const N: usize>(
    packed: &PackedWeights,
    taps: usize,
    starts: impl Iterator<Item = usize>,
    place: impl Fn(usize, usize) -> usize,
) -> Vec<[C; N]> {
    let steps = packed.k().div_ceil(taps);
    let starts: Vec<_> = starts.collect();
    let mut blocks = vec![[C::default(); N]; starts.len() * steps];
    for (block, start) in starts.into_iter().enumerate() {
        for row in start..(start + N / taps).min(packed.rows()) {
            for tap in 0..packed.k() {
                let block = &mut blocks[block * steps + tap / taps];
                block[place(tap % taps, row - start)] = packed.code(row, tap).into();
            }
        }
    }
    blocks
}

/// First channels of the blocks.
#[inline(always)]
fn starts(channels: usize) -> impl Iterator<Item = usize> {
    let last = channels.next_multiple_of(4).saturating_sub(LANES);
    (0..channels)
        .step_by(LANES)
        .map(move |start| start.min(last))
}

/// Convolves.
pub(super) fn run<T: Element>(job: &Job<T>) -> Stored {
    let [h, w] = job.shape.output();
    let (channels, lines) = (job.shape.c_out, job.shape.batch * h);
    if matches!(job.finish.output, Output::F32) {
        let line = |i: usize, out: &mut [f32]| T::line(job, i, Sink::Floats(out));
        return Stored::Floats(filled(lines * w * channels, w * channels, line));
    }
    let words = channels.div_ceil(4);
    let line = |i: usize, out: &mut [u32]| {
        T::line(job, i, Sink::Codes(bytemuck::cast_slice_mut(out)));
    };
    Stored::Codes(filled(lines * w * words, w * words, line))
}

impl<T: Element> Job<'_, T> {
    /// Output row `index` (counted over all images): `dot` sums the products of block `.0`, whose channels
    /// begin at `.1`, with the activations of all taps, whose number is rounded up to a multiple of
    /// `step`. Every tap has the block's 32 channels.
    #[inline(always)]
    pub fn line(
        &self,
        index: usize,
        mut sink: Sink,
        step: usize,
        dot: impl Fn((usize, usize), &[&[T]]) -> [T::Sum; LANES],
    ) {
        let shape = self.shape;
        let [h, w] = shape.output();
        let (image, row) = (index / h, index % h);
        let [height, width] = shape.input;
        let [kh, kw] = shape.kernel;
        let stride = shape.c_out.next_multiple_of(4);
        let zeros = vec![T::zero(&self.quants[image % self.quants.len()]); stride];
        let rows: Vec<Option<&[T]>> = (0..kh)
            .map(|tap| {
                let row = image * height + shape.source(0, row, tap)?;
                Some(&self.x[row * width * stride..(row + 1) * width * stride])
            })
            .collect();
        let mut taps: Vec<&[T]> = vec![&zeros; (kh * kw).next_multiple_of(step)];
        let few = stride < LANES;
        let mut copies = vec![[T::default(); LANES]; if few { taps.len() } else { 0 }];
        for col in 0..w {
            for (taps, row) in taps.chunks_exact_mut(kw).zip(&rows) {
                for (tap, to) in taps.iter_mut().enumerate() {
                    *to = match (row, shape.source(1, col, tap)) {
                        (Some(row), Some(col)) => &row[col * stride..(col + 1) * stride],
                        _ => &zeros,
                    };
                }
            }
            for (index, column) in starts(shape.c_out).enumerate() {
                let sums = if few {
                    for (to, tap) in copies.iter_mut().zip(&taps) {
                        to[..stride].copy_from_slice(tap);
                    }
                    let taps: Vec<&[T]> = copies.iter().map(|tap| &tap[..]).collect();
                    dot((index, 0), &taps)
                } else {
                    dot((index, column), &taps)
                };
                let y = T::scale(self, image, column, &sums);
                let width = LANES.min(shape.c_out - column);
                sink.store(self.finish, column, [col, shape.c_out, column], width, &y);
            }
        }
    }
}

/// The tile without intrinsics.
struct Plain<'a, T> {
    job: &'a Job<'a, T>,
    index: usize,
    sink: Sink<'a>,
}

impl<T: Element> Work for Plain<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Depthwise::Plain(weights) = self.job.weights else {
            panic!("weights of another tile");
        };
        let taps = self.job.shape.k();
        self.job
            .line(self.index, self.sink, 1, |(block, column), x| {
                let mut acc = [T::Sum::default(); LANES];
                for (weights, x) in weights[block * taps..].iter().zip(x) {
                    let x: &[T; LANES] = x[column..].first_chunk().expect("32 channels");
                    for j in 0..LANES {
                        acc[j] = T::add(acc[j], weights[j], x[j]);
                    }
                }
                acc
            });
    }
}
