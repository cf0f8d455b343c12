//! What was claimed, how it was tested, and what came out.

use super::super::Measured;
use super::super::study::findings::{Effect, Family, Hypothesis};
use super::super::svg::px;
use super::super::text::{fixed, hundredfold, p_value, percent, thousands};
use super::markup::Html;
use super::table::{Cell, Grid, Head, Line, Tools};
use super::words::{capital, significant, verdict};

/// All claims with their verdicts, each a link to its part below.
pub fn overview(all: &[Hypothesis]) -> Html {
    let mut html = Html::default();
    html.raw("<ul class=\"claims\">\n");
    for (at, one) in all.iter().enumerate() {
        let target = format!("#{}", id(at));
        html.raw("<li>").open("a", &[("href", &target)]);
        html.text(&one.id).raw("</a>").element("span", &one.claim);
        verdict(&mut html, &one.verdict);
        if let Some(effect) = &one.effect {
            html.classed("span", "effect", &in_words(effect));
        }
        html.raw("</li>\n");
    }
    html.raw("</ul>\n");
    html
}

/// Each claim with its test, effect, parts and notes.
pub fn details(all: &[Hypothesis]) -> Html {
    let mut html = Html::default();
    for (at, one) in all.iter().enumerate() {
        html.open("article", &[("class", "hypothesis"), ("id", &id(at))]);
        html.raw("<header>")
            .element("h3", &format!("{}. {}", one.id, one.claim));
        verdict(&mut html, &one.verdict);
        html.raw("</header>\n");
        html.open("p", &[("class", "test")])
            .text("Test: ")
            .text(&one.test)
            .raw("</p>\n");
        if let Some(effect) = &one.effect {
            html.element("p", &format!("{}.", capital(&in_words(effect))));
        }
        if !one.parts.is_empty() {
            html.add(&parts(one));
        }
        let notes = one.notes.iter().cloned();
        let missing = one.not_allowed.iter();
        let missing = missing.map(|text| format!("Not done: {text}"));
        bullets(&mut html, notes.chain(missing));
        html.raw("</article>\n");
    }
    html
}

fn id(at: usize) -> String {
    format!("claim-{}", at + 1)
}

/// A list, or nothing where it is empty.
pub fn bullets(html: &mut Html, texts: impl IntoIterator<Item = String>) {
    let mut texts = texts.into_iter().peekable();
    if texts.peek().is_none() {
        return;
    }
    html.raw("<ul>\n");
    for text in texts {
        html.element("li", &text).raw("\n");
    }
    html.raw("</ul>\n");
}

