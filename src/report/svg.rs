//! A small SVG writer: the few elements that the figures need, in bytes that only depend on the input.

use std::fmt::Write;

use super::text::width;

/// Least size that is drawn, px: numbers are written with two decimals.
const SEEN: f64 = 0.005;

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// CSS colour.
    pub color: &'static str,
    /// Width, px.
    pub width: f64,
    /// `stroke-dasharray`; empty for a solid line.
    pub dash: &'static str,
}

/// Which end of a text its position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub struct Font {
    /// Size, px.
    pub size: f64,
    /// CSS colour.
    pub color: &'static str,
    /// What its position means.
    pub anchor: Anchor,
}

/// The elements drawn so far, later ones on top. Coordinates are px, y down.
#[derive(Debug, Default)]
pub struct Svg {
    body: String,
}

impl Stroke {
    /// A solid line.
    pub fn solid(color: &'static str, width: f64) -> Self {
        Self {
            color,
            width,
            dash: "",
        }
    }

    fn attributes(self) -> String {
        let dash = if self.dash.is_empty() {
            String::new()
        } else {
            format!(" stroke-dasharray=\"{}\"", self.dash)
        };
        format!(
            "stroke=\"{}\" stroke-width=\"{}\"{dash}",
            self.color,
            px(self.width)
        )
    }
}

impl Font {
    /// The same font with another anchor.
    pub fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

impl Svg {
    /// A filled rectangle without an outline.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        if width < SEEN || height < SEEN {
            return;
        }
        self.element(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>",
            px(x),
            px(y),
            px(width),
            px(height)
        ));
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.element(format_args!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>",
            px(from.0),
            px(from.1),
            px(to.0),
            px(to.1),
            stroke.attributes()
        ));
    }

    /// Straight lines from point to point, not closed.
    pub fn polyline(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        if points.len() < 2 {
            return;
        }
        self.element(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke-linejoin=\"round\" {}/>",
            list(points),
            stroke.attributes()
        ));
    }

    /// A closed shape.
    pub fn polygon(&mut self, points: &[(f64, f64)], fill: &str, stroke: Stroke) {
        self.element(format_args!(
            "<polygon points=\"{}\" fill=\"{fill}\" {}/>",
            list(points),
            stroke.attributes()
        ));
    }

    /// A circle.
    pub fn circle(&mut self, (x, y): (f64, f64), radius: f64, fill: &str, stroke: Stroke) {
        self.element(format_args!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\" {}/>",
            px(x),
            px(y),
            px(radius),
            stroke.attributes()
        ));
    }

    /// A line of text on the baseline `y`.
    pub fn text(&mut self, (x, y): (f64, f64), text: &str, font: Font) {
        self.text_with((x, y), text, font, "");
    }

    /// A line of text on a white ground, for places where a grid runs below it.
    pub fn text_on_white(&mut self, (x, y): (f64, f64), text: &str, font: Font) {
        let width = width(text, font.size);
        let left = match font.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let size = (width + 4.0, 1.3 * font.size);
        self.rect((left - 2.0, y - font.size), size, "#ffffff");
        self.text((x, y), text, font);
    }

    /// A line of text that reads upwards; the anchor counts along it.
    pub fn text_upwards(&mut self, (x, y): (f64, f64), text: &str, font: Font) {
        let turn = format!(" transform=\"rotate(-90 {} {})\"", px(x), px(y));
        self.text_with((x, y), text, font, &turn);
    }

    fn text_with(&mut self, (x, y): (f64, f64), text: &str, font: Font, extra: &str) {
        if text.is_empty() {
            return;
        }
        let anchor = match font.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.element(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{extra}>{}</text>",
            px(x),
            px(y),
            px(font.size),
            font.color,
            escape(text)
        ));
    }

    /// The whole document on white, `title` for those who hear it read out. Sides are rounded up to
    /// whole px.
    pub fn finish(self, (width, height): (f64, f64), title: &str) -> String {
        let (width, height) = (px(width.ceil()), px(height.ceil()));
        // DejaVu Sans runs wide: where it is missing and another font steps in, texts get shorter and
        // still fit.
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans, sans-serif\" role=\"img\">\n\
             <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escape(title),
            self.body
        )
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

fn list(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{},{}", px(*x), px(*y)))
        .collect();
    points.join(" ")
}

/// Hundredths of a pixel are finer than anyone sees; no `-0`, no trailing zeros.
pub fn px(value: f64) -> String {
    let hundredths = (value * 100.0).round() / 100.0 + 0.0;
    format!("{hundredths}")
}

/// Text as XML: markup characters as entities; what XML 1.0 forbids even as an entity (control
/// characters, U+FFFE, U+FFFF) as U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
