//! A run from nothing to its folder, its repetition, its evaluation.

use super::*;

#[test]
fn a_run_leaves_the_documented_folder() {
    let dir = reference();
    let run = json(&dir.join("run.json"));
    assert_eq!(run["status"], "done");
    assert_eq!(run["backend"], "flex");
    assert_eq!(run["model"], "mobilenet_v2");
    // One kernel for each of MobileNetV2's 52 convolutions, 17 of them depthwise, and its classifier.
    let kernels: Vec<&str> = run["kernels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|k| k.as_str())
        .collect();
    let count = |name| kernels.iter().filter(|k| **k == name).count();
    let counts = ["float-conv", "float-depthwise", "float-linear"].map(count);
    assert_eq!((counts, kernels.len()), ([35, 17, 1], 53), "{kernels:?}");
    assert!(run["images_per_s"].as_f64().unwrap() > 0.0);
    assert!(run["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(run["data_hash"].as_str().unwrap().len(), 64);
    let metrics = fs::read_to_string(dir.join("metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 1 + 2 * 2, "{metrics}");
    assert_eq!(
        metrics.lines().next().unwrap(),
        "epoch,split,loss,accuracy,lr,images_per_s"
    );
    let table = text(&predictions(dir));
    assert_eq!(
        table.lines().next().unwrap(),
        "image,identity,male,young,label,score"
    );
    let fairness = json(&dir.join("fairness-test.json"));
    assert_eq!(fairness["n"], table.lines().count() - 1);
    let accuracy = &fairness["accuracy"];
    assert!(
        accuracy["ci"][0].as_f64() < accuracy["value"].as_f64(),
        "{accuracy}"
    );
    assert!(
        accuracy["value"].as_f64() < accuracy["ci"][1].as_f64(),
        "{accuracy}"
    );
    for group in ["male", "young", "male*young"] {
        let groups = fairness["attributes"][group]["groups"].as_array().unwrap();
        let n: u64 = groups.iter().map(|g| g["n"].as_u64().unwrap()).sum();
        assert_eq!(fairness["n"], n, "{group}");
        assert!(fairness["attributes"][group]["dp_gap"]["value"].is_number());
    }
    for file in ["config.toml", "model.safetensors"] {
        assert!(dir.join(file).exists(), "{file}");
    }
    let log = fs::read_to_string(dir.join("log.txt")).unwrap();
    assert_eq!(log.matches("\"event\":\"epoch\"").count(), 2, "{log}");
}

#[test]
fn equal_runs_are_equal_to_the_last_byte() {
    let out = scratch().join("again");
    train(&out, &[]);
    assert!(predictions(&out) == predictions(reference()));
    assert!(
        fs::read(out.join("model.safetensors")).unwrap()
            == fs::read(reference().join("model.safetensors")).unwrap()
    );
    assert!(
        fs::read(out.join("fairness-test.json")).unwrap()
            == fs::read(reference().join("fairness-test.json")).unwrap()
    );
}

#[test]
fn another_schedule_gives_another_model() {
    let out = scratch().join("other-seed");
    train(
        &out,
        &["--set", "train.lr=3e-4", "--set", "train.warmup=0.5"],
    );
    assert!(predictions(&out) != predictions(reference()));
}

#[test]
fn verify_agrees_on_both_backends_and_notices_a_changed_score() {
    let dir = reference();
    let same = succeed(&["verify", str(dir)]);
    assert!(same.contains("identical to the last bit"), "{same}");
    let other = succeed(&["verify", str(dir), "--device", "ndarray"]);
    assert!(other.contains("ndarray now, flex then"), "{other}");

    let copy = scratch().join("tampered");
    fs::create_dir_all(&copy).unwrap();
    for file in [
        "config.toml",
        "run.json",
        "model.safetensors",
        "predictions-test.csv",
    ] {
        fs::copy(dir.join(file), copy.join(file)).unwrap();
    }
    let path = copy.join("predictions-test.csv");
    let mut lines: Vec<String> = fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(String::from)
        .collect();
    let (head, score) = lines[7].rsplit_once(',').unwrap();
    let changed = (score.parse::<f64>().unwrap() - 0.01).abs();
    lines[7] = format!("{head},{changed}");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let reason = refuse(1, &["verify", str(&copy)]);
    assert!(reason.contains("line 8"), "{reason}");
}

#[test]
fn eval_repeats_the_predictions_on_both_backends() {
    let dir = reference();
    let out = scratch().join("eval");
    succeed(&[
        "eval",
        str(dir),
        "--data",
        str(faces()),
        "--out",
        str(&out),
        "--device",
        "flex",
    ]);
    assert!(fs::read(out.join("predictions-test.csv")).unwrap() == predictions(dir));
    assert!(out.join("fairness-test.json").exists());
    let model = dir.join("model.safetensors");
    let val = scratch().join("eval-val");
    succeed(&[
        "eval",
        str(&model),
        "--data",
        str(faces()),
        "--split",
        "val",
        "--out",
        str(&val),
        "--device",
        "ndarray",
    ]);
    assert!(val.join("predictions-val.csv").exists());
    assert!(val.join("fairness-val.json").exists());
}

#[test]
fn seeds_precision_and_sampler_reach_training() {
    let out = scratch().join("seeds");
    let printed = succeed(&[
        "train",
        "--data",
        str(faces()),
        "--out",
        str(&out),
        "--px",
        "32",
        "--epochs",
        "1",
        "--set",
        "seeds=[1, 2]",
        "--set",
        "train.precision=bf16",
        "--set",
        "train.sampler=group-balanced",
        "--set",
        "audit.replicates=100",
    ]);
    assert!(
        printed.contains("over 2 seeds; training variance was not estimated"),
        "{printed}"
    );
    let [one, two] = ["seed-1", "seed-2"].map(|seed| out.join(seed));
    for run in [&one, &two] {
        assert_eq!(json(&run.join("run.json"))["status"], "done");
        succeed(&["verify", str(run)]);
    }
    assert!(weights(&one) != weights(&two));
}

#[test]
fn early_stopping_ends_a_run_that_stands_still() {
    // A learning rate that moves no weight: every epoch validates alike, and the first stays the best.
    let config = scratch().join("still.toml");
    let text = "[data]\npx = 32\n[train]\nepochs = 6\nlr = 1e-30\nweight_decay = 0.0\nearly_stopping = 2\n\
                [train.loss_weights]\n\"male=0*young=0\" = 2.0\n";
    fs::write(&config, text).unwrap();
    let out = scratch().join("still");
    let args = [
        "train",
        "--config",
        str(&config),
        "--data",
        str(faces()),
        "--out",
        str(&out),
    ];
    let printed = succeed(&args);
    assert!(printed.contains("best epoch 1 of 3"), "{printed}");
    let metrics = fs::read_to_string(out.join("metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 1 + 2 * 3, "{metrics}");
    let stored = fs::read_to_string(out.join("config.toml")).unwrap();
    assert!(stored.contains("\"male=0*young=0\" = 2.0"), "{stored}");
}
