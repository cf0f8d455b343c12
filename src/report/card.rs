//! A model card for each configuration of a study, in Markdown: Mitchell et al. 2019, "Model Cards for Model
//! Reporting", arXiv:1810.03993, its sections in its order.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Measured;
use super::html::{all_limits, hundred, labels, megabytes, points, significant, with_interval};
use super::study::Study;
use super::study::order::model_title;
use super::study::results::{Change, Configuration};
use super::text::{hundredfold, p_value, percent, thousands};
use crate::error::{Fault, Result};
use crate::files::{create_dir, write_bytes};

/// What every card begins with.
const HEAD: &str = "# Model card: ";

/// Cards by file name: one for each configuration of the matrix that was carried out.
pub fn cards(study: &Study) -> BTreeMap<String, String> {
    let done = study.matrix().filter(|c| c.done);
    done.map(|c| (file_name(c), card(study, c))).collect()
}

/// Writes them into `dir`, and removes cards there that are no longer among them.
///
/// # Errors
/// Run error naming the file that cannot be written, read or removed.
pub fn write(cards: &BTreeMap<String, String>, dir: &Path) -> Result<()> {
    create_dir(dir)?;
    for (name, text) in cards {
        write_bytes(&dir.join(name), text.as_bytes())?;
    }
    let broken = |e: std::io::Error| Fault::new(dir, format!("cannot be tidied ({e})")).run();
    for entry in fs::read_dir(dir).map_err(broken)? {
        let path = entry.map_err(broken)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ours = || fs::read_to_string(&path).is_ok_and(|text| text.starts_with(HEAD));
        if name.ends_with(".md") && !cards.contains_key(&*name) && ours() {
            fs::remove_file(&path).map_err(broken)?;
        }
    }
    Ok(())
}

/// `MODEL-METHOD.md`; what is not a letter, a digit or one of `._-` becomes `_`, so that a name from a table
/// stays inside the folder.
fn file_name(c: &Configuration) -> String {
    let plain = |ch: char| match ch {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' => ch,
        _ => '_',
    };
    let name: String = format!("{}-{}", c.model, c.method)
        .chars()
        .map(plain)
        .collect();
    format!("{}.md", name.trim_start_matches('.'))
}

/// Text from a file as Markdown that shows it: one line, nothing in it is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn card(study: &Study, c: &Configuration) -> String {
    let mut out = format!(
        "{HEAD}{}, {}\n\n",
        plain(model_title(&c.model)),
        plain(&c.method)
    );
    details(&mut out, study, c);
    uses(&mut out, study, c);
    factors(&mut out, study);
    data(&mut out, study, c);
    whole(&mut out, study, c);
    by_group(&mut out, study, c);
    against_float(&mut out, study, c);
    let _ = writeln!(
        out,
        "## Ethical considerations\n\n{}\n",
        plain(&labels(study))
    );
    out.push_str("## Caveats and recommendations\n\n");
    for limit in all_limits(study) {
        let _ = writeln!(out, "- {}", plain(&limit));
    }
    out
}

fn details(out: &mut String, study: &Study, c: &Configuration) {
    let parameters = c.params.map(thousands);
    let rows = [
        ("Architecture", Some(plain(model_title(&c.model)))),
        ("Compression", Some(plain(&c.method))),
        ("Weights", some(&c.weights)),
        ("Activations", some(&c.activations)),
        ("Parameters", parameters),
        (
            "Size on disk",
            c.size_bytes
                .map(|b| format!("{} MB ({} bytes)", megabytes(b as f64), thousands(b))),
        ),
        (
            "Smaller than the float model by",
            c.compression.map(|x| format!("{} ×", significant(x))),
        ),
        ("Ran on", some(&c.device)),
        ("Moved from", c.fell_back_from.as_deref().map(plain)),
        ("Latency per image", latency(study, c)),
        ("Seed", Some(c.seed.to_string())),
        ("Version", Some(format!("fairbit {}", version(study)))),
    ];
    out.push_str("## Model details\n\n| | |\n|---|---|\n");
    for (what, value) in rows {
        if let Some(value) = value {
            let _ = writeln!(out, "| {what} | {value} |");
        }
    }
    let _ = writeln!(
        out,
        "\nTo make it again, with the study's data and `study.toml`: `fairbit study --config study.toml --out DIR`. \
         The model is then in `DIR/runs/{}/{}/seed-{}/`, and `fairbit verify` on that folder computes its predictions \
         again and compares.\n",
        plain(&c.model),
        plain(&c.method),
        c.seed
    );
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| plain(text))
}

fn version(study: &Study) -> &str {
    study
        .provenance
        .as_ref()
        .map_or(env!("CARGO_PKG_VERSION"), |p| p.fairbit.as_str())
}

fn latency(study: &Study, c: &Configuration) -> Option<String> {
    let timing = study.timing(&c.model, &c.method)?;
    let one = timing
        .latency_ms_batch1
        .map(|ms| format!("{} ms one at a time", significant(ms)));
    let many = timing
        .latency_ms_batch32
        .map(|ms| format!("{} ms in batches of 32", significant(ms)));
    let both: Vec<String> = [one, many].into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join(", "))
}

