//! What a study refuses, in one line that says what to do.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn unknown_names_come_with_the_nearest_one() {
    let out = scratch().join("unknown");
    for (set, needle) in [
        ("models=[\"resnet5\"]", "did you mean `resnet50`"),
        (
            "methods=[\"ptq-statc-int8\"]",
            "did you mean `ptq-static-int8`",
        ),
        ("requird_margin=3", "`required_margin`"),
    ] {
        let reason = support::reason_of(2, &study(&out, &["--set", set]));
        assert!(reason.contains(needle), "{reason}");
    }
    assert!(!out.exists(), "nothing was written");
}

#[test]
fn shares_and_phases_out_of_range_are_usage_errors() {
    let out = scratch().join("usage");
    for more in [
        ["--shard", "3/2"],
        ["--shard", "0/2"],
        ["--shard", "two"],
        ["--phase", "5"],
        ["--workers", "0"],
        ["--max-hours", "-1"],
    ] {
        let ended = study(&out, &more);
        assert_eq!(
            ended.status.code(),
            Some(2),
            "{more:?}: {}",
            text(&ended.stderr)
        );
    }
}

#[test]
fn two_studies_in_one_folder_are_refused() {
    let out = scratch().join("two");
    let mut first = start(&out, &[]);
    let deadline = Instant::now() + Duration::from_secs(300);
    while !out.join("events.jsonl").exists() {
        assert!(Instant::now() < deadline && first.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    let reason = support::reason_of(1, &study(&out, &[]));
    assert!(reason.contains("--shard"), "{reason}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn the_folder_of_another_study_or_of_other_data_is_refused() {
    let out = copy("other");
    let reason = support::reason_of(2, &study(&out, &["--set", "name=u"]));
    assert!(reason.contains("the study \"t\""), "{reason}");
    // The same faces but for one that is not tested on, given as data: not what this folder was made of.
    let data = scratch().join("other-data");
    copy_folder(&out.join("data"), &data);
    let table = data.join("list_eval_partition.txt");
    let text = fs::read_to_string(&table).unwrap();
    let at = text.rfind(" 2").unwrap();
    fs::write(&table, format!("{} 1{}", &text[..at], &text[at + 2..])).unwrap();
    let set = format!("run.data.dir={}", str(&data));
    let before = fs::read(out.join("study.toml")).unwrap();
    let reason = support::reason_of(3, &study(&out, &["--set", &set]));
    assert!(
        reason.contains("the data that the study was made of"),
        "{reason}"
    );
    assert!(results(&out) == results(reference()), "nothing was touched");
    assert_eq!(fs::read(out.join("study.toml")).unwrap(), before);
}

#[test]
fn baselines_that_learned_nothing_stop_the_study() {
    let out = scratch().join("nothing-learned");
    let reason = support::reason_of(1, &study(&out, &["--set", "required_margin=60"]));
    assert!(reason.contains("60 points above"), "{reason}");
    assert!(place(&out, "fp32").exists(), "the baseline is kept");
    assert!(!place(&out, "ptq-static-int8").exists());
}

#[test]
fn a_study_that_was_begun_needs_no_file() {
    let out = copy("begun");
    fs::remove_dir_all(place(&out, "ptq-static-int8")).unwrap();
    support::succeed(&["study", "--out", str(&out)]);
    assert!(results(&out) == results(reference()));
    let nowhere = scratch().join("nowhere");
    support::refuse(2, &["study", "--out", str(&nowhere)]);
    support::refuse(2, &["study"]);
}
