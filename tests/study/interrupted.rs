//! What stops a study, and how it goes on.

use std::time::{Duration, Instant};

use super::*;

/// Processes whose arguments name `out`.
fn alive(out: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let args = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&args).contains(str(out)) {
            found.push(pid);
        }
    }
    found
}

fn kill(pid: u32) {
    let _ = std::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Whether an unfinished folder of a method is there, and in it a file.
fn unfinished(out: &Path, method: &str, file: &str) -> bool {
    let entries = fs::read_dir(out.join("runs/squeezenet1_1").join(method));
    let mut entries = entries.into_iter().flatten().flatten();
    entries.any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.ends_with(".part") && entry.path().join(file).exists()
    })
}

#[test]
fn killed_again_and_again_it_ends_with_the_same_bytes() {
    reference();
    let out = scratch().join("killed");
    type Moment = fn(&Path) -> bool;
    // As soon as each of these is seen, in turn the study itself is killed, or a child and then the study.
    let moments: [Moment; 7] = [
        |out| out.join("events.jsonl").exists(),
        |out| unfinished(out, "fp32", "config.toml"),
        |out| unfinished(out, "fp32", "checkpoint/latest"),
        |out| place(out, "fp32").exists(),
        |out| unfinished(out, "ptq-static-int8", "console.txt"),
        |out| unfinished(out, "qat-int8", "method.toml"),
        |out| unfinished(out, "qat-int8", "checkpoint/latest"),
    ];
    let mut kills = 0;
    for (turn, seen) in moments.iter().enumerate() {
        let mut process = start(&out, &[]);
        let ended = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if seen(&out) {
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if ended.is_some() {
            continue;
        }
        let parent = process.id();
        let child = alive(&out).into_iter().find(|pid| *pid != parent);
        if let Some(child) = child.filter(|_| turn % 2 == 1) {
            kill(child);
            std::thread::sleep(Duration::from_millis(100));
        }
        kill(parent);
        process.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 5, "most moments were seen: {kills}");
    done(&out, &[]);
    assert!(results(&out) == results(reference()), "after {kills} kills");
}

#[test]
fn children_die_with_their_parent() {
    let out = scratch().join("orphans");
    let mut process = start(&out, &[]);
    let parent = process.id();
    let deadline = Instant::now() + Duration::from_secs(300);
    while !alive(&out).iter().any(|pid| *pid != parent) {
        assert!(Instant::now() < deadline, "a child is started");
        std::thread::sleep(Duration::from_millis(20));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    while !alive(&out).is_empty() {
        assert!(
            Instant::now() < deadline,
            "no child is left: {:?}",
            alive(&out)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_saves_a_checkpoint_and_no_failure() {
    reference();
    let out = scratch().join("stopped");
    let process = fairbit(&arguments(&out, &["--set", "run.train.epochs=60"]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let saved = || unfinished(&out, "fp32", "checkpoint/latest");
    while !saved() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = std::process::Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(asked.success());
    let ended = process.wait_with_output().unwrap();
    let reason = support::reason_of(1, &ended);
    assert!(
        reason.contains("interrupted; the same command goes on"),
        "{reason}"
    );
    assert!(saved(), "the checkpoint is kept");
    let failed = out.join("runs/squeezenet1_1/fp32/seed-1.failed.json");
    assert!(!failed.exists(), "a stop is no failure");
    // With other settings what was begun is of no use; with these it begins anew.
    done(&out, &[]);
    assert!(results(&out) == results(reference()));
}

#[test]
fn no_time_left_stops_between_units() {
    let out = scratch().join("no-time");
    let reason = support::reason_of(1, &study(&out, &["--max-hours", "0"]));
    assert!(reason.contains("the time is up with 3 of 3"), "{reason}");
    assert!(!place(&out, "fp32").exists());
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_study_and_the_same_command_goes_on() {
    reference();
    let out = scratch().join("full");
    // No file may grow beyond 1 MiB, as on a disk that is full; the model has 2.8 MiB.
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
    let command = fairbit(&arguments(&out, &[]));
    let mut limited = std::process::Command::new("bash");
    limited.args(["-c", script]).arg(command.get_program());
    limited.args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(key, value),
            None => limited.env_remove(key),
        };
    }
    let ended = limited.stdin(Stdio::null()).output().unwrap();
    let reason = support::reason_of(1, &ended);
    assert!(reason.contains("the same command goes on"), "{reason}");
    done(&out, &[]);
    assert!(results(&out) == results(reference()));
}
