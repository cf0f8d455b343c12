//! Layers and activations drawn from a seed.

use fairbit_kernels::arith::largest;
use fairbit_kernels::cpu::Stored;
use fairbit_kernels::{
    ActQuant, Activation, ConvShape, Epilogue, Granularity, Output, PackedWeights, reference,
};

/// Numbers that look random: xorshift64*.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to `n` − 1.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 33) as usize % n
    }

    /// In `low..high`.
    pub fn float(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn codes(&mut self, n: usize, bits: u32) -> Vec<i8> {
        let most = largest(bits);
        let span = 2 * most as usize + 1;
        (0..n)
            .map(|_| (self.below(span) as i32 - most) as i8)
            .collect()
    }

    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float(-3.0, 3.0)).collect()
    }

    pub fn weights(
        &mut self,
        [rows, k]: [usize; 2],
        bits: u32,
        granularity: Granularity,
    ) -> PackedWeights {
        let groups = match granularity {
            Granularity::PerChannel => 1,
            Granularity::PerGroup(size) => k.div_ceil(size),
        };
        let scales = (0..rows * groups)
            .map(|_| self.float(0.001, 0.02))
            .collect();
        let codes = self.codes(rows * k, bits);
        PackedWeights::pack(&codes, scales, [rows, k], bits, granularity).unwrap()
    }

    pub fn quant(&mut self, bits: u32) -> ActQuant {
        let most = largest(bits) as usize;
        let zero = self.below(2 * most + 1) as i32 - most as i32;
        ActQuant::new(self.float(0.01, 0.1), zero, bits).unwrap()
    }

    /// One of all kinds of output and activation, with a bias two times in three.
    pub fn epilogue(&mut self, channels: usize, kind: usize) -> Epilogue {
        let bias =
            (self.below(3) > 0).then(|| (0..channels).map(|_| self.float(-1.0, 1.0)).collect());
        let all = [
            Activation::Identity,
            Activation::Relu,
            Activation::Relu6,
            Activation::Silu,
            Activation::Gelu,
        ];
        let activation = all[kind % 5];
        let output = match kind / 5 % 4 {
            0 => Output::F32,
            1 => Output::Codes(self.quant(8)),
            2 => Output::Codes(self.quant(4)),
            _ => Output::table(activation, self.quant(8), self.quant(8)),
        };
        Epilogue {
            bias,
            activation,
            output,
        }
    }
}

/// Channels-last codes `[.., channels]` as words, the padding filled with what must not matter.
pub fn words(codes: &[i8], channels: usize) -> Vec<u32> {
    let word = |four: &[i8]| {
        let byte = |i: usize| four.get(i).copied().unwrap_or(-128) as u8;
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    };
    codes
        .chunks(channels)
        .flat_map(|pixel| pixel.chunks(4).map(word))
        .collect()
}

/// The codes of words, without the padding.
pub fn unwords(words: &[u32], channels: usize) -> Vec<i8> {
    let pixels = words.chunks(channels.div_ceil(4));
    let bytes = |pixel: &[u32]| {
        pixel
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let codes = pixels.flat_map(|pixel| bytes(pixel).into_iter().take(channels));
    codes.map(|byte| byte as i8).collect()
}

/// What the twin stores for a convolution of codes; floats `[B, H, W, C]`.
pub fn expected(
    shape: &ConvShape,
    codes: &[i8],
    quants: &[ActQuant],
    weights: &PackedWeights,
    epilogue: &Epilogue,
) -> Stored {
    let scaled = reference::conv2d(shape, codes, quants, weights);
    match epilogue.output {
        Output::F32 => Stored::Floats(reference::floats(&scaled, shape.c_out, epilogue)),
        _ => {
            let codes = reference::codes(&scaled, shape.c_out, epilogue);
            let bytes = |pixel: &[i8]| pixel.iter().map(|&c| c as u8).collect::<Vec<_>>();
            let word = |four: &[u8]| {
                let mut word = [0; 4];
                word[..four.len()].copy_from_slice(four);
                u32::from_le_bytes(word)
            };
            let pixels = codes.chunks(shape.c_out).map(bytes);
            Stored::Codes(
                pixels
                    .flat_map(|p| p.chunks(4).map(word).collect::<Vec<_>>())
                    .collect(),
            )
        }
    }
}

/// Fails unless both are equal, curved activations within a millionth.
pub fn assert_same(found: &Stored, expected: &Stored, epilogue: &Epilogue, what: &str) {
    match (found, expected) {
        (Stored::Floats(a), Stored::Floats(b)) if !epilogue.activation.is_piecewise_linear() => {
            assert_eq!(a.len(), b.len(), "{what}");
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() <= 1e-6 * b.abs(), "{what}: {a} and {b}");
            }
        }
        _ => assert!(found == expected, "{what}"),
    }
}
