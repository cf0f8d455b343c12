//! The frame of a figure: title and notes above, caption below, each wrapped to the width.

use super::style::{CAPTION, INK, LABEL, MARGIN, NOTE, TITLE};
use super::svg::{Anchor, Font, Svg};
use super::text::{thousands, wrap};

/// Width of a figure without content, px.
const EMPTY: f64 = 560.0;

/// A figure being drawn.
#[derive(Debug)]
pub struct Page {
    /// What has been drawn so far.
    pub svg: Svg,
    /// Where the content may begin, px from the top.
    pub top: f64,
    width: f64,
    title: String,
}

impl Page {
    /// Writes the title and the notes under it onto a page of `width` px.
    pub fn new(width: f64, title: &str, notes: &str) -> Self {
        let mut page = Self {
            svg: Svg::default(),
            top: MARGIN,
            width,
            title: title.to_string(),
        };
        page.top = page.paragraph(page.top, title, TITLE);
        page.top = page.paragraph(page.top + 2.0, notes, NOTE) + 10.0;
        page
    }

    /// Writes the caption below `bottom`, where the content ends, and closes the figure.
    pub fn finish(mut self, bottom: f64, caption: &str) -> String {
        let end = if caption.is_empty() {
            bottom
        } else {
            self.paragraph(bottom + 10.0, caption, CAPTION)
        };
        self.svg.finish((self.width, end + MARGIN), &self.title)
    }

    /// Lines of text from `y` down; returns where they end.
    fn paragraph(&mut self, mut y: f64, text: &str, font: Font) -> f64 {
        for line in wrap(text, font.size, self.width - 2.0 * MARGIN) {
            self.svg.text((MARGIN, y + font.size), &line, font);
            y += 1.4 * font.size;
        }
        y
    }
}

/// A figure that has nothing to show, and says so.
pub fn empty(title: &str, what: &str, caption: &str) -> String {
    let mut page = Page::new(EMPTY, title, "");
    let y = page.top + 30.0;
    let font = Font {
        color: INK,
        ..LABEL.anchored(Anchor::Middle)
    };
    page.svg.text((EMPTY / 2.0, y), what, font);
    page.finish(y + 20.0, caption)
}

/// `what: subject (n = 2,000 images)`, without the subject where it is empty; the bracket stays on one line.
pub fn title(what: &str, subject: &str, n: u64) -> String {
    let images = if n == 1 { "image" } else { "images" };
    let subject = if subject.is_empty() {
        String::new()
    } else {
        format!(": {subject}")
    };
    let n = thousands(n);
    format!("{what}{subject} (n\u{a0}=\u{a0}{n}\u{a0}{images})")
}
