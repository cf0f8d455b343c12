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

/// How many claims get other verdicts, and from what. Levels that could not be tested do not count.
fn in_words(all: &[Robustness]) -> String {
    let mut choices: Vec<(&str, &str)> = Vec::new();
    for one in all {
        let choice = (one.hypothesis.as_str(), one.by.as_str());
        if !choices.contains(&choice) {
            choices.push(choice);
        }
    }
    let judged = |(hypothesis, by): (&str, &str)| -> Vec<&Robustness> {
        let same = all
            .iter()
            .filter(|r| r.hypothesis == hypothesis && r.by == by);
        same.filter(|r| r.verdict != "not testable").collect()
    };
    choices.retain(|&choice| judged(choice).len() > 1);
    if choices.is_empty() {
        return "No claim could be judged in more than one way: whether verdicts depend on metric, target or seed is \
                open."
            .into();
    }
    let differing: Vec<(&str, &str)> = choices
        .iter()
        .copied()
        .filter(|&choice| {
            judged(choice)
                .iter()
                .any(|r| r.verdict != judged(choice)[0].verdict)
        })
        .collect();
    let start = format!(
        "Each claim was judged again with one choice of the study changed at a time; in {} of claim and choice there is \
         more than one answer to compare.",
        several(choices.len(), "pair")
    );
    if differing.is_empty() {
        return format!("{start} No verdict depends on the choice.");
    }
    let opposed = differing.iter().any(|&choice| {
        let has = |verdict: &str| judged(choice).iter().any(|r| r.verdict == verdict);
        has("supported") && has("contradicted")
    });
    let named: Vec<String> = differing
        .iter()
        .map(|&choice| by_verdict(choice, &judged(choice)))
        .collect();
    let what = match opposed {
        true => {
            "Some verdicts turn into their opposite: papers that chose differently would contradict each other."
        }
        false => {
            "None turns into its opposite: what differs is whether anything is found at all, so that papers that \
             chose differently could disagree without either being wrong."
        }
    };
    format!(
        "{start} The verdict differs in {}. {what}",
        named.join("; ")
    )
}

/// `H5 by metric (supported for EO gap, inconclusive for DP gap)`.
fn by_verdict((hypothesis, by): (&str, &str), levels: &[&Robustness]) -> String {
    let mut verdicts: Vec<&str> = levels.iter().map(|r| r.verdict.as_str()).collect();
    verdicts.sort_unstable();
    verdicts.dedup();
    let with = |verdict: &&str| {
        let same = levels.iter().filter(|r| r.verdict == *verdict);
        let names: Vec<String> = same.map(|r| r.level.clone()).collect();
        format!("{verdict} for {}", list(&names))
    };
    let said: Vec<String> = verdicts.iter().map(with).collect();
    format!("{hypothesis} by {by} ({})", said.join(", "))
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
        let said = |verdicts: [&str; 2]| {
            let [dp, eo] = verdicts;
            in_words(&[judged("H1", "DP", dp), judged("H1", "EO", eo)])
        };
        let same = said(["supported", "supported"]);
        assert!(
            same.contains("1\u{a0}pair of claim and choice") && same.contains("No verdict depends"),
            "{same}"
        );
        let differ = said(["supported", "inconclusive"]);
        assert!(
            differ.contains("H1 by metric (inconclusive for EO, supported for DP)"),
            "{differ}"
        );
        assert!(differ.contains("None turns"), "{differ}");
        let oppose = said(["supported", "contradicted"]);
        assert!(oppose.contains("turn into their opposite"), "{oppose}");
        let one = said(["supported", "not testable"]);
        assert!(one.contains("is open"), "{one}");
    }
}
