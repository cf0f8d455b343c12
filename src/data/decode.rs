//! From the bytes of an image file to a small square: the preprocessing that everything shares.
//!
//! RGB, centre crop to a square (torchvision's rounding: half to even), antialiased bilinear resize
//! as Pillow does it (within one level of 255). EXIF orientation is ignored, as torchvision's loaders
//! do; CelebA has none.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageFormat, RgbImage};

/// Buffers that one thread keeps between images.
#[derive(Default)]
pub struct Scratch {
    resizer: Resizer,
}

/// Decodes `bytes` and writes px × px × 3 bytes (RGB, rows of pixels) into `out`.
///
/// # Errors
/// The reason in words: neither JPEG nor PNG, larger than `max_pixels` (read from the header before
/// anything is allocated), truncated, damaged.
///
/// # Panics
/// When `out` is not px × px × 3 long.
pub fn decode_square(
    bytes: &[u8],
    px: usize,
    max_pixels: u64,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<(), String> {
    assert_eq!(out.len(), px * px * 3, "out holds one image");
    let (format, header) = match bytes {
        [0xff, 0xd8, ..] => (ImageFormat::Jpeg, jpeg_header(bytes)?),
        [0x89, b'P', b'N', b'G', ..] => (ImageFormat::Png, png_header(bytes)?),
        [] => return Err("empty file".into()),
        _ => return Err("neither JPEG nor PNG".into()),
    };
    let (width, height) = header;
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(format!(
            "{width} × {height} pixels, above data.max_pixels = {max_pixels}"
        ));
    }
    let rgb = image::load_from_memory_with_format(bytes, format)
        .map_err(|e| e.to_string())?
        .into_rgb8();
    resize_centre(&rgb, px, &mut scratch.resizer, out).map_err(|e| e.to_string())
}

/// The centred square of `rgb` in `px` × `px` pixels.
fn resize_centre(
    rgb: &RgbImage,
    px: usize,
    resizer: &mut Resizer,
    out: &mut [u8],
) -> Result<(), Box<dyn std::error::Error>> {
    let (width, height) = rgb.dimensions();
    let side = width.min(height);
    if side == 0 {
        return Err("an image without pixels".into());
    }
    let (left, top) = (centre(width, side), centre(height, side));
    let image = TypedImageRef::<U8x3>::from_buffer(width, height, rgb.as_raw())?;
    let square = TypedCroppedImage::from_ref(&image, left, top, side, side)?;
    let mut small = TypedImage::<U8x3>::from_buffer(px as u32, px as u32, out)?;
    // The typed call: the other one instantiates every pixel type (2.5 minutes of compilation).
    let bilinear = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Ok(resizer.resize_typed(&square, &mut small, &bilinear)?)
}

/// Offset of a centred window: half of what is left over, rounded half to even.
fn centre(length: u32, side: u32) -> u32 {
    (length - side) / 2 + u32::from((length - side) % 4 == 3)
}

/// Width and height of a JPEG, pixels, from its frame header.
///
/// The file must go on to its end-of-image marker: the decoder fills up what is missing with grey,
/// which must not pass for a face.
fn jpeg_header(bytes: &[u8]) -> Result<(u32, u32), String> {
    let truncated = || "truncated JPEG".to_string();
    let mut size = None;
    // Segments before the first scan may hold thumbnails with headers and end markers of their own,
    // so they are stepped over by their lengths.
    let mut at = 2;
    loop {
        let &[mark, kind, high, low] = bytes
            .get(at..at + 4)
            .and_then(|h| h.first_chunk())
            .ok_or_else(truncated)?;
        match (mark, kind) {
            (0xff, 0xff) => at += 1,
            (0xff, 0xda) => break,
            // Start of frame, any coding; C4, C8 and CC are other things.
            (0xff, 0xc0..=0xcf) if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let &[h1, h0, w1, w0] = bytes
                    .get(at + 5..at + 9)
                    .and_then(|h| h.first_chunk())
                    .ok_or_else(truncated)?;
                if size.is_some() {
                    return Err("JPEG with two frame headers".into());
                }
                size = Some((
                    u32::from(w1) << 8 | u32::from(w0),
                    u32::from(h1) << 8 | u32::from(h0),
                ));
                at += 2 + (usize::from(high) << 8 | usize::from(low));
            }
            (0xff, _) => at += 2 + (usize::from(high) << 8 | usize::from(low)),
            _ => return Err("damaged JPEG header".into()),
        }
    }
    // Inside scans 0xff is always followed by 0 or a restart marker.
    let ends = bytes[at..]
        .windows(2)
        .rev()
        .any(|pair| pair == [0xff, 0xd9]);
    size.filter(|_| ends).ok_or_else(truncated)
}

/// Width and height of a PNG, pixels, from its first chunk.
fn png_header(bytes: &[u8]) -> Result<(u32, u32), String> {
    let number = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|b| b.first_chunk())
            .map(|b| u32::from_be_bytes(*b))
    };
    number(16)
        .zip(number(20))
        .ok_or_else(|| "truncated PNG".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_centred_as_torchvision_centres_them() {
        // int(round((length - side) / 2.0)) in Python, which rounds half to even.
        let want = [0, 0, 1, 2, 2, 2, 3, 4, 4];
        for (over, want) in want.into_iter().enumerate() {
            assert_eq!(centre(10 + over as u32, 10), want, "{over}");
        }
        assert_eq!(centre(218, 178), 20);
    }
}
