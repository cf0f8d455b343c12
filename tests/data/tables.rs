//! CelebA's tables, right and wrong.

use std::fs;
use std::io::Write;

use fairbit::data::{Split, Table};

use crate::fixture::{Folder, NAMES, attributes, name, partition, partitions, values, write};

const N: usize = 64;

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn records_say_what_the_table_says() {
    let folder = Folder::tables(N);
    write(
        &folder.dir().join("identity_CelebA.txt"),
        format!("{} 77\r\n", name(3)),
    );
    let table = Table::open(&folder.config).unwrap();
    assert_eq!(table.attributes[1].name, "young");
    assert_eq!(table.cells(), 4);
    assert_eq!(
        (0..4).map(|c| table.cell_name(c)).collect::<Vec<_>>(),
        [
            "male=0*young=0",
            "male=0*young=1",
            "male=1*young=0",
            "male=1*young=1"
        ]
    );
    for (i, record) in table.records.iter().enumerate() {
        let [male, smiling, _, young] = values(i);
        assert_eq!(record.image, name(i));
        assert_eq!(record.label, u8::from(smiling));
        assert_eq!(record.groups, [u8::from(male), u8::from(young)]);
        assert_eq!(table.cell(i), u32::from(male) * 2 + u32::from(young));
        assert_eq!(record.split as usize, partition(i));
        assert_eq!(record.line, i + 3);
        assert_eq!(record.identity.as_deref(), (i == 3).then_some("77"));
    }
    assert!(table.has_identities());
    Split::ALL
        .iter()
        .for_each(|&split| table.require_complete(split).unwrap());
}

#[test]
fn the_kaggle_form_and_gzipped_tables_are_the_same_table() {
    let plain = Folder::tables(N);
    let want = Table::open(&plain.config).unwrap();

    let packed = Folder::tables(N);
    for file in ["list_attr_celeba.txt", "list_eval_partition.txt"] {
        let path = packed.dir().join(file);
        let text = fs::read_to_string(&path).unwrap();
        write(&packed.dir().join(format!("{file}.gz")), gzip(&text));
        fs::remove_file(path).unwrap();
    }
    let kaggle = Folder::tables(N);
    let mut rows = format!("image_id,{}\n", NAMES.join(","));
    let mut parts = "image_id,partition\n".to_string();
    for i in 0..N {
        let row = values(i).map(|v| if v { "1" } else { "-1" });
        rows += &format!("{},{}\n", name(i), row.join(","));
        parts += &format!("{},{}\n", name(i), partition(i));
    }
    for (file, text) in [("list_attr_celeba", rows), ("list_eval_partition", parts)] {
        fs::remove_file(kaggle.dir().join(format!("{file}.txt"))).unwrap();
        write(&kaggle.dir().join(format!("{file}.csv")), text);
    }
    for other in [packed, kaggle] {
        let table = Table::open(&other.config).unwrap();
        assert_eq!(table.hash, want.hash);
    }
}

#[test]
fn the_hash_follows_the_selected_columns_only() {
    let folder = Folder::tables(N);
    let hash = |f: &Folder| Table::open(&f.config).unwrap().hash;
    let before = hash(&folder);
    let path = folder.dir().join("list_attr_celeba.txt");
    let text = fs::read_to_string(&path).unwrap();
    write(&path, text.replacen("-1 -1 -1 -1", "-1 -1  1 -1", 1));
    assert_eq!(hash(&folder), before, "Wearing_Hat is not selected");
    write(&path, text.replacen("-1 -1 -1 -1", "-1  1 -1 -1", 1));
    assert_ne!(hash(&folder), before, "Smiling is the target");
}

