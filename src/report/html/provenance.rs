//! Where the numbers come from, what they do not say, and what the labels are.

use super::super::study::Study;
use super::super::study::results::Configuration;
use super::super::text::thousands;
use super::hypotheses::bullets;
use super::markup::Html;
use super::shell::generator;
use super::summary::seeds;
use super::words::{list, several};

/// Configuration, data, versions, devices, seconds.
pub fn provenance(study: &Study, config: Option<&str>) -> Html {
    let mut html = Html::default();
    html.raw("<dl class=\"facts\">\n");
    let mut fact = |what: &str, text: String| {
        if !text.is_empty() {
            html.raw("<dt>")
                .text(what)
                .raw("</dt><dd>")
                .text(&text)
                .raw("</dd>\n");
        }
    };
    let mut hashes: Vec<&str> = study.results.iter().map(|c| c.data_hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    if let Some(p) = &study.provenance {
        fact("Study", p.study.clone());
        fact("Computed by", format!("fairbit {}", p.fairbit));
        let data = &p.data;
        let split = |name: &str, n: Option<u64>| n.map(|n| format!("{} {name}", thousands(n)));
        let splits = [
            split("to train on", data.train),
            split("to choose by", data.val),
            split("to test on", data.test),
        ];
        let px = data
            .px
            .map(|px| format!(", {px} × {px} px"))
            .unwrap_or_default();
        let kind = match data.dir_kind.as_str() {
            "generated" => "generated faces",
            "celeba" => "CelebA",
            other => other,
        };
        let splits: Vec<String> = splits.into_iter().flatten().collect();
        fact("Data", format!("{kind}{px}: {}", list(&splits)));
        let devices: Vec<String> = p
            .devices
            .iter()
            .map(|(device, n)| format!("{} on {device}", several(*n as usize, "configuration")))
            .collect();
        fact("Devices", list(&devices));
        fact("Processor", p.cpu.clone().unwrap_or_default());
        fact(
            "Threads",
            p.threads.map(|n| n.to_string()).unwrap_or_default(),
        );
        fact("Time", p.seconds.map(duration).unwrap_or_default());
        let states = ["planned", "done", "failed"].into_iter();
        let states =
            states.filter_map(|state| Some(format!("{} {state}", p.configurations.get(state)?)));
        let states: Vec<String> = states.collect();
        fact("Configurations", list(&states));
        let replicates = p.replicates.map(|n| format!("{} replicates", thousands(n)));
        fact("Bootstrap", replicates.unwrap_or_default());
    }
    fact("Data hash", hashes.join(", "));
    fact("Page made by", generator());
    html.raw("</dl>\n");
    if study.provenance.is_none() {
        html.element(
            "p",
            "provenance.json is not in the folder: nothing more is known about devices and times.",
        );
    }
    match config {
        Some(config) => {
            html.raw("<details><summary>The configuration in full (study.toml)</summary>");
            html.raw("<pre tabindex=\"0\">")
                .text_lines(config)
                .raw("</pre></details>\n<p>");
            html.download("Save study.toml", "study.toml", "text/plain", config)
                .raw("</p>\n");
        }
        None => {
            html.element("p", "study.toml is not in the folder.");
        }
    }
    html
}

/// Seconds as hours, minutes, seconds: two of them.
fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{} h {minutes} min", thousands(hours)),
    }
}

/// What these numbers do not say.
pub fn limits(study: &Study) -> Html {
    let mut html = Html::default();
    bullets(&mut html, all_limits(study));
    html
}

