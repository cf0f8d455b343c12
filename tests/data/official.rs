//! Against the real tables, where they are.

use std::collections::HashMap;
use std::fs;

use fairbit::data::celeba::{AttributeTable, PairTable};
use fairbit::data::{DataConfig, Split, Table};

use crate::fixture::real;

#[test]
fn all_counts_of_the_official_table_are_reproduced() {
    let Some(dir) = real("celeba_tables") else {
        return;
    };
    let table = AttributeTable::read(&dir.join("list_attr_celeba.txt.gz")).unwrap();
    let partitions = PairTable::read(&dir.join("list_eval_partition.txt.gz")).unwrap();
    assert_eq!(table.images.len(), 202_599);
    assert_eq!(table.names.len(), 40);
    let (male, young) = (
        table.column("", "Male").unwrap(),
        table.column("", "Young").unwrap(),
    );
    // (partition, male, young) → images, and images with each attribute.
    let mut counts: HashMap<(String, u64, u64), (u64, [u64; 40])> = HashMap::new();
    for (image, bits) in table.images.iter().zip(&table.bits) {
        let key = (
            partitions.pairs[image].0.clone(),
            bits >> male & 1,
            bits >> young & 1,
        );
        let (n, positive) = counts.entry(key).or_insert((0, [0; 40]));
        *n += 1;
        (0..40).for_each(|c| positive[c] += bits >> c & 1);
    }
    let text = fs::read_to_string(dir.join("group_attr_counts.csv")).unwrap();
    let mut compared = 0;
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.trim_end().split(',').collect();
        let key = (
            f[0].to_string(),
            f[1].parse().unwrap(),
            f[2].parse().unwrap(),
        );
        let column = table.names.iter().position(|n| n == f[3]).unwrap();
        let (n, positive) = counts[&key];
        assert_eq!(n.to_string(), f[4], "{line}");
        assert_eq!(positive[column].to_string(), f[5], "{line}");
        compared += 1;
    }
    assert_eq!(compared, 3 * 4 * 40);

    // The same counts through the table that training sees.
    let config = DataConfig {
        dir: Some(dir),
        ..DataConfig::default()
    };
    let selected = Table::open(&config).unwrap();
    let smiling = table.names.iter().position(|n| n == "Smiling").unwrap();
    for ((partition, male, young), (n, positive)) in counts {
        let split = Split::parse(&partition).unwrap();
        let members = selected
            .records
            .iter()
            .filter(|r| r.split == split && r.groups == [male as u8, young as u8]);
        let labels: Vec<u64> = members.map(|r| u64::from(r.label)).collect();
        assert_eq!(
            (labels.len() as u64, labels.iter().sum()),
            (n, positive[smiling])
        );
    }
}

#[test]
fn the_sample_agrees_with_its_own_label_file() {
    let Some(dir) = real("celeba10k") else { return };
    let config = DataConfig {
        dir: Some(dir.clone()),
        ..DataConfig::default()
    };
    let table = Table::open(&config).unwrap();
    let sizes = Split::ALL.map(|s| table.split(s).len());
    assert_eq!(sizes, [7_000, 1_000, 2_000]);
    let labels = fs::read_to_string(dir.join("labels.csv")).unwrap();
    assert_eq!(labels.lines().count(), table.records.len() + 1);
    for (line, r) in labels.lines().skip(1).zip(&table.records) {
        let f: Vec<&str> = line.split(',').collect(); // image, partition, male, young, smiling
        let numbers: Vec<u8> = f[1..5].iter().map(|v| v.parse().unwrap()).collect();
        assert_eq!(r.image, f[0]);
        assert_eq!(
            [r.split as u8, r.groups[0], r.groups[1], r.label],
            numbers[..]
        );
    }
    Split::ALL
        .iter()
        .for_each(|&split| table.require_complete(split).unwrap());
}
