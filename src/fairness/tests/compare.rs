//! Comparisons against naive twins, exact distributions and other numbers of threads.

use serde_json::Value;

use super::{Predictions, at_half, column, faces, images, noisy, with_people, with_scores};
use crate::fairness::compare::sharp::{Swaps, two_sided_p};
use crate::fairness::output::{comparison, comparisons};
use crate::fairness::{
    AuditConfig, Base, Candidate, CompareConfig, Comparison, Gap, Grouping, Orders, audit, compare,
};

fn quick() -> CompareConfig {
    CompareConfig {
        replicates: 500,
        draws: 500,
        seed: 3,
        ..CompareConfig::default()
    }
}

fn compared(base: &Predictions, others: &[Predictions], config: &CompareConfig) -> Vec<Comparison> {
    let grouping = Grouping::new(base.attributes(), &Orders::default()).unwrap();
    let candidates: Vec<Candidate> = (0..)
        .zip(others)
        .map(|(i, other)| Candidate {
            name: format!("q{i}"),
            predictions: other.clone(),
            decisions: at_half(other),
        })
        .collect();
    let decisions = at_half(base);
    let base = Base {
        predictions: base,
        decisions: &decisions,
        grouping: &grouping,
    };
    compare(&base, &candidates, config).unwrap()
}

fn gap(of: &Comparison, frame: &str, gap: Gap) -> crate::fairness::compare::GapChange {
    let frame = of.attributes.iter().find(|f| f.name == frame).unwrap();
    frame.gaps.iter().find(|g| g.gap == gap).unwrap().clone()
}

#[test]
fn a_change_is_the_difference_of_two_audits() {
    let base = faces(500, 5);
    let other = noisy(&base, 0.3, 1);
    let config = AuditConfig {
        replicates: 2,
        permutations: 2,
        ..AuditConfig::default()
    };
    let [before, after] = [&base, &other].map(|t| audit(t, &config).unwrap());
    let found = &compared(&base, std::slice::from_ref(&other), &quick())[0];
    let (a, b) = (
        before.accuracy().value().unwrap(),
        after.accuracy().value().unwrap(),
    );
    assert!((found.overall.accuracy.value().unwrap() - (b - a)).abs() < 1e-12);
    for (frame, (x, y)) in found
        .attributes
        .iter()
        .zip(before.attributes.iter().zip(&after.attributes))
    {
        for (i, change) in frame.gaps.iter().enumerate() {
            let [x, y] = [x, y].map(|a| a.gaps[i].estimate.value().unwrap());
            let found = change.delta.value().unwrap();
            assert!(
                (found - (y - x)).abs() < 1e-12,
                "{} {}",
                frame.name,
                change.gap.key()
            );
        }
        // Flips of the groups add up to those of all images.
        let sum = |of: fn(&crate::fairness::compare::Flipped) -> u64| {
            frame.groups.iter().map(of).sum::<u64>()
        };
        assert_eq!(sum(|g| g.right_to_wrong), found.overall.right_to_wrong);
        assert_eq!(sum(|g| g.to_positive), found.overall.to_positive);
    }
}

#[test]
fn comparisons_do_not_depend_on_threads_and_candidates_do_not_disturb_each_other() {
    for base in [faces(400, 5), with_people(&faces(400, 5))] {
        let others: Vec<Predictions> = (0..3).map(|i| noisy(&base, 0.2, i)).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let found = pool.install(|| compared(&base, &others, &quick()));
            comparisons("base", &found).to_string()
        };
        assert_eq!(on(1), on(3));
        // The same images are drawn whoever is compared; only what the family decides may differ.
        let people = base.people().is_some();
        let alone = &compared(&base, &others[..1], &quick())[0];
        let together = &compared(&base, &others, &quick())[0];
        if people {
            let ci = |c: &Comparison| gap(c, "male*young", Gap::Eo).delta;
            assert_eq!(ci(alone), ci(together));
        }
        let p = |c: &Comparison| gap(c, "male*young", Gap::Eo).adjusted.unwrap();
        assert!(p(together).holm >= p(alone).holm);
    }
}

