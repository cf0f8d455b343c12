//! The bootstrap against naive twins, closed forms and other numbers of threads.

use super::{Predictions, at_half, column, faces, images, quick};
use crate::fairness::measure::panel::{Panel, Sample};
use crate::fairness::resample::bootstrap::{Replicates, Source};
use crate::fairness::resample::draw::{Resampler, cells_of_strata};
use crate::fairness::{
    AuditConfig, Gap, GroupMetric, Grouping, Orders, Resampling, audit, replicate_rng,
};

fn with_scores(of: &Predictions, identity: Vec<Option<String>>, score: Vec<f64>) -> Predictions {
    Predictions::new(
        of.image().iter().map(String::from).collect(),
        identity,
        of.attributes().to_vec(),
        of.label().to_vec(),
        score,
    )
    .unwrap()
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let plain = faces(300, 7);
    let people = (0..300).map(|i| Some((i / 4).to_string())).collect();
    let clustered = with_scores(&plain, people, plain.score().to_vec());
    for predictions in [plain, clustered] {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| audit(&predictions, &quick()).unwrap().to_json().to_string())
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(7));
        assert_ne!(
            one,
            audit(&predictions, &AuditConfig { seed: 4, ..quick() })
                .unwrap()
                .to_json()
                .to_string()
        );
    }
}

/// The naive twin of a replicate: a table in which every image is repeated as often as it was drawn.
#[test]
fn a_replicate_is_measured_as_if_its_images_were_written_out() {
    let predictions = faces(200, 11);
    let grouping = Grouping::new(predictions.attributes(), &Orders::default()).unwrap();
    let panel = Panel::new(&predictions, &grouping, &at_half(&predictions)).with_ranks();
    let resampler = Resampler::stratified(&grouping.cell_of, grouping.cells);
    let replicates = Replicates::draw(&panel, Source::Images(&resampler), 20, 5);
    let mut weight = vec![0; predictions.n()];
    for r in 0..20 {
        resampler.draw(&mut replicate_rng(5, r), &mut weight);
        let drawn: Vec<usize> = weight
            .iter()
            .enumerate()
            .flat_map(|(i, w)| std::iter::repeat_n(i, *w as usize))
            .collect();
        let columns = predictions.attributes().iter().map(|a| {
            column(
                a.name(),
                &drawn
                    .iter()
                    .map(|i| a.level(*i).parse().unwrap())
                    .collect::<Vec<usize>>(),
            )
        });
        let written_out = Predictions::new(
            images(drawn.len()),
            vec![None; drawn.len()],
            columns.collect(),
            drawn.iter().map(|i| predictions.label()[*i]).collect(),
            drawn.iter().map(|i| predictions.score()[*i]).collect(),
        )
        .unwrap();
        let grouping = Grouping::new(written_out.attributes(), &Orders::default()).unwrap();
        let twin = Panel::new(&written_out, &grouping, &at_half(&written_out)).with_ranks();
        let mut row = vec![0.0f64; twin.width()];
        twin.write_row(Sample::Weights(&vec![1; drawn.len()]), &mut row);
        for (c, expected) in row.into_iter().enumerate() {
            let found = replicates.column(c).nth(r as usize).unwrap();
            // Counts are exact; ECE adds at most 200 terms below 1 in another order.
            let same = (found.is_nan() && expected.is_nan())
                || (found - expected).abs() <= 200.0 * f64::EPSILON;
            assert!(
                same,
                "replicate {r}, column {c}: {found}, expected {expected}"
            );
        }
    }
}

struct Moments {
    mean: f64,
    sd: f64,
    /// Standard errors of both.
    mean_se: f64,
    sd_se: f64,
}

fn moments(values: &[f64]) -> Moments {
    let b = values.len() as f64;
    let mean = values.iter().sum::<f64>() / b;
    let central = |k| values.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / b;
    let (variance, fourth) = (central(2), central(4));
    // Delta method: Var(s²) ≈ (μ₄ − σ⁴) / B, and ds = ds² / 2s.
    let sd_se = ((fourth - variance * variance) / b).sqrt() / (2.0 * variance.sqrt());
    Moments {
        mean,
        sd: variance.sqrt(),
        mean_se: (variance / b).sqrt(),
        sd_se,
    }
}

/// The multinomial shortcut draws from the same distribution as resampling images, and both have the
/// binomial standard error where that is known.
#[test]
fn counts_and_images_are_resampled_alike() {
    let predictions = faces(400, 13);
    let grouping = Grouping::new(predictions.attributes(), &Orders::default()).unwrap();
    let panel = Panel::new(&predictions, &grouping, &at_half(&predictions)).with_ranks();
    let resampler = Resampler::stratified(&grouping.cell_of, grouping.cells);
    let cells = panel.count(&vec![1; 400]);
    let by_image = Replicates::draw(&panel, Source::Images(&resampler), 4000, 1);
    let by_count = Replicates::draw(
        &panel,
        Source::Cells(&cells, &cells_of_strata(&grouping)),
        4000,
        2,
    );

    let groups = |frame: usize| panel.frames().nth(frame).unwrap().groups.len();
    let decisions = (0..4).flat_map(|f| {
        (0..groups(f)).flat_map(move |g| (0..GroupMetric::DECISIONS).map(move |m| (f, g, m)))
    });
    let mut columns: Vec<usize> = decisions
        .map(|(f, g, m)| panel.group_column(f, g, m))
        .collect();
    columns.extend(
        (1..4)
            .flat_map(|f| (0..Gap::ALL.len()).map(move |g| (f, g)))
            .map(|(f, g)| panel.gap_column(f, g)),
    );
    assert_eq!(columns.len(), 9 * 5 + 3 * 10);
    for c in columns {
        let (a, b) = (
            by_image.column(c).collect::<Vec<_>>(),
            by_count.column(c).collect::<Vec<_>>(),
        );
        let (a, b) = (moments(&a), moments(&b));
        // 5 standard errors of a difference of two independent simulations: 75 columns, twice.
        assert!(
            (a.mean - b.mean).abs() < 5.0 * a.mean_se.hypot(b.mean_se),
            "mean of column {c}: {} {}",
            a.mean,
            b.mean
        );
        assert!(
            (a.sd - b.sd).abs() < 5.0 * a.sd_se.hypot(b.sd_se),
            "sd of column {c}: {} {}",
            a.sd,
            b.sd
        );
    }
    for (g, counts) in cells.iter().enumerate() {
        let rate = counts.selection_rate().unwrap();
        let exact = (rate * (1.0 - rate) / counts.n() as f64).sqrt();
        for replicates in [&by_image, &by_count] {
            let m = moments(
                &replicates
                    .column(panel.group_column(3, g, 1))
                    .collect::<Vec<_>>(),
            );
            assert!((m.mean - rate).abs() < 5.0 * m.mean_se, "cell {g}");
            assert!(
                (m.sd - exact).abs() < 5.0 * m.sd_se,
                "cell {g}: {} {exact}",
                m.sd
            );
        }
    }
}

