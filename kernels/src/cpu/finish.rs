//! What follows the sums, for a row of neighbouring output channels at once: scaling, bias, activation,
//! requantization. The same steps in the same order as [`Epilogue`], written so that the compiler turns
//! each into vector instructions of the kernel that it is inlined into.

use crate::arith::{ActQuant, Activation, Epilogue, Output, largest};
use crate::packed::PackedWeights;

/// An epilogue with its per-channel numbers laid out like the panels' columns.
#[derive(Debug)]
pub(super) struct Finish {
    /// Columns of all panels, unused ones included.
    pub padded: usize,
    /// Weight scales, `[segments, padded]`.
    scales: Vec<f32>,
    /// Sums of weight codes, `[segments, padded]`.
    sums: Vec<i32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    pub output: Output,
    /// Of what is stored, or looked up.
    coder: Coder,
}

impl Finish {
    /// `groups` channel groups, each with `per_group` panels of `columns` channels.
    pub fn new(
        weights: &PackedWeights,
        epilogue: &Epilogue,
        groups: usize,
        [per_group, columns]: [usize; 2],
    ) -> Self {
        let padded = groups * per_group * columns;
        let segments = weights.groups();
        let group_rows = weights.rows() / groups;
        let place = |row: usize| row / group_rows * per_group * columns + row % group_rows;
        let mut scales = vec![0.0; segments * padded];
        let mut sums = vec![0; segments * padded];
        let row_sums = weights.sums();
        for row in 0..weights.rows() {
            for segment in 0..segments {
                let at = segment * padded + place(row);
                scales[at] = weights.scales()[row * segments + segment];
                sums[at] = row_sums[row * segments + segment];
            }
        }
        let bias = epilogue.bias.as_ref().map(|bias| {
            let mut out = vec![0.0; padded];
            for (row, &b) in bias.iter().enumerate() {
                out[place(row)] = b;
            }
            out
        });
        let coder = match &epilogue.output {
            Output::F32 => Coder::new(&ActQuant::from_range(0.0, 0.0, 8)),
            Output::Codes(quant) => Coder::activated(quant, epilogue.activation),
            Output::Table { before, .. } => Coder::new(before),
        };
        Self {
            coder,
            padded,
            scales,
            sums,
            bias,
            activation: epilogue.activation,
            output: epilogue.output.clone(),
        }
    }

    /// Whether the activation is in the limits of the codes.
    pub fn is_linear(&self) -> bool {
        self.activation.is_piecewise_linear()
    }

    pub fn coder(&self) -> &Coder {
        &self.coder
    }

    /// Bias of the 16 columns from `column` on.
    pub fn bias_of(&self, column: usize) -> Option<&[f32; 16]> {
        self.bias.as_ref()?.get(column..)?.first_chunk()
    }

    /// The scales and corrections of activations with these quantizers, to whose codes a kernel adds
    /// `bias`.
    pub fn with(&self, quants: &[ActQuant], bias: i32) -> Vec<Scaled> {
        let scaled = |quant: &ActQuant| Scaled {
            padded: self.padded,
            scales: self
                .scales
                .iter()
                .map(|scale| quant.scale() * scale)
                .collect(),
            zeros: self
                .sums
                .iter()
                .map(|sum| sum.wrapping_mul(quant.zero() + bias))
                .collect(),
        };
        quants.iter().map(scaled).collect()
    }

    /// Scaled sums of float activations.
    #[inline(always)]
    pub fn scale_floats<const NR: usize>(
        &self,
        [segment, column]: [usize; 2],
        sums: &[f32; NR],
    ) -> [f32; NR] {
        let at = segment * self.padded + column;
        let scales: &[f32; NR] = self.scales[at..at + NR].try_into().expect("NR of them");
        let mut y = [0.0; NR];
        for j in 0..NR {
            y[j] = sums[j] * scales[j];
        }
        y
    }

    #[inline(always)]
    fn biased<const NR: usize>(&self, column: usize, mut y: [f32; NR]) -> [f32; NR] {
        if let Some(bias) = &self.bias {
            let bias: &[f32; NR] = bias[column..column + NR].try_into().expect("NR of them");
            for j in 0..NR {
                y[j] += bias[j];
            }
        }
        y
    }

    /// [`Epilogue::float`] of neighbouring channels.
    #[inline(always)]
    pub fn floats<const NR: usize>(&self, column: usize, y: [f32; NR]) -> [f32; NR] {
        let mut y = self.biased(column, y);
        if matches!(self.output, Output::Table { .. }) {
            return y;
        }
        // A loop for each, so that each is compiled for itself.
        match self.activation {
            Activation::Identity => {}
            Activation::Relu => {
                for y in &mut y {
                    *y = if *y > 0.0 { *y } else { 0.0 };
                }
            }
            Activation::Relu6 => {
                for y in &mut y {
                    *y = Activation::Relu6.apply(*y);
                }
            }
            Activation::Silu => {
                for y in &mut y {
                    *y = Activation::Silu.apply(*y);
                }
            }
            Activation::Gelu => {
                for y in &mut y {
                    *y = Activation::Gelu.apply(*y);
                }
            }
        }
        y
    }

