//! What is wrong with a table is said with file, line, found and expected; nothing panics.

use std::fs;

use rand::{Rng, RngExt};

use super::{Predictions, column, faces, images, quick};
use crate::fairness::{AttributeColumn, AuditConfig, Thresholds, audit, replicate_rng};

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.csv");
    fs::write(&path, bytes).unwrap();
    let error = Predictions::read_csv(&path).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    let text = error.to_string();
    assert!(text.contains("p.csv"), "{text}");
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

#[test]
fn tables_that_cannot_be_read_say_why_and_where() {
    let head = "image,identity,male,label,score\n";
    let good = "a.jpg,,0,1,0.5\n";
    let row = |row: &str| format!("{head}{good}{row}\n").into_bytes();
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (b"".to_vec(), "", "empty file"),
        (head.as_bytes().to_vec(), "", "no rows"),
        (
            b"image,identity,male,label\na,,0,1\n".to_vec(),
            "line 1",
            "no column `score`",
        ),
        (
            b"image;identity;male;label;score\n".to_vec(),
            "line 1",
            "no column `image`",
        ),
        (
            b"image,male,label,score\n".to_vec(),
            "line 1",
            "no column `identity`",
        ),
        (
            b"image,identity,label,score\na,,1,0.5\n".to_vec(),
            "line 1",
            "no attribute column",
        ),
        (
            b"image,identity,male,male,label,score\n".to_vec(),
            "line 1",
            "column `male` twice",
        ),
        (
            b"image,identity,,label,score\n".to_vec(),
            "line 1",
            "column name \"\"",
        ),
        (
            b"image,identity,a*b,label,score\n".to_vec(),
            "line 1",
            "column name \"a*b\"",
        ),
        (row("b.jpg,,0,1"), "line 3", "4 fields"),
        (row("b.jpg,,0,1,0.5,7"), "line 3", "6 fields"),
        (
            row("b.jpg,,0,2,0.5"),
            "line 3",
            "label \"2\", expected 0 or 1",
        ),
        (row("b.jpg,,0,-1,0.5"), "line 3", "label \"-1\""),
        (row("b.jpg,,0,,0.5"), "line 3", "label \"\""),
        (
            row("b.jpg,,0,1,1.0001"),
            "line 3",
            "score 1.0001, expected a probability in [0, 1]",
        ),
        (row("b.jpg,,0,1,-0.1"), "line 3", "score -0.1"),
        (row("b.jpg,,0,1,NaN"), "line 3", "score NaN"),
        (row("b.jpg,,0,1,inf"), "line 3", "score inf"),
        (row("b.jpg,,0,1,high"), "line 3", "score \"high\""),
        (row("b.jpg,,0,1,"), "line 3", "score \"\""),
        (
            row("b.jpg,,,1,0.5"),
            "line 3",
            "an empty value in column `male`",
        ),
        (row(",,0,1,0.5"), "line 3", "an empty image name"),
        (
            row("a.jpg,,0,1,0.5"),
            "line 3",
            "image `a.jpg` again, first in line 2",
        ),
        (row("b\0.jpg,,0,1,0.5"), "line 3", "NUL"),
        (row("b.jpg,\0,0,1,0.5"), "line 3", "NUL"),
        (
            [head.as_bytes(), b"b\xff.jpg,,0,1,0.5\n"].concat(),
            "line 2",
            "UTF-8",
        ),
        (
            b"image,identity,m\xffle,label,score\n".to_vec(),
            "line 1",
            "UTF-8",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0".to_vec(), "line 1", "UTF-8"),
    ];
    for (bytes, place, found) in cases {
        let text = refusal(&bytes);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            text.contains(place) && text.contains(found),
            "{shown:?} gives {text:?}, not {found:?} at {place:?}"
        );
    }
}

#[test]
fn a_continuous_column_is_refused_before_it_becomes_groups() {
    let mut table = String::from("image,identity,age,label,score\n");
    for i in 0..1001 {
        table.push_str(&format!("{i}.jpg,,{}.5,1,0.5\n", i));
    }
    let text = refusal(&table);
    assert!(
        text.contains("line 1002") && text.contains("`age`") && text.contains("bins"),
        "{text}"
    );
}

#[test]
fn a_missing_file_and_a_folder_are_data_errors() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("none.csv"), dir.path().to_path_buf()] {
        let error = Predictions::read_csv(&path).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
}

