//! The arithmetic contract: what fake-quantized training and every integer kernel compute, in the same
//! order, with the same rounding.
//!
//! - **Weights** are symmetric: real = scale · code, code in ±(2^(b−1) − 1), scale > 0 per output channel
//!   or per group along K.
//! - **Activations** are affine: real = scale · (code − zero). Codes are kept as `i8` in ±127 (8 bits) or
//!   ±7 (4 bits); `zero` is the code of the real number 0 and lies in the same range. (PyTorch's unsigned
//!   code and zero point are these plus 128.) `code = clamp(rne(x · (1 / scale)) + zero)`.
//! - **Sums** are exact in `i32`: Σ w · (code − zero), the part with `zero` through the precomputed sum of
//!   each channel's weight codes. A layer whose K could overflow is refused at packing, see [`max_k`].
//! - **Then, in `f32` and in this order**, nothing fused and nothing reassociated: y = sum · (s_x · s_w),
//!   with groups along K the sum over groups, first to last, of their y; y + bias; activation;
//!   requantization.
//! - An 8-bit SiLU or GELU requantizes y first and looks the result up in a table of all codes, see
//!   [`Output::Table`].
//!
//! Quantization: Jacob et al., arXiv:1712.05877, sections 2.1 to 2.4.

use crate::curves::{normal, sigmoid};
use crate::error::{KernelError, Result};

/// Largest number of products of a `weight_bits`-bit weight and an 8-bit activation that an `i32`
/// accumulator holds for certain. An activation less its zero point reaches ±254, and a kernel may add
/// the two parts of that difference in any order: each stays within it.
///
/// # Panics
/// If `weight_bits` is not 2 to 8.
pub fn max_k(weight_bits: u32) -> usize {
    i32::MAX as usize / (largest(weight_bits) as usize * 255)
}

/// Largest code of `bits` bits: 2^(bits−1) − 1.
///
/// # Panics
/// If `bits` is not 2 to 8.
pub fn largest(bits: u32) -> i32 {
    assert!((2..=8).contains(&bits), "codes have 2 to 8 bits");
    (1 << (bits - 1)) - 1
}

/// How activations become codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActQuant {
    scale: f32,
    zero: i32,
    bits: u32,
}

impl ActQuant {
    /// `bits` is 4 or 8, `zero` the code of the real number 0.
    ///
    /// # Errors
    /// A scale that is not positive and finite, or whose reciprocal is not; a zero point outside the
    /// range of codes; other bit widths.
    pub fn new(scale: f32, zero: i32, bits: u32) -> Result<Self> {
        if bits != 4 && bits != 8 {
            return Err(KernelError::shape("activation bits", bits, "4 or 8"));
        }
        check_scale(0, scale)?;
        if zero.abs() > largest(bits) {
            return Err(KernelError::Code {
                what: "zero point",
                index: 0,
                value: zero,
                largest: largest(bits),
            });
        }
        Ok(Self { scale, zero, bits })
    }

    /// The quantizer of the range from min(low, 0) to max(high, 0), as dynamic quantization uses it for
    /// each image: 0 is always exact. An empty range has scale 1. Not-a-numbers count as 0.
    pub fn from_range(low: f32, high: f32, bits: u32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let most = largest(bits);
        // Halved first, so that no range overflows; powers of two are exact.
        let scale = (high * 0.5 - low * 0.5) / most as f32;
        if !(scale.is_normal() && (1.0 / scale).is_finite()) {
            let zero = 0;
            return Self {
                scale: 1.0,
                zero,
                bits,
            };
        }
        let zero = (-low * (1.0 / scale)).round_ties_even() as i32 - most;
        let zero = zero.clamp(-most, most);
        Self { scale, zero, bits }
    }

    /// Real size of one step.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Code of the real number 0.
    pub fn zero(&self) -> i32 {
        self.zero
    }

    /// 4 or 8.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Nearest code, ties to even. Not-a-number becomes `zero`.
    #[inline(always)]
    pub fn code(&self, x: f32) -> i8 {
        let steps = (x * (1.0 / self.scale)).round_ties_even();
        let steps = if steps.is_nan() { 0.0 } else { steps };
        let most = largest(self.bits) as f32;
        (steps + self.zero as f32).clamp(-most, most) as i8
    }

    /// scale · (code − zero).
    #[inline(always)]
    pub fn real(&self, code: i8) -> f32 {
        self.scale * (i32::from(code) - self.zero) as f32
    }
}

/// Refuses a scale that is not positive and finite, or whose reciprocal is not.
pub(crate) fn check_scale(index: usize, value: f32) -> Result<()> {
    if value > 0.0 && value.is_finite() && (1.0 / value).is_finite() {
        return Ok(());
    }
    Err(KernelError::Scale { index, value })
}

/// An activation that a kernel applies before it stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// x
    #[default]
    Identity,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x / (1 + e⁻ˣ)
    Silu,
    /// x · Φ(x) by the error function
    Gelu,
}

