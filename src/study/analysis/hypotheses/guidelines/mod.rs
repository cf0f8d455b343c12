//! Practical guidelines, put together from verdicts and measured numbers: nothing here is said whatever
//! the data say.

use serde_json::{Value, json};

mod rules;

use super::Study;
use super::finding::{Finding, Verdict};

/// How well a guideline is founded.
#[derive(Clone, Copy)]
enum Strength {
    Shown,
    Suggested,
    Open,
}

struct Guideline {
    text: String,
    from: Vec<&'static str>,
    strength: Strength,
}

/// All of them.
pub fn from(study: &Study, findings: &[Finding], significant: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let settled = |f: &Finding| matches!(f.verdict, Verdict::Supported | Verdict::Contradicted);
    if !findings.iter().any(settled) {
        all.push(Guideline {
            text: "No claim was settled by these data: every verdict is inconclusive or not testable. Nothing below is a \
                   recommendation; measure your own model on your own images before you rely on any of it."
                .into(),
            from: findings.iter().map(|f| f.id).collect(),
            strength: Strength::Open,
        });
    }
    for finding in findings {
        all.push(rules::of(finding));
    }
    all.push(family(study, significant));
    let json = all.into_iter().map(|g| {
        json!({
            "text": g.text,
            "from": g.from,
            "strength": match g.strength {
                Strength::Shown => "shown",
                Strength::Suggested => "suggested",
                Strength::Open => "open",
            },
        })
    });
    json.collect()
}

fn family(study: &Study, significant: usize) -> Guideline {
    let size = study.settings.family();
    let (text, strength) = match significant {
        0 => (
            format!(
                "None of the {size} declared tests shows a change of DP or EO after adjustment: that is absence of evidence at this number of images, not evidence of absence; see which configurations are shown equivalent."
            ),
            Strength::Open,
        ),
        n => (
            format!(
                "Compression does change fairness here: {n} of the {size} declared tests show a change of DP or EO after adjustment. Audit every compressed model by group before it is deployed."
            ),
            Strength::Shown,
        ),
    };
    Guideline {
        text,
        from: vec!["family"],
        strength,
    }
}