fn uses(out: &mut String, study: &Study, c: &Configuration) {
    let _ = writeln!(
        out,
        "## Intended use\n\n\
         - For studying what compression does to accuracy and to differences between groups, on data like those below.\n\
         - Not for decisions about people: not for identification, surveillance, hiring, access, or guessing what \
         anybody feels, is, or intends. “{}” is an annotator's impression of a photograph.\n\
         - Not on other faces, cameras or image sizes without measuring again.\n",
        plain(&c.target)
    );
    if study
        .provenance
        .as_ref()
        .is_some_and(|p| p.data.dir_kind == "generated")
    {
        out.push_str("It has seen generated faces only and is of no use on photographs.\n\n");
    }
}

fn factors(out: &mut String, study: &Study) {
    let groups = study.intersection().unwrap_or("not recorded");
    let _ = writeln!(
        out,
        "## Factors\n\nGroups are the cells of {}, as labelled.\n\n\
         ## Metrics\n\nAccuracy; DP gap (largest minus smallest selection rate of the groups); EO gap (the larger of the \
         ranges of true and of false positive rates); accuracy of the worst group. Gaps of 0 are equal. Intervals hold \
         {} and come from resampling the test images.\n",
        plain(groups),
        percent(study.confidence())
    );
}

fn data(out: &mut String, study: &Study, c: &Configuration) {
    out.push_str("## Training and evaluation data\n\n");
    if let Some(p) = &study.provenance {
        let count = |n: Option<u64>| n.map_or("an unknown number of".into(), thousands);
        let kind = match p.data.dir_kind.as_str() {
            "generated" => "Generated faces",
            "celeba" => "CelebA",
            _ => "Faces",
        };
        let _ = writeln!(
            out,
            "{kind}: {} images to train on, {} to choose by, {} to test on.",
            count(p.data.train),
            count(p.data.val),
            count(p.data.test)
        );
    }
    let threshold = c.threshold.map_or("0.5".into(), |t| t.to_string());
    let _ = writeln!(
        out,
        "All numbers below are of the same {} test images; a face counts as positive from a score of {threshold} on. \
         Content hash of the data: `{}`.\n",
        thousands(c.n),
        plain(&c.data_hash)
    );
}

fn whole(out: &mut String, study: &Study, c: &Configuration) {
    let base = study.configuration(&c.model, "fp32");
    let base = base.filter(|_| !c.is_baseline());
    let _ = write!(
        out,
        "## Quantitative analyses\n\n| | {} |",
        plain(&c.method)
    );
    out.push_str(match base {
        Some(_) => " float model |\n|---|---|---|\n",
        None => "\n|---|---|\n",
    });
    let rows = [
        ("accuracy", "Accuracy, %"),
        ("worst_group_accuracy", "Worst group's accuracy, %"),
        ("dp_gap", "DP gap, points"),
        ("eo_gap", "EO gap, points"),
    ];
    for (column, name) in rows {
        let of = |c: &Configuration| written(c.estimate(column), hundred);
        let _ = write!(out, "| {name} | {} |", of(c));
        if let Some(base) = base {
            let _ = write!(out, " {} |", of(base));
        }
        out.push('\n');
    }
    out.push('\n');
}

fn written(measured: Option<Measured>, write: impl Fn(f64) -> String) -> String {
    measured.map_or_else(|| "not estimable".into(), |m| with_interval(m, write))
}

fn by_group(out: &mut String, study: &Study, c: &Configuration) {
    let Some(attribute) = study.intersection() else {
        return;
    };
    out.push_str("| group | images | accuracy, % | selected, % | TPR, % | FPR, % | became wrong | became right |\n");
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for g in study.groups_of(&c.model, &c.method, attribute) {
        let count = |n: Option<u64>| n.map_or_else(|| "–".into(), thousands);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            plain(&g.group),
            thousands(g.n),
            written(g.accuracy, hundred),
            written(g.selection_rate, hundred),
            written(g.tpr, hundred),
            written(g.fpr, hundred),
            count(g.right_to_wrong),
            count(g.wrong_to_right)
        );
    }
    out.push('\n');
}

/// What compression changed, in sentences that say what is shown and what is not.
fn against_float(out: &mut String, study: &Study, c: &Configuration) {
    if c.is_baseline() {
        out.push_str("This is the float model that the others are compared with.\n\n");
        return;
    }
    out.push_str("Against the float model, on the same images:\n\n");
    for (column, name) in [
        ("accuracy", "Accuracy"),
        ("dp_gap", "DP gap"),
        ("eo_gap", "EO gap"),
    ] {
        let text = match c.change(column) {
            Some(change) => changed(study, change),
            None => "not estimable".into(),
        };
        let _ = writeln!(out, "- {name}: {text}.");
    }
    out.push('\n');
}

fn changed(study: &Study, change: &Change) -> String {
    let mut text = format!("{} points", with_interval(change.delta, points));
    match (change.p_adjusted, change.p) {
        (Some(p), _) => {
            let size = study.findings.as_ref().map_or(0, |f| f.family.size);
            let _ = write!(
                text,
                ", p {} after adjustment over {size} tests",
                p_value(p)
            );
        }
        (None, Some(p)) => {
            let _ = write!(text, ", p {} (unadjusted)", p_value(p));
        }
        (None, None) => {}
    }
    let margin = change.margin.map(hundredfold);
    match (change.equivalent, margin) {
        (Some(true), Some(margin)) => {
            let _ = write!(text, "; shown to lie within ±{margin} points");
        }
        (Some(false), Some(margin)) => {
            let _ = write!(text, "; not shown to lie within ±{margin} points");
        }
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_is_no_markup() {
        assert_eq!(plain("a|b <script>\n# x"), "a\\|b &lt;script&gt; \\# x");
    }
}
