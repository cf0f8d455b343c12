//! Methods that train: what they change, and that they survive being killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::{faces, fairbit, reason_of, refuse, scratch, str};
use super::{arithmetic, json, quantize, trained};

/// A method that trains for one epoch on everything that has to be carried over a resume: learned scales,
/// weights of groups, statistics frozen half way, a teacher.
fn method(name: &str, more: &str) -> PathBuf {
    let file = scratch().join(format!("{name}.toml"));
    let text = format!(
        "name = \"{name}\"\n[plan]\nweight = 4\nactivation = \"static-8\"\nends = 8\n\
         [calibration]\nimages = 128\nrange = {{ observer = \"mse\" }}\n[finetune]\n{more}\n\
         [finetune.train]\nepochs = 1\nbatch = 32\nlr = 1e-3\ncheckpoint_seconds = 0.0\n"
    );
    fs::write(&file, text).unwrap();
    file
}

const EVERYTHING: &str =
    "distill = { weight = 0.5 }\nfairness = { by = \"group-dro\", step = 0.1 }";

#[test]
fn a_killed_training_goes_on_and_ends_with_the_same_bytes() {
    let method = method("killed", EVERYTHING);
    let [whole, pieces] = ["whole", "pieces"].map(|name| scratch().join("killed").join(name));
    quantize(&method, &whole, &[]);
    assert!(
        !whole.join("checkpoint").exists(),
        "nothing is left to go on with"
    );
    let args = |more: &[&'static str]| {
        let mut args: Vec<String> = ["quantize", str(trained()), "--method", str(&method)]
            .iter()
            .chain(&["--data", str(faces()), "--set", "audit.replicates=200"])
            .chain(&["--out", str(&pieces)])
            .map(ToString::to_string)
            .collect();
        args.extend(more.iter().map(ToString::to_string));
        args
    };
    // Asked to stop after the third step or later, killed after the fourteenth: before and after statistics
    // freeze.
    for (at_least, signal, more) in [(3, "-INT", &[][..]), (14, "-KILL", &["--resume"][..])] {
        let args = args(more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut child = fairbit(&args).stderr(Stdio::piped()).spawn().unwrap();
        let since = Instant::now();
        while step(&pieces) < at_least {
            assert!(since.elapsed() < Duration::from_secs(300), "no step");
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
        let id = child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        let out = child.wait_with_output().unwrap();
        if signal == "-INT" {
            let reason = reason_of(1, &out);
            assert!(
                reason.contains("a checkpoint was saved") && reason.contains("--resume"),
                "{reason}"
            );
        }
    }
    let begun = args(&[]);
    let begun: Vec<&str> = begun.iter().map(String::as_str).collect();
    let reason = refuse(2, &begun);
    assert!(reason.contains("--resume"), "{reason}");
    quantize(&method, &pieces, &["--resume"]);
    for file in ["model.safetensors", "plan.toml", "predictions-test.csv"] {
        let [a, b] = [&whole, &pieces].map(|dir| fs::read(dir.join(file)).unwrap());
        assert!(a == b, "{file} differs after a resume");
    }
    let [a, b] = [&whole, &pieces].map(|dir| json(&dir.join("quantize.json")));
    assert_eq!(
        a["cost"]["finetune"]["images"],
        b["cost"]["finetune"]["images"]
    );
    let reason = refuse(2, &[&begun[..], &["--resume"]].concat());
    assert!(reason.contains("no training to go on with"), "{reason}");
}

/// Updates in the last checkpoint, 0 where there is none.
fn step(out: &Path) -> usize {
    let latest = fs::read_to_string(out.join("checkpoint/latest")).unwrap_or_default();
    let step = latest
        .trim()
        .rsplit('-')
        .next()
        .and_then(|n| n.parse().ok());
    step.unwrap_or(0)
}

#[test]
fn scales_are_learned_or_stay_those_of_calibration() {
    let grids = |name: &str, more: &str| {
        let out = scratch().join("scales").join(name);
        quantize(&method(name, more), &out, &[]);
        let said = json(&out.join("quantize.json"));
        assert_eq!(
            said["cost"]["finetune"]["images"], 800,
            "25 batches of 32: {said}"
        );
        assert!(said["cost"]["finetune"]["seconds"].as_f64().unwrap() > 0.0);
        arithmetic(&out.join("model.safetensors"))
    };
    let ptq = {
        let file = scratch().join("untrained.toml");
        let text = fs::read_to_string(method("untrained", "")).unwrap();
        fs::write(&file, text.split("[finetune]").next().unwrap()).unwrap();
        let out = scratch().join("scales/untrained");
        quantize(&file, &out, &[]);
        arithmetic(&out.join("model.safetensors"))
    };
    let [fixed, learned] = [
        grids("fixed", "scales = \"fixed\""),
        grids("learned", "scales = \"lsq\""),
    ];
    assert!(fixed["grids"] == ptq["grids"], "ranges of activations stay");
    assert!(
        learned["grids"] != ptq["grids"],
        "ranges of activations are learned"
    );
    let weight = "features.1.conv.1.weight";
    assert!(fixed[weight] != ptq[weight], "weights are trained");
}

#[test]
fn what_cannot_be_trained_is_refused() {
    for (name, more, says) in [
        (
            "share",
            "distill = { weight = 1.5 }",
            "finetune.distill.weight",
        ),
        (
            "frozen",
            "freeze_statistics = -1.0",
            "finetune.freeze_statistics",
        ),
        (
            "penalty",
            "fairness = { by = \"equalized-odds\", weight = 0.0 }",
            "finetune.fairness.weight",
        ),
        (
            "unknown",
            "fairness = { by = \"parity\" }",
            "demographic-parity",
        ),
        ("key", "learn = \"lsq\"", "learn"),
    ] {
        let out = scratch().join("refused").join(name);
        let file = method(name, more);
        let args = [
            "quantize",
            str(trained()),
            "--method",
            str(&file),
            "--data",
            str(faces()),
        ];
        let reason = refuse(2, &[&args[..], &["--out", str(&out)]].concat());
        assert!(reason.contains(says), "{reason}");
    }
    let file = method("both", "");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("{text}[rounding]\ncorrect_bias = true\nimages = 64\n"),
    )
    .unwrap();
    let out = scratch().join("refused/both");
    let args = [
        "quantize",
        str(trained()),
        "--method",
        str(&file),
        "--data",
        str(faces()),
    ];
    let reason = refuse(2, &[&args[..], &["--out", str(&out)]].concat());
    assert!(
        reason.contains("rounding") && reason.contains("[finetune]"),
        "{reason}"
    );
}
