//! What each verdict says to do, with the numbers that it rests on.

use super::{Guideline, Strength};
use crate::study::analysis::hypotheses::finding::{Finding, Number, Part, Verdict};

/// The guideline of a finding.
pub fn of(finding: &Finding) -> Guideline {
    if finding.verdict == Verdict::NotTestable {
        let why = finding
            .effect
            .reason
            .as_deref()
            .unwrap_or("its data are missing");
        let text = format!("No advice on the claim \"{}\": {why}.", finding.claim);
        return one(finding, text, Strength::Open);
    }
    match finding.id {
        "H1" => size(finding),
        "H2" => training(finding),
        "H3" => calibration(finding),
        "H4" => mixed(finding),
        "H5" => bits(finding),
        "H6" => architecture(finding),
        _ => layers(finding),
    }
}

/// `name +1.2 points [0.3, 2.1]`.
fn said(number: &Number) -> String {
    let Some(value) = number.value else {
        return format!("{} could not be estimated", number.name);
    };
    let ci = match number.ci {
        Some([lo, hi]) => format!(" [{lo:+.1}, {hi:+.1}]"),
        None => " (no interval)".into(),
    };
    format!("{} {value:+.1} {}{ci}", number.name, number.unit)
}

/// Parts with a verdict, in words.
fn listed(parts: &[&Part]) -> String {
    let texts: Vec<String> = parts
        .iter()
        .map(|p| format!("{}: {}", p.label, said(&p.number)))
        .collect();
    texts.join("; ")
}

fn with(finding: &Finding, verdict: Verdict) -> Vec<&Part> {
    finding
        .parts
        .iter()
        .filter(|p| p.verdict == Some(verdict))
        .take(3)
        .collect()
}

fn one(finding: &Finding, text: String, strength: Strength) -> Guideline {
    Guideline {
        text,
        from: vec![finding.id],
        strength,
    }
}

fn size(f: &Finding) -> Guideline {
    match f.verdict {
        Verdict::Supported => one(
            f,
            format!(
                "Prefer the larger architecture where fairness after compression matters ({}).",
                said(&f.effect)
            ),
            Strength::Suggested,
        ),
        Verdict::Contradicted => one(
            f,
            format!(
                "Do not count on size: larger architectures lost more ({}).",
                said(&f.effect)
            ),
            Strength::Suggested,
        ),
        _ => one(
            f,
            format!(
                "Do not choose an architecture by its size for fairness' sake: no effect of size was shown ({}).",
                said(&f.effect)
            ),
            Strength::Open,
        ),
    }
}

fn training(f: &Finding) -> Guideline {
    let cost: Vec<String> = f
        .parts
        .iter()
        .filter(|p| p.label.starts_with("geometric mean"))
        .filter_map(|p| {
            let width = p.label.rsplit(' ').next()?;
            Some(format!("{:.0} times the cost at {width}", p.number.value?))
        })
        .collect();
    let cost = match cost.is_empty() {
        true => "its cost was not measured".to_string(),
        false => format!("it took {}", cost.join(" and ")),
    };
    let better = with(f, Verdict::Supported);
    let better: Vec<&Part> = better
        .into_iter()
        .filter(|p| p.label.starts_with("mean"))
        .collect();
    match (f.verdict, better.is_empty()) {
        (Verdict::Supported, _) => one(
            f,
            format!(
                "Train with quantization where post-training quantization is not fair enough: {}; {cost}.",
                listed(&better)
            ),
            Strength::Shown,
        ),
        (Verdict::Contradicted, _) => one(
            f,
            format!(
                "Do not train with quantization for fairness' sake: {}; {cost}.",
                said(&f.effect)
            ),
            Strength::Shown,
        ),
        (_, false) => one(
            f,
            format!(
                "QAT may be worth trying: {}; {cost}. The claim as a whole was not shown.",
                listed(&better)
            ),
            Strength::Suggested,
        ),
        _ => one(
            f,
            format!(
                "No gain of QAT in fairness was shown over static PTQ ({}); {cost}.",
                said(&f.effect)
            ),
            Strength::Open,
        ),
    }
}

