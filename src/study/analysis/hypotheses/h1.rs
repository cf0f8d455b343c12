//! H1: larger models are more resilient; capacity predicts resilience.

use super::Study;
use super::contrast::{Claim, Outcome, Slice, Term, headline, judge};
use super::finding::{Finding, Number, Part, Verdict};
use crate::fairness::{Side, exact_spearman_p, spearman};
use crate::study::analysis::metric::Metric;
use crate::study::analysis::settings::BASELINE;

const CLAIM: &str =
    "Larger models are more resilient: the more parameters, the less compression changes fairness.";
const TEST: &str = "least squares of the change on log10(parameters) with the method as a factor; simultaneous 95 % \
    bootstrap intervals of the slopes of all primary metrics; the verdict also needs the exact Spearman test over \
    architectures to reach 5 % one-sided";

/// Parameters of an architecture.
pub type Params<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// Spearman's test of parameters and mean change.
#[derive(Clone, Copy)]
pub struct Rank {
    /// The correlation.
    rho: f64,
    /// One-sided p of what is claimed.
    p: f64,
    /// Of the contrary.
    opposite: f64,
}

/// Slopes on one target and seed, and what the exact test says.
pub struct Slopes {
    /// One per metric.
    pub outcomes: Vec<Outcome>,
    /// The exact test of each, in the same order.
    pub ranks: Vec<Option<Rank>>,
    /// By the rule and the exact test.
    pub verdict: Verdict,
    /// Architectures.
    pub architectures: usize,
}