    /// [`Epilogue::code`] of neighbouring channels.
    ///
    /// # Panics
    /// When floats are stored.
    #[inline(always)]
    pub fn codes<const NR: usize>(&self, column: usize, y: [f32; NR]) -> [i8; NR] {
        // Piecewise linear activations are in the coder's limits.
        let y = match self.is_linear() {
            true => self.biased(column, y),
            false => self.floats(column, y),
        };
        let mut codes = self.coder.codes(&y);
        match &self.output {
            Output::F32 => panic!("floats have no codes"),
            Output::Codes(_) => {}
            Output::Table { codes: table, .. } => {
                for code in &mut codes {
                    *code = table[*code as u8 as usize];
                }
            }
        }
        codes
    }
}

/// Scales and corrections of one quantizer's activations, `[segments, padded]`.
#[derive(Debug)]
pub(super) struct Scaled {
    padded: usize,
    scales: Vec<f32>,
    zeros: Vec<i32>,
}

impl Scaled {
    /// Corrections and scales of the first segment's 16 columns from `column` on.
    pub fn channels(&self, column: usize) -> Option<(&[i32; 16], &[f32; 16])> {
        let zeros = self.zeros.get(column..)?.first_chunk()?;
        Some((zeros, self.scales.get(column..)?.first_chunk()?))
    }

    /// A segment's scaled sums; `offset` is what the weights' bias added to each sum.
    #[inline(always)]
    pub fn scale<const NR: usize>(
        &self,
        [segment, column]: [usize; 2],
        sums: &[i32; NR],
        offset: i32,
    ) -> [f32; NR] {
        let at = segment * self.padded + column;
        let scales: &[f32; NR] = self.scales[at..at + NR].try_into().expect("NR of them");
        let zeros: &[i32; NR] = self.zeros[at..at + NR].try_into().expect("NR of them");
        let mut y = [0.0; NR];
        for j in 0..NR {
            // The true sum fits 32 bits; what leads to it may wrap.
            let sum = sums[j].wrapping_sub(offset).wrapping_sub(zeros[j]);
            y[j] = sum as f32 * scales[j];
        }
        y
    }
}

/// An [`ActQuant`] with what each number needs of it at hand.
///
/// Codes grow with what they stand for, so that max(x, 0) ahead of the code is a lower limit of the code,
/// and min(x, 6) an upper one: no activation is left to compute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coder {
    pub inverse: f32,
    /// Limits of the code less the zero point.
    pub low: f32,
    pub high: f32,
    /// The zero point and 1.5 · 2²³: added to a whole number within ±2²², its sum's low bits are the
    /// code in two's complement.
    magic: f32,
}

/// 1.5 · 2²³.
const MAGIC: f32 = 12_582_912.0;

impl Coder {
    pub fn new(quant: &ActQuant) -> Self {
        Self::activated(quant, Activation::Identity)
    }

    /// The codes of `activation`'s results; of the numbers themselves where it is curved.
    pub fn activated(quant: &ActQuant, activation: Activation) -> Self {
        let (zero, most) = (quant.zero() as f32, largest(quant.bits()) as f32);
        let of = |x: f32| f32::from(quant.code(x));
        let (low, high) = match activation {
            Activation::Relu => (zero, most),
            Activation::Relu6 => (zero, of(6.0)),
            Activation::Identity | Activation::Silu | Activation::Gelu => (-most, most),
        };
        Self {
            inverse: 1.0 / quant.scale(),
            low: low - zero,
            high: high - zero,
            magic: MAGIC + zero,
        }
    }

    /// The zero point.
    pub fn zero(&self) -> i16 {
        (self.magic - MAGIC) as i16
    }

    /// [`ActQuant::code`] of several numbers: the same value, with a conversion that vectorises.
    #[inline(always)]
    pub fn codes<const N: usize>(&self, x: &[f32; N]) -> [i8; N] {
        let mut out = [0; N];
        for j in 0..N {
            let steps = (x[j] * self.inverse).round_ties_even();
            let steps = if steps.is_nan() { 0.0 } else { steps };
            let steps = if steps < self.low { self.low } else { steps };
            let steps = if steps > self.high { self.high } else { steps };
            out[j] = (steps + self.magic).to_bits() as i8;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_codes_are_the_codes_of_each() {
        for bits in [4, 8] {
            for zero in [-7, 0, 5] {
                let quant = ActQuant::new(0.037, zero, bits).unwrap();
                let special = [f32::NAN, f32::INFINITY, -f32::INFINITY, -0.0, 1e-30, 3e38];
                let usual = (-2000..2000).map(|i| i as f32 * 0.003);
                let ties = (-300..300).map(|i| (i as f32 + 0.5) * 0.037);
                for x in special.into_iter().chain(usual).chain(ties) {
                    for activation in [Activation::Identity, Activation::Relu, Activation::Relu6] {
                        let found = Coder::activated(&quant, activation).codes(&[x; 3]);
                        let want = quant.code(activation.apply(x));
                        assert_eq!(found, [want; 3], "{x} {activation:?}");
                    }
                }
            }
        }
    }
}
