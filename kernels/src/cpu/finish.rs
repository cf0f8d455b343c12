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
            Output::F32 => ActQuant::from_range(0.0, 0.0, 8),
            Output::Codes(quant) => *quant,
            Output::Table { before, .. } => *before,
        };
        Self {
            coder: Coder::new(&coder),
            padded,
            scales,
            sums,
            bias,
            activation: epilogue.activation,
            output: epilogue.output.clone(),
        }
    }

    /// Adds a segment's scaled sums to `y`; `offset` is what the weights' bias added to each sum.
    #[inline(always)]
    pub fn add<const NR: usize>(
        &self,
        [segment, column]: [usize; 2],
        sums: &[i32; NR],
        offset: i32,
        (scale, zero): (f32, i32),
        y: &mut [f32; NR],
    ) {
        let at = segment * self.padded + column;
        let scales: &[f32; NR] = self.scales[at..at + NR].try_into().expect("NR of them");
        let zeros: &[i32; NR] = self.sums[at..at + NR].try_into().expect("NR of them");
        for j in 0..NR {
            // The true sum fits 32 bits; what leads to it may wrap.
            let sum = sums[j]
                .wrapping_sub(offset)
                .wrapping_sub(zeros[j].wrapping_mul(zero));
            y[j] += sum as f32 * (scale * scales[j]);
        }
    }

    /// Adds a segment's scaled sums of float activations to `y`.
    #[inline(always)]
    pub fn add_floats<const NR: usize>(
        &self,
        [segment, column]: [usize; 2],
        sums: &[f32; NR],
        y: &mut [f32; NR],
    ) {
        let at = segment * self.padded + column;
        let scales: &[f32; NR] = self.scales[at..at + NR].try_into().expect("NR of them");
        for j in 0..NR {
            y[j] += sums[j] * scales[j];
        }
    }

    /// [`Epilogue::float`] of neighbouring channels.
    #[inline(always)]
    pub fn floats<const NR: usize>(&self, column: usize, mut y: [f32; NR]) -> [f32; NR] {
        if let Some(bias) = &self.bias {
            let bias: &[f32; NR] = bias[column..column + NR].try_into().expect("NR of them");
            for j in 0..NR {
                y[j] += bias[j];
            }
        }
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
        let y = self.floats(column, y);
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

/// An [`ActQuant`] with what each number needs of it at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coder {
    inverse: f32,
    zero: f32,
    most: f32,
}

impl Coder {
    pub fn new(quant: &ActQuant) -> Self {
        Self {
            inverse: 1.0 / quant.scale(),
            zero: quant.zero() as f32,
            most: largest(quant.bits()) as f32,
        }
    }

    /// [`ActQuant::code`] of several numbers: the same value, with a conversion that vectorises.
    #[inline(always)]
    pub fn codes<const N: usize>(&self, x: &[f32; N]) -> [i8; N] {
        let mut out = [0; N];
        for j in 0..N {
            let steps = (x[j] * self.inverse).round_ties_even();
            let steps = if steps.is_nan() { 0.0 } else { steps };
            let code = steps + self.zero;
            let code = if code > self.most { self.most } else { code };
            let code = if code < -self.most { -self.most } else { code };
            // A whole number within ±2²² added to 1.5 · 2²³ is the low bits of the sum, two's
            // complement.
            out[j] = (code + 12_582_912.0).to_bits() as i8;
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
                    let found = Coder::new(&quant).codes(&[x; 3]);
                    assert_eq!(found, [quant.code(x); 3], "{x}");
                }
            }
        }
    }
}
