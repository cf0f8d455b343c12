//! The summary in plain words, made from what was found: asked, came out, how sure, what not.

use super::super::study::Study;
use super::super::study::findings::Hypothesis;
use super::super::study::order::model_title;
use super::super::study::results::Configuration;
use super::super::text::{percent, thousands};
use super::hypotheses::in_words;
use super::markup::Html;
use super::tally::{Spread, Tally};
use super::words::{capital, hundred, list, points, several};

/// What stands first: four short paragraphs and the numbers to look at.
pub fn summary(study: &Study) -> Html {
    let tally = Tally::of(study);
    let mut html = Html::default();
    titled(&mut html, "What was asked.", &asked(study));
    titled(&mut html, "What came out.", &came_out(study, &tally));
    titled(&mut html, "How sure that is.", &how_sure(study));
    titled(&mut html, "What it does not say.", &what_not(study));
    html.add(&headline(study, &tally));
    html
}

fn titled(html: &mut Html, title: &str, text: &str) {
    html.raw("<p>").element("strong", title).raw(" ").text(text).raw("</p>\n");
}

fn asked(study: &Study) -> String {
    let models: Vec<String> = study.models().iter().map(|m| model_title(m).into()).collect();
    let ways = study.methods().iter().filter(|m| **m != "fp32").count();
    let groups = study.intersection().map_or(0, |attribute| {
        let of = |c: &Configuration| study.groups_of(&c.model, &c.method, attribute).count();
        study.primary().map(of).max().unwrap_or(0)
    });
    let people = match groups {
        0 => "groups of people".to_string(),
        n => format!("{n} groups of people ({})", study.intersection().unwrap_or_default().replace('*', " × ")),
    };
    let classifiers = match models.len() {
        1 => "A face classifier was trained".to_string(),
        n => format!("{n} face classifiers were trained"),
    };
    format!(
        "{classifiers} to decide about “{}” ({}), and each was made smaller in up to {}. Does that change how often \
         they are right, and how differently they treat {people}? All of them were measured on the same {}.",
        study.target,
        list(&models),
        several(ways, "way"),
        several(study.n() as usize, "test image"),
    )
}

fn came_out(study: &Study, tally: &Tally) -> String {
    let mut sentences = Vec::new();
    if let Some(findings) = &study.findings {
        sentences.push(verdicts(&findings.hypotheses));
    }
    for (bits, spreads) in [("8", &tally.int8), ("4", &tally.int4)] {
        if let (Some(accuracy), Some(eo)) = (&spreads.accuracy, &spreads.eo_gap) {
            sentences.push(format!(
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
        sentences.push(format!(
            "Of {} tested changes of a gap, {} after adjustment for their number: {} grew, {} shrank. Of the others, {} \
             to lie within the margin; about the remaining {} these data cannot tell.",
            tally.tests,
            match tally.found() {
                0 => "none is found".to_string(),
                1 => "1 is found".to_string(),
                n => format!("{n} are found"),
            },
            tally.grew,
            tally.shrank,
            match tally.equivalent {
                0 => "none is shown".to_string(),
                1 => "1 is shown".to_string(),
                n => format!("{n} are shown"),
            },
            tally.open,
        ));
    }
    if sentences.is_empty() {
        sentences.push("Nothing has been tested yet: hypotheses.json is not there.".into());
    }
    sentences.join(" ")
}

fn range(spread: &Spread) -> String {
    format!("from {} to {}", points(spread.least), points(spread.most))
}

/// `Of 7 claims 2 are supported (H2, H5), 1 is contradicted (H1) …`.
fn verdicts(all: &[Hypothesis]) -> String {
    let said = ["supported", "contradicted", "inconclusive", "not testable"];
    let of = |verdict: &str| -> Vec<String> {
        let with = all.iter().filter(|h| h.verdict == verdict);
        with.map(|h| h.id.clone()).collect()
    };
    let parts: Vec<String> = said
        .iter()
        .map(|verdict| (verdict, of(verdict)))
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(verdict, ids)| {
            let is = if ids.len() == 1 { "is" } else { "are" };
            format!("{} {is} {verdict} ({})", ids.len(), ids.join(", "))
        })
        .collect();
    let mut text = format!("Of {}, {}.", several(all.len(), "claim"), list(&parts));
    // What is decided is said with its number.
    let decided = |h: &&Hypothesis| matches!(h.verdict.as_str(), "supported" | "contradicted");
    for one in all.iter().filter(decided) {
        if let Some(effect) = &one.effect {
            let claim = one.claim.trim_end_matches('.');
            text.push_str(&format!(" “{}” is {}: {}.", capital(claim), one.verdict, in_words(effect)));
        }
    }
    text
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
    if study.provenance.as_ref().is_some_and(|p| p.data.dir_kind == "generated") {
        text.push_str("The faces are generated: nothing about people follows from these numbers. ");
    }
    text.push_str(
        "An interval that holds 0 does not show that nothing changed; only “equivalent” does. The labels are what \
         annotators saw, not what people are.",
    );
    if let Some(findings) = &study.findings {
        let untested = findings.hypotheses.iter().filter(|h| h.verdict == "not testable");
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
        html.raw("<div>").element("dt", what).raw("<dd>").text(&number);
        html.element("small", &more).raw("</dd></div>\n");
    };
    let matrix: Vec<&Configuration> = study.matrix().collect();
    let done = matrix.iter().filter(|c| c.done).count();
    let controls = study.results.iter().filter(|c| c.done).count() - done;
    let planned = study.provenance.as_ref().and_then(|p| p.configurations.get("planned"));
    let planned = planned.map_or(matrix.len(), |n| (*n as usize).max(matrix.len()));
    item(
        "configurations carried out",
        format!("{done} of {planned}"),
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
