//! Rows of activations for a product: pixels as they lie, or the taps of a convolution (implicit GEMM).
//!
//! ```text
//! codes  [B, H, W, words]   four channels a word, `words` = ⌈C/4⌉
//! K of a row, in words:     (kernel row, kernel column, word), the word fastest
//! ```
//!
//! A chunk is four words of K. Where `words` is a multiple of four it is one 128-bit load of one tap.

use cubecl::prelude::*;

/// How many quantizers a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quants {
    /// One for all images.
    Shared,
    /// One for each image.
    PerImage,
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// Words of a pixel.
    pub words: u32,
    /// Kernel size; `None` takes each pixel as a row.
    pub kernel: Option<[u32; 2]>,
    /// Quantizers.
    pub quants: Quants,
}

impl Source {
    /// Taps of the kernel.
    pub fn taps(&self) -> u32 {
        self.kernel.map_or(1, |[h, w]| h * w)
    }

    /// Columns of the kernel.
    fn columns(&self) -> u32 {
        self.kernel.map_or(1, |[_, w]| w)
    }
}

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Geometry {
    /// Rows of the result.
    pub rows: u32,
    /// Rows of the result per image.
    pub pixels: u32,
    /// Columns of the result's image.
    pub width: u32,
    /// Input height.
    pub in_height: u32,
    /// Input width.
    pub in_width: u32,
    /// Step down.
    pub stride_h: u32,
    /// Step across.
    pub stride_w: u32,
    /// Zeros above.
    pub pad_h: i32,
    /// Zeros on the left.
    pub pad_w: i32,
    /// Distance of taps down.
    pub dilation_h: u32,
    /// Distance of taps across.
    pub dilation_w: u32,
}

/// Where a row of the product begins.
#[derive(CubeType, Clone, Copy)]
pub struct Spot {
    /// Whether there is such a row.
    pub inside: bool,
    /// Word at which its image begins, or itself.
    pub base: u32,
    /// Input row of the first tap.
    pub y: i32,
    /// Input column of the first tap.
    pub x: i32,
    /// What lies in the padding: codes of zero.
    pub pad: u32,
}

/// Which quantizer a row has.
#[cube]
pub fn quant_of(row: u32, geometry: &Geometry, #[comptime] quants: Quants) -> u32 {
    if comptime!(matches!(quants, Quants::PerImage)) {
        row / geometry.pixels
    } else {
        0u32.runtime()
    }
}

/// Input row and column of the first tap of a pixel of the result, which may lie in the padding.
#[cube]
pub fn corner(pixel: u32, geometry: &Geometry) -> (i32, i32) {
    let y = i32::cast_from(pixel / geometry.width * geometry.stride_h) - geometry.pad_h;
    let x = i32::cast_from(pixel % geometry.width * geometry.stride_w) - geometry.pad_w;
    (y, x)
}

/// The spot of row `row`.
#[cube]
pub fn spot(row: u32, quants: &[f32], geometry: &Geometry, #[comptime] source: Source) -> Spot {
    let inside = row < geometry.rows;
    if comptime!(source.kernel.is_none()) {
        Spot {
            inside,
            base: row * comptime!(source.words),
            y: 0i32,
            x: 0i32,
            pad: 0u32,
        }
    } else {
        let image = row / geometry.pixels;
        let pixel = row % geometry.pixels;
        let base = image * geometry.in_height * geometry.in_width * comptime!(source.words);
        let (y, x) = corner(pixel, geometry);
        // A row that is not there is read as the first.
        let which = quant_of(
            if inside { row } else { 0u32.runtime() },
            geometry,
            source.quants,
        );
        let zero = i32::cast_from(quants[(which * 2u32 + 1u32) as usize]);
        let pad = (u32::reinterpret(zero) & 255u32) * 0x0101_0101u32;
        Spot {
            inside,
            base,
            y,
            x,
            pad,
        }
    }
}

/// Index of word `word` of tap `tap`, and whether the tap lies in the image.
#[cube]
pub fn tap_at(
    spot: &Spot,
    tap: u32,
    geometry: &Geometry,
    #[comptime] source: Source,
) -> (u32, bool) {
    let across = comptime!(source.columns());
    let y = u32::reinterpret(spot.y) + tap / across * geometry.dilation_h;
    let x = u32::reinterpret(spot.x) + tap % across * geometry.dilation_w;
    // A coordinate above or left of the image wraps to a large one.
    let inside = spot.inside && y < geometry.in_height && x < geometry.in_width;
    (
        spot.base + (y * geometry.in_width + x) * comptime!(source.words),
        inside,
    )
}

/// Words `word .. word + 4` of a row; zeros beyond K, where the weights are zero too.
#[cube]
pub fn chunk<V: Size>(
    x: &[Vector<u32, V>],
    spot: &Spot,
    word: u32,
    geometry: &Geometry,
    #[comptime] source: Source,
) -> Vector<u32, Const<4>> {
    let width = V::value().comptime() as u32;
    let mut all = Vector::<u32, Const<4>>::new(0u32);
    #[unroll]
    for piece in 0..comptime!(4 / width) {
        let from = word + piece * width;
        let mut index = spot.base + from;
        let mut inside = spot.inside && from < comptime!(source.words * source.taps());
        let mut outside = 0u32;
        if comptime!(source.kernel.is_some()) {
            let (at, there) = tap_at(spot, from / comptime!(source.words), geometry, source);
            index = at + from % comptime!(source.words);
            inside = inside && there;
            outside = spot.pad;
        }
        let mut part = Vector::<u32, V>::new(outside);
        if inside {
            part = x[(index / width) as usize];
        }
        #[unroll]
        for i in 0..comptime!(width as usize) {
            all.insert(
                comptime!(piece as usize * width as usize + i),
                part.extract(i),
            );
        }
    }
    all
}
