//! The folder as a whole: repetition, layout, refusal, interruption.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::error::Error;

/// Small pictures, so that the suite stays fast.
fn small(images: usize) -> SynthConfig {
    SynthConfig {
        images,
        width: 64,
        height: 78,
        ..SynthConfig::default()
    }
}

fn silent(_: u64) {}

/// Every file below `dir` with its bytes.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(
                contents(&path)
                    .into_iter()
                    .map(|(k, v)| (format!("{name}/{k}"), v)),
            );
        } else {
            all.insert(name, fs::read(&path).unwrap());
        }
    }
    all
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn one_thread_and_four_write_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let made = [1, 4].map(|threads| {
        let out = dir.path().join(threads.to_string());
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let report = pool
            .install(|| generate(&small(120), &out, &silent))
            .unwrap();
        (report.sha256, contents(&out))
    });
    assert_eq!(made[0].0, made[1].0);
    assert!(made[0].1 == made[1].1, "files differ");
    let other = generate(
        &SynthConfig {
            seed: 8,
            ..small(120)
        },
        &dir.path().join("8"),
        &silent,
    )
    .unwrap();
    assert_ne!(other.sha256, made[0].0);
}

#[test]
fn the_bytes_are_those_of_this_generator_version() {
    let dir = tempfile::tempdir().unwrap();
    let report = generate(&small(100), &dir.path().join("set"), &silent).unwrap();
    // Where this fails on purpose, raise GENERATOR_VERSION, or old sets would pass for new ones.
    assert_eq!(
        (GENERATOR_VERSION, report.sha256.as_str()),
        (
            1,
            "6beb25a15703331ee89fcb66387b68456ede6b56dd3918583bf43e386dc9c9b0"
        )
    );
}

#[test]
fn the_folder_has_celebas_layout_and_every_image_decodes() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/set");
    let counted = AtomicU64::new(0);
    let progress = |n| {
        counted.fetch_add(n, Ordering::Relaxed);
    };
    let report = generate(&small(150), &out, &progress).unwrap();
    assert_eq!(counted.into_inner(), 150);
    assert_eq!(names(&dir.path().join("new")), ["set"]);
    assert_eq!(
        names(&out),
        [
            "identity_CelebA.txt",
            "img_align_celeba",
            "list_attr_celeba.txt",
            "list_eval_partition.txt",
            "synthetic.json"
        ]
    );
    for index in 1..=150 {
        let image = image::open(out.join(layout::IMAGES).join(layout::image_name(index))).unwrap();
        assert_eq!((image.width(), image.height()), (64, 78));
    }
    // The labels and groups on disk are the planned ones.
    let table = fs::read_to_string(out.join(layout::ATTRIBUTES)).unwrap();
    let members = population::plan(150, 7);
    let column = |name| layout::NAMES.iter().position(|n| *n == name).unwrap();
    for (line, m) in table.split("\r\n").skip(2).zip(&members) {
        let values: Vec<&str> = line.split_whitespace().skip(1).collect();
        let is = |name| values[column(name)] == "1";
        assert_eq!(
            (is("Smiling"), is("Male"), is("Young")),
            (m.smiling, m.group.male, m.group.young)
        );
    }
    assert_eq!(table.matches("\r\n").count(), 152);
    assert_eq!(
        report.identities,
        members.iter().map(|m| m.identity).max().unwrap()
    );
    assert!(report.bayes_accuracy > 0.9 && report.bayes_accuracy < 0.97);
}

#[test]
fn the_same_set_is_reused_and_another_or_a_damaged_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("set");
    let first = generate(&small(100), &out, &silent).unwrap();
    let again = generate(&small(100), &out, &|_| panic!("drawn again")).unwrap();
    assert_eq!(
        again,
        SynthReport {
            outcome: Outcome::Reused,
            ..first
        }
    );

    let other = generate(
        &SynthConfig {
            seed: 8,
            ..small(100)
        },
        &out,
        &silent,
    )
    .unwrap_err();
    assert!(
        matches!(other, Error::Config(_)) && other.to_string().contains("seed 7"),
        "{other}"
    );

    let image = out.join("img_align_celeba/000042.jpg");
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    let damaged = generate(&small(100), &out, &silent).unwrap_err();
    assert!(matches!(damaged, Error::Data(_)), "{damaged}");
    fs::remove_file(&image).unwrap();
    let damaged = generate(&small(100), &out, &silent).unwrap_err();
    assert!(
        matches!(damaged, Error::Data(_)) && damaged.to_string().contains("000042.jpg"),
        "{damaged}"
    );
}

