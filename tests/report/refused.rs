//! Folders that are no study, and files that are damaged: the reason, and the old page stays.

use std::fs;

use super::support::{refuse, scratch, str, succeed};
use super::{edit, page, study};

#[test]
fn a_folder_without_results() {
    let missing = scratch().join("not-there");
    let reason = refuse(2, &["report", str(&missing)]);
    assert!(
        reason.contains("not-there") && reason.contains("no such folder"),
        "{reason}"
    );
    let empty = scratch().join("empty");
    fs::create_dir_all(&empty).unwrap();
    let reason = refuse(3, &["report", str(&empty)]);
    assert!(
        reason.contains("results.csv") && reason.contains("fairbit study"),
        "{reason}"
    );
    assert_eq!(
        fs::read_dir(&empty).unwrap().count(),
        0,
        "nothing is written"
    );
}

#[test]
fn damaged_files_are_named_with_their_place() {
    let dir = study("damaged");
    succeed(&["report", str(&dir)]);
    let old = page(&dir);
    let second_line = |text: &str, change: &dyn Fn(&str) -> String| {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines[1] = change(&lines[1]);
        lines.join("\n") + "\n"
    };
    let half = |text: &str| text[..text.len() / 2].to_string();
    type Damage<'a> = (&'a str, Box<dyn Fn(&str) -> String + 'a>, &'a [&'a str]);
    let damages: [Damage; 7] = [
        (
            "results.csv",
            Box::new(|t| t.replacen(",accuracy,", ",acuracy,", 1)),
            &["`accuracy`"],
        ),
        (
            "results.csv",
            Box::new(|t| second_line(t, &|line| line.replacen(",1,", ",one,", 1))),
            &["line 2", "seed", "\"one\""],
        ),
        (
            "groups.csv",
            Box::new(|t| second_line(t, &|line| format!("{line},7"))),
            &["line 2"],
        ),
        (
            "timings.csv",
            Box::new(|t| t.replacen("seconds", "hours", 1)),
            &["`seconds`"],
        ),
        ("hypotheses.json", Box::new(half), &["line "]),
        (
            "pareto.json",
            Box::new(|t| t.replacen("\"axes\"", "\"axis\"", 1)),
            &["axes"],
        ),
        (
            "provenance.json",
            Box::new(|_| "\u{feff}{".into()),
            &["line 1"],
        ),
    ];
    for (name, damage, said) in damages {
        let path = dir.join(name);
        let whole = fs::read(&path).unwrap();
        edit(&dir, name, damage);
        let reason = refuse(3, &["report", str(&dir)]);
        assert!(reason.contains(name), "{reason}");
        for word in said {
            assert!(reason.contains(word), "{name}, {word}: {reason}");
        }
        assert_eq!(page(&dir), old, "{name}: the old page stays");
        fs::write(path, whole).unwrap();
    }
    fs::write(dir.join("study.toml"), [0xff, 0xfe, 0x00]).unwrap();
    let reason = refuse(3, &["report", str(&dir)]);
    assert!(reason.contains("study.toml"), "{reason}");
}
