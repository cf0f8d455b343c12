//! Weighted sums of changes between configurations, judged together.

use super::finding::{Number, Part, Verdict};
use crate::fairness::resample::simultaneous::simultaneous;
use crate::study::analysis::measured::{Delta, Measured};
use crate::study::analysis::metric::Metric;

/// One target and seed.
#[derive(Clone, Copy)]
pub struct Slice<'a> {
    /// The target.
    pub measured: &'a Measured,
    /// The seed.
    pub seed: u64,
    /// Architectures, in the order of tables.
    pub models: &'a [String],
    /// Confidence of intervals.
    pub confidence: f64,
}

/// `weight` times the change from `base` to `other` on `model`.
#[derive(Debug, Clone, Copy)]
pub struct Term<'a> {
    /// Its weight.
    pub weight: f64,
    /// The architecture.
    pub model: &'a str,
    /// From this method.
    pub base: &'a str,
    /// To this.
    pub other: &'a str,
}

/// What is claimed of a contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// That it makes its number better.
    Better,
    /// That it makes it worse.
    Worse,
    /// Nothing.
    Nothing,
}

/// A weighted sum of changes of one number.
pub struct Contrast {
    label: String,
    /// Of what.
    pub metric: Metric,
    claim: Claim,
    terms: Vec<(f64, Delta)>,
}

/// A contrast that was judged.
#[derive(Debug, Clone)]
pub struct Outcome {
    label: String,
    /// Of what.
    pub metric: Metric,
    /// Its value, a share.
    pub value: f64,
    /// Its simultaneous interval.
    pub ci: [f64; 2],
    /// p on its own, and adjusted.
    pub p: [f64; 2],
    /// What it says of its claim; `None` without one.
    pub verdict: Option<Verdict>,
}

impl<'a> Slice<'a> {
    /// Whether a configuration has predictions.
    pub fn has(&self, model: &str, method: &str) -> bool {
        self.measured.find(model, method, self.seed).is_some()
    }

    /// Architectures that have all these methods.
    pub fn models_with(&self, methods: &[&str]) -> Vec<&'a str> {
        let has_all = |model: &&String| methods.iter().all(|m| self.has(model, m));
        self.models
            .iter()
            .filter(has_all)
            .map(String::as_str)
            .collect()
    }

    /// A contrast; `None` where a configuration is missing or the number is undefined for one. `among`
    /// is how many contrasts are judged together.
    pub fn contrast(
        &self,
        label: impl Into<String>,
        metric: Metric,
        claim: Claim,
        terms: &[Term],
        among: usize,
    ) -> Option<Contrast> {
        let one = |term: &Term| {
            let [base, other] = [term.base, term.other]
                .map(|method| self.measured.find(term.model, method, self.seed));
            let delta = self
                .measured
                .delta(base?, other?, metric, among * terms.len())?;
            Some((term.weight, delta))
        };
        let terms = terms.iter().map(one).collect::<Option<Vec<_>>>()?;
        (!terms.is_empty()).then(|| Contrast {
            label: label.into(),
            metric,
            claim,
            terms,
        })
    }

    /// The mean over architectures of `base` → `other`.
    pub fn mean(
        &self,
        label: impl Into<String>,
        metric: Metric,
        claim: Claim,
        [base, other]: [&str; 2],
        among: usize,
    ) -> Option<Contrast> {
        let models = self.models_with(&[base, other]);
        let weight = 1.0 / models.len() as f64;
        let terms: Vec<Term> = models
            .into_iter()
            .map(|model| Term {
                weight,
                model,
                base,
                other,
            })
            .collect();
        self.contrast(label, metric, claim, &terms, among)
    }
}

impl Contrast {
    fn value(&self) -> f64 {
        self.terms.iter().map(|(w, d)| w * d.value).sum()
    }

    fn replicates(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.terms[0].1.replicates.len()];
        for (weight, delta) in &self.terms {
            for (to, x) in sum.iter_mut().zip(&delta.replicates) {
                *to += weight * x;
            }
        }
        sum
    }

    /// How much wider than its replicates say it has to be: terms whose decisions hardly change have
    /// replicates that hardly move, and an exact bound instead.
    fn unseen(&self) -> f64 {
        let of = |(w, d): &(f64, Delta)| d.bound.map_or(0.0, |b| w.abs() * (b + d.value.abs()));
        self.terms.iter().map(of).sum()
    }
}

/// Judges contrasts together: max-|t| bands, Romano–Wolf.
pub fn judge(contrasts: &[Contrast], confidence: f64) -> Vec<Outcome> {
    let values: Vec<f64> = contrasts.iter().map(Contrast::value).collect();
    let replicates: Vec<Vec<f64>> = contrasts.iter().map(Contrast::replicates).collect();
    let judged = simultaneous(&values, &replicates, confidence);
    let outcome = |(c, j): (&Contrast, &crate::fairness::resample::simultaneous::Judged)| {
        let unseen = c.unseen();
        let ci = [j.band[0] - unseen, j.band[1] + unseen];
        let verdict = match c.claim {
            Claim::Better => Some(Verdict::of(ci, c.metric.better())),
            Claim::Worse => Some(Verdict::of(ci, -c.metric.better())),
            Claim::Nothing => None,
        };
        Outcome {
            label: c.label.clone(),
            metric: c.metric,
            value: j.value,
            ci,
            p: [j.p, j.p_adjusted],
            verdict,
        }
    };
    contrasts.iter().zip(&judged).map(outcome).collect()
}

impl Outcome {
    /// As a part, in points.
    pub fn part(&self, what: &str) -> Part {
        Part {
            label: self.label.clone(),
            number: self.number(what, "points"),
            verdict: self.verdict,
        }
    }

    /// As the headline of a finding, in points.
    pub fn effect(&self, what: &str) -> Number {
        let number = self.number(what, "points");
        Number {
            name: format!("{}: {}", self.label, number.name),
            ..number
        }
    }

    /// As a number, times 100.
    pub fn number(&self, what: &str, unit: &'static str) -> Number {
        Number {
            ci: Some(self.ci.map(|end| 100.0 * end)),
            p: Some(self.p[0]),
            p_adjusted: Some(self.p[1]),
            ..Number::plain(
                &format!("{what} {}", self.metric.title()),
                100.0 * self.value,
                unit,
            )
        }
    }
}

/// The verdict of claims that are judged together.
pub fn together(outcomes: &[Outcome]) -> Verdict {
    let own: Vec<Verdict> = outcomes.iter().filter_map(|o| o.verdict).collect();
    Verdict::any(&own)
}

/// The outcome of a metric, the first where it is missing.
pub fn headline(outcomes: &[Outcome], metric: Metric) -> Option<&Outcome> {
    outcomes
        .iter()
        .find(|o| o.metric == metric)
        .or(outcomes.first())
}
