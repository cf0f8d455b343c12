//! HTML as a value that text from files can only enter escaped.
//!
//! [`Html::raw`] takes text of this program's own source only (`&'static str`); everything else goes
//! through [`Html::text`] or an attribute, which escape it. So a model called `<script>` is a name.

use std::fmt::Write;

use super::super::svg::escape;

/// A piece of a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Html {
    out: String,
}

impl Html {
    /// Markup from this program's source.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text, escaped.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.out.push_str(&escape(text));
        self
    }

    /// Text with its line ends, for `pre`; escaped.
    pub fn text_lines(&mut self, text: &str) -> &mut Self {
        for line in text.lines() {
            self.text(line).raw("\n");
        }
        self
    }

    /// A start tag; the values of attributes are escaped.
    pub fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) -> &mut Self {
        let _ = write!(self.out, "<{tag}");
        for (name, value) in attributes {
            let _ = write!(self.out, " {name}=\"{}\"", escape(value));
        }
        self.out.push('>');
        self
    }

    /// An end tag.
    pub fn close(&mut self, tag: &'static str) -> &mut Self {
        let _ = write!(self.out, "</{tag}>");
        self
    }

    /// `<tag>text</tag>`, escaped.
    pub fn element(&mut self, tag: &'static str, text: &str) -> &mut Self {
        self.open(tag, &[]).text(text).close(tag)
    }

    /// `<tag class="class">text</tag>`, escaped.
    pub fn classed(&mut self, tag: &'static str, class: &str, text: &str) -> &mut Self {
        self.open(tag, &[("class", class)]).text(text).close(tag)
    }

    /// Another piece of a page, as it is.
    pub fn add(&mut self, other: &Html) -> &mut Self {
        self.out.push_str(&other.out);
        self
    }

    /// A figure that this room has drawn: its texts are escaped, and it holds shapes and text only.
    pub fn drawing(&mut self, svg: &str) -> &mut Self {
        self.out.push_str(svg);
        self
    }

    /// A link that saves `content` as `name`, without any network: the content is in the link.
    pub fn download(&mut self, label: &str, name: &str, mime: &str, content: &str) -> &mut Self {
        let href = format!("data:{mime};charset=utf-8,{}", percent_encode(content));
        let attributes = [("class", "save"), ("download", name), ("href", &*href)];
        self.open("a", &attributes).text(label).close("a")
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The markup.
    pub fn into_string(self) -> String {
        self.out
    }
}

/// Plain text as [`Html`].
pub fn text(text: &str) -> Html {
    let mut html = Html::default();
    html.text(text);
    html
}

/// What is not a letter, a digit or one of `-._~,` as `%XX`, byte by byte (RFC 3986).
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Bytes in base 64 (RFC 4648, section 4), for the hash of the script.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let code = (bits >> (18 - 6 * digit)) & 63;
            out.push(match digit <= chunk.len() {
                true => char::from(DIGITS[code as usize]),
                false => '=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let mut html = Html::default();
        html.open("p", &[("title", "\"><script>")])
            .text("<script>alert('1')</script> & \"x\"")
            .close("p");
        assert_eq!(
            html.into_string(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;script&gt;alert(&apos;1&apos;)&lt;/script&gt; \
             &amp; &quot;x&quot;</p>"
        );
        let mut html = Html::default();
        html.download("a", "a.csv", "text/csv", "a,\"é\"\n<#&");
        let link = html.into_string();
        assert!(
            link.contains("href=\"data:text/csv;charset=utf-8,a,%22%C3%A9%22%0A%3C%23%26\""),
            "{link}"
        );
    }

    #[test]
    fn base_64_pads_as_the_rfc_does() {
        let examples = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in examples {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
