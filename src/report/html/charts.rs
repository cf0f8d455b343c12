//! Figures on the page: drawn inline, with what they show as a file to save.

use super::super::study::Figure;
use super::markup::Html;

/// A figure with its caption, its data and, where there are scripts, itself as a file; a line that says why there
/// is none.
pub fn chart(figure: &Figure) -> Html {
    let mut html = Html::default();
    if let Some(reason) = &figure.missing {
        html.raw("<p class=\"notice\">")
            .element("strong", &figure.title);
        html.text(": ").text(reason).raw(".</p>\n");
        return html;
    }
    let label = format!("Figure: {}", figure.title);
    html.open("figure", &[("class", "chart"), ("data-name", &figure.stem)]);
    // The drawing has its caption in it; above it stands for those who do not see that.
    html.raw("<figcaption>").element("strong", &figure.title);
    html.raw(" ").classed("span", "again", &figure.caption);
    html.raw("</figcaption>");
    let natural = format!("--natural:{}px", natural_width(&figure.svg));
    let region = [
        ("class", "scroll"),
        ("role", "region"),
        ("tabindex", "0"),
        ("aria-label", &label),
        ("style", &natural),
    ];
    html.open("div", &region).drawing(&figure.svg).close("div");
    html.raw("<div class=\"links\">");
    html.download(
        "Data (CSV)",
        &format!("{}.csv", figure.stem),
        "text/csv",
        &figure.csv,
    );
    html.raw("</div></figure>\n");
    html
}

/// The figures whose names begin with one of `stems`, in the order of `stems`.
pub fn charts(figures: &[Figure], stems: &[&str]) -> Html {
    let mut html = Html::default();
    for stem in stems {
        for figure in figures.iter().filter(|f| belongs(f, stem)) {
            html.add(&chart(figure));
        }
    }
    html
}

/// Figures that none of `stems` names.
pub fn others(figures: &[Figure], stems: &[&str]) -> Html {
    let mut html = Html::default();
    let placed = |figure: &Figure| stems.iter().any(|stem| belongs(figure, stem));
    for figure in figures.iter().filter(|f| !placed(f)) {
        html.add(&chart(figure));
    }
    html
}

/// `sensitivity` has `sensitivity` and `sensitivity-resnet50`.
fn belongs(figure: &Figure, stem: &str) -> bool {
    let rest = figure.stem.strip_prefix(stem);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Width of a drawing in px, as its first tag says.
fn natural_width(svg: &str) -> u32 {
    let (_, rest) = svg.split_once(" width=\"").unwrap_or_default();
    let digits = rest.split('"').next().unwrap_or_default();
    digits.parse().unwrap_or(640)
}
