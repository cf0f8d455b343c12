//! H6: the architecture predicts behaviour; CNNs against Transformers.

use super::Study;
use super::contrast::{Claim, Slice, Term, judge};
use super::descriptors;
use super::finding::{Finding, Number, Part, Verdict};
use super::interaction::{self, Changes};
use super::ridge::left_out_weights;
use crate::fairness::compare::family::holm;
use crate::fairness::resample::simultaneous::simultaneous;
use crate::study::analysis::metric::Metric;
use crate::study::analysis::settings::BASELINE;

const CLAIM: &str = "The architecture predicts how compression changes fairness; CNNs and Transformers behave differently.";
const TEST: &str = "leave-one-architecture-out prediction of the changes from descriptors (log parameters, depth, share of \
    depthwise weights, attention, activation; ridge, penalty 1) against the method alone, simultaneous 95 % bootstrap \
    intervals of the gain; architecture × method interaction by restricted permutation";
const EFFECT: &str = "error of the method alone − error with descriptors,";

/// Ridge penalty on standardized descriptors, declared before any run.
const PENALTY: f64 = 1.0;

/// The finding.
pub fn find(study: &Study) -> Finding {
    let Some(slice) = study.main() else {
        return Finding::not_testable(
            "H6",
            CLAIM,
            TEST,
            EFFECT,
            "no configuration has predictions",
        );
    };
    // The architectures and methods that make a whole table.
    let mut methods: Vec<&str> = study.settings.methods.iter().map(String::as_str).collect();
    methods.retain(|m| *m != BASELINE);
    let described: Vec<(&str, Vec<f64>)> = slice
        .models_with(&[BASELINE])
        .into_iter()
        .filter_map(|m| Some((m, descriptors::of(m)?.row(study.params(m)?))))
        .collect();
    methods.retain(|method| described.iter().all(|(m, _)| slice.has(m, method)));
    if described.len() < 3 || methods.len() < 2 {
        let reason = "it takes three described architectures that share at least two methods";
        let mut finding = Finding::not_testable("H6", CLAIM, TEST, EFFECT, reason);
        finding.parts.push(class_claim(None));
        return finding;
    }
    let models: Vec<&str> = described.iter().map(|d| d.0).collect();
    let rows: Vec<Vec<f64>> = described.iter().map(|d| d.1.clone()).collect();
    let gains = gains(slice, &models, &methods, &rows);
    let own: Vec<Verdict> = gains.iter().filter_map(|p| p.verdict).collect();
    let effect = gains
        .iter()
        .find(|p| p.number.name.ends_with(Metric::Eo.title()))
        .or(gains.first());
    let effect = effect.map_or_else(
        || Number::missing(EFFECT, "points", "no primary metric can be estimated"),
        |p| p.number.clone(),
    );
    let (tests, differ) = interactions(study, slice, &models, &methods);
    let mut notes = vec![match differ {
        true => "Methods act differently on different architectures (interaction, Holm over DP and EO, 5 %).".to_string(),
        false => "No interaction of architecture and method was shown (Holm over DP and EO, 5 %).".to_string(),
    }];
    let mut parts = gains;
    parts.extend(tests);
    parts.extend(transformer(slice, &models, &methods));
    notes.push(format!(
        "{} architectures give four or fewer to learn from when one is left out: prediction can only show large effects.",
        models.len()
    ));
    notes.push("One Transformer among the architectures cannot carry a claim about the class: not testable.".into());
    Finding {
        id: "H6",
        claim: CLAIM,
        verdict: Verdict::any(&own),
        test: TEST.into(),
        effect,
        parts,
        notes,
        not_allowed: vec![
            "several Transformers and more CNNs, which a claim about classes takes".into(),
            "a permutation test with several trainings of each cell as its units".into(),
        ],
    }
}

