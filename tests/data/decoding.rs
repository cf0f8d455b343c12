//! One image at a time: the squares that Pillow makes, within one level, and files that are refused.

use std::path::Path;

use fairbit::data::decode::{Scratch, decode_square};
use image::{GrayImage, ImageFormat, RgbImage};

use crate::fixture::{encode, picture};

const PX: usize = 16;

fn decode(bytes: &[u8], px: usize) -> Result<Vec<u8>, String> {
    let mut out = vec![0; px * px * 3];
    decode_square(bytes, px, 1_000_000, &mut Scratch::default(), &mut out).map(|()| out)
}

/// As in data/fixtures/resize.py.
fn draw(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([0, 1, 2].map(|c| (x * 7 + y * 11 * (c + 1) + ((x * y) >> (c + 2))) as u8))
    })
}

#[test]
fn crop_and_resize_agree_with_pillow() {
    for (width, height, px) in [(178, 218, 64), (61, 40, 24), (20, 31, 32)] {
        let got = decode(&encode(&draw(width, height), ImageFormat::Png), px).unwrap();
        let golden = format!("data/fixtures/resize-{width}x{height}-{px}.png");
        let want = image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden))
            .unwrap()
            .into_rgb8();
        // Both round to 8 bits after each of the two passes, with weights of different precision: a
        // value may fall on the other side of one rounding.
        let levels = got.iter().zip(want.as_raw()).map(|(a, b)| a.abs_diff(*b));
        let (worst, sum) = levels.fold((0, 0), |(w, s), d| (d.max(w), s + u32::from(d)));
        let mean = f64::from(sum) / got.len() as f64;
        assert!(
            worst <= 1 && mean < 0.25,
            "{width}x{height} -> {px}: {worst}, mean {mean}"
        );
    }
}

#[test]
fn grey_and_png_images_become_rgb() {
    let grey = GrayImage::from_fn(20, 26, |x, y| image::Luma([(x * 5 + y) as u8]));
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        grey.write_to(&mut bytes, format).unwrap();
        let out = decode(&bytes.into_inner(), PX).unwrap();
        assert!(out.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        assert!(out.iter().any(|&v| v != out[0]));
    }
}

#[test]
fn damaged_and_oversized_files_are_refused_in_words() {
    let jpeg = encode(&picture(1, 40, 40), ImageFormat::Jpeg);
    let png = encode(&picture(1, 40, 40), ImageFormat::Png);
    assert!(decode(&jpeg, PX).is_ok());
    for (bytes, reason) in [
        (&jpeg[..jpeg.len() * 3 / 4], "truncated JPEG"),
        (&jpeg[..30], "truncated JPEG"),
        (&jpeg[..3], "truncated JPEG"),
        (&png[..20], "truncated PNG"),
        (b"GIF89a not a picture".as_slice(), "neither JPEG nor PNG"),
        (b"".as_slice(), "empty file"),
    ] {
        assert_eq!(decode(bytes, PX).unwrap_err(), reason);
    }
    assert!(decode(&png[..png.len() / 2], PX).is_err());

    // Headers that claim 65,535 × 65,535 pixels: 12 GB if anybody believed them.
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let mut bomb = jpeg.clone();
    bomb[frame + 5..frame + 9].fill(0xff);
    assert!(decode(&bomb, PX).unwrap_err().contains("max_pixels"));
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert!(decode(&bomb, PX).unwrap_err().contains("max_pixels"));
}

#[test]
fn no_damage_makes_the_decoder_panic() {
    let jpeg = encode(&picture(2, 24, 24), ImageFormat::Jpeg);
    for at in 0..jpeg.len() {
        for value in [0x00, 0xff, jpeg[at] ^ 0x10] {
            let mut bytes = jpeg.clone();
            bytes[at] = value;
            let _ = decode(&bytes, PX);
        }
        let _ = decode(&jpeg[..at], PX);
    }
}
