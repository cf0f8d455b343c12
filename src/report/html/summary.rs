//! The summary in plain words, made from what was found: asked, came out, how sure, what not.

use super::super::study::Study;
use super::super::study::order::model_title;
use super::super::study::results::Configuration;
use super::super::text::{percent, thousands};
use super::hypotheses::{bullets, in_words};
use super::markup::Html;
use super::tally::{Spread, Tally};
use super::words::{capital, hundred, in_letters, list, points, several};

/// What stands first: the numbers to look at, then four short answers.
pub fn summary(study: &Study) -> Html {
    let tally = Tally::of(study);
    let mut html = Html::default();
    html.add(&headline(study, &tally));
    titled(&mut html, "What was asked.", &asked(study));
    titled(&mut html, "What came out.", &verdicts(study));
    bullets(&mut html, came_out(study, &tally));
    titled(&mut html, "How sure that is.", &how_sure(study));
    titled(&mut html, "What it does not say.", &what_not(study));
    html
}

fn titled(html: &mut Html, title: &str, text: &str) {
    html.raw("<p>")
        .element("strong", title)
        .raw(" ")
        .text(text)
        .raw("</p>\n");
}

fn asked(study: &Study) -> String {
    let models: Vec<String> = study
        .models()
        .iter()
        .map(|m| model_title(m).into())
        .collect();
    let ways = study.methods().iter().filter(|m| **m != "fp32").count();
    let groups = study.intersection().map_or(0, |attribute| {
        let of = |c: &Configuration| study.groups_of(&c.model, &c.method, attribute).count();
        study.primary().map(of).max().unwrap_or(0)
    });
    let people = match groups {
        0 => "groups of people".to_string(),
        n => format!(
            "{} groups of people ({})",
            in_letters(n),
            study.intersection().unwrap_or_default().replace('*', " × ")
        ),
    };
    let classifiers = match models.len() {
        1 => "A face classifier was trained".to_string(),
        n => format!("{} face classifiers were trained", capital(&in_letters(n))),
    };
    format!(
        "{classifiers} to decide about “{}” ({}), and each was made smaller in up to {} ways. Does that change how often \
         they are right, and how differently they treat {people}? All of them were measured on the same {}.",
        study.target,
        list(&models),
        in_letters(ways),
        several(study.n() as usize, "test image"),
    )
}

/// What is decided, what changed at 8 and at 4 bits, how many tests found something: a sentence or two each.
fn came_out(study: &Study, tally: &Tally) -> Vec<String> {
    let mut all = Vec::new();
    for one in study.findings.iter().flat_map(|f| &f.hypotheses) {
        let decided = matches!(one.verdict.as_str(), "supported" | "contradicted");
        if let (true, Some(effect)) = (decided, &one.effect) {
            let claim = capital(one.claim.trim_end_matches('.'));
            all.push(format!(
                "“{claim}” is {}: {}.",
                one.verdict,
                in_words(effect)
            ));
        }
    }
    for (bits, spreads) in [("8", &tally.int8), ("4", &tally.int4)] {
        if let (Some(accuracy), Some(eo)) = (&spreads.accuracy, &spreads.eo_gap) {
            all.push(format!(
                "With weights of {bits} bits throughout ({}), accuracy changed by a median of {} points ({}) and the \
                 gap in equalized odds by {} points ({}).",
                several(accuracy.n, "configuration"),
                points(accuracy.median),
                range(accuracy),
                points(eo.median),
                range(eo),
            ));
        }
    }
    if tally.tests > 0 {
        all.push(tests(tally));
    }
    all
}

/// How many tests found something, how many showed that nothing much changed, how many neither.
fn tests(tally: &Tally) -> String {
    let found = match tally.found() {
        0 => "none is found after adjustment for their number".to_string(),
        n => format!(
            "{n} {} found after adjustment for their number ({} grew, {} shrank)",
            is(n),
            tally.grew,
            tally.shrank
        ),
    };
    let equivalent = match tally.equivalent {
        0 => "None of the others is shown to lie within the margin".to_string(),
        n => format!(
            "Of the others, {n} {} shown to lie within the margin",
            is(n)
        ),
    };
    let open = match tally.open {
        0 => String::new(),
        n => format!("; about the remaining {n} these data cannot tell"),
    };
    format!(
        "Of {} tested changes of a gap, {found}. {equivalent}{open}.",
        tally.tests
    )
}

