//! Activations that look random.

use fairbit_kernels::ActQuant;

/// Step of the activations.
const STEP: f32 = 0.02;

/// Sizes of a tensor of activations.
#[derive(Debug, Clone, Copy)]
pub struct Images {
    pub batch: usize,
    pub channels: usize,
    /// `[height, width]`.
    pub size: [usize; 2],
}

impl Images {
    /// Pixels of an image.
    pub fn pixels(self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Words of a pixel.
    pub fn words(self) -> usize {
        self.channels.div_ceil(4)
    }

    /// Codes of 8 bits, `[B, H, W, words]`.
    pub fn codes(self) -> Vec<u32> {
        let word = |i| u32::from_le_bytes([0, 1, 2, 3].map(|j| code(4 * i + j, 127) as u8));
        let len = self.batch * self.pixels() * self.words();
        (0..len).map(word).collect()
    }

    /// Floats within ±2.54, `[B, C, H, W]`.
    pub fn floats(self) -> Vec<f32> {
        let len = self.batch * self.channels * self.pixels();
        (0..len).map(|i| f32::from(code(i, 127)) * STEP).collect()
    }
}

/// Code `i` of many, ±`most`, by the steps of splitmix64.
pub fn code(i: usize, most: i32) -> i8 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x >> 33) as i32 % (2 * most + 1) - most) as i8
}

/// A quantizer of such floats.
pub fn quant(zero: i32) -> ActQuant {
    ActQuant::new(STEP, zero, 8).expect("a quantizer")
}
