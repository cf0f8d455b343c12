//! Layouts other than CelebA's.

use std::path::Path;

use fairbit::data::{CsvConfig, DataConfig, Faces, Layout, Split, Table};
use image::ImageFormat;

use crate::fixture::{encode, picture, write};

fn config(dir: &Path, target: &str, attributes: &[&str]) -> DataConfig {
    DataConfig {
        dir: Some(dir.to_path_buf()),
        target: target.into(),
        attributes: attributes.iter().map(|a| a.to_string()).collect(),
        px: 16,
        ..DataConfig::default()
    }
}

fn touch(path: &Path) {
    write(path, encode(&picture(1, 20, 20), ImageFormat::Jpeg));
}

#[test]
fn utkface_labels_come_from_the_names() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    for name in [
        "26_1_2_20170116.jpg",
        "7_0_4_20170117.jpg",
        "61_1_2017.jpg",
        "80_0_0_20170118.jpg",
    ] {
        touch(&dir.join("UTKFace").join(name));
    }
    let table = Table::open(&config(dir, "gender=female", &["race", "age"])).unwrap();
    assert_eq!(table.layout, Layout::Utkface);
    assert_eq!(
        table.attributes[0].levels,
        ["white", "black", "asian", "indian", "other"]
    );
    let rows: Vec<_> = table
        .records
        .iter()
        .map(|r| (r.image.as_str(), r.label, r.groups.clone()))
        .collect();
    assert_eq!(
        rows,
        [
            ("UTKFace/26_1_2_20170116.jpg", 1, vec![2, 1]),
            ("UTKFace/7_0_4_20170117.jpg", 0, vec![4, 0]),
            ("UTKFace/80_0_0_20170118.jpg", 0, vec![0, 3]),
        ]
    );
    assert_eq!(table.cell_name(table.cell(0)), "race=asian*age=20-39");
    assert_eq!(table.records[1].split, Split::by_hash("7_0_4_20170117.jpg"));

    let error = Table::open(&config(dir, "Smiling", &[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("data.target") && error.contains("gender"),
        "{error}"
    );
    let error = Table::open(&config(dir, "race", &[]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("race=LEVEL"), "{error}");
}

#[test]
fn fairface_keeps_its_published_validation_part_for_the_test() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let header = "file,age,gender,race,service_test\n";
    let train: String = (0..200)
        .map(|i| format!("train/{i}.jpg,20-29,Male,Black,True\n"))
        .collect();
    write(
        &dir.join("fairface_label_train.csv"),
        format!("{header}{train}"),
    );
    let val =
        "val/1.jpg,3-9,Female,Latino_Hispanic,False\nval/2.jpg,more than 70,Male,White,True\n";
    write(
        &dir.join("fairface_label_val.csv"),
        format!("{header}{val}"),
    );
    let table = Table::open(&config(dir, "gender=Female", &["race", "age"])).unwrap();
    assert_eq!(table.layout, Layout::Fairface);
    assert_eq!(table.split(Split::Test), [200, 201]);
    // A tenth of 200 is 20 ± 4.2; five standard deviations allowed.
    assert!((1..42).contains(&table.split(Split::Val).len()));
    assert_eq!(table.records[200].label, 1);
    assert_eq!(
        table.cell_name(table.cell(201)),
        "race=White*age=more than 70"
    );
}

#[test]
fn a_plain_csv_has_the_columns_that_the_configuration_names() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let rows = "path,part,who,skin,happy\na/1.png,train,p1,dark,no\na/2.png,val,p2,light,yes\n\
                a/3.png,test,,medium,yes\n";
    write(&dir.join("faces.csv"), rows);
    let csv = CsvConfig {
        file: "faces.csv".into(),
        image: "path".into(),
        images: "pictures".into(),
        split: "part".into(),
        identity: "who".into(),
    };
    let config = DataConfig {
        csv,
        ..config(dir, "happy", &["Skin"])
    };
    for i in 1..=3 {
        write(
            &dir.join(format!("pictures/a/{i}.png")),
            encode(&picture(i, 20, 20), ImageFormat::Png),
        );
    }
    let faces = Faces::open_in(&dir.join("cache"), &config, &()).unwrap();
    let table = faces.table();
    assert_eq!(table.attributes[0].levels, ["dark", "light", "medium"]);
    assert_eq!(
        table.records.iter().map(|r| r.label).collect::<Vec<_>>(),
        [0, 1, 1]
    );
    assert_eq!(table.records[0].identity.as_deref(), Some("p1"));
    assert_eq!(table.records[2].identity, None);
    assert_eq!(Split::ALL.map(|s| faces.split(s)), [[0], [1], [2]]);

    for (from, to, wanted) in [
        (
            "a/2.png,val",
            "a/2.png,dev",
            ["line 3", "\"dev\" in column part", "train, val, test"],
        ),
        ("a/2.png", "a/1.png", ["line 3", "a/1.png again", "line 2"]),
        (
            "a/2.png",
            "../../etc/2.png",
            ["line 3", "../../etc/2.png", "inside"],
        ),
        (
            "p2,light",
            "p2,",
            ["line 3", "\"\" in column skin", "a value"],
        ),
        ("p2,light,yes", "p2,light", ["line 3", "CSV", "faces.csv"]),
    ] {
        write(&dir.join("faces.csv"), rows.replacen(from, to, 1));
        let text = Table::open(&config).unwrap_err().to_string();
        assert!(
            wanted.iter().all(|w| text.contains(w)),
            "{text} lacks one of {wanted:?}"
        );
    }
}

#[test]
fn a_folder_with_nothing_known_in_it_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let error = Table::open(&config(temp.path(), "Smiling", &[])).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("list_attr_celeba.txt"),
        "{error}"
    );
}