#[test]
fn a_model_that_changed_nothing_is_not_significant_and_its_margin_is_that_of_the_smallest_group() {
    let base = faces(2000, 5);
    let found = &compared(&base, std::slice::from_ref(&base), &quick())[0];
    for frame in &found.attributes {
        for change in &frame.gaps {
            assert_eq!(change.delta.value(), Some(0.0));
            assert_eq!((change.p, change.p_sharp), (Some(1.0), Some(1.0)));
        }
    }
    let eo = gap(found, "male*young", Gap::Eo);
    assert_eq!(eo.adjusted.unwrap().romano_wolf, 1.0);
    let attainable = eo.equivalence.unwrap().attainable;
    // No flip, yet the bound is not 0: two groups, each 1 − 0.0125^(1/n).
    assert!(attainable > 0.01, "{attainable}");
    assert_eq!(found.overall.mcnemar_p, 1.0);
    assert_eq!(found.overall.odds_ratio, None);
    assert_eq!(found.auc.p, Some(1.0));
}

#[test]
fn a_change_for_one_group_is_found() {
    let base = faces(3000, 5);
    // Old men, who are selected least, lose a tenth of their score.
    let [male, young] = [0, 1].map(|a| base.attributes()[a].codes());
    let score = (0..base.n()).map(|i| {
        let hit = male[i] == 1 && young[i] == 0;
        (base.score()[i] - if hit { 0.1 } else { 0.0 }).max(0.0)
    });
    let other = with_scores(&base, score.collect());
    let still = noisy(&base, 0.01, 1);
    let found = compared(&base, &[other, still], &quick());
    let dp = gap(&found[0], "male*young", Gap::Dp);
    assert!(dp.p.unwrap() < 0.01 && dp.p_sharp.unwrap() < 0.01, "{dp:?}");
    assert!(dp.adjusted.unwrap().romano_wolf < 0.05, "{dp:?}");
    assert!(dp.equivalence.unwrap().p > 0.5);
    let flips = &found[0].attributes[2].groups;
    assert!(
        flips[2].to_negative > 20 && flips[0].to_negative == 0,
        "{flips:?}"
    );
    assert_eq!(found[0].settings.family, 4);
    let quiet = gap(&found[1], "male*young", Gap::Dp);
    assert!(quiet.p.unwrap() > 0.05, "{quiet:?}");
}

/// Four images differ: 16 equally likely swaps.
#[test]
fn the_randomization_test_has_its_exact_distribution() {
    let n = 40;
    let group: Vec<usize> = (0..n).map(|i| i % 2).collect();
    let base: Vec<u8> = (0..n).map(|i| u8::from(i % 3 == 0)).collect();
    let mut other = base.clone();
    for i in [0, 2, 4, 9] {
        other[i] = 1 - other[i];
    }
    let scores = |d: &[u8]| d.iter().map(|d| f64::from(*d)).collect();
    let label = vec![1; n];
    let table = |d: &[u8]| {
        let male = vec![column("g", &group)];
        Predictions::new(images(n), vec![None; n], male, label.clone(), scores(d)).unwrap()
    };
    let dp = |d: &[u8]| {
        let rate = |g: usize| {
            let of = (0..n).filter(|i| group[*i] == g);
            of.map(|i| f64::from(d[i])).sum::<f64>() / 20.0
        };
        (rate(0) - rate(1)).abs()
    };
    let observed = dp(&other) - dp(&base);
    let mut reached = 0;
    for swaps in 0..16 {
        let (mut a, mut b) = (base.clone(), other.clone());
        for (bit, i) in [0, 2, 4, 9].into_iter().enumerate() {
            if swaps >> bit & 1 == 1 {
                (a[i], b[i]) = (b[i], a[i]);
            }
        }
        reached += i32::from((dp(&b) - dp(&a)).abs() >= observed.abs() - 1e-12);
    }
    let exact = f64::from(reached) / 16.0;
    assert!(0.05 < exact && exact < 0.95, "{exact}");
    let config = CompareConfig {
        draws: 20_000,
        ..quick()
    };
    let found = &compared(&table(&base), &[table(&other)], &config)[0];
    let p = gap(found, "g", Gap::Dp).p_sharp.unwrap();
    // Four standard errors of 20,000 draws: 0.014.
    assert!((p - exact).abs() < 0.014, "{p}, exactly {exact}");
}

