//! Bad input through the binary: the documented exit code, one line that says why, no panic.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{faces, refuse, scratch, str};

/// `train` with these arguments on generated faces, which must be refused.
fn train(code: i32, name: &str, more: &[&str]) -> String {
    let out = scratch().join(name);
    let mut args = vec![
        "train",
        "--data",
        str(faces()),
        "--set",
        "data.px=32",
        "--out",
        str(&out),
    ];
    args.extend(more);
    let reason = refuse(code, &args);
    // What a refused run leaves must not be why the next one is refused.
    let _ = fs::remove_dir_all(&out);
    reason
}

/// A copy of the generated tables with the images linked, to be spoilt.
fn copy_of_faces(name: &str) -> PathBuf {
    let dir = scratch().join(name);
    fs::create_dir_all(dir.join("img_align_celeba")).unwrap();
    for entry in fs::read_dir(faces().join("img_align_celeba"))
        .unwrap()
        .flatten()
    {
        fs::hard_link(
            entry.path(),
            dir.join("img_align_celeba").join(entry.file_name()),
        )
        .unwrap();
    }
    for table in [
        "list_attr_celeba.txt",
        "list_eval_partition.txt",
        "identity_CelebA.txt",
    ] {
        fs::copy(faces().join(table), dir.join(table)).unwrap();
    }
    dir
}

