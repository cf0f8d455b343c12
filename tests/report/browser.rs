//! The page in headless Chromium, by `scripts/test-report.sh`; skipped with a message where there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{scratch, str, succeed, text};
use super::{edit, page, study};

/// What the script says about a page: whether all is well, and its lines. `None` without a browser.
fn tried(report: &Path) -> Option<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/test-report.sh");
    let out = Command::new(script).arg(report).output().unwrap();
    let said = text(&out.stdout) + &text(&out.stderr);
    match out.status.code() {
        Some(2) => {
            eprintln!("skipped: {said}");
            None
        }
        code => Some((code == Some(0), said)),
    }
}

#[track_caller]
fn passes(report: &Path) {
    if let Some((well, said)) = tried(report) {
        assert!(well, "{said}");
    }
}

#[test]
fn it_sorts_filters_saves_and_fits() {
    let dir = study("opened");
    succeed(&["report", str(&dir)]);
    passes(&dir.join("report.html"));
}

#[test]
fn names_and_reasons_that_are_markup_are_shown_and_do_nothing() {
    let dir = study("hostile");
    let nasty = "<script>throw 1</script><img src=x onerror=throw(1)>'</td></svg></title>";
    let csv = [
        "results",
        "groups",
        "timings",
        "sensitivity",
        "calibration-draws",
        "allocations",
        "training",
    ];
    for name in csv {
        edit(&dir, &format!("{name}.csv"), |t| {
            t.replace("squeezenet1_1", nasty)
        });
    }
    edit(&dir, "results.csv", |t| {
        t.replace("qat-int8", "a\u{1}b\u{202e}&lt;*|")
    });
    let quoted = "</li>\\\"><img src=x onerror=throw(2)><style>*{width:9999px}</style>";
    edit(&dir, "hypotheses.json", |t| {
        t.replace("INT8 is the sweet spot", quoted)
            .replace("paired bootstrap", quoted)
            .replace("One seed.", quoted)
            .replace("squeezenet1_1", nasty)
    });
    edit(&dir, "pareto.json", |t| t.replace("squeezenet1_1", nasty));
    fs::write(
        dir.join("study.toml"),
        format!("name = \"</pre>{nasty}\"\n"),
    )
    .unwrap();
    succeed(&["report", str(&dir)]);
    let page = page(&dir);
    assert!(page.contains("&lt;script&gt;throw 1&lt;/script&gt;&lt;img src=x"));
    for markup in ["<script>throw", "<img", "<style>*", "onerror=throw(2)><"] {
        assert!(!page.contains(markup), "{markup}");
    }
    passes(&dir.join("report.html"));
}

/// A harness that cannot fail shows nothing: each of these breaks the page in one way.
#[test]
fn broken_pages_are_noticed() {
    let dir = study("broken");
    succeed(&["report", str(&dir)]);
    let whole = page(&dir);
    // Without the policy, the script may be changed.
    let (before, rest) = whole.split_once("<meta http-equiv").unwrap();
    let free = format!("{before}{}", rest.split_once('>').unwrap().1);
    let breaks: [(&str, String, &str, &str); 7] = [
        (
            "script",
            whole.clone(),
            "return sign * (Number(p)",
            "on the console",
        ),
        ("sort", free.clone(), "return sign * (Number(p)", "sorts"),
        ("filter", free.clone(), "row.hidden = !words", "leaves"),
        ("error", free.clone(), "let folded = [];", "on the console"),
        ("wide", free.clone(), "<h1>", "wider than the page"),
        ("picture", free.clone(), "<h1>", "outside of the file"),
        (
            "data",
            free,
            "data:text/csv;charset=utf-8,",
            "comes with its data",
        ),
    ];
    for (name, page, at, expected) in breaks {
        let instead = match name {
            "script" | "sort" => "return 0 * (Number(p)",
            "filter" => "row.title = !words",
            "error" => "let folded = [0].none();",
            "wide" => "<div style=\"width:1300px\">x</div><h1>",
            "picture" => "<img src=\"https://example.org/x.png\" alt=\"\"><h1>",
            _ => "data:text/csv;charset=utf-8,;",
        };
        let page = match name {
            "data" => cut(&page, at),
            _ => page.replacen(at, instead, 1),
        };
        let file = written(name, &page);
        let Some((well, said)) = tried(&file) else {
            return;
        };
        assert!(!well && said.contains(expected), "{name}: {said}");
    }
}

/// The first link without its content.
fn cut(page: &str, link: &str) -> String {
    let at = page.find(link).unwrap() + link.len();
    let end = at + page[at..].find('"').unwrap();
    format!("{}{}", &page[..at], &page[end..])
}

fn written(name: &str, page: &str) -> PathBuf {
    let file = scratch().join(format!("broken-{name}.html"));
    fs::write(&file, page).unwrap();
    file
}