fn is(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn range(spread: &Spread) -> String {
    format!("from {} to {}", points(spread.least), points(spread.most))
}

/// `Of 7 claims, 2 are supported (H2, H5) and 1 is contradicted (H1).`
fn verdicts(study: &Study) -> String {
    let Some(findings) = &study.findings else {
        return "No claim has been tested yet: hypotheses.json is not in the folder.".into();
    };
    let all = &findings.hypotheses;
    let of = |verdict: &str| -> Vec<String> {
        let with = all.iter().filter(|h| h.verdict == verdict);
        with.map(|h| h.id.clone()).collect()
    };
    let parts: Vec<String> = ["supported", "contradicted", "inconclusive", "not testable"]
        .into_iter()
        .map(|verdict| (verdict, of(verdict)))
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(verdict, ids)| {
            format!(
                "{} {} {verdict} ({})",
                ids.len(),
                is(ids.len()),
                ids.join(", ")
            )
        })
        .collect();
    format!("Of {}, {}.", several(all.len(), "claim"), list(&parts))
}

fn how_sure(study: &Study) -> String {
    let mut text = format!(
        "Numbers in brackets are {} intervals",
        percent(study.confidence())
    );
    if let Some(findings) = &study.findings {
        let family = &findings.family;
        text.push_str(&format!(
            " from {} resamplings of the test images, the same for all configurations; p values are adjusted over a \
             family of {} tests that was declared before any run ({})",
            thousands(family.replicates),
            family.size,
            family.method
        ));
    }
    text.push_str(". ");
    text.push_str(&seeds(study));
    text
}

/// How much of training's own variation is known.
pub fn seeds(study: &Study) -> String {
    let mut seeds: Vec<u64> = study
        .results
        .iter()
        .filter(|c| c.target == study.target && c.is_baseline() && c.done)
        .map(|c| c.seed)
        .collect();
    seeds.sort_unstable();
    seeds.dedup();
    match seeds.len() {
        0 | 1 => "Every model was trained once: how much another training would differ was not estimated.".into(),
        n if n < 5 => format!(
            "Some models were trained with {n} seeds, which shows that trainings differ but is too few to estimate by \
             how much."
        ),
        n => format!("Some models were trained with {n} seeds."),
    }
}

fn what_not(study: &Study) -> String {
    let mut text = String::new();
    if study
        .provenance
        .as_ref()
        .is_some_and(|p| p.data.dir_kind == "generated")
    {
        text.push_str("The faces are generated: nothing about people follows from these numbers. ");
    }
    text.push_str(
        "An interval that holds 0 does not show that nothing changed; only “equivalent” does. The labels are what \
         annotators saw, not what people are.",
    );
    if let Some(findings) = &study.findings {
        let untested = findings
            .hypotheses
            .iter()
            .filter(|h| h.verdict == "not testable");
        let untested: Vec<String> = untested.map(|h| h.id.clone()).collect();
        if !untested.is_empty() {
            text.push_str(&format!(" {} could not be tested here.", list(&untested)));
        }
    }
    text.push_str(" The limits are listed below.");
    text
}

fn headline(study: &Study, tally: &Tally) -> Html {
    let mut html = Html::default();
    html.raw("<dl class=\"headline\">\n");
    let mut item = |what: &str, number: String, more: String| {
        html.raw("<div>")
            .element("dt", what)
            .raw("<dd>")
            .text(&number);
        html.element("small", &more).raw("</dd></div>\n");
    };
    let matrix: Vec<&Configuration> = study.matrix().collect();
    let done = matrix.iter().filter(|c| c.done).count();
    let controls = study.results.iter().filter(|c| c.done).count() - done;
    item(
        "configurations carried out",
        format!("{done} of {}", matrix.len()),
        format!("and {controls} controls and variants"),
    );
    if let Some(spread) = &tally.baselines {
        item(
            "accuracy of the float models",
            format!("{}–{}\u{a0}%", hundred(spread.least), hundred(spread.most)),
            format!("median {}\u{a0}%", hundred(spread.median)),
        );
    }
    for (name, spreads) in [("8-bit", &tally.int8), ("4-bit", &tally.int4)] {
        if let Some(eo) = &spreads.eo_gap {
            item(
                &format!("EO gap, {name} minus float"),
                format!("{}\u{a0}points", points(eo.median)),
                format!("median of {}, {}", eo.n, range(eo)),
            );
        }
    }
    if tally.tests > 0 {
        item(
            "changes of gaps found",
            format!("{} of {}", tally.found(), tally.tests),
            "after adjustment for the number of tests".into(),
        );
        item(
            "shown to be equivalent",
            format!("{} of {}", tally.equivalent_in_all, tally.tests),
            match &study.findings {
                Some(findings) => {
                    let margin = super::super::text::hundredfold(findings.family.margin);
                    format!("within ±{margin} points")
                }
                None => "within the margin".into(),
            },
        );
    }
    html.raw("</dl>\n");
    html
}
