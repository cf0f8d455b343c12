//! The frame of the page: one file that loads nothing, and says so to the browser.

use sha2::{Digest, Sha256};

use super::markup::{Html, base64};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A section of the page.
#[derive(Debug, Clone)]
pub struct Section {
    /// What links go to: letters and dashes.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What stands below.
    pub body: Html,
}

/// The whole document.
///
/// Its policy allows no connection, no picture and no script but the page's own, known by its hash: text
/// that came from a file could not run even if it were not escaped.
pub fn document(title: &str, top: &Html, sections: &[Section], foot: &Html) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Sha256::digest(SCRIPT.as_bytes()))
    );
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let policy = [
        ("http-equiv", "Content-Security-Policy"),
        ("content", &policy),
    ];
    html.open("meta", &policy);
    html.raw("\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.open("meta", &[("name", "generator"), ("content", &generator())]);
    html.raw("\n").element("title", title);
    html.raw("\n<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
    html.raw("<a class=\"skip\" href=\"#content\">Skip to the content</a>\n<div class=\"page\">\n");
    html.raw("<header>\n").add(top).raw("</header>\n");
    html.raw("<nav aria-label=\"Contents\"><ol>\n");
    for section in sections {
        let target = format!("#{}", section.id);
        html.raw("<li>").open("a", &[("href", &target)]);
        html.text(section.title).raw("</a></li>\n");
    }
    html.raw("</ol></nav>\n<main id=\"content\">\n");
    for section in sections {
        html.open("section", &[("aria-labelledby", section.id)]);
        html.open("h2", &[("id", section.id)]).text(section.title);
        html.raw("</h2>\n").add(&section.body).raw("</section>\n");
    }
    html.raw("<footer>")
        .add(foot)
        .raw("</footer>\n</main>\n</div>\n");
    html.raw("<script>")
        .raw(SCRIPT)
        .raw("</script>\n</body>\n</html>\n");
    html.into_string()
}

/// `fairbit 0.1.0`.
pub fn generator() -> String {
    format!("fairbit {}", env!("CARGO_PKG_VERSION"))
}
