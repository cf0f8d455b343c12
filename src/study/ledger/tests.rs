//! The ledger believes nothing that was changed.

use super::*;
use crate::models::Architecture;

fn unit() -> Unit {
    Unit {
        kind: Kind::Configuration,
        model: Architecture::ResNet50,
        method: "int6".into(),
        seed: 1,
        target: "Smiling".into(),
        phase: 2,
        control: false,
        trains: false,
        method_text: Some("name = \"int6\"".into()),
        draw: None,
        needs: None,
        id: "runs/resnet50/int6/seed-1".into(),
    }
}

fn head(identity: &str) -> Head {
    Head {
        identity: identity.into(),
        kind: Kind::Configuration,
        model: "resnet50".into(),
        method: "int6".into(),
        seed: 1,
        target: "Smiling".into(),
        phase: 2,
        control: false,
        device: "flex".into(),
        fell_back_from: None,
        reason: None,
        data_hash: "d".into(),
        version: VERSION.into(),
    }
}

/// A study folder with one finished unit.
fn finished() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(dir.path());
    let part = ledger.place(&unit()).with_file_name(".seed-1.x.part");
    fs::create_dir_all(part.join("deep")).unwrap();
    fs::write(part.join("predictions-test.csv"), "a,b\n").unwrap();
    fs::write(part.join("deep/er.txt"), "x").unwrap();
    ledger.publish(&unit(), &part, head("me")).unwrap();
    (dir, ledger)
}

#[test]
fn a_finished_unit_is_found_whole_and_only_under_its_identity() {
    let (_dir, ledger) = finished();
    let Found::Whole(found) = ledger.look(&unit(), "me") else {
        panic!("it is whole")
    };
    let names: Vec<&String> = found.files.keys().collect();
    assert_eq!(names, ["deep/er.txt", "predictions-test.csv"]);
    assert!(ledger.is_there(&unit(), "me") && !ledger.is_there(&unit(), "other"));
    assert!(matches!(ledger.look(&unit(), "other"), Found::Outdated(_)));
}

#[test]
fn damage_of_every_kind_is_noticed_and_set_aside() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("predictions-test.csv was changed", |p| {
            fs::write(p.join("predictions-test.csv"), "a,c\n").unwrap()
        }),
        ("predictions-test.csv was changed", |p| {
            fs::write(p.join("predictions-test.csv"), "").unwrap()
        }),
        ("deep/er.txt is missing", |p| {
            fs::remove_file(p.join("deep/er.txt")).unwrap()
        }),
        ("unit.json", |p| {
            fs::remove_file(p.join("unit.json")).unwrap()
        }),
        ("unit.json", |p| {
            fs::write(p.join("unit.json"), "{\"identity\"").unwrap()
        }),
    ];
    for (needle, harm) in harms {
        let (_dir, ledger) = finished();
        harm(&ledger.place(&unit()));
        let Found::Damaged(reason) = ledger.look(&unit(), "me") else {
            panic!("{needle}")
        };
        assert!(reason.contains(needle), "{reason}");
        let to = ledger.set_aside(&unit()).unwrap();
        assert!(to.is_dir(), "nothing is deleted");
        assert_eq!(ledger.look(&unit(), "me"), Found::Nothing);
    }
    // A file in the place of a folder.
    let (_dir, ledger) = finished();
    fs::remove_dir_all(ledger.place(&unit())).unwrap();
    fs::write(ledger.place(&unit()), "not a folder").unwrap();
    assert!(matches!(ledger.look(&unit(), "me"), Found::Damaged(_)));
}

#[test]
fn an_identity_changes_with_everything_that_determines_it_and_with_nothing_else() {
    let of = |unit: &Unit, data: &str, settings: &str, base| identity(unit, data, settings, base);
    let plain = of(&unit(), "d", "s", Some("b"));
    assert_eq!(plain, of(&unit(), "d", "s", Some("b")));
    assert_ne!(plain, of(&unit(), "e", "s", Some("b")));
    assert_ne!(plain, of(&unit(), "d", "t", Some("b")));
    assert_ne!(plain, of(&unit(), "d", "s", Some("c")));
    let other = Unit { seed: 2, ..unit() };
    assert_ne!(plain, of(&other, "d", "s", Some("b")));
    let other = Unit {
        method_text: Some(String::new()),
        ..unit()
    };
    assert_ne!(plain, of(&other, "d", "s", Some("b")));
    let moved = Unit {
        id: "elsewhere".into(),
        control: true,
        phase: 3,
        ..unit()
    };
    assert_eq!(plain, of(&moved, "d", "s", Some("b")));
}

#[test]
fn a_failure_is_recorded_until_the_unit_is_finished() {
    let (_dir, ledger) = finished();
    let failed = Failed {
        head: head("me"),
        error: "no".into(),
        exit_code: Some(1),
        attempt: "1".into(),
    };
    ledger.record_failure(&unit(), &failed).unwrap();
    assert_eq!(ledger.failed(&unit()), Some(failed));
    fs::remove_dir_all(ledger.place(&unit())).unwrap();
    let part = ledger.place(&unit()).with_file_name(".p");
    fs::create_dir_all(&part).unwrap();
    ledger.publish(&unit(), &part, head("me")).unwrap();
    assert_eq!(ledger.failed(&unit()), None);
}
