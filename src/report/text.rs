//! The embedded font: how wide a text gets, where it wraps, and numbers as readers expect them.

use std::sync::LazyLock;

use ttf_parser::Face;

/// DejaVu Sans 2.37 reduced to Latin-1, Greek and common signs, so that figures look the same on a
/// machine without fonts. Made with fonttools: `font/README.md`.
pub const FONT: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(FONT, 0).expect("the embedded font is a font"));

/// Width of `text` in the embedded font at `size` px, without kerning. What the font lacks counts as
/// wide as its largest letters.
pub fn width(text: &str, size: f64) -> f64 {
    let em = f64::from(FACE.units_per_em());
    let advance = |c| {
        let glyph = FACE.glyph_index(c)?;
        FACE.glyph_hor_advance(glyph).map(f64::from)
    };
    let units: f64 = text.chars().map(|c| advance(c).unwrap_or(em)).sum();
    units * size / em
}

/// The widest of several texts, 0 for none.
pub fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    texts
        .into_iter()
        .map(|t| width(t, size))
        .fold(0.0, f64::max)
}

/// Lines of at most `max` px, broken at spaces (not at no-break spaces), and inside a word only where the
/// word alone is longer.
pub fn wrap(text: &str, size: f64, max: f64) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        // Not `split_whitespace`: a no-break space is there to hold a number and its unit together.
        for word in paragraph.split(' ').filter(|w| !w.is_empty()) {
            let longer = if line.is_empty() {
                word.to_string()
            } else {
                format!("{line} {word}")
            };
            if width(&longer, size) <= max {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if width(&line, size) > max && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}

/// `12345` as `12,345`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `value` with `decimals` places and a real minus sign; what rounds to zero has no sign.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    if value < 0.0 && text.contains(|c| matches!(c, '1'..='9')) {
        format!("\u{2212}{text}")
    } else {
        text
    }
}

/// [`fixed`] with a plus sign on positive numbers.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if value > 0.0 && text.contains(|c| matches!(c, '1'..='9')) {
        format!("+{text}")
    } else {
        text
    }
}

/// A p value with three places, `<0.001` below that.
pub fn p_value(p: f64) -> String {
    if p < 0.001 {
        "<0.001".to_string()
    } else {
        fixed(p, 3)
    }
}

/// `0.95` as `95 %`, with a no-break space.
pub fn percent(share: f64) -> String {
    format!("{}\u{a0}%", hundredfold(share))
}

/// `100 · share` with as many decimals as it has and no binary dust: 0.07 gives `7`.
pub fn hundredfold(share: f64) -> String {
    format!("{}", (share * 1e8).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_print() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(202_599), "202,599");
        assert_eq!(fixed(-0.004, 2), "0.00");
        assert_eq!(fixed(-1.5, 2), "\u{2212}1.50");
        assert_eq!(
            (signed(0.004, 2), signed(1.0, 1)),
            ("0.00".into(), "+1.0".into())
        );
        assert_eq!(
            (p_value(0.00099), p_value(0.05)),
            ("<0.001".into(), "0.050".into())
        );
        assert_eq!(percent(0.95), "95\u{a0}%");
        assert_eq!(hundredfold(0.07), "7");
        assert_eq!(hundredfold(0.0125), "1.25");
    }

    #[test]
    fn lines_break_at_spaces_and_inside_words_that_are_too_long() {
        assert_eq!(
            wrap("one two three", 10.0, width("one two", 10.0)),
            ["one two", "three"]
        );
        assert_eq!(
            wrap("n\u{a0}=\u{a0}2 x", 10.0, 1.0 + width("n = 2", 10.0)),
            ["n\u{a0}=\u{a0}2", "x"]
        );
        let hash = "3f9a0c5e1d77b6a4";
        let broken = wrap(hash, 10.0, 50.0);
        assert_eq!(broken.concat(), hash);
        assert!(broken.len() > 1 && broken.iter().all(|line| width(line, 10.0) <= 50.0));
        assert!(wrap("", 10.0, 50.0).is_empty());
        assert_eq!(wrap("wide", 10.0, 1.0).concat(), "wide");
    }
}
