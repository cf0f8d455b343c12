//! What is said of a claim, as data, and how it is written.

use serde_json::{Map, Value, json};

use crate::study::analysis::sheet::six;

/// What the data say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The adjusted interval excludes 0 in the claimed direction.
    Supported,
    /// It excludes 0 in the other.
    Contradicted,
    /// It does not exclude 0.
    Inconclusive,
    /// What it takes is missing.
    NotTestable,
}

impl Verdict {
    /// As files have it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Contradicted => "contradicted",
            Self::Inconclusive => "inconclusive",
            Self::NotTestable => "not testable",
        }
    }

    /// Of parts that are all claimed: supported where all are, contradicted where any is.
    pub fn all(parts: &[Self]) -> Self {
        if parts.is_empty() || parts.iter().all(|v| *v == Self::NotTestable) {
            return Self::NotTestable;
        }
        if parts.contains(&Self::Contradicted) {
            return Self::Contradicted;
        }
        match parts.iter().all(|v| *v == Self::Supported) {
            true => Self::Supported,
            false => Self::Inconclusive,
        }
    }

    /// Of parts that are adjusted together: supported where any is and none is contradicted, and the
    /// reverse.
    pub fn any(parts: &[Self]) -> Self {
        if parts.iter().all(|v| *v == Self::NotTestable) {
            return Self::NotTestable;
        }
        let has = |v| parts.contains(&v);
        match (has(Self::Supported), has(Self::Contradicted)) {
            (true, false) => Self::Supported,
            (false, true) => Self::Contradicted,
            _ => Self::Inconclusive,
        }
    }

    /// By the rule: an interval, and the sign that is claimed.
    pub fn of(interval: [f64; 2], claimed: f64) -> Self {
        let [lo, hi] = match claimed < 0.0 {
            true => [-interval[1], -interval[0]],
            false => interval,
        };
        match (lo > 0.0, hi < 0.0) {
            (true, _) => Self::Supported,
            (_, true) => Self::Contradicted,
            _ => Self::Inconclusive,
        }
    }
}

/// A number with its interval and tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// What it is.
    pub name: String,
    /// Missing where it cannot be estimated.
    pub value: Option<f64>,
    /// Its interval, adjusted where it is one of several.
    pub ci: Option<[f64; 2]>,
    /// p of 0, on its own.
    pub p: Option<f64>,
    /// Adjusted over those that it is judged with.
    pub p_adjusted: Option<f64>,
    /// `points` are hundredths of a rate.
    pub unit: &'static str,
    /// Why something is missing.
    pub reason: Option<String>,
}

impl Number {
    /// A number that cannot be estimated.
    pub fn missing(name: &str, unit: &'static str, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::plain(name, f64::NAN, unit)
        }
    }

    /// A number without interval or test.
    pub fn plain(name: &str, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value: value.is_finite().then_some(value),
            ci: None,
            p: None,
            p_adjusted: None,
            unit,
            reason: None,
        }
    }

    fn fill(&self, map: &mut Map<String, Value>) {
        map.insert("name".into(), json!(self.name));
        map.insert("value".into(), number(self.value));
        map.insert("ci".into(), interval(self.ci));
        map.insert("p".into(), number(self.p));
        map.insert("p_adjusted".into(), number(self.p_adjusted));
        map.insert("unit".into(), json!(self.unit));
        if let Some(reason) = &self.reason {
            map.insert("reason".into(), json!(reason));
        }
    }
}

/// A part of a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Of what: `resnet50, INT8`.
    pub label: String,
    /// The number.
    pub number: Number,
    /// What it says of its own claim, where it has one.
    pub verdict: Option<Verdict>,
}

/// What is said of one claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// `H1` to `H6`, `also`.
    pub id: &'static str,
    /// What is claimed.
    pub claim: &'static str,
    /// What the data say.
    pub verdict: Verdict,
    /// How it was tested.
    pub test: String,
    /// The headline number.
    pub effect: Number,
    /// Everything else.
    pub parts: Vec<Part>,
    /// What a reader has to know.
    pub notes: Vec<String>,
    /// What the budget did not allow.
    pub not_allowed: Vec<String>,
}

impl Finding {
    /// A claim that cannot be tested, and why.
    pub fn not_testable(
        id: &'static str,
        claim: &'static str,
        test: &str,
        effect: &str,
        reason: impl Into<String>,
    ) -> Self {
        let reason = reason.into();
        // Of no metric: elsewhere the metric's name follows.
        let effect = effect.trim_end_matches([':', ',']);
        let effect = match effect.ends_with(" of") {
            true => format!("{effect} gaps"),
            false => effect.to_string(),
        };
        Self {
            id,
            claim,
            verdict: Verdict::NotTestable,
            test: test.into(),
            effect: Number::missing(&effect, "points", reason.clone()),
            parts: Vec::new(),
            notes: vec![format!("Not testable: {reason}.")],
            not_allowed: Vec::new(),
        }
    }

    /// As `hypotheses.json` has it.
    pub fn json(&self) -> Value {
        let mut effect = Map::new();
        self.effect.fill(&mut effect);
        let parts = self.parts.iter().map(|part| {
            let mut map = Map::new();
            map.insert("label".into(), json!(part.label));
            part.number.fill(&mut map);
            map.insert("verdict".into(), json!(part.verdict.map(Verdict::text)));
            Value::Object(map)
        });
        json!({
            "id": self.id,
            "claim": self.claim,
            "verdict": self.verdict.text(),
            "test": self.test,
            "effect": effect,
            "parts": parts.collect::<Vec<_>>(),
            "notes": self.notes,
            "not_allowed": self.not_allowed,
        })
    }
}

/// Six significant digits, or null.
pub fn number(value: Option<f64>) -> Value {
    let rounded = value
        .filter(|v| v.is_finite())
        .and_then(|v| six(v).parse::<f64>().ok());
    json!(rounded)
}

/// Both ends, or null where one is not finite.
pub fn interval(ci: Option<[f64; 2]>) -> Value {
    match ci.filter(|ci| ci.iter().all(|end| end.is_finite())) {
        Some(ci) => Value::Array(ci.map(|end| number(Some(end))).into()),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        use Verdict::*;
        assert_eq!(Verdict::of([0.1, 0.2], 1.0), Supported);
        assert_eq!(Verdict::of([0.1, 0.2], -1.0), Contradicted);
        assert_eq!(Verdict::of([-0.2, -0.1], -1.0), Supported);
        assert_eq!(Verdict::of([0.0, 0.2], 1.0), Inconclusive);
        assert_eq!(Verdict::any(&[Supported, Inconclusive]), Supported);
        assert_eq!(Verdict::any(&[Supported, Contradicted]), Inconclusive);
        assert_eq!(Verdict::any(&[]), NotTestable);
        assert_eq!(Verdict::all(&[Supported, Inconclusive]), Inconclusive);
        assert_eq!(Verdict::all(&[Supported, NotTestable]), Inconclusive);
        assert_eq!(Verdict::all(&[Contradicted, Supported]), Contradicted);
        assert_eq!(Verdict::all(&[Supported, Supported]), Supported);
    }

    #[test]
    fn what_is_missing_is_null_with_a_reason() {
        let finding = Finding::not_testable("H3", "claim", "test", "effect", "no draws");
        let json = finding.json();
        assert!(json["effect"]["value"].is_null() && json["effect"]["ci"].is_null());
        assert_eq!(json["effect"]["reason"], "no draws");
        assert_eq!(json["verdict"], "not testable");
    }
}
