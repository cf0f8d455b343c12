//! Why papers contradict each other: the same question under another metric, target or seed. And what follows.

use super::super::study::findings::{Findings, Robustness};
use super::hypotheses::digits;
use super::markup::Html;
use super::results::ruled;
use super::table::{Cell, Grid, Head, Tools};
use super::words::{list, measured_cell, several};

/// How verdicts change.
pub fn robustness(findings: &Findings) -> Html {
    let mut html = Html::default();
    let all = &findings.robustness;
    if all.is_empty() {
        html.element(
            "p",
            "This study has one metric, target and seed for each claim only: whether verdicts depend on that choice \
             was not examined.",
        );
        return html;
    }
    html.element("p", &in_words(all));
    let rows = all.iter().map(|one| {
        let digits = |value: f64| digits(value, &one.unit);
        let reason = one.reason.as_deref().unwrap_or("–");
        let cells = vec![
            Cell::text(&one.hypothesis),
            Cell::text(&one.by),
            Cell::text(&one.level),
            Cell::text(&one.verdict).strong_if(decided(&one.verdict)),
            Cell::text(one.name.as_deref().unwrap_or("–")),
            measured_cell(one.measured(), digits),
            Cell::text(match one.unit.as_str() {
                "" => "–",
                unit => unit,
            }),
            Cell::text(if one.value.is_none() { reason } else { "–" }),
        ];
        (one.hypothesis.clone(), cells)
    });
    let grid = Grid {
        caption: "The same claims under other metrics, targets and seeds; \
                  95 % intervals in brackets."
            .into(),
        name: "robustness",
        columns: vec![
            Head::name("Claim"),
            Head::name("What was changed"),
            Head::name("To"),
            Head::name("Verdict then"),
            Head::name("Effect"),
            Head::number("Value then"),
            Head::name("Unit"),
            Head::name("Why not"),
        ],
        rows: ruled(rows),
        tools: Tools::Sort,
    };
    html.add(&grid.without_empty_columns().html());
    html
}

fn decided(verdict: &str) -> bool {
    matches!(verdict, "supported" | "contradicted")
}

/// How many claims get other verdicts, and from what.
fn in_words(all: &[Robustness]) -> String {
    let mut asked: Vec<(&str, &str)> = all.iter().map(|r| (&*r.hypothesis, &*r.by)).collect();
    asked.sort_unstable();
    asked.dedup();
    let verdicts = |(hypothesis, by): (&str, &str)| -> Vec<&str> {
        let same = all
            .iter()
            .filter(|r| r.hypothesis == hypothesis && r.by == by);
        let mut found: Vec<&str> = same.map(|r| r.verdict.as_str()).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let changing: Vec<(&str, &str)> = asked
        .iter()
        .copied()
        .filter(|&pair| verdicts(pair).len() > 1)
        .collect();
    let opposed = changing
        .iter()
        .filter(|&&pair| {
            ["supported", "contradicted"]
                .iter()
                .all(|v| verdicts(pair).contains(v))
        })
        .count();
    let total = format!(
        "Each claim was judged again with one choice of the study changed at a time: {} of claim and choice.",
        several(asked.len(), "pair")
    );
    if changing.is_empty() {
        return format!("{total} No verdict depends on the choice.");
    }
    let named: Vec<String> = changing
        .iter()
        .map(|(hypothesis, by)| format!("{hypothesis} on the {by}"))
        .collect();
    let opposed = match opposed {
        0 => "None of them turns into its opposite: they differ in whether anything is found at all, so two papers \
              that chose differently could disagree without either being wrong."
            .to_string(),
        1 => "1 of them turns into its opposite: two papers that chose differently would contradict each other.".into(),
        n => format!("{n} of them turn into their opposite: two papers that chose differently would contradict each other."),
    };
    format!(
        "{total} The verdict depends on it in {}: {}. {opposed}",
        several(changing.len(), "pair"),
        list(&named)
    )
}

/// What follows for practice, each with the claims it comes from.
pub fn guidelines(findings: &Findings) -> Html {
    let mut html = Html::default();
    if findings.guidelines.is_empty() {
        html.element("p", "Nothing follows for practice from these verdicts.");
        return html;
    }
    html.element(
        "p",
        "Written by rule from the verdicts above. “Shown” rests on adjusted tests, “suggested” on estimates, “open” \
         on neither.",
    );
    html.raw("<ul>\n");
    for one in &findings.guidelines {
        let strength = if one.strength.is_empty() {
            "open"
        } else {
            &one.strength
        };
        html.raw("<li>").text(&one.text).raw(" ");
        let from = list(&one.from);
        let from = if from.is_empty() {
            String::new()
        } else {
            format!("; from {from}")
        };
        html.element("small", &format!("({strength}{from})"));
        html.raw("</li>\n");
    }
    html.raw("</ul>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(hypothesis: &str, level: &str, verdict: &str) -> Robustness {
        Robustness {
            hypothesis: hypothesis.into(),
            by: "metric".into(),
            level: level.into(),
            verdict: verdict.into(),
            name: None,
            unit: String::new(),
            value: None,
            ci: None,
            reason: None,
        }
    }

    #[test]
    fn it_says_whether_verdicts_differ_and_whether_they_oppose() {
        let same = [
            judged("H1", "DP", "supported"),
            judged("H1", "EO", "supported"),
        ];
        assert!(in_words(&same).contains("1\u{a0}pair of claim and choice. No verdict depends"));
        let differ = [
            judged("H1", "DP", "supported"),
            judged("H1", "EO", "inconclusive"),
        ];
        let said = in_words(&differ);
        assert!(
            said.contains("H1 on the metric") && said.contains("None of them turns"),
            "{said}"
        );
        let oppose = [
            judged("H1", "DP", "supported"),
            judged("H1", "EO", "contradicted"),
        ];
        assert!(
            in_words(&oppose).contains("1 of them turns into its opposite"),
            "{}",
            in_words(&oppose)
        );
    }
}
