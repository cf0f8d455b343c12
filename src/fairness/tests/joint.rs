//! Many models with many bases against comparisons with one base.

use super::{Predictions, at_half, faces, noisy, with_people};
use crate::fairness::{
    AuditConfig, Base, Candidate, CompareConfig, Comparison, Gap, Grouping, Intervals, Joint,
    Member, Orders, Pairing, audit, audit_drawn, compare,
};

fn quick() -> CompareConfig {
    CompareConfig {
        replicates: 400,
        draws: 200,
        seed: 3,
        ..CompareConfig::default()
    }
}

fn candidate(name: &str, table: &Predictions) -> Candidate {
    Candidate {
        name: name.into(),
        predictions: table.clone(),
        decisions: at_half(table),
    }
}

fn pair(base: usize, other: usize, member: Member) -> Pairing {
    Pairing {
        base,
        other,
        member,
    }
}

fn with_base(grouping: &Grouping, base: &Candidate, others: &[Candidate]) -> Vec<Comparison> {
    let base = Base {
        predictions: &base.predictions,
        decisions: &base.decisions,
        grouping,
    };
    compare(&base, others, &quick()).unwrap()
}

/// All but what the family decides.
fn alone(of: &Comparison) -> Comparison {
    let mut of = of.clone();
    of.settings.family = 0;
    for gap in of.attributes.iter_mut().flat_map(|a| &mut a.gaps) {
        (gap.adjusted, gap.q) = (None, None);
    }
    of
}

/// By identity replicates are the same number by number, so that every comparison is, whatever its base.
#[test]
fn pairs_are_compared_as_if_each_base_had_its_own_comparison() {
    let first = with_people(&faces(400, 5));
    let models: Vec<Candidate> = (0..4)
        .map(|i: u8| {
            candidate(
                &format!("m{i}"),
                &noisy(&first, 0.1 * f64::from(i), i.into()),
            )
        })
        .collect();
    let grouping = Grouping::new(first.attributes(), &Orders::default()).unwrap();
    let (inside, outside) = (Member::Family, Member::Outside);
    let pairs = [pair(0, 1, inside), pair(2, 3, inside), pair(1, 3, outside)];
    let config = quick();
    let joint = Joint::draw(&grouping, &models, &pairs, &config).unwrap();
    let found = joint.compare();
    for (pair, found) in pairs.iter().zip(&found) {
        let others = std::slice::from_ref(&models[pair.other]);
        let expected = with_base(&grouping, &models[pair.base], others);
        assert_eq!(alone(found), alone(&expected[0]));
        for gap in &found.attributes[grouping.primary()].gaps {
            let of_family = pair.member == inside && matches!(gap.gap, Gap::Dp | Gap::Eo);
            assert_eq!(gap.adjusted.is_some(), of_family);
            if let Some(adjusted) = gap.adjusted {
                let p = gap.p.unwrap();
                assert!(adjusted.romano_wolf >= p && adjusted.holm >= p, "{gap:?}");
            }
        }
        assert_eq!(found.settings.family, 4);
    }
    // Levels of the same replicates are those of an audit.
    let config = AuditConfig {
        replicates: 400,
        permutations: 20,
        seed: 3,
        intervals: Intervals::Decisions,
        ..AuditConfig::default()
    };
    let drawn = joint.counts(2);
    let model = &models[2];
    let report = audit_drawn(
        &model.predictions,
        &grouping,
        &model.decisions,
        &drawn,
        &config,
    );
    assert_eq!(report, audit(&model.predictions, &config).unwrap());
}

/// Images within strata are drawn in another order when more models are looked at: the same
/// distribution, not the same numbers.
#[test]
fn without_people_intervals_agree_up_to_the_draw() {
    let first = faces(1500, 5);
    let models: Vec<Candidate> = (0..3)
        .map(|i: u8| {
            candidate(
                &format!("m{i}"),
                &noisy(&first, 0.15 * f64::from(i), i.into()),
            )
        })
        .collect();
    let grouping = Grouping::new(first.attributes(), &Orders::default()).unwrap();
    let pairs = [pair(0, 2, Member::Family), pair(1, 2, Member::Outside)];
    let config = CompareConfig {
        replicates: 4000,
        ..quick()
    };
    let joint = Joint::draw(&grouping, &models, &pairs, &config).unwrap();
    for (pair, found) in pairs.iter().zip(joint.compare()) {
        let base = Base {
            predictions: &models[pair.base].predictions,
            decisions: &models[pair.base].decisions,
            grouping: &grouping,
        };
        let others = std::slice::from_ref(&models[pair.other]);
        let expected = &compare(&base, others, &config).unwrap()[0];
        let accuracy = |c: &Comparison| c.overall.accuracy.interval().unwrap();
        let (a, b) = (accuracy(&found), accuracy(expected));
        // An end of 4,000 replicates has an error of 3 % of the half-width; four of them.
        let error = 0.12 * (b.1 - b.0) / 2.0;
        assert!(
            (a.0 - b.0).abs() < error && (a.1 - b.1).abs() < error,
            "{a:?} {b:?}"
        );
        assert_eq!(found.overall.mcnemar_p, expected.overall.mcnemar_p);
        assert_eq!(found.auc, expected.auc);
    }
}

/// A model that hardly changes anything must not hide what another changes.
#[test]
fn sparse_members_do_not_hide_others() {
    let base = faces(2000, 5);
    let [male, young] = [0, 1].map(|a| base.attributes()[a].codes());
    let hit = |i: usize| male[i] == 1 && young[i] == 0;
    let score: Vec<f64> = (0..base.n())
        .map(|i| (base.score()[i] - if hit(i) { 0.15 } else { 0.0 }).max(0.0))
        .collect();
    let mut models = vec![
        candidate("base", &base),
        candidate("harmed", &super::with_scores(&base, score)),
    ];
    for m in 0..20 {
        let mut decisions = at_half(&base);
        let flipped = (0..base.n()).filter(|i| hit(*i)).nth(m).unwrap();
        decisions[flipped] = 1 - decisions[flipped];
        models.push(Candidate {
            decisions,
            ..candidate(&format!("still{m}"), &base)
        });
    }
    let grouping = Grouping::new(base.attributes(), &Orders::default()).unwrap();
    let pairs: Vec<Pairing> = (1..models.len())
        .map(|m| pair(0, m, Member::Family))
        .collect();
    let config = quick();
    let found = Joint::draw(&grouping, &models, &pairs, &config)
        .unwrap()
        .compare();
    let dp = |c: &Comparison| c.attributes[2].gaps[0].adjusted.unwrap().romano_wolf;
    assert!(dp(&found[0]) < 0.05, "{}", dp(&found[0]));
    assert!(found[1..].iter().all(|c| dp(c) > 0.2));
}