#[test]
fn foreign_folders_and_files_stay_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("thesis");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "years of work").unwrap();
    let refused = generate(&small(100), &out, &silent).unwrap_err();
    assert!(matches!(refused, Error::Config(_)), "{refused}");
    let refused = generate(&small(100), &out.join("thesis.tex"), &silent).unwrap_err();
    assert!(matches!(refused, Error::Config(_)), "{refused}");
    assert_eq!(
        fs::read_to_string(out.join("thesis.tex")).unwrap(),
        "years of work"
    );
    // Below a file nothing can be created.
    let refused = generate(&small(100), &out.join("thesis.tex/set"), &silent).unwrap_err();
    assert!(
        matches!(refused, Error::Run(_) | Error::Config(_)),
        "{refused}"
    );

    // A folder that happens to have the temporary name is not ours either.
    let partial = dir.path().join(".set.synth-partial");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("list_attr_celeba.txt"), "mine").unwrap();
    let refused = generate(&small(100), &dir.path().join("set"), &silent).unwrap_err();
    assert!(matches!(refused, Error::Run(_)), "{refused}");
    assert_eq!(
        fs::read_to_string(partial.join("list_attr_celeba.txt")).unwrap(),
        "mine"
    );
}

#[test]
fn an_interrupted_generation_leaves_nothing_and_the_next_one_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("set");
    let whole = generate(&small(100), &dir.path().join("whole"), &silent).unwrap();

    // Unwinding in the middle.
    let left = AtomicU64::new(30);
    let stopped = std::panic::catch_unwind(|| {
        generate(&small(100), &out, &|_| {
            assert!(left.fetch_sub(1, Ordering::Relaxed) != 1, "stop")
        })
    });
    assert!(stopped.is_err());
    assert_eq!(names(dir.path()), ["whole"]);

    // A kill: no destructor runs, the partial folder and its unlocked marker stay.
    let construction = Construction::begin(&out).unwrap();
    construction
        .write("img_align_celeba/000001.jpg", b"half an image")
        .unwrap();
    construction
        .write("img_align_celeba/000999.jpg", b"an image of a larger set")
        .unwrap();
    let busy = generate(&small(100), &out, &silent).unwrap_err();
    assert!(
        matches!(busy, Error::Run(_)) && busy.to_string().contains("another process"),
        "{busy}"
    );
    construction.abandon();
    assert_eq!(names(dir.path()), [".set.synth-partial", "whole"]);
    let report = generate(&small(100), &out, &silent).unwrap();
    assert_eq!(report.sha256, whole.sha256);
    assert_eq!(names(dir.path()), ["set", "whole"]);
    assert!(contents(&out) == contents(&dir.path().join("whole")));
}

#[test]
fn values_out_of_range_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let base = small(100);
    for (key, config) in [
        (
            "images",
            SynthConfig {
                images: 99,
                ..base.clone()
            },
        ),
        (
            "images",
            SynthConfig {
                images: 1_000_000,
                ..base.clone()
            },
        ),
        (
            "difficulty",
            SynthConfig {
                difficulty: f64::NAN,
                ..base.clone()
            },
        ),
        (
            "width",
            SynthConfig {
                width: 8,
                ..base.clone()
            },
        ),
        (
            "height",
            SynthConfig {
                height: 5000,
                ..base.clone()
            },
        ),
    ] {
        let error = generate(&config, &dir.path().join("set"), &silent).unwrap_err();
        assert!(
            matches!(error, Error::Config(_)) && error.to_string().contains(key),
            "{error}"
        );
    }
    assert!(names(dir.path()).is_empty());
    assert!(serde_json::from_str::<SynthConfig>(r#"{"image": 5}"#).is_err());
}

#[test]
fn difficulty_lowers_the_drawn_smile_of_hard_groups_only_when_asked() {
    // Mean drawn smile of smiling images by group, over enough scenes for a standard error of 0.02.
    let mean = |difficulty: f32, group: population::Group| {
        let total: f32 = (1..=1000)
            .map(|index| {
                let member = Member {
                    partition: 0,
                    group,
                    identity: index,
                    smiling: true,
                };
                let person = Person::new(7, index, group);
                Scene::new(7, index, member, &person, difficulty, (178, 218)).smile
            })
            .sum();
        total / 1000.0
    };
    let [_, young_women, older_men, _] = population::GROUPS;
    assert!((mean(0.0, young_women) - mean(0.0, older_men)).abs() < 0.1);
    assert!(mean(1.0, young_women) - mean(1.0, older_men) > 0.5);
}
