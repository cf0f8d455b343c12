//! Predictions written and read again are the same, bit by bit.

use std::fs;

use super::{AttributeColumn, Predictions, column, faces, images};
use crate::fairness::exact_score;

fn through_file(predictions: &Predictions) -> (Predictions, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("predictions-test.csv");
    predictions.write_csv(&path).unwrap();
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no temporary file stays"
    );
    (
        Predictions::read_csv(&path).unwrap(),
        fs::read(&path).unwrap(),
    )
}

#[test]
fn a_plain_table_is_written_as_documented() {
    let predictions = Predictions::new(
        vec!["000001.jpg".into(), "000002.jpg".into()],
        vec![Some("17".into()), None],
        vec![column("male", &[0, 1]), column("young", &[1, 1])],
        vec![1, 0],
        vec![exact_score(0.1), 1.0],
    )
    .unwrap();
    let (read, bytes) = through_file(&predictions);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "image,identity,male,young,label,score\n000001.jpg,17,0,1,1,0.1\n000002.jpg,,1,1,0,1.0\n"
    );
    assert_eq!(read, predictions);
}

#[test]
fn awkward_text_and_scores_survive() {
    let names = [
        "a,b.jpg",
        "quote\"d.jpg",
        "línea\n2.jpg",
        " spaced ",
        "#",
        "Größe/ß.png",
    ];
    let n = names.len();
    let race =
        AttributeColumn::new("race", &["Latino, Hispanic", "White", "=1", "*", "0", "-1"]).unwrap();
    let score = vec![
        f64::MIN_POSITIVE,
        5e-324,
        1.0 - f64::EPSILON / 2.0,
        0.1 + 0.2,
        -0.0,
        1.0 / 3.0,
    ];
    let identity = vec![
        Some("Ann, B.".to_string()),
        None,
        Some(String::new()),
        Some("x".into()),
        None,
        Some("x".into()),
    ];
    let image = names.iter().map(|s| s.to_string()).collect();
    let predictions =
        Predictions::new(image, identity, vec![race], vec![0, 1, 0, 1, 0, 1], score).unwrap();
    assert_eq!(
        predictions.identity().get(2),
        None,
        "an empty identity is an unknown one"
    );
    let (read, bytes) = through_file(&predictions);
    assert_eq!(read, predictions);
    for (a, b) in read.score().iter().zip(predictions.score()) {
        assert_eq!(a.to_bits(), b.to_bits());
    }
    let (_, again) = through_file(&read);
    assert_eq!(bytes, again);
    assert_eq!(n, read.n());
}

#[test]
fn scores_of_a_model_come_back_as_the_same_f32() {
    // A fixed walk over the bit patterns of [0, 1], coprime to their number.
    let last = 1f32.to_bits();
    let model: Vec<f32> = (0..5000u32)
        .map(|i| f32::from_bits(i * 212_671 % (last + 1)))
        .collect();
    let n = model.len();
    let score = model.iter().map(|s| exact_score(*s)).collect();
    let predictions = Predictions::new(
        images(n),
        vec![None; n],
        vec![column("a", &vec![0; n])],
        vec![1; n],
        score,
    )
    .unwrap();
    let (read, _) = through_file(&predictions);
    for (found, expected) in read.score().iter().zip(&model) {
        assert_eq!((*found as f32).to_bits(), expected.to_bits());
    }
    assert!(exact_score(f32::NAN).is_nan());
}

#[test]
fn other_tools_may_order_columns_and_end_lines_differently() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.csv");
    fs::write(
        &path,
        "\u{feff}score,male,image,label,identity\r\n0.25,0,a.jpg,1,\r\n7e-1,1,b.jpg,0,9\r\n",
    )
    .unwrap();
    let read = Predictions::read_csv(&path).unwrap();
    assert_eq!(read.score(), [0.25, 0.7]);
    assert_eq!([0, 1].map(|i| read.identity().get(i)), [None, Some("9")]);
    assert_eq!(read.attributes(), [column("male", &[0, 1])]);
}

#[test]
fn equal_predictions_are_equal_bytes() {
    let (read, first) = through_file(&faces(300, 1));
    let (_, second) = through_file(&read);
    assert_eq!(first, second);
}
