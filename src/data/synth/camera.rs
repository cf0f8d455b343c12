//! From the drawing to the file: exposure, blur, sensor noise, JPEG.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::canvas::{Canvas, scale};
use super::dice::Dice;
use super::scene::Scene;

/// Applies the scene's exposure, blur and noise (from `dice`) and encodes the picture.
///
/// # Errors
/// What the encoder reports; only sizes beyond JPEG's 65,535 pixels can make it fail.
pub fn shoot(canvas: &mut Canvas, scene: &Scene, dice: &mut Dice) -> image::ImageResult<Vec<u8>> {
    expose(canvas, scene);
    if scene.blur > 0.01 {
        blur(canvas, scene.blur);
        blur(canvas, scene.blur);
    }
    let pixels = sensor(canvas, scene, dice);
    let mut jpeg = Vec::with_capacity(pixels.len() / 8);
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, scene.quality);
    let (width, height) = (canvas.width as u32, canvas.height as u32);
    { encoder }.encode(&pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(jpeg)
}

/// Contrast around middle grey, exposure and colour cast.
fn expose(canvas: &mut Canvas, scene: &Scene) {
    let (contrast, exposure) = scene.tone;
    for pixel in &mut canvas.pixels {
        let toned = pixel.map(|c| 0.48 + (c - 0.48) * contrast + exposure);
        *pixel = [
            toned[0] * scene.cast[0],
            toned[1] * scene.cast[1],
            toned[2] * scene.cast[2],
        ];
    }
}

/// One pass of the separable kernel `[w, 1 − 2w, w]`; the border repeats.
fn blur(canvas: &mut Canvas, w: f32) {
    let (width, height) = (canvas.width, canvas.height);
    let three = |a: [f32; 3], b: [f32; 3], c: [f32; 3]| {
        [0, 1, 2].map(|i| b[i] + w * (a[i] + c[i] - 2.0 * b[i]))
    };
    for row in canvas.pixels.chunks_exact_mut(width) {
        let mut left = row[0];
        for x in 0..width {
            let (here, right) = (row[x], row[(x + 1).min(width - 1)]);
            row[x] = three(left, here, right);
            left = here;
        }
    }
    let mut above = canvas.pixels[..width].to_vec();
    for y in 0..height {
        let below = (y + 1).min(height - 1) * width;
        for (x, above) in above.iter_mut().enumerate() {
            let here = canvas.pixels[y * width + x];
            canvas.pixels[y * width + x] = three(*above, here, canvas.pixels[below + x]);
            *above = here;
        }
    }
}

/// Rounds to bytes under noise that is mostly common to the three colours.
fn sensor(canvas: &Canvas, scene: &Scene, dice: &mut Dice) -> Vec<u8> {
    // The sum of three of a word's bytes is a bell with standard deviation 128; the fourth tints it.
    let unit = scene.noise / 128.0;
    let mut bytes = Vec::with_capacity(canvas.pixels.len() * 3);
    for pixel in &canvas.pixels {
        let [a, b, c, d] = dice.bits().to_le_bytes().map(f32::from);
        let grey = (a + b + c - 382.5) * unit;
        let tint = (d - 127.5) * unit * 0.6;
        let noisy = [grey + tint, grey, grey - tint];
        let levels = scale(*pixel, 255.0);
        // `as` saturates at 0 and 255; +½ rounds.
        bytes.extend((0..3).map(|i| (levels[i] + noisy[i] + 0.5) as u8));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_flat_pictures_and_spreads_a_point_symmetrically() {
        let mut flat = Canvas::new(5, 4);
        flat.fill(|_, _| [0.5; 3]);
        blur(&mut flat, 0.25);
        assert!(flat.pixels.iter().all(|p| *p == [0.5; 3]));
        let mut point = Canvas::new(5, 5);
        point.pixels[12] = [1.0; 3];
        blur(&mut point, 0.25);
        // The outer product of [¼, ½, ¼] with itself.
        for (i, expected) in [
            (12, 0.25),
            (11, 0.125),
            (13, 0.125),
            (7, 0.125),
            (17, 0.125),
            (6, 0.0625),
            (18, 0.0625),
        ] {
            assert_eq!(point.pixels[i], [expected; 3], "{i}");
        }
    }
}
