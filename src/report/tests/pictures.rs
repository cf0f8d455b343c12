//! The PNG: as large as promised, with text on it.

use std::fs;
use std::path::Path;

use image::GrayImage;

use super::samples;
use crate::error::Error;
use crate::report::{PNG_SCALE, png, write};

fn pixels(figure: &str) -> GrayImage {
    image::load_from_memory(&png(figure).unwrap())
        .unwrap()
        .to_luma8()
}

fn dark(picture: &GrayImage) -> usize {
    picture.pixels().filter(|p| p.0[0] < 100).count()
}

#[test]
fn text_is_drawn_without_any_font_on_the_machine() {
    let word = |letters: &str| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"20\" \
             font-family=\"DejaVu Sans, sans-serif\"><rect width=\"60\" height=\"20\" fill=\"#fff\"/>\
             <text x=\"4\" y=\"15\" font-size=\"14\">{letters}</text></svg>"
        )
    };
    assert_eq!(dark(&pixels(&word(""))), 0);
    for letters in ["A", "é", "Δ", "±", "\u{2212}", "≥", "⁺", "–", "…"] {
        assert!(dark(&pixels(&word(letters))) > 5, "{letters}");
    }
    // Another glyph than the box for what the font lacks.
    assert_ne!(pixels(&word("Δ")), pixels(&word("\u{4e2d}")));
}

#[test]
fn a_picture_is_the_figure_at_twice_its_size_on_white() {
    for (stem, figure) in samples::all() {
        let side = |name: &str| -> u32 {
            let at = figure.find(name).unwrap() + name.len();
            let digits = figure[at..].split('"').next().unwrap();
            digits.parse().unwrap()
        };
        let picture = pixels(&figure);
        let size = (
            PNG_SCALE * side(" width=\""),
            PNG_SCALE * side(" height=\""),
        );
        assert_eq!(picture.dimensions(), size, "{stem}");
        for (x, y) in [
            (0, 0),
            (size.0 - 1, 0),
            (0, size.1 - 1),
            (size.0 - 1, size.1 - 1),
        ] {
            assert_eq!(picture.get_pixel(x, y).0, [255], "{stem}");
        }
        // The title: its letters fill the first line.
        let title = image::imageops::crop_imm(&picture, 32, 32, 300, 36).to_image();
        assert!(dark(&title) > 300, "{stem}: {}", dark(&title));
    }
}

#[test]
fn both_files_are_written_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let figures = dir.path().join("figures");
    let figure = samples::forest().draw();
    write(&figure, &figures, "forest").unwrap();
    let mut names: Vec<String> = fs::read_dir(&figures)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["forest.png", "forest.svg"]);
    assert_eq!(
        fs::read_to_string(figures.join("forest.svg")).unwrap(),
        figure
    );
    assert_eq!(
        fs::read(figures.join("forest.png")).unwrap(),
        png(&figure).unwrap()
    );

    let broken = write("<svg", &dir.path().join("broken"), "x").unwrap_err();
    assert!(matches!(broken, Error::Run(_)), "{broken}");
    assert!(broken.to_string().contains("not valid SVG"), "{broken}");
    assert!(!dir.path().join("broken").exists());
}

#[test]
fn a_figure_without_end_is_refused() {
    let huge =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100000000\" height=\"100000000\"/>";
    let refused = png(huge).unwrap_err();
    assert!(refused.to_string().contains("too large"), "{refused}");
}

/// Leaves the samples where `FAIRBIT_FIGURES` says, for a person to look at.
#[test]
fn samples_can_be_looked_at() {
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("FAIRBIT_FIGURES");
    let dir = dir.as_deref().map_or(elsewhere.path(), Path::new);
    for (stem, figure) in samples::all() {
        write(&figure, dir, stem).unwrap();
    }
}
