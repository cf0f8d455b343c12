//! Numbers that are none, widths that are none, groups that are not there; and how images are drawn.

use super::*;

#[test]
fn what_is_not_finite_names_the_layer_and_silent_channels_are_no_fault() {
    let _alone = ALONE.lock();
    let (model, sample) = (folded(Architecture::SqueezeNet11), sample());
    let refused = |model: &Model, sample: &Sample, widths: &[u32]| {
        let error = sense(model, sample, &how(widths), &quiet).unwrap_err();
        (error.exit_code(), error.to_string())
    };
    let at = "features.4.squeeze";
    let broken = change(&model, at, |rows| rows.values[7] = f32::NAN);
    let (code, reason) = refused(&broken, &sample, &[4]);
    assert_eq!(code, 3);
    assert_eq!(reason, format!("`{at}`: a weight that is not finite"));
    let mut spoilt = sample.clone();
    spoilt.batches[1] = spoilt.batches[1].clone() * f32::INFINITY;
    let (code, reason) = refused(&model, &spoilt, &[4]);
    assert_eq!(code, 3);
    assert!(
        reason.starts_with("`features.0`: an activation"),
        "{reason}"
    );
    for (widths, words) in [
        (&[][..], "`bits`: found none"),
        (&[1], "`bits`: found 1, expected 2 to 8"),
        (&[4, 9], "`bits`: found 9"),
        (&[4, 4], "`bits`: found 4 twice"),
    ] {
        let (code, reason) = refused(&model, &sample, widths);
        assert!(code == 2 && reason.starts_with(words), "{reason}");
    }
    // A channel of zeros, one of a single value, a layer of zeros.
    let silent = change(&model, at, |rows| {
        let k = rows.shape[1];
        rows.values[..k].fill(0.0);
        rows.values[k..2 * k].fill(0.25);
    });
    let silent = change(&silent, "features.3.expand3x3", |rows| {
        rows.values.fill(0.0)
    });
    let found = sense(&silent, &sample, &how(&[4]), &quiet).unwrap();
    for estimate in Estimate::ALL {
        let values = found.scores(estimate).unwrap().values;
        assert!(values.iter().all(|v| v.is_finite()), "{estimate:?}");
        let zeros = found
            .layers
            .iter()
            .position(|l| l.path == "features.3.expand3x3");
        let means = &found.means(estimate).unwrap()[0];
        assert_eq!(means[zeros.unwrap()], 0.0, "{estimate:?}");
    }
}

#[test]
fn a_draw_is_even_and_its_weights_are_those_of_the_population() {
    use crate::data::{DataConfig, Split, Table, synth};
    let dir = tempfile::tempdir().unwrap();
    let config = synth::SynthConfig {
        images: 400,
        ..synth::SynthConfig::default()
    };
    synth::generate(&config, dir.path(), &|_| ()).unwrap();
    let data = DataConfig {
        dir: Some(dir.path().to_path_buf()),
        ..DataConfig::default()
    };
    let table = Table::open(&data).unwrap();
    let pool = table.split(Split::Train);
    let set = draw_evenly(&table, pool.clone(), 80, 1).unwrap();
    let weight = |cell: u32| -> f64 {
        let each = set.records.iter().zip(&set.weights);
        let of_cell = each.filter(|(r, _)| table.cell(**r) == cell);
        of_cell.map(|(_, w)| w).sum()
    };
    for cell in 0..4 {
        let count = set.records.iter().filter(|r| table.cell(**r) == cell);
        let there = pool.iter().filter(|r| table.cell(**r) == cell).count();
        assert!(count.count() >= there.min(20), "{cell}");
        let share = there as f64 / pool.len() as f64;
        assert!((weight(cell) - 80.0 * share).abs() < 1e-9, "{cell}");
    }
    assert_eq!(set, draw_evenly(&table, pool.clone(), 80, 1).unwrap());
    assert_ne!(set, draw_evenly(&table, pool.clone(), 80, 2).unwrap());
    let names: Vec<String> = groups(&table).into_iter().map(|g| g.name).collect();
    assert_eq!(
        names,
        [
            "",
            "male=0",
            "male=1",
            "young=0",
            "young=1",
            "male=0*young=0",
            "male=0*young=1",
            "male=1*young=0",
            "male=1*young=1"
        ]
    );
    assert_eq!(groups(&table)[4].cells, [1, 3]);
    let without: Vec<usize> = pool
        .iter()
        .copied()
        .filter(|r| table.cell(*r) != 2)
        .collect();
    let lacking = draw_evenly(&table, without, 80, 1).unwrap_err();
    assert_eq!(lacking.exit_code(), 3);
    assert!(
        lacking.to_string().contains("no image of male=1*young=0"),
        "{lacking}"
    );
    for (images, words) in [(3, "4 at least"), (100_000, "at most the")] {
        let refused = draw_evenly(&table, pool.clone(), images, 1).unwrap_err();
        assert!(refused.exit_code() == 2 && refused.to_string().contains(words));
    }
}
