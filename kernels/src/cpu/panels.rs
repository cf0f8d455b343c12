//! Weights in the order in which a register tile reads them, made once when a layer is built.
//!
//! ```text
//! K as activations have it ("padded K"): per kernel tap a run of channels padded to a multiple of 4
//!     [tap 0: c0 c1 c2 0][tap 1: c0 c1 c2 0]...        weights of the padding are code 0
//!
//! A panel: NR neighbouring output channels of one group (32 for AVX-512, 16 otherwise), missing ones
//! with code 0; it holds one segment per scale group along K (one in all per channel):
//!
//! Quads:  for each 4 k: [ch 0: k k+1 k+2 k+3][ch 1: ....]...[ch NR−1: ....]     u8 = code + bias
//! Pairs:  for each 2 k: [ch 0: k k+1][ch 1: ..]...[ch NR−1: ..]                 i16 = code
//! Tiles:  as Quads, but i8 = code, and each run of k goes on with code 0 to whole chunks, which are
//!         what a tile of AMX takes: at most 64 k, as few as the number of chunks allows
//! Lines:  for each k:   [ch 0][ch 1]...[ch NR−1]                                u8 = code + bias
//!
//! bias = 128 for 8-bit weights, 8 for 2- and 4-bit ones. In Quads those take a byte each in memory, so
//! that they are multiplied as they lie: widening them for every block of rows made W4A8 up to 3 % slower
//! than W8A8. In Lines, which few rows of floats read and memory limits, they stay at 4 bits: byte i of
//! line 2j (NR bytes) is the low half of a byte, byte i of line 2j+1 the high half; a block of rows widens
//! a panel once, into scratch memory.
//! ```
//!
//! Where a scale group ends inside four channels, that quad is in both segments, each time with the
//! other group's weights 0. Weights with a bias multiply signed activations as they lie in memory, and
//! bias · Σ activations is taken off afterwards, which arithmetic modulo 2³² makes exact.

use super::rows;
use crate::packed::PackedWeights;
use crate::shape::ConvShape;

/// Order of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Quads,
    Tiles,
    Pairs,
    Lines,
}

/// The padded k under one scale: from `start`, `len` of them, both multiples of 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub start: usize,
    pub len: usize,
}

/// A line of the cache. Vectors of weights that lie across two cost two loads.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: bytes without padding.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: any bytes are a line, and it has no padding.
unsafe impl bytemuck::Pod for Line {}

/// Numbers that begin with a line of the cache.
fn aligned<T: bytemuck::Pod>(values: &[T]) -> Vec<Line> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let lines = bytes.chunks(64).map(|chunk| {
        let mut line = Line([0; 64]);
        line.0[..chunk.len()].copy_from_slice(chunk);
        line
    });
    lines.collect()
}

#[derive(Debug)]
enum Data {
    Bytes(Vec<Line>),
    Nibbles(Vec<u8>),
    Pairs(Vec<Line>),
}

/// All panels of a layer.
#[derive(Debug)]
pub(super) struct Panels {
    pub segments: Vec<Segment>,
    /// Output channels of a panel.
    pub columns: usize,
    /// Panels of one channel group.
    pub per_group: usize,
    /// What was added to a code.
    pub bias: i32,
    /// k of a chunk of tiles; 4 in the other orders, which end with a quad.
    pub chunk: usize,
    /// Padded k of all segments together, chunks filled.
    depth: usize,
    /// Values of one line.
    line: usize,
    data: Data,
}