/// The same as sentences, for model cards too.
pub fn all_limits(study: &Study) -> Vec<String> {
    let mut all = Vec::new();
    let mut say = |text: String| {
        if !all.contains(&text) {
            all.push(text);
        }
    };
    match &study.provenance {
        Some(p) => {
            if p.data.dir_kind == "generated" {
                say("The faces are generated, to try things out: nothing about people follows from them.".into());
            }
            if p.data.identities {
                say("People who appear in several images were resampled as a whole.".into());
            } else {
                say("It is not known which images show the same person: intervals treat images as independent and are \
                     somewhat too narrow where they are not."
                    .into());
            }
            p.budget.iter().for_each(|text| say(text.clone()));
        }
        None => {
            say("Whether images of one person were resampled together is not recorded here.".into())
        }
    }
    say(seeds(study));
    for (text, claims) in not_allowed(study) {
        say(format!(
            "{} ({})",
            text.trim_end_matches('.'),
            claims.join(", ")
        ));
    }
    let moved = study.results.iter().filter(|c| c.fell_back_from.is_some());
    let moved: Vec<&Configuration> = moved.collect();
    if !moved.is_empty() {
        say(format!(
            "{} ran on another device than asked for, because that one failed.",
            several(moved.len(), "configuration")
        ));
    }
    say("Largest minus smallest over groups is biased upwards: read each gap beside its noise floor \
         (results.csv), which is what the same model shows when groups are drawn by lot."
        .into());
    say("One data set, one task, one library: other ones can come out differently.".into());
    all
}

/// What the budget did not allow, each once, with the claims it is about.
fn not_allowed(study: &Study) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in study.findings.iter().flat_map(|f| &f.hypotheses) {
        for text in &one.not_allowed {
            match all.iter_mut().find(|(known, _)| known == text) {
                Some((_, claims)) => claims.push(&one.id),
                None => all.push((text, vec![&one.id])),
            }
        }
    }
    all
}

/// What the labels are: other people's perception.
pub fn labels(study: &Study) -> String {
    let attributes = study.intersection().unwrap_or("the groups").split('*');
    let mut names: Vec<String> = attributes.map(str::to_string).collect();
    names.push(study.target.clone());
    if study
        .provenance
        .as_ref()
        .is_some_and(|p| p.data.dir_kind == "generated")
    {
        return format!(
            "The faces are drawn by a program, which also set their labels ({}). They stand for nobody.",
            list(&names)
        );
    }
    format!(
        "{} are what annotators saw in a photograph. They are other people's perception: not how the pictured \
         persons identify, not their age, not their mood. Two values for gender are what the data set has, not what \
         there is. A gap measured here is a gap between perceived groups.",
        list(&names)
    )
}

/// The words of the tables, each in a sentence.
pub fn glossary() -> Html {
    let words = [
        ("Accuracy", "share of right decisions."),
        (
            "Selection rate",
            "share of a group that the model decides positively about.",
        ),
        (
            "DP gap",
            "demographic parity: the largest minus the smallest selection rate of the groups. 0 is equal. Where the \
             labels themselves differ by group, an accurate model must have one.",
        ),
        (
            "EO gap",
            "equalized odds: how far groups differ in the share of positives that are found (TPR) or of negatives \
             that are called positive (FPR), whichever differs more. 0 is equal.",
        ),
        (
            "Worst group",
            "the lowest accuracy of any group: gaps also close when everybody gets worse.",
        ),
        (
            "Points",
            "percentage points: from 80 % to 82 % are 2 points.",
        ),
        (
            "Interval",
            "what resampling the test images gives in 95 % of cases; on the same images for both models where a \
             change is shown.",
        ),
        (
            "p adjusted",
            "how surprising a change at least this large would be if there were none, with all tests of the family \
             taken together.",
        ),
        (
            "Equivalent",
            "the change is shown to lie within the margin. “Not shown” is not the opposite: the data may be too few.",
        ),
        (
            "Supported, contradicted, inconclusive",
            "the adjusted interval excludes 0 in the claimed direction, in the other, or does not exclude it.",
        ),
    ];
    let mut html = Html::default();
    html.raw("<dl class=\"facts\">\n");
    for (word, meaning) in words {
        html.element("dt", word).element("dd", meaning).raw("\n");
    }
    html.raw("</dl>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_have_two_units() {
        let written = [0.4, 59.6, 3599.0, 3600.0, 93_784.0].map(duration);
        assert_eq!(
            written,
            ["0 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "26 h 3 min"]
        );
    }
}