#[test]
fn people_are_swapped_as_a_whole() {
    let base = with_people(&faces(200, 3));
    let other = noisy(&base, 0.4, 1);
    let grouping = Grouping::new(base.attributes(), &Orders::default()).unwrap();
    let [b, q] = [at_half(&base), at_half(&other)];
    let person = base.people().unwrap();
    let swaps = Swaps::people(&grouping.cell_of, base.label(), &b, &q, person);
    let Swaps::People(people) = &swaps else {
        panic!("people are known");
    };
    let differ: Vec<usize> = (0..200).filter(|i| b[*i] != q[*i]).collect();
    let mut who: Vec<u32> = differ.iter().map(|i| person[*i]).collect();
    who.dedup();
    assert_eq!(people.len(), who.len());
    let images: u32 = people.iter().flatten().map(|(_, _, n)| n).sum();
    assert_eq!(images as usize, differ.len());
    assert_eq!(two_sided_p(0.2, [0.1, -0.2, f64::NAN].into_iter()), 0.75);
}

/// Images of a person that flip together count once.
#[test]
fn identities_widen_intervals_and_weaken_tests() {
    let base = faces(2000, 5);
    // Whole people (four images) lose or win.
    let score: Vec<f64> = (0..base.n())
        .map(|i| match i / 4 % 25 {
            0 => 1.0 - base.score()[i],
            _ => base.score()[i],
        })
        .collect();
    let plain = &compared(&base, &[with_scores(&base, score.clone())], &quick())[0];
    let known = with_people(&base);
    let clustered = &compared(&known, &[with_scores(&known, score)], &quick())[0];
    assert!(clustered.settings.clustered && !plain.settings.clustered);
    let width = |c: &Comparison| {
        let (lo, hi) = c.overall.accuracy.interval().unwrap();
        hi - lo
    };
    assert!(
        width(clustered) > width(plain),
        "{} {}",
        width(clustered),
        width(plain)
    );
    assert!(clustered.overall.mcnemar_p > plain.overall.mcnemar_p);
    assert_eq!(
        (plain.auc.method, clustered.auc.method),
        ("DeLong", "cluster bootstrap")
    );
    let (p, q) = (plain.auc.p.unwrap(), clustered.auc.p.unwrap());
    assert!(p < 0.05 && q < 0.2, "{p} {q}");
}

#[test]
fn json_has_the_documented_keys() {
    let base = faces(600, 5);
    let found = comparison(&compared(&base, &[noisy(&base, 0.2, 1)], &quick())[0]);
    let keys = |value: &Value| -> String {
        let keys: Vec<&str> = value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.join(" ")
    };
    assert_eq!(keys(&found), "accuracy auc attributes flips settings");
    assert!(keys(&found["accuracy"]).starts_with("delta ci mcnemar_p"));
    assert_eq!(keys(&found["attributes"]), "male young male*young");
    let dp = &found["attributes"]["male*young"]["dp_gap"];
    let expected = "delta ci p p_sharp p_adjusted p_holm q_exploratory equivalent_within equivalent tost_p attainable_margin";
    assert_eq!(keys(dp), expected);
    assert_eq!(dp["equivalent_within"], 0.01);
    let di = &found["attributes"]["male"]["di_ratio"];
    assert!(di["equivalent_within"].is_null() && di["not_tested"].is_string());
    let flip = &found["flips"][0];
    assert_eq!(flip["group"], "male=0");
    assert!(keys(flip).starts_with("group n right_to_wrong wrong_to_right"));
}

#[test]
fn what_cannot_be_estimated_is_a_reason() {
    // One group, and one without positives.
    let male = column("male", &[1, 1, 1, 1]);
    let label = vec![0, 0, 0, 0];
    let table = Predictions::new(
        images(4),
        vec![None; 4],
        vec![male],
        label,
        vec![0.1, 0.9, 0.2, 0.8],
    )
    .unwrap();
    let found = &compared(&table, &[noisy(&table, 0.5, 1)], &quick())[0];
    let dp = gap(found, "male", Gap::Dp);
    assert_eq!(
        dp.delta.reason(),
        Some("male: one group only, nothing to compare it with")
    );
    assert_eq!((dp.p, dp.adjusted), (None, None));
    let eo = gap(found, "male", Gap::Eo);
    assert_eq!(eo.delta.reason(), Some("male=1: no positive labels"));
    assert!(eo.equivalence.is_err());
    assert_eq!(found.auc.p, None);
    assert!(found.table("base").contains('–'));
}