/// `difference of EO gaps: +1.2 points (95 % interval 0.4 to 2.0), p = 0.012, adjusted 0.030`.
pub fn in_words(effect: &Effect) -> String {
    let name = or(&effect.name, "effect");
    let Some(Measured { value, interval }) = effect.measured() else {
        let reason = effect.reason.as_deref().unwrap_or("no reason given");
        return format!("{name}: not estimable ({reason})");
    };
    let unit = match effect.unit.as_str() {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let mut text = format!("{name}: {}{unit}", digits(value, &effect.unit));
    if let Some((lo, hi)) = interval {
        text.push_str(&format!(
            " (interval {} to {})",
            digits(lo, &effect.unit),
            digits(hi, &effect.unit)
        ));
    }
    if let Some(p) = effect.p {
        text.push_str(&format!(", p\u{a0}{}", compared(p)));
    }
    if let Some(p) = effect.p_adjusted {
        text.push_str(&format!(", adjusted p\u{a0}{}", compared(p)));
    }
    text
}

/// `text`, or `instead` where it is empty.
fn or<'a>(text: &'a str, instead: &'a str) -> &'a str {
    if text.is_empty() { instead } else { text }
}

fn compared(p: f64) -> String {
    match p_value(p) {
        small if small.starts_with('<') => small,
        other => format!("= {other}"),
    }
}

/// A number in its unit: points with two places, others with three significant digits, whole ones whole.
pub fn digits(value: f64, unit: &str) -> String {
    match unit {
        "points" => fixed(value, 2),
        _ if value.fract() == 0.0 && value.abs() < 1e6 => fixed(value, 0),
        _ => significant(value),
    }
}

/// The parts of a claim, each with a drawn interval where its unit's others have one.
fn parts(one: &Hypothesis) -> Html {
    let drawn = one.parts.iter().any(|part| ends(part).is_some());
    let mut columns = vec![
        Head::name("Where"),
        Head::name("What"),
        Head::number("Value"),
    ];
    if drawn {
        columns.push(Head::name("Interval").meaning("0 is the grey line; one scale per unit"));
    }
    columns.push(Head::name("Unit"));
    columns.push(Head::number("p"));
    columns.push(Head::number("p adj.").meaning("p adjusted over the declared family"));
    columns.push(Head::name("Verdict"));
    let row = |part: &Effect| {
        let digits = |value: f64| digits(value, &part.unit);
        let mut cells = vec![
            Cell::text(or(&part.label, "all")),
            Cell::text(match (part.value, &part.reason) {
                (None, Some(reason)) => {
                    format!("{}: not estimable ({reason})", or(&part.name, "effect"))
                }
                _ => or(&part.name, "–").into(),
            }),
            Cell::number(part.value, digits).interval(ends(part), digits),
        ];
        if drawn {
            cells.push(Cell {
                sort: part.value,
                drawing: whisker(part, &one.parts),
                text: "–".into(),
                ..Cell::default()
            });
        }
        cells.push(Cell::text(or(&part.unit, "–")));
        cells.push(Cell::number(part.p, p_value));
        cells.push(Cell::number(part.p_adjusted, p_value));
        cells.push(Cell::text(part.verdict.as_deref().unwrap_or("–")));
        Line::of(cells)
    };
    let grid = Grid {
        caption: format!(
            "{}: parts of the test; intervals in brackets, adjusted where several are judged together.",
            one.id
        ),
        name: "parts",
        columns,
        rows: one.parts.iter().map(row).collect(),
        tools: match one.parts.len() {
            0..=12 => Tools::Sort,
            _ => Tools::SortAndFilter,
        },
    };
    grid.without_empty_columns().html()
}

/// Both ends of an interval, where it has two.
fn ends(effect: &Effect) -> Option<(f64, f64)> {
    effect.measured()?.interval
}

/// The interval of `part` on the scale of all parts with its unit; 0 is always on it.
fn whisker(part: &Effect, all: &[Effect]) -> Option<String> {
    let (value, (lo, hi)) = (part.value?, ends(part)?);
    let same_unit = all.iter().filter(|other| other.unit == part.unit);
    let all_ends = same_unit.filter_map(ends).flat_map(|(lo, hi)| [lo, hi]);
    let (least, most) = all_ends.fold((0.0, 0.0), |(a, b): (f64, f64), x| (a.min(x), b.max(x)));
    if most <= least {
        return None;
    }
    let x = |v: f64| px(4.0 + 136.0 * (v - least) / (most - least));
    Some(format!(
        "<svg class=\"whisker\" viewBox=\"0 0 144 16\" aria-hidden=\"true\">\
         <line class=\"zero\" x1=\"{zero}\" x2=\"{zero}\" y1=\"0\" y2=\"16\" stroke=\"currentColor\"/>\
         <line x1=\"{}\" x2=\"{}\" y1=\"8\" y2=\"8\" stroke=\"currentColor\" stroke-width=\"2\"/>\
         <circle cx=\"{}\" cy=\"8\" r=\"3.5\" fill=\"currentColor\"/></svg>",
        x(lo),
        x(hi),
        x(value),
        zero = x(0.0),
    ))
}

/// How p values were adjusted, in one sentence.
pub fn family(family: &Family) -> String {
    format!(
        "Family declared before any run: {} tests; p adjusted by {}; {} replicates, seed {}; intervals hold {}; \
         a change counts as equivalent where it is shown to lie within ±{} points.",
        family.size,
        family.method,
        thousands(family.replicates),
        family.seed,
        percent(family.confidence),
        hundredfold(family.margin),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(value: Option<f64>, ci: Option<[Option<f64>; 2]>, unit: &str) -> Effect {
        Effect {
            label: "resnet50".into(),
            name: "slope".into(),
            value,
            ci,
            p: Some(0.0004),
            p_adjusted: Some(0.012),
            unit: unit.into(),
            verdict: None,
            reason: value.is_none().then(|| "one model".into()),
        }
    }

    #[test]
    fn an_effect_is_one_phrase() {
        let known = effect(Some(-1.256), Some([Some(-2.0), Some(-0.5)]), "points");
        assert_eq!(
            in_words(&known),
            "slope: \u{2212}1.26 points (interval \u{2212}2.00 to \u{2212}0.50), p\u{a0}<0.001, adjusted p\u{a0}= 0.012"
        );
        assert_eq!(
            in_words(&effect(None, None, "")),
            "slope: not estimable (one model)"
        );
        // Half an interval is none.
        assert!(!in_words(&effect(Some(1.0), Some([None, Some(2.0)]), "")).contains("interval"));
    }

    #[test]
    fn intervals_share_a_scale_with_those_of_their_unit_only() {
        let points = effect(Some(1.0), Some([Some(0.0), Some(2.0)]), "points");
        let other = effect(Some(1.0), Some([Some(0.0), Some(200.0)]), "ratio");
        let all = [points.clone(), other];
        let drawn = whisker(&points, &all).unwrap();
        assert!(drawn.contains("x1=\"4\" x2=\"140\""), "{drawn}");
        let zero = effect(Some(0.0), Some([Some(0.0), Some(0.0)]), "points");
        assert_eq!(whisker(&zero, std::slice::from_ref(&zero)), None);
    }
}