/// Runs the reader on changed tables and returns the one-line reason.
fn refusal(attr: impl AsRef<[u8]>, parts: impl AsRef<[u8]>) -> String {
    let folder = Folder::tables(0);
    write(&folder.dir().join("list_attr_celeba.txt"), attr);
    write(&folder.dir().join("list_eval_partition.txt"), parts);
    let error = Table::open(&folder.config).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn wrong_tables_are_refused_with_file_line_found_and_expected() {
    let (a, p) = (attributes(N), partitions(N));
    let row = |i: usize| a.lines().nth(i + 2).unwrap().to_string();
    let edited = |from: &str, to: &str| a.replacen(from, to, 1);
    let cut = a[..a.len() / 2].rfind('\n').unwrap();
    for (attr, parts, wanted) in [
        (edited("64", "63"), p.clone(), ["line 1", "63", "64"]),
        (
            a[..=cut].to_string(),
            p.clone(),
            ["line 1", "found 64", "cut short"],
        ),
        (
            edited("64\r\n", ""),
            p.clone(),
            ["line 1", "Male", "number of images"],
        ),
        (
            edited("-1 -1 -1 -1", "-1  2 -1 -1"),
            p.clone(),
            ["line 3", "\"2\" for Smiling", "-1 or 1"],
        ),
        (
            edited("-1 -1 -1 -1", "-1  0 -1 -1"),
            p.clone(),
            ["line 3", "\"0\"", "-1 or 1"],
        ),
        (
            edited("-1 -1 -1 -1", "-1 -1 -1"),
            p.clone(),
            ["line 3", "3 values", "4 values"],
        ),
        (
            edited(&row(5), &row(4)),
            p.clone(),
            ["line 8", "000005.jpg again", "first on line 7"],
        ),
        (
            edited("000004", "0000\x004"),
            p.clone(),
            ["line 6", "NUL", "text"],
        ),
        (
            edited("000004", "../004"),
            p.replace("000004", "../004"),
            ["line 6", "../004", "inside"],
        ),
        (
            String::new(),
            p.clone(),
            ["list_attr_celeba.txt", "empty", "table"],
        ),
        (
            a.clone(),
            p.replacen("000009.jpg 0\r\n", "", 1),
            ["list_eval", "000009.jpg", "every image"],
        ),
        (
            a.clone(),
            p.replacen("000009.jpg 0", "000009.jpg 3", 1),
            ["line 9", "\"3\"", "0, 1 or 2"],
        ),
        (
            a.clone(),
            p.replacen("000009.jpg", "000008.jpg", 1),
            ["line 9", "again", "line 8"],
        ),
        (
            a.clone(),
            p.replacen("000009.jpg 0", "000009.jpg", 1),
            ["line 9", "000009.jpg", "one value"],
        ),
    ] {
        let text = refusal(attr, parts);
        assert!(
            wanted.iter().all(|w| text.contains(w)),
            "{text} lacks one of {wanted:?}"
        );
    }
    let mut latin1 = a.clone().into_bytes();
    let at = latin1.len() - 10;
    latin1[at] = 0xe9;
    let text = refusal(latin1, p);
    assert!(text.contains("line 66") && text.contains("UTF-8"), "{text}");
}

#[test]
fn a_missing_column_names_the_nearest() {
    let mut folder = Folder::tables(N);
    folder.config.target = "Smilling".into();
    let error = Table::open(&folder.config).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("nearest columns: Smiling"),
        "{error}"
    );
}

#[test]
fn a_missing_folder_says_how_to_get_celeba() {
    let mut folder = Folder::tables(N);
    folder.config.dir = Some(folder.dir().join("nowhere"));
    let error = Table::open(&folder.config).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("mmlab.ie.cuhk.edu.hk"),
        "{error}"
    );
    folder.config.dir = None;
    assert_eq!(Table::open(&folder.config).unwrap_err().exit_code(), 2);
}

#[test]
fn an_absent_class_or_cell_is_named() {
    let mut folder = Folder::tables(N);
    folder.config.target = "Wearing_Hat".into();
    let table = Table::open(&folder.config).unwrap();
    let text = table.require_complete(Split::Test).unwrap_err().to_string();
    assert!(text.contains("Wearing_Hat = 1 in the test split"), "{text}");

    folder.config.target = "Smiling".into();
    folder.config.attributes = vec!["Male".into(), "Wearing_Hat".into()];
    let table = Table::open(&folder.config).unwrap();
    let text = table.require_complete(Split::Val).unwrap_err().to_string();
    assert!(
        text.contains("male=0*wearing_hat=1 in the val split"),
        "{text}"
    );
}

#[test]
fn shuffled_labels_keep_their_number_and_stay_in_the_training_split() {
    let mut folder = Folder::tables(512);
    let table = Table::open(&folder.config).unwrap();
    folder.config.shuffle_labels = Some(3);
    let control = Table::open(&folder.config).unwrap();
    assert_ne!(control.hash, table.hash);
    for split in Split::ALL {
        let labels = |t: &Table| {
            t.split(split)
                .iter()
                .map(|&i| t.records[i].label)
                .collect::<Vec<_>>()
        };
        let (before, after) = (labels(&table), labels(&control));
        let positives = |l: &[u8]| l.iter().filter(|&&l| l == 1).count();
        assert_eq!(positives(&before), positives(&after));
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        if split == Split::Train {
            // 256 labels, half of them positive: 128 ± 8 change; six standard deviations allowed.
            assert!((80..176).contains(&changed), "{changed}");
        } else {
            assert_eq!(changed, 0);
        }
    }
}