impl Activation {
    /// The activation of one number.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Silu => x * sigmoid(x),
            Self::Gelu => x * normal(x),
        }
    }

    /// Whether it commutes with requantization up to clamping, so that no table is needed.
    pub fn is_piecewise_linear(self) -> bool {
        matches!(self, Self::Identity | Self::Relu | Self::Relu6)
    }
}

/// What a layer stores.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Floats.
    F32,
    /// Codes of the activation's result.
    Codes(ActQuant),
    /// Codes of a curved activation: y is requantized by `before`, and `codes[code as u8 as usize]` is
    /// stored, which `after` describes.
    Table {
        /// Quantizer of y, ahead of the activation.
        before: ActQuant,
        /// Quantizer of what is stored.
        after: ActQuant,
        /// Result for each code, indexed by its bits as an unsigned byte.
        codes: Box<[i8; 256]>,
    },
}

impl Output {
    /// The table of `activation` between two quantizers.
    pub fn table(activation: Activation, before: ActQuant, after: ActQuant) -> Self {
        let codes =
            std::array::from_fn(|byte| after.code(activation.apply(before.real(byte as u8 as i8))));
        let codes = Box::new(codes);
        Self::Table {
            before,
            after,
            codes,
        }
    }

    /// How the stored codes are to be read; `None` for floats.
    pub fn quant(&self) -> Option<ActQuant> {
        match self {
            Self::F32 => None,
            Self::Codes(quant) | Self::Table { after: quant, .. } => Some(*quant),
        }
    }
}

/// What happens to a layer's sums before they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Epilogue {
    /// One per output channel, added after scaling.
    pub bias: Option<Vec<f32>>,
    /// Applied after the bias; with [`Output::Table`] it is in the table and not applied again.
    pub activation: Activation,
    /// What is stored.
    pub output: Output,
}

impl Epilogue {
    /// Scale only: no bias, no activation, floats.
    pub fn plain() -> Self {
        Self {
            bias: None,
            activation: Activation::Identity,
            output: Output::F32,
        }
    }

    /// Bias and activation of an already scaled sum: what is stored as a float.
    #[inline(always)]
    pub fn float(&self, channel: usize, scaled: f32) -> f32 {
        let y = match &self.bias {
            Some(bias) => scaled + bias[channel],
            None => scaled,
        };
        match self.output {
            Output::Table { .. } => y,
            _ => self.activation.apply(y),
        }
    }

    /// The stored code of an already scaled sum.
    ///
    /// # Panics
    /// When floats are stored.
    #[inline(always)]
    pub fn code(&self, channel: usize, scaled: f32) -> i8 {
        let y = self.float(channel, scaled);
        match &self.output {
            Output::F32 => panic!("floats have no codes"),
            Output::Codes(quant) => quant.code(y),
            Output::Table { before, codes, .. } => codes[before.code(y) as u8 as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_sum_fits_and_one_more_need_not() {
        for bits in 2..=8 {
            let step = i64::from(largest(bits)) * 255;
            let k = max_k(bits) as i64;
            assert!(k * step <= i64::from(i32::MAX), "{bits} bits");
            assert!((k + 1) * step > i64::from(i32::MAX), "{bits} bits");
        }
        // ResNet50's largest layer sums 512 · 3 · 3 products.
        assert!(max_k(8) > 512 * 9);
    }

    #[test]
    fn rounding_is_to_even_and_the_error_at_most_half_a_step() {
        let quant = ActQuant::new(0.5, -3, 8).unwrap();
        for (x, code) in [
            (0.25, -3),
            (0.75, -1),
            (-0.25, -3),
            (-0.75, -5),
            (1e9, 127),
            (-1e9, -127),
        ] {
            assert_eq!(quant.code(x), code, "{x}");
        }
        assert_eq!(quant.code(f32::NAN), -3);
        for i in -1000..1000 {
            let x = i as f32 * 0.031;
            let inside = (-62.0..=65.0).contains(&x);
            assert!(
                !inside || (quant.real(quant.code(x)) - x).abs() <= 0.25,
                "{x}"
            );
        }
    }

    #[test]
    fn a_range_keeps_zero_exact_and_covers_its_ends() {
        for bits in [4, 8] {
            for (low, high) in [
                (-1.0, 3.0),
                (0.5, 3.0),
                (-4.0, -0.1),
                (0.0, 0.0),
                (0.0, 1e-40),
                (-2e38, 2e38),
            ] {
                let quant = ActQuant::from_range(low, high, bits);
                assert_eq!(quant.real(quant.zero() as i8), 0.0);
                for x in [low, high] {
                    let error = (quant.real(quant.code(x)) - x).abs();
                    assert!(
                        error <= quant.scale() * 0.501 + 1e-30,
                        "{low} {high} {x}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_a_quantizer_is_refused() {
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-45] {
            assert!(
                matches!(ActQuant::new(scale, 0, 8), Err(KernelError::Scale { .. })),
                "{scale}"
            );
        }
        assert!(ActQuant::new(1.0, 127, 8).is_ok() && ActQuant::new(1.0, -128, 8).is_err());
        assert!(ActQuant::new(1.0, 7, 4).is_ok() && ActQuant::new(1.0, 8, 4).is_err());
        assert!(ActQuant::new(1.0, 0, 5).is_err());
    }
}