/// How much better descriptors predict an architecture that was left out than the method alone.
fn gains(slice: Slice, models: &[&str], methods: &[&str], rows: &[Vec<f64>]) -> Vec<Part> {
    let weights: Vec<Vec<f64>> = (0..models.len())
        .map(|m| left_out_weights(rows, m, PENALTY))
        .collect();
    let place = |m: &str, k: &str| slice.measured.find(m, k, slice.seed).expect("it is there");
    let bases: Vec<usize> = models.iter().map(|m| place(m, BASELINE)).collect();
    let others: Vec<Vec<usize>> = models
        .iter()
        .map(|m| methods.iter().map(|k| place(m, k)).collect())
        .collect();
    let mut values = Vec::new();
    let mut replicates: Vec<Vec<f64>> = Vec::new();
    let mut names = Vec::new();
    for metric in Metric::PRIMARY {
        let level = |e: usize, r: Option<usize>| {
            let entry = &slice.measured.entries[e];
            match r {
                None => entry.levels[metric as usize],
                Some(r) => entry.replicates[metric as usize][r],
            }
        };
        let gain = |r: Option<usize>| -> f64 {
            let change = |(base, others): (&usize, &Vec<usize>)| -> Vec<f64> {
                let base = level(*base, r);
                others.iter().map(|e| level(*e, r) - base).collect()
            };
            let y: Vec<Vec<f64>> = bases.iter().zip(&others).map(change).collect();
            let [alone, described] = errors(&y, &weights);
            100.0 * (alone - described)
        };
        let value = gain(None);
        if value.is_nan() {
            continue;
        }
        let count = slice.measured.entries[0].replicates[0].len();
        values.push(value);
        replicates.push((0..count).map(|r| gain(Some(r))).collect());
        names.push(metric);
    }
    let judged = simultaneous(&values, &replicates, slice.confidence);
    let part = |(metric, j): (&Metric, &crate::fairness::resample::simultaneous::Judged)| {
        let ci = (j.se > 0.0).then_some(j.band);
        Part {
            label: format!("{} architectures, each left out once", models.len()),
            number: Number {
                ci,
                p: Some(j.p),
                p_adjusted: Some(j.p_adjusted),
                reason: ci
                    .is_none()
                    .then(|| "nothing changes, so that there is nothing to predict".into()),
                ..Number::plain(&format!("{EFFECT} {}", metric.title()), j.value, "points")
            },
            verdict: Some(ci.map_or(Verdict::Inconclusive, |ci| Verdict::of(ci, 1.0))),
        }
    };
    names.iter().zip(&judged).map(part).collect()
}

/// Root mean squared errors of the method alone, and with descriptors.
fn errors(y: &[Vec<f64>], weights: &[Vec<f64>]) -> [f64; 2] {
    let methods = y[0].len() as f64;
    let row_mean: Vec<f64> = y
        .iter()
        .map(|row| row.iter().sum::<f64>() / methods)
        .collect();
    let mut squares = [0.0; 2];
    for (m, row) in y.iter().enumerate() {
        let others: Vec<usize> = (0..y.len()).filter(|o| *o != m).collect();
        let shift: f64 = others
            .iter()
            .zip(&weights[m])
            .map(|(o, w)| w * row_mean[*o])
            .sum();
        for (k, observed) in row.iter().enumerate() {
            let alone = others.iter().map(|o| y[*o][k]).sum::<f64>() / others.len() as f64;
            squares[0] += (observed - alone).powi(2);
            squares[1] += (observed - alone - shift).powi(2);
        }
    }
    squares.map(|s| (s / (methods * y.len() as f64)).sqrt())
}