/// 100 people with 5 images each that are all right or all wrong: the standard error is that of 100
/// images, so the interval is √5 as wide as the one that takes 500 images for independent.
#[test]
fn identities_widen_the_interval_as_much_as_their_images_agree() {
    let n = 500;
    let right = |i: usize| !(i / 5).is_multiple_of(4);
    let score: Vec<f64> = (0..n).map(|i| if right(i) { 0.9 } else { 0.1 }).collect();
    let group: Vec<usize> = (0..n).map(|i| i / 5 % 2).collect();
    let of = |identity: Vec<Option<String>>| {
        let table = Predictions::new(
            images(n),
            identity,
            vec![column("male", &group)],
            vec![1; n],
            score.clone(),
        )
        .unwrap();
        audit(
            &table,
            &AuditConfig {
                replicates: 4000,
                ..quick()
            },
        )
        .unwrap()
    };
    let plain = of(vec![None; n]);
    let clustered = of((0..n).map(|i| Some(format!("p{}", i / 5))).collect());
    assert_eq!(
        clustered.resampling,
        Resampling::ByIdentity { identities: 100 }
    );
    let width = |report: &crate::fairness::FairnessReport| {
        let (lo, hi) = report.accuracy().interval().unwrap();
        hi - lo
    };
    // Groups are people 0, 2, 4, … (50 % right) and 1, 3, 5, … (all right): within-stratum variance
    // is ½ · ¼, of all people ¾ · ¼. So the ratio is √5 · √(3/16 ÷ 1/8) = √7.5.
    let ratio = width(&clustered) / width(&plain);
    // A percentile end has standard error √(0.025 · 0.975 / 4000) / φ(1.96) = 0.042 σ, a width of 3.92 σ
    // so 1.5 %, the ratio 2.2 %; the steps of 1/100 add up to 0.01 / 0.17 = 6 %. Three times and once.
    assert!((ratio / 7.5f64.sqrt() - 1.0).abs() < 0.13, "{ratio}");

    // Some identities unknown: not used, and said so.
    let some = of((0..n)
        .map(|i| (i > 0).then(|| format!("p{}", i / 5)))
        .collect());
    let strata = "male".to_string();
    assert_eq!(some.resampling, Resampling::Stratified { strata });
    assert_eq!(some.accuracy(), plain.accuracy());
    assert!(some.notes[0].contains("499 of 500"), "{}", some.notes[0]);
    assert!(plain.notes[0].contains("ignore that images of one person are alike"));
}

#[test]
fn replicates_are_common_to_models_on_the_same_images() {
    let predictions = faces(300, 17);
    // Another model with the same decisions and another order of scores.
    let other = predictions
        .score()
        .iter()
        .map(|s| if *s >= 0.5 { 1.5 - s } else { 0.4 - s.min(0.4) })
        .collect();
    let other = with_scores(&predictions, vec![None; 300], other);
    let (a, b) = (
        audit(&predictions, &quick()).unwrap(),
        audit(&other, &quick()).unwrap(),
    );
    assert_eq!(a.accuracy(), b.accuracy());
    assert_ne!(a.overall(GroupMetric::Auc), b.overall(GroupMetric::Auc));
    for (x, y) in a.attributes.iter().zip(&b.attributes) {
        assert_eq!(x.gaps, y.gaps);
    }
}

#[test]
fn a_gap_that_most_replicates_cannot_estimate_has_no_interval() {
    // Group 1 has one positive among 3 images: (2/3)³ = 30 % of its replicates have none.
    let group = [vec![0; 20], vec![1; 3]].concat();
    let label = [[0, 1].repeat(10), vec![1, 0, 0]].concat();
    let score = (0..23).map(|i| f64::from(i % 5) / 5.0).collect();
    let table = Predictions::new(
        images(23),
        vec![None; 23],
        vec![column("g", &group)],
        label,
        score,
    )
    .unwrap();
    let report = audit(
        &table,
        &AuditConfig {
            replicates: 2000,
            ..quick()
        },
    )
    .unwrap();
    let gap = &report
        .attribute("g")
        .unwrap()
        .gap(Gap::Eopp)
        .unwrap()
        .estimate;
    assert!(gap.value().is_some() && gap.interval().is_none());
    assert!(
        gap.reason().unwrap().starts_with("undefined in "),
        "{:?}",
        gap.reason()
    );
}