/// Slopes of the change of each metric on log10(parameters); `None` with fewer than three architectures.
pub fn slopes(
    slice: Slice,
    methods: &[String],
    params: Params,
    metrics: &[Metric],
) -> Option<Slopes> {
    let models: Vec<(&str, f64)> = slice
        .models_with(&[BASELINE])
        .into_iter()
        .filter_map(|m| Some((m, (params(m)? as f64).log10())))
        .collect();
    let methods: Vec<&str> = methods
        .iter()
        .map(String::as_str)
        .filter(|m| *m != BASELINE)
        .collect();
    // Slope = Σ (x − x̄ of the method) Δ / Σ (x − x̄)².
    let mut terms = Vec::new();
    let mut squares = 0.0;
    for method in &methods {
        let there: Vec<&(&str, f64)> = models
            .iter()
            .filter(|(m, _)| slice.has(m, method))
            .collect();
        let mean = there.iter().map(|(_, x)| x).sum::<f64>() / there.len().max(1) as f64;
        for (model, x) in there {
            squares += (x - mean).powi(2);
            terms.push(Term {
                weight: x - mean,
                model,
                base: BASELINE,
                other: method,
            });
        }
    }
    if models.len() < 3 || squares == 0.0 {
        return None;
    }
    terms.iter_mut().for_each(|t| t.weight /= squares);
    let contrasts: Vec<_> = metrics
        .iter()
        .filter_map(|m| slice.contrast("all methods", *m, Claim::Better, &terms, metrics.len()))
        .collect();
    let mut outcomes = judge(&contrasts, slice.confidence);
    let common: Vec<&str> = methods
        .into_iter()
        .filter(|method| models.iter().all(|(m, _)| slice.has(m, method)))
        .collect();
    let x: Vec<f64> = models.iter().map(|m| m.1).collect();
    let ranks: Vec<Option<Rank>> = outcomes
        .iter()
        .map(|o| {
            let mean = |(model, _): &(&str, f64)| -> Option<f64> {
                let base = slice.measured.find(model, BASELINE, slice.seed)?;
                let each = common.iter().map(|method| {
                    let other = slice.measured.find(model, method, slice.seed)?;
                    let level = |e: usize| slice.measured.entries[e].levels[o.metric as usize];
                    Some(level(other) - level(base))
                });
                let all = each.collect::<Option<Vec<f64>>>()?;
                (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
            };
            let y = models.iter().map(mean).collect::<Option<Vec<f64>>>()?;
            let sides = match o.metric.better() < 0.0 {
                true => [Side::Negative, Side::Positive],
                false => [Side::Positive, Side::Negative],
            };
            Some(Rank {
                rho: spearman(&x, &y)?,
                p: exact_spearman_p(&x, &y, sides[0])?,
                opposite: exact_spearman_p(&x, &y, sides[1])?,
            })
        })
        .collect();
    for (outcome, rank) in outcomes.iter_mut().zip(&ranks) {
        // A slope over images speaks of these networks; the claim is about architectures.
        let p = rank.map(|rank| match outcome.verdict {
            Some(Verdict::Contradicted) => rank.opposite,
            _ => rank.p,
        });
        let enough = p.is_some_and(|p| p <= 0.05);
        if !enough {
            outcome.verdict = Some(Verdict::Inconclusive);
        }
    }
    let own: Vec<Verdict> = outcomes.iter().filter_map(|o| o.verdict).collect();
    Some(Slopes {
        verdict: Verdict::any(&own),
        outcomes,
        ranks,
        architectures: models.len(),
    })
}

/// The finding.
pub fn find(study: &Study) -> Finding {
    const EFFECT: &str = "slope of the change per tenfold of parameters:";
    let Some(slice) = study.main() else {
        return Finding::not_testable(
            "H1",
            CLAIM,
            TEST,
            EFFECT,
            "no configuration has predictions",
        );
    };
    let params = |model: &str| study.params(model);
    let Some(found) = slopes(slice, &study.settings.methods, &params, &Metric::PRIMARY) else {
        let reason = "it takes three architectures with a baseline, compressed versions and their numbers of parameters";
        return Finding::not_testable("H1", CLAIM, TEST, EFFECT, reason);
    };
    let n = found.architectures;
    let orders: u64 = (1..=n as u64).product();
    let mut parts: Vec<Part> = found.outcomes.iter().map(|o| o.part(EFFECT)).collect();
    for (outcome, rank) in found.outcomes.iter().zip(&found.ranks) {
        let name = format!(
            "Spearman of parameters and mean change, {}",
            outcome.metric.title()
        );
        parts.push(Part {
            label: format!("{n} architectures"),
            number: match rank {
                Some(rank) => Number {
                    p: Some(rank.p),
                    ..Number::plain(&name, rank.rho, "correlation")
                },
                None => Number::missing(&name, "correlation", "the mean changes are all equal"),
            },
            verdict: None,
        });
    }
    let methods: Vec<&String> = study
        .settings
        .methods
        .iter()
        .filter(|m| *m != BASELINE)
        .collect();
    for method in methods {
        let one = slopes(
            slice,
            std::slice::from_ref(method),
            &params,
            &Metric::PRIMARY,
        );
        parts.extend(one.iter().flat_map(|s| &s.outcomes).map(|o| Part {
            label: method.clone(),
            verdict: None,
            ..o.part(EFFECT)
        }));
    }
    let best = headline(&found.outcomes, Metric::Eo);
    Finding {
        id: "H1",
        claim: CLAIM,
        verdict: found.verdict,
        test: TEST.into(),
        effect: best.map_or_else(
            || Number::missing(EFFECT, "points", "no primary metric can be estimated"),
            |o| o.number(EFFECT, "points"),
        ),
        parts,
        notes: vec![
            format!(
                "Spearman's test over {n} architectures is exact: its smallest one-sided p is 1/{orders} = {:.4}.",
                1.0 / orders as f64
            ),
            format!(
                "The slopes' intervals are over images of these {n} networks: architectures differ in more than their \
                 size, so that size is confounded with everything else they differ in."
            ),
            "Slopes of single methods are judged within each method and carry no verdict.".into(),
        ],
        not_allowed: vec![
            "one architecture in several sizes, which would separate capacity from design".into(),
        ],
    }
}