/// The interaction tests of DP and EO, and whether any shows one.
fn interactions(
    study: &Study,
    slice: Slice,
    models: &[&str],
    methods: &[&str],
) -> (Vec<Part>, bool) {
    let decisions = |m: &str, k: &str| {
        let entry = slice.measured.find(m, k, slice.seed).expect("it is there");
        slice.measured.entries[entry].candidate.decisions.as_slice()
    };
    let (group_of, groups) = slice.measured.groups();
    let label = slice.measured.table.label();
    let bases: Vec<&[u8]> = models.iter().map(|m| decisions(m, BASELINE)).collect();
    let others: Vec<Vec<&[u8]>> = models
        .iter()
        .map(|m| methods.iter().map(|k| decisions(m, k)).collect())
        .collect();
    let test = |class_of: Vec<usize>, set_of: Vec<usize>| {
        let changes = Changes {
            class_of,
            set_of,
            bases: bases.clone(),
            others: others.clone(),
            people: slice.measured.table.people(),
        };
        interaction::p(&changes, study.settings.replicates, study.settings.seed)
    };
    let dp = test(group_of.to_vec(), vec![0; groups]);
    let by_label = (0..label.len())
        .map(|i| 2 * group_of[i] + usize::from(label[i]))
        .collect();
    let eo = test(by_label, (0..2 * groups).map(|c| c % 2).collect());
    let found: Vec<(&str, f64)> = [("selection rates (DP)", dp), ("TPR and FPR (EO)", eo)]
        .into_iter()
        .filter_map(|(name, p)| Some((name, p?)))
        .collect();
    let held = holm(&found.iter().map(|f| f.1).collect::<Vec<_>>());
    let parts = found.iter().zip(&held).map(|((name, p), held)| Part {
        label: format!("{} architectures × {} methods", models.len(), methods.len()),
        number: Number {
            p: Some(*p),
            p_adjusted: Some(*held),
            ..Number::missing(
                &format!("interaction in groups' {name}"),
                "p only",
                "a test without an effect size",
            )
        },
        verdict: None,
    });
    (parts.collect(), held.iter().any(|p| *p <= 0.05))
}

/// The Transformer less the mean of the CNNs: measured, but no claim about classes.
fn transformer(slice: Slice, models: &[&str], methods: &[&str]) -> Vec<Part> {
    let attends = |m: &&&str| descriptors::of(m).is_some_and(|d| d.attention > 0.0);
    let with: Vec<&&str> = models.iter().filter(attends).collect();
    let without: Vec<&&str> = models.iter().filter(|m| !attends(m)).collect();
    if with.is_empty() || without.is_empty() {
        return vec![class_claim(None)];
    }
    let mut terms = Vec::new();
    for (side, group) in [(1.0, &with), (-1.0, &without)] {
        let weight = side / (group.len() * methods.len()) as f64;
        for model in group {
            terms.extend(methods.iter().map(|other| Term {
                weight,
                model,
                base: BASELINE,
                other,
            }));
        }
    }
    let contrasts: Vec<_> = Metric::PRIMARY
        .iter()
        .filter_map(|m| {
            slice.contrast(
                "Transformer − CNNs, mean of methods",
                *m,
                Claim::Nothing,
                &terms,
                3,
            )
        })
        .collect();
    judge(&contrasts, slice.confidence)
        .iter()
        .map(|o| class_claim(Some(o.part("change of"))))
        .collect()
}

fn class_claim(measured: Option<Part>) -> Part {
    let mut part = measured.unwrap_or_else(|| Part {
        label: "Transformer − CNNs".into(),
        number: Number::missing(
            "difference of changes",
            "points",
            "not both kinds were measured",
        ),
        verdict: None,
    });
    part.verdict = Some(Verdict::NotTestable);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_that_carry_the_change_predict_it() {
        // The change is linear in the first descriptor.
        let rows: Vec<Vec<f64>> = (0..5).map(|m| vec![m as f64, 1.0]).collect();
        let weights: Vec<Vec<f64>> = (0..5).map(|m| left_out_weights(&rows, m, 1e-9)).collect();
        let y: Vec<Vec<f64>> = (0..5)
            .map(|m| vec![0.1 * m as f64, 1.0 + 0.1 * m as f64])
            .collect();
        let [alone, described] = errors(&y, &weights);
        assert!(alone > 0.1 && described < 1e-6, "{alone} {described}");
        // Without information the descriptors add nothing.
        let flat: Vec<Vec<f64>> = vec![vec![2.0, 1.0]; 5];
        let weights: Vec<Vec<f64>> = (0..5).map(|m| left_out_weights(&flat, m, 1.0)).collect();
        let [alone, described] = errors(&y, &weights);
        assert_eq!(alone, described);
    }
}
