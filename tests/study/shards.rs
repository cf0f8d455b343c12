//! Several processes on one folder.

use super::*;

#[test]
fn two_shards_share_the_work_and_conclude_once() {
    reference();
    let out = scratch().join("shards");
    let mut each: Vec<Child> = ["1/2", "2/2"]
        .map(|shard| start(&out, &["--shard", shard]))
        .into();
    for process in &mut each {
        assert!(process.wait().unwrap().success());
    }
    assert!(results(&out) == results(reference()));
    let mut done = events(&out, "done");
    done.sort();
    assert_eq!(done.len(), 3, "every unit was made once: {done:?}");
    // While shards may be at work, no process claims the folder for itself; afterwards it may.
    assert!(out.join("claims").is_dir());
    super::done(&out, &[]);
    assert!(!out.join("claims").exists());
}

#[test]
fn what_a_dead_shard_claimed_is_taken_over() {
    reference();
    let out = scratch().join("dead-shard");
    let mut first = start(&out, &["--shard", "1/2"]);
    let claims = out.join("claims");
    let claimed = || {
        let files = fs::read_dir(&claims).into_iter().flatten().flatten();
        let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.any(|name| name.starts_with("runs_"))
    };
    while !claimed() {
        assert!(
            first.try_wait().unwrap().is_none(),
            "it has something to do"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // As a shard of another machine would have left it, too: no sign of life ever comes.
    fs::write(
        claims.join("runs_squeezenet1_1_qat-int8_seed-1.1"),
        "1-1-elsewhere-0",
    )
    .unwrap();
    done(&out, &["--shard", "2/2"]);
    assert!(results(&out) == results(reference()));
}