fn calibration(f: &Finding) -> Guideline {
    match f.verdict {
        Verdict::Supported => one(
            f,
            format!(
                "Calibrate on balanced or group-weighted images: {}.",
                said(&f.effect)
            ),
            Strength::Shown,
        ),
        Verdict::Contradicted => one(
            f,
            format!(
                "Calibrate on random images: balancing them made gaps worse ({}).",
                said(&f.effect)
            ),
            Strength::Shown,
        ),
        _ => one(
            f,
            format!(
                "Do not expect fairness for free from calibration: no gain was shown ({}).",
                said(&f.effect)
            ),
            Strength::Open,
        ),
    }
}

fn mixed(f: &Finding) -> Guideline {
    match f.verdict {
        Verdict::Supported => one(
            f,
            format!(
                "Give sensitive layers more bits: at equal bytes {}.",
                said(&f.effect)
            ),
            Strength::Shown,
        ),
        Verdict::Contradicted => one(
            f,
            format!(
                "Do not spend effort on sensitivity for fairness: at equal bytes it did worse than a control ({}).",
                said(&f.effect)
            ),
            Strength::Shown,
        ),
        _ => one(
            f,
            format!(
                "Where bytes allow, uniform bits are the simpler choice: no advantage of mixed precision over both of its controls was shown ({}).",
                said(&f.effect)
            ),
            Strength::Open,
        ),
    }
}

fn bits(f: &Finding) -> Guideline {
    let worse: Vec<&Part> = with(f, Verdict::Supported)
        .into_iter()
        .filter(|p| p.label.starts_with("INT4 − INT8"))
        .collect();
    match (f.verdict, worse.is_empty()) {
        (Verdict::Supported, _) => one(
            f,
            format!(
                "Deploy static INT8: it kept accuracy and all primary gaps within the margin, and INT4 did not ({}).",
                listed(&worse)
            ),
            Strength::Shown,
        ),
        (Verdict::Contradicted, false) => one(
            f,
            format!(
                "Avoid static INT4 ({}), and do not take INT8 as harmless either: a change beyond the margin was shown.",
                listed(&worse)
            ),
            Strength::Shown,
        ),
        (Verdict::Contradicted, true) => one(
            f,
            format!(
                "Do not take INT8 as the safe choice: the claim was contradicted ({}).",
                said(&f.effect)
            ),
            Strength::Shown,
        ),
        (_, false) => one(
            f,
            format!(
                "Prefer INT8 to static INT4 ({}). That INT8 changes nothing was not shown. {}",
                listed(&worse),
                note(f)
            ),
            Strength::Suggested,
        ),
        _ => one(
            f,
            format!(
                "Neither harm of static INT4 nor harmlessness of INT8 was shown ({}). {}",
                said(&f.effect),
                note(f)
            ),
            Strength::Open,
        ),
    }
}

fn note(f: &Finding) -> &str {
    let margin = f
        .notes
        .iter()
        .find(|n| n.starts_with("The smallest margin"));
    margin.map_or("", String::as_str)
}

fn architecture(f: &Finding) -> Guideline {
    let interaction = f.notes.first().cloned().unwrap_or_default();
    match f.verdict {
        Verdict::Supported => one(
            f,
            format!(
                "An architecture's description says something of what compression will do to it ({}). {interaction}",
                said(&f.effect)
            ),
            Strength::Suggested,
        ),
        Verdict::Contradicted => one(
            f,
            format!(
                "Audit each architecture by itself: what others did, read by their description, predicted worse than the method alone ({}). {interaction}",
                said(&f.effect)
            ),
            Strength::Suggested,
        ),
        _ => one(
            f,
            format!(
                "Audit each architecture by itself: its description was not shown to predict what compression does ({}). {interaction}",
                said(&f.effect)
            ),
            Strength::Open,
        ),
    }
}

fn layers(f: &Finding) -> Guideline {
    match f.verdict {
        Verdict::Supported => one(
            f,
            format!("Look at depth and kind of layers when choosing which to keep at more bits ({:+.2}).", f.effect.value.unwrap_or(0.0)),
            Strength::Suggested,
        ),
        _ => one(
            f,
            "Measure sensitivity layer by layer: rules by depth and kind of layer were not shown to hold for these models.".into(),
            Strength::Open,
        ),
    }
}