fn edit(path: &Path, change: impl Fn(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn settings() {
    for (arguments, word) in [
        (vec!["--set", "train.epoch=3"], "epochs"),
        (vec!["--set", "train.epochs=many"], "train.epochs"),
        (vec!["--set", "train.epochs=0"], "train.epochs"),
        (vec!["--model", "resnet5"], "resnet50"),
        (vec!["--model", "vit_small_patch16", "--px", "40"], "16"),
        (vec!["--batch", "5000"], "train.batch"),
        (vec!["--device", "gpu"], "device"),
        (vec!["--set", "fallback_device=cuda"], "fallback_device"),
        (vec!["--config", "no-such-file.toml"], "no-such-file.toml"),
        (
            vec!["--set", "train.loss_weights.male=2.0"],
            "male=0*young=0",
        ),
        (vec!["--seed", "minus"], "minus"),
    ] {
        let reason = train(2, "settings", &arguments);
        assert!(reason.contains(word), "{arguments:?}: {reason}");
    }
}

#[test]
fn a_configuration_file_is_reported_with_its_line() {
    let path = scratch().join("typo.toml");
    fs::write(&path, "[train]\nepochs = 2\nbatches = 3\n").unwrap();
    let reason = train(2, "typo", &["--config", str(&path)]);
    assert!(
        reason.contains("typo.toml, line 3") && reason.contains("`batch`"),
        "{reason}"
    );
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_by_name_without_cuda() {
    let reason = train(1, "no-cuda", &["--device", "cuda"]);
    assert!(reason.contains("cuda"), "{reason}");
}

#[test]
fn data_that_cannot_be_read() {
    let reason = refuse(3, &["train", "--data", "no/such/folder"]);
    assert!(reason.contains("no/such/folder"), "{reason}");
}

#[test]
fn tables() {
    let attributes = "list_attr_celeba.txt";
    let partitions = "list_eval_partition.txt";
    type Change = fn(String) -> String;
    let cases: [(&str, &str, Change, &str); 8] = [
        (
            "count",
            attributes,
            |t| t.replacen("1000", "1001", 1),
            "1001",
        ),
        (
            "column",
            attributes,
            |t| t.replacen("Smiling", "Smirking", 1),
            "Smiling",
        ),
        (
            "value",
            attributes,
            |t| t.replacen(" -1", "  2", 1),
            "line 3",
        ),
        (
            "duplicate",
            attributes,
            |t| t.replacen("000002.jpg", "000001.jpg", 1),
            "000001.jpg",
        ),
        ("nul", attributes, |t| t.replacen(" -1", "\0-1", 1), "NUL"),
        (
            "partition-value",
            partitions,
            |t| t.replacen(" 0", " 7", 1),
            "7",
        ),
        (
            "uncovered",
            partitions,
            |t| t.lines().skip(1).map(|l| format!("{l}\n")).collect(),
            "000001.jpg",
        ),
        ("empty", attributes, |_| String::new(), attributes),
    ];
    for (name, table, change, word) in cases {
        let dir = copy_of_faces(&format!("table-{name}"));
        edit(&dir.join(table), change);
        let out = scratch().join(format!("table-{name}-run"));
        let reason = refuse(3, &["train", "--data", str(&dir), "--out", str(&out)]);
        assert!(reason.contains(word), "{name}: {reason}");
        assert!(reason.contains(table), "{name}: {reason}");
    }
}

#[test]
fn images() {
    let missing = copy_of_faces("missing-image");
    fs::remove_file(missing.join("img_align_celeba/000007.jpg")).unwrap();
    let out = scratch().join("missing-image-run");
    let limited = ["--set", "data.max_bad_images=0"];
    let reason = refuse(
        3,
        &[
            &["train", "--data", str(&missing), "--out", str(&out)],
            &limited[..],
        ]
        .concat(),
    );
    assert!(reason.contains("000007.jpg"), "{reason}");

    let truncated = copy_of_faces("truncated");
    let path = truncated.join("img_align_celeba/000009.jpg");
    let bytes = fs::read(&path).unwrap();
    // A new file: the old one is linked into the other folders.
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
    let out = scratch().join("truncated-run");
    let reason = refuse(
        3,
        &[
            &["train", "--data", str(&truncated), "--out", str(&out)],
            &limited[..],
        ]
        .concat(),
    );
    assert!(reason.contains("000009.jpg"), "{reason}");
}

#[test]
fn a_group_absent_from_a_split() {
    let dir = copy_of_faces("absent");
    // Everybody is young in the table: the cells with young=0 are gone.
    edit(&dir.join("list_attr_celeba.txt"), |text| {
        let mut lines = text.lines();
        let count = lines.next().unwrap();
        let header = lines.next().unwrap();
        let young = header
            .split_whitespace()
            .position(|c| c == "Young")
            .unwrap();
        let rows = lines.map(|line| {
            let mut fields: Vec<&str> = line.split_whitespace().collect();
            fields[young + 1] = "1";
            fields.join(" ")
        });
        [count.to_string(), header.to_string()]
            .into_iter()
            .chain(rows)
            .map(|l| l + "\n")
            .collect()
    });
    let out = scratch().join("absent-run");
    let reason = refuse(3, &["train", "--data", str(&dir), "--out", str(&out)]);
    assert!(reason.contains("young=0"), "{reason}");
}

#[test]
fn model_files() {
    let out = scratch().join("models");
    fs::create_dir_all(&out).unwrap();
    let empty = out.join("empty.safetensors");
    fs::write(&empty, b"").unwrap();
    let noise = out.join("noise.pth");
    fs::write(&noise, [7u8; 4096]).unwrap();
    for path in [&empty, &noise, &out.join("absent.safetensors")] {
        let reason = train(3, "bad-weights", &["--weights", str(path)]);
        assert!(reason.contains(str(path)), "{reason}");
    }
    let reason = refuse(
        3,
        &[
            "eval",
            str(&empty),
            "--data",
            str(faces()),
            "--out",
            str(&out),
        ],
    );
    assert!(reason.contains("empty.safetensors"), "{reason}");
}

#[test]
fn folders_that_cannot_be_written() {
    let file = scratch().join("a-file");
    fs::write(&file, b"in the way").unwrap();
    let out = file.join("run");
    let reason = refuse(1, &["train", "--data", str(faces()), "--out", str(&out)]);
    assert!(reason.contains("a-file"), "{reason}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full() {
    // A limit on the size of files stands in for a full disk: the write fails in its middle.
    let out = scratch().join("full");
    let command = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} train --data {} --px 32 --epochs 1 --device flex --out {}",
        env!("CARGO_BIN_EXE_fairbit"),
        str(faces()),
        str(&out),
    );
    let done = std::process::Command::new("bash")
        .args(["-c", &command])
        .env("FAIRBIT_CACHE", scratch().join("full-cache"))
        .output()
        .unwrap();
    let reason = support::reason_of(1, &done);
    assert!(reason.contains("cannot be written"), "{reason}");
}

#[test]
fn predictions() {
    let path = scratch().join("p.csv");
    let header = "image,identity,male,young,label,score\n";
    for (rows, word) in [
        ("a.jpg,,0,1,1,1.5\n", "line 2"),
        ("a.jpg,,0,1,2,0.5\n", "line 2"),
        ("a.jpg,,0,1,1,NaN\n", "line 2"),
        ("a.jpg,,0,1,1,0.5\na.jpg,,0,1,1,0.5\n", "a.jpg"),
        ("", "p.csv"),
    ] {
        fs::write(&path, format!("{header}{rows}")).unwrap();
        let reason = refuse(3, &["audit", str(&path)]);
        assert!(reason.contains(word), "{rows}: {reason}");
    }
    refuse(3, &["audit", "absent.csv"]);
    fs::write(
        &path,
        format!("{header}a.jpg,,0,1,1,0.5\nb.jpg,,1,1,0,0.25\n"),
    )
    .unwrap();
    refuse(2, &["audit", str(&path), "--threshold", "2"]);
    refuse(2, &["audit"]);
}

#[test]
fn a_reader_that_goes_away() {
    let mut process = support::fairbit(&["devices"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let done = process.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", support::text(&done.stderr));
}
