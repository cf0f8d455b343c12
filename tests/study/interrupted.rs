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

#[test]
fn killed_again_and_again_it_ends_with_the_same_bytes() {
    reference();
    let out = scratch().join("killed");
    let mut life = Duration::from_millis(100);
    let deadline = Instant::now() + Duration::from_secs(900);
    let mut kills = 0;
    loop {
        assert!(Instant::now() < deadline, "it makes progress between kills");
        let mut process = start(&out, &[]);
        let born = Instant::now();
        let ended = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if born.elapsed() > life {
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        life += Duration::from_millis(200);
        let Some(status) = ended else {
            // In turn the parent, and one of the children below it.
            let parent = process.id();
            let child = alive(&out).into_iter().find(|pid| *pid != parent);
            match child.filter(|_| kills % 2 == 1) {
                Some(child) => {
                    kill(child);
                    std::thread::sleep(Duration::from_millis(200));
                    kill(parent);
                }
                None => kill(parent),
            }
            process.wait().unwrap();
            kills += 1;
            continue;
        };
        if status.success() {
            break;
        }
    }
    assert!(kills >= 3, "it was long enough to be killed: {kills}");
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