#[test]
fn columns_that_do_not_fit_together_are_refused() {
    let male = || vec![column("male", &[0, 1])];
    let two = || images(2);
    let none = || vec![None; 2];
    let refused = [
        (
            Predictions::new(vec![], vec![], vec![column("male", &[])], vec![], vec![]),
            "no predictions",
        ),
        (
            Predictions::new(two(), none(), vec![], vec![0, 1], vec![0.1, 0.2]),
            "no attribute column",
        ),
        (
            Predictions::new(two(), none(), male(), vec![0], vec![0.1, 0.2]),
            "`label`",
        ),
        (
            Predictions::new(two(), none(), male(), vec![0, 1], vec![0.1]),
            "`score`",
        ),
        (
            Predictions::new(two(), vec![None], male(), vec![0, 1], vec![0.1, 0.2]),
            "`identity`",
        ),
        (
            Predictions::new(
                two(),
                none(),
                vec![column("male", &[0])],
                vec![0, 1],
                vec![0.1, 0.2],
            ),
            "`male`",
        ),
        (
            Predictions::new(
                two(),
                none(),
                [male(), male()].concat(),
                vec![0, 1],
                vec![0.1, 0.2],
            ),
            "the column twice",
        ),
        (
            Predictions::new(two(), none(), male(), vec![0, 2], vec![0.1, 0.2]),
            "`1.jpg`: found label 2",
        ),
        (
            Predictions::new(two(), none(), male(), vec![0, 1], vec![0.1, f64::NAN]),
            "`1.jpg`: found score NaN",
        ),
        (
            Predictions::new(
                vec!["a".into(); 2],
                none(),
                male(),
                vec![0, 1],
                vec![0.1, 0.2],
            ),
            "rows 0 and 1",
        ),
    ];
    for (result, found) in refused {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(found), "{error}");
    }
    for name in ["", "a*b", "a=b", "label", "a\0"] {
        assert!(AttributeColumn::new(name, &["0"]).is_err(), "{name:?}");
    }
    assert!(AttributeColumn::new("a", &["0", ""]).is_err());
}

#[test]
fn settings_out_of_range_are_configuration_errors() {
    let predictions = faces(20, 1);
    let bad = [
        (
            "threshold",
            AuditConfig {
                thresholds: Thresholds::One(f64::NAN),
                ..quick()
            },
        ),
        (
            "threshold",
            AuditConfig {
                thresholds: Thresholds::One(1.5),
                ..quick()
            },
        ),
        (
            "confidence",
            AuditConfig {
                confidence: 1.0,
                ..quick()
            },
        ),
        (
            "confidence",
            AuditConfig {
                confidence: f64::NAN,
                ..quick()
            },
        ),
        (
            "replicates",
            AuditConfig {
                replicates: 1,
                ..quick()
            },
        ),
        (
            "replicates",
            AuditConfig {
                replicates: usize::MAX,
                ..quick()
            },
        ),
        (
            "permutations",
            AuditConfig {
                permutations: 0,
                ..quick()
            },
        ),
        (
            "permutations",
            AuditConfig {
                permutations: 1 << 40,
                ..quick()
            },
        ),
    ];
    for (key, config) in bad {
        let error = audit(&predictions, &config).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(&format!("{key}`")), "{error}");
    }
}

/// Any bytes, and any one byte changed in a good table, are read or refused: never a panic.
#[test]
fn no_table_makes_the_reader_panic() {
    let good = b"image,identity,male,label,score\na.jpg,7,0,1,0.5\n\"b,.jpg\",,1,0,1e-3\nc.jpg,7,1,1,0.25\n";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.csv");
    let mut rng = replicate_rng(99, 0);
    let mut read = 0;
    for at in (0..good.len()).cycle().take(300) {
        let mut noise = vec![0; rng.random_range(0..60)];
        rng.fill_bytes(&mut noise);
        let mut changed = good.to_vec();
        changed[at] = rng.random_range(0..160);
        let below_header = [&good[..32], &noise].concat();
        for bytes in [noise, changed, below_header] {
            fs::write(&path, &bytes).unwrap();
            match Predictions::read_csv(&path) {
                Err(error) => assert_eq!(error.exit_code(), 3),
                Ok(predictions) => read += usize::from(predictions.n() > 0),
            }
        }
    }
    // Most bytes of a name or number may change: such tables are read.
    assert!(read > 50, "{read}");
}