impl Panels {
    pub fn new(weights: &PackedWeights, shape: &ConvShape, columns: usize, order: Order) -> Self {
        let (ci, co) = (shape.c_in_group(), shape.c_out_group());
        let run = ci.next_multiple_of(4);
        let padded = |k: usize| k / ci * run + k % ci;
        let step = weights.group();
        let segments: Vec<Segment> = (0..weights.k())
            .step_by(step)
            .map(|from| {
                let last = (from + step).min(weights.k()) - 1;
                let start = padded(from) / 4 * 4;
                let len = padded(last) / 4 * 4 + 4 - start;
                Segment { start, len }
            })
            .collect();
        let runs = match order {
            Order::Tiles if by_runs(&segments, shape) => shape.kernel[0],
            _ => 1,
        };
        let longest = segments.iter().map(|s| s.len / runs).max().unwrap_or(4);
        let chunk = match order {
            Order::Tiles => longest.div_ceil(longest.div_ceil(64)).next_multiple_of(4),
            _ => 4,
        };
        let filled = |segment: &Segment| (segment.len / runs).next_multiple_of(chunk);
        let depth: usize = segments.iter().map(|s| runs * filled(s)).sum();
        let quads = matches!(order, Order::Quads | Order::Tiles);
        let line = if quads { 4 } else { 1 } * columns;
        let bias = match (order, weights.bits()) {
            (Order::Pairs | Order::Tiles, _) => 0,
            (_, 8) => 128,
            _ => 8,
        };
        let per_group = co.div_ceil(columns);
        let codes = weights.unpack();
        let mut values = vec![bias as i16; per_group * shape.groups * depth * columns];
        for (row, codes) in codes.chunks(weights.k()).enumerate() {
            let (group, n) = (row / co, row % co);
            let panel = (group * per_group + n / columns) * depth * columns;
            let mut before = 0;
            for (segment, codes) in segments.iter().zip(codes.chunks(step).enumerate()) {
                let (index, codes) = codes;
                for (i, &code) in codes.iter().enumerate() {
                    let k = padded(index * step + i) - segment.start;
                    let run = segment.len / runs;
                    let k = before + k / run * filled(segment) + k % run;
                    let column = n % columns;
                    let at = match order {
                        Order::Quads | Order::Tiles => k / 4 * 4 * columns + column * 4 + k % 4,
                        Order::Pairs => k / 2 * 2 * columns + column * 2 + k % 2,
                        Order::Lines => k * columns + column,
                    };
                    values[panel + at] = i16::from(code) + bias as i16;
                }
                before += runs * filled(segment);
            }
        }
        let data = match order {
            Order::Pairs => Data::Pairs(aligned(&values)),
            Order::Lines if bias == 8 => Data::Nibbles(to_nibbles(&values, depth * columns, line)),
            _ => {
                let bytes: Vec<u8> = values.into_iter().map(|v| v as u8).collect();
                Data::Bytes(aligned(&bytes))
            }
        };
        Self {
            segments,
            columns,
            per_group,
            bias,
            chunk,
            depth,
            line,
            data,
        }
    }

    /// How these panels lie.
    pub fn order(&self) -> Order {
        match &self.data {
            Data::Pairs(_) => Order::Pairs,
            _ if self.line == self.columns => Order::Lines,
            _ => Order::Quads,
        }
    }

    /// Whether a convolution's rows are read run by run.
    pub fn by_runs(&self, shape: &ConvShape) -> bool {
        self.order() != Order::Pairs && by_runs(&self.segments, shape)
    }

    /// Panel `index` with a bias; `scratch` holds it where it has to be widened first.
    ///
    /// # Panics
    /// If the order is `Pairs`.
    #[inline(always)]
    pub fn bytes<'a>(&'a self, index: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let len = self.depth * self.columns;
        match &self.data {
            Data::Bytes(lines) => &bytemuck::cast_slice(lines)[index * len..][..len],
            Data::Nibbles(data) => {
                let pairs = len.div_ceil(2 * self.line);
                let packed = &data[index * pairs * self.line..][..pairs * self.line];
                scratch.resize(2 * pairs * self.line, 0);
                let wide = scratch.chunks_exact_mut(2 * self.line);
                for (wide, packed) in wide.zip(packed.chunks_exact(self.line)) {
                    let (low, high) = wide.split_at_mut(self.line);
                    for ((low, high), &byte) in low.iter_mut().zip(high).zip(packed) {
                        (*low, *high) = (byte & 15, byte >> 4);
                    }
                }
                &scratch[..len]
            }
            Data::Pairs(_) => panic!("these panels are pairs"),
        }
    }

    /// Panel `index` of order `Pairs`.
    ///
    /// # Panics
    /// If the order is another.
    #[inline(always)]
    pub fn pairs(&self, index: usize) -> &[i16] {
        let len = self.depth * self.columns;
        match &self.data {
            Data::Pairs(lines) => &bytemuck::cast_slice(lines)[index * len..][..len],
            _ => panic!("these panels are bytes"),
        }
    }
}

/// Whether rows may be read run by run: kernel rows must not be split into scale groups. (The kernels for
/// pairs copy their rows anyway.)
fn by_runs(segments: &[Segment], shape: &ConvShape) -> bool {
    segments.len() == 1 && !shape.is_pointwise() && rows::has_runs(shape)
}

/// Two lines in the bytes of one, panel by panel; an odd last line is alone.
fn to_nibbles(values: &[i16], panel: usize, line: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 2 + line);
    for panel in values.chunks(panel) {
        for two in panel.chunks(2 * line) {
            let (low, high) = two.split_at(line);
            let byte = |i: usize| low[i] as u8 | (high.get(i).copied().unwrap_or(0) as u8) << 4;
            out.extend((0..line).map(byte));
        }
    }
    out
}
