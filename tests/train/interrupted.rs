//! What stops a run, and how it goes on.

use super::*;

#[test]
fn a_run_killed_again_and_again_ends_with_the_same_bytes() {
    reference();
    let out = scratch().join("killed");
    let all = arguments(&out);
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let resume = ["train", "--resume", "--out", str(&out)];
    let mut process = start(&args);
    let mut kills = 0;
    // Later and later, so that start-up, both epochs, validation and the end are all hit.
    let mut life = Duration::from_millis(700);
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let born = Instant::now();
        let ended = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if born.elapsed() > life {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(
            Instant::now() < deadline,
            "the run makes progress between kills"
        );
        match ended {
            Some(status) if status.success() => break,
            // Killed before run.json was there: nothing to resume, so begin again.
            Some(_) => process = start(&args),
            None => {
                process.kill().unwrap();
                process.wait().unwrap();
                kills += 1;
                let begun = out.join("run.json").exists() && out.join("config.toml").exists();
                process = start(if begun { &resume } else { &args });
            }
        }
        life += Duration::from_millis(450);
    }
    assert!(kills >= 3, "the run was long enough to be killed: {kills}");
    assert!(
        predictions(&out) == predictions(reference()) && weights(&out) == weights(reference()),
        "after {kills} kills"
    );
    assert_eq!(json(&out.join("run.json"))["status"], "done");
}

#[test]
fn a_device_that_dies_is_replaced() {
    // One step before the last, so that the slow reference backend has little left to do.
    let last = json_steps() - 2;
    for (fault, fallback) in [
        ("abort", "flex"),
        ("panic", "flex"),
        ("hang", "flex"),
        ("abort", "ndarray"),
        ("panic", "ndarray"),
        ("hang", "ndarray"),
    ] {
        let out = scratch().join(format!("fault-{fault}-{fallback}"));
        let all = arguments(&out);
        let mut args: Vec<&str> = all.iter().map(String::as_str).collect();
        // A busy machine must not look like a dead one where nothing hangs.
        let patience = match fault {
            "hang" => "hang_seconds=15",
            _ => "hang_seconds=200",
        };
        let fallback_set = format!("fallback_device={fallback}");
        args.extend(["--set", &fallback_set, "--set", patience]);
        let done = fairbit(&args)
            .env("FAIRBIT_FAULT", format!("step:{last}:{fault}"))
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{fault} {fallback}: {}",
            text(&done.stderr)
        );
        let run = json(&out.join("run.json"));
        assert_eq!(run["status"], "done");
        assert_eq!(run["device"], fallback);
        assert_eq!(run["backend"], fallback);
        let event = &run["fallbacks"][0];
        assert_eq!(event["from"], "flex");
        assert_eq!(event["to"], fallback);
        assert_eq!(event["at_step"], last);
        assert!(event["unix_time"].as_u64().unwrap() > 1_700_000_000);
        assert!(!event["reason"].as_str().unwrap().is_empty());
        if fallback == "flex" {
            assert!(
                weights(&out) == weights(reference()),
                "{fault}: nothing was lost or done twice"
            );
        }
    }
}

/// Steps of the reference run.
fn json_steps() -> usize {
    reference();
    let table = fs::read_to_string(faces().join("list_eval_partition.txt")).unwrap();
    let train = table.lines().filter(|l| l.ends_with(" 0")).count();
    train / 32 * 2
}

#[test]
fn a_misspelt_fault_is_refused() {
    let out = scratch().join("fault-misspelt");
    let all = arguments(&out);
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let done = fairbit(&args)
        .env("FAIRBIT_FAULT", "step:x:abort")
        .output()
        .unwrap();
    let reason = reason_of(2, &done);
    assert!(reason.contains("FAIRBIT_FAULT"), "{reason}");
    assert_eq!(json(&out.join("run.json"))["status"], "failed");
}

#[test]
fn a_second_process_is_refused() {
    let out = scratch().join("two");
    let all = arguments(&out);
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut first = start(&args);
    while !out.join("run.json").exists() {
        assert!(
            first.try_wait().unwrap().is_none(),
            "the first process is at work"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let reason = refuse(1, &["train", "--resume", "--out", str(&out)]);
    assert!(reason.contains("another process"), "{reason}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_a_checkpoint_and_says_how_to_resume() {
    let out = scratch().join("interrupted");
    let all = arguments_for(&out, "50");
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let process = fairbit(&args)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !out.join("checkpoint/latest").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let done = process.wait_with_output().unwrap();
    let reason = reason_of(1, &done);
    assert!(reason.contains("--resume"), "{reason}");
    assert_eq!(json(&out.join("run.json"))["status"], "interrupted");
}

#[test]
fn a_resumed_run_keeps_its_settings() {
    let dir = reference();
    let copy = scratch().join("settings");
    fs::create_dir_all(&copy).unwrap();
    fs::copy(dir.join("config.toml"), copy.join("config.toml")).unwrap();
    let mut run_json = json(&dir.join("run.json"));
    run_json["status"] = "interrupted".into();
    fs::write(copy.join("run.json"), run_json.to_string()).unwrap();
    let reason = refuse(
        2,
        &["train", "--resume", "--out", str(&copy), "--epochs", "9"],
    );
    assert!(reason.contains("keeps its settings"), "{reason}");
    let done = run(&["train", "--resume", "--out", str(dir)]);
    assert!(done.status.success() && text(&done.stderr).contains("complete"));
}
