//! The arithmetic contract of [`crate::arith`] in kernels: the same steps, none fused with another.

use cubecl::prelude::*;

use crate::arith;

/// What a layer stores, see [`arith::Output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Floats, as the bits of words.
    Floats,
    /// Codes of the activation's result.
    Codes,
    /// Codes through a table.
    Table,
}

/// What follows the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Finish {
    /// What is stored.
    pub stored: Stored,
    /// Applied before it is stored, unless a table does it.
    pub activation: arith::Activation,
}

/// A quantizer as kernels need it: x becomes clamp(rne(x · inverse) + zero, ±most).
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Coder {
    /// 1 / scale.
    pub inverse: f32,
    /// Code of the real number 0.
    pub zero: f32,
    /// Largest code.
    pub most: f32,
}

/// a · b rounded on its own. Compilers contract a plain product with an addition that follows, and the
/// sum would differ from the CPU's in its last bit; a product that is already one with an addition of
/// nothing they leave alone. (It makes +0 of −0, which no later step tells apart.)
#[cube]
pub fn product(a: f32, b: f32) -> f32 {
    fma(a, b, 0.0f32)
}

/// [`arith::ActQuant::code`]; not-a-number is the real number 0.
#[cube]
pub fn code(x: f32, coder: &Coder) -> i32 {
    let steps = (x * coder.inverse).round() + coder.zero;
    let capped = if steps > coder.most {
        coder.most
    } else {
        steps
    };
    let capped = if capped < -coder.most {
        -coder.most
    } else {
        capped
    };
    // By its bits, since shading languages may assume that there is no such number.
    let nan = (u32::reinterpret(x) & 0x7fff_ffffu32) > 0x7f80_0000u32;
    let number = if nan { coder.zero } else { capped };
    i32::cast_from(number)
}

/// scale · (code − zero).
#[cube]
pub fn real(code: i32, scale: f32, zero: i32) -> f32 {
    product(scale, f32::cast_from(code - zero))
}

/// Byte `at` of a word, with its sign.
#[cube]
pub fn byte(word: u32, at: u32) -> i32 {
    i32::reinterpret(word << (24u32 - 8u32 * at)) >> 24
}

/// Code `k` of the row of packed weights that begins at word `line`, as [`crate::PackedWeights`] has it.
#[cube]
pub fn packed(weights: &[u32], line: u32, k: u32, #[comptime] bits: u32) -> i32 {
    let per_word = comptime!(32 / bits);
    let word = weights[(line + k / per_word) as usize];
    let up = comptime!(32 - bits) - k % per_word * bits;
    i32::reinterpret(word << up) >> comptime!(32 - bits as i32)
}

/// (acc − zero · weight sum) · (activation scale · weight scale).
#[cube]
pub fn scaled(acc: i32, weight_sum: i32, weight_scale: f32, scale: f32, zero: i32) -> f32 {
    let sum = acc - zero * weight_sum;
    product(f32::cast_from(sum), product(scale, weight_scale))
}

/// [`arith::Activation::apply`].
#[cube]
pub fn activated(y: f32, #[comptime] activation: arith::Activation) -> f32 {
    if comptime!(matches!(activation, arith::Activation::Relu)) {
        let mut result = 0.0f32;
        if y > 0.0f32 {
            result = y;
        }
        result
    } else if comptime!(matches!(activation, arith::Activation::Relu6)) {
        let mut result = y;
        if y < 0.0f32 {
            result = 0.0f32;
        }
        if y > 6.0f32 {
            result = 6.0f32;
        }
        result
    } else if comptime!(matches!(activation, arith::Activation::Silu)) {
        y / (1.0f32 + (-y).exp())
    } else if comptime!(matches!(activation, arith::Activation::Gelu)) {
        0.5f32 * y * (1.0f32 + Erf::erf(y * 0.707_106_77f32))
    } else {
        y
    }
}

/// Stores four neighbouring channels of a row of scaled sums `y`: bias, activation, requantization.
/// `quad` counts channels by fours; rows are `[channels]` floats or `[⌈channels/4⌉]` words, whose bytes
/// beyond the last channel are zero.
#[cube]
pub fn store_quad(
    out: &mut [u32],
    y: Vector<f32, Const<4>>,
    row: u32,
    quad: u32,
    channels: u32,
    bias: &[f32],
    table: &[u32],
    coder: &Coder,
    #[comptime] finish: Finish,
) {
    if comptime!(matches!(finish.stored, Stored::Floats)) {
        #[unroll]
        for j in 0..4usize {
            let channel = quad * 4u32 + comptime!(j as u32);
            if channel < channels {
                let biased = y.extract(j) + bias[channel as usize];
                let value = activated(biased, finish.activation);
                out[(row * channels + channel) as usize] = u32::reinterpret(value);
            }
        }
    } else {
        let words = (channels + 3u32) / 4u32;
        if quad < words {
            let mut word = 0u32;
            #[unroll]
            for j in 0..4usize {
                let channel = quad * 4u32 + comptime!(j as u32);
                if channel < channels {
                    let biased = y.extract(j) + bias[channel as usize];
                    let found = if comptime!(matches!(finish.stored, Stored::Table)) {
                        let index = u32::reinterpret(code(biased, coder)) & 255u32;
                        table[(index / 4u32) as usize] >> (8u32 * (index % 4u32))
                    } else {
                        u32::reinterpret(code(activated(biased, finish.activation), coder))
                    };
                    word |= (found & 255u32) << comptime!(8 * j as u32);
                }
            }
            out[(row * words + quad) as usize] = word;
        }
    }
}
