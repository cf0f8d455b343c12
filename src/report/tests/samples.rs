//! Made-up audits: smooth numbers from closed formulas, no randomness.

use crate::report::{
    Calibration, Candidate, Forest, GapChange, GroupRates, Measured, RateFrame, RateGroup, Roc,
    ScoredGroup, Sensitivity, SensitivityPanel,
};

pub const CAPTION: &str = "Made-up numbers. 2,000 images, threshold 0.5, stratified bootstrap with 10,000 \
     replicates, seed 7; data sha256:3f9a0c5e1d77b6a4; predictions of fairbit 0.1.0.";

/// A value in [0, 1) that looks random and is the same everywhere.
fn noise(i: usize) -> f64 {
    (i as f64 * 0.618_033_988_749_895 + (i * i % 97) as f64 * 0.371).fract()
}

fn around(value: f64, half: f64) -> Option<Measured> {
    Some(
        (
            value,
            (value - half).max(0.0),
            (value + 0.9 * half).min(1.0),
        )
            .into(),
    )
}

fn group(name: &str, n: u64, n_pos: u64, [sr, tpr, fpr, acc]: [f64; 4]) -> RateGroup {
    let half = |p: f64, n: u64| 1.96 * (p * (1.0 - p) / n.max(1) as f64).sqrt();
    RateGroup {
        name: name.into(),
        n,
        n_pos,
        selection_rate: around(sr, half(sr, n)),
        tpr: around(tpr, half(tpr, n_pos)),
        fpr: around(fpr, half(fpr, n - n_pos)),
        accuracy: around(acc, half(acc, n)),
    }
}

pub fn rates() -> GroupRates {
    let frame = |name: &str, groups: Vec<RateGroup>| RateFrame {
        name: name.into(),
        groups,
    };
    GroupRates {
        subject: "mobilenet_v2, INT8 per channel".into(),
        n: 2000,
        confidence: 0.95,
        frames: vec![
            frame(
                "male",
                vec![
                    group("male=0", 1171, 633, [0.529, 0.921, 0.067, 0.926]),
                    group("male=1", 829, 332, [0.391, 0.863, 0.078, 0.898]),
                ],
            ),
            frame(
                "young",
                vec![
                    group("young=0", 462, 205, [0.431, 0.868, 0.091, 0.891]),
                    group("young=1", 1538, 760, [0.488, 0.912, 0.068, 0.922]),
                ],
            ),
            frame(
                "male*young",
                vec![
                    group("male=0*young=0", 129, 71, [0.546, 0.915, 0.086, 0.915]),
                    group("male=0*young=1", 1042, 562, [0.527, 0.922, 0.065, 0.928]),
                    group("male=1*young=0", 333, 134, [0.386, 0.843, 0.092, 0.882]),
                    group("male=1*young=1", 496, 198, [0.394, 0.877, 0.069, 0.909]),
                ],
            ),
        ],
        caption: CAPTION.into(),
    }
}

/// As [`rates`], with long names, a group without images and one without negatives.
pub fn rates_with_holes() -> GroupRates {
    let mut figure = rates();
    figure.subject =
        "vit_small_patch16 <&> \"quoted\", sensitivity-mixed 4/6/8 bits under the bytes of \
                      INT6, calibrated on group-weighted images"
            .into();
    let long = "race=Middle Eastern & North African*gender=Female*age=more than 70";
    figure.frames.truncate(1);
    figure.frames.push(RateFrame {
        name: "race*gender*age".into(),
        groups: vec![
            RateGroup {
                selection_rate: None,
                tpr: None,
                fpr: None,
                accuracy: None,
                ..group("race=Black*gender=Male*age=3-9", 0, 0, [0.0; 4])
            },
            RateGroup {
                fpr: None,
                accuracy: Some(Measured::point(1.0)),
                ..group(long, 12, 12, [1.0, 1.0, 0.0, 1.0])
            },
            group("<script>", 40, 17, [0.42, 0.81, 0.12, 0.85]),
        ],
    });
    figure
}

fn change(gap: &str, delta: f64, half: f64, p: f64) -> GapChange {
    GapChange {
        gap: gap.into(),
        delta: Some((delta, delta - half, delta + 1.1 * half).into()),
        p_adjusted: Some(p),
        margin: Some(0.01),
    }
}

pub fn forest() -> Forest {
    let candidate = |name: &str, gaps: Vec<GapChange>| Candidate {
        name: name.into(),
        gaps,
    };
    let untested = GapChange {
        gap: "EO gap".into(),
        delta: None,
        p_adjusted: None,
        margin: Some(0.01),
    };
    Forest {
        subject: "male*young, mobilenet_v2".into(),
        baseline: "fp32".into(),
        n: 2000,
        confidence: 0.95,
        alpha: 0.05,
        limit: None,
        candidates: vec![
            candidate(
                "int8 per channel",
                vec![
                    change("DP gap", 0.0005, 0.004, 1.0),
                    change("EO gap", -0.0012, 0.007, 1.0),
                ],
            ),
            candidate(
                "int8 balanced calibration",
                vec![change("DP gap", -0.001, 0.004, 0.97), untested],
            ),
            candidate(
                "int6 per channel",
                vec![
                    change("DP gap", 0.008, 0.009, 0.214),
                    change("EO gap", 0.019, 0.014, 0.041),
                ],
            ),
            candidate(
                "int4 QAT, distilled",
                vec![
                    change("DP gap", 0.0125, 0.010, 0.062),
                    change("EO gap", 0.027, 0.017, 0.0213),
                ],
            ),
            candidate(
                "int4 per channel",
                vec![
                    change("DP gap", 0.047, 0.018, 0.0002),
                    change("EO gap", 0.081, 0.031, 0.0004),
                ],
            ),
        ],
        caption: format!("{CAPTION} p adjusted over 10 tests (Romano–Wolf step-down)."),
    }
}

/// 55 candidates with two gaps each, some of them far off.
pub fn large_forest() -> Forest {
    let models = [
        "resnet50",
        "mobilenet_v2",
        "efficientnet_b0",
        "vit_small_patch16",
        "squeezenet1_1",
    ];
    let methods = [
        "int8 per tensor",
        "int8 per channel",
        "int8 balanced",
        "int8 QAT",
        "int6 per channel",
        "int6 mixed",
        "int6 QAT",
        "int4 per tensor",
        "int4 per channel",
        "int4 adaptive",
        "int4 QAT",
    ];
    let mut candidates = Vec::new();
    for (m, model) in models.into_iter().enumerate() {
        for (k, method) in methods.into_iter().enumerate() {
            let i = 11 * m + k;
            let scale = [0.002, 0.012, 0.05][usize::from(k > 3) + usize::from(k > 6)];
            let gaps = ["DP gap", "EO gap"]
                .into_iter()
                .enumerate()
                .map(|(g, gap)| {
                    let delta = scale * (2.5 * noise(2 * i + g) - 0.6);
                    let half = 0.003 + 0.45 * scale * (0.5 + noise(5 * i + g));
                    let p = (-0.9 * (delta / half).powi(2)).exp();
                    change(gap, delta, half, p)
                });
            candidates.push(Candidate {
                name: format!("{model} {method}"),
                gaps: gaps.collect(),
            });
        }
    }
    Forest {
        subject: "male*young".into(),
        limit: Some(0.06),
        candidates,
        ..forest()
    }
}

/// Scores with a normal shape on the scale of logits; `shift` separates the classes.
fn scores(n: usize, share: f64, shift: f64, bias: f64) -> (Vec<f64>, Vec<bool>) {
    let sample = |i: usize| {
        let label = noise(3 * i + 1) < share;
        let sum: f64 = (0..6).map(|k| noise(7 * i + 131 * k + 5)).sum();
        let normal = (sum - 3.0) / 0.5_f64.sqrt();
        let logit = bias + normal * 2.0 + if label { shift } else { -shift };
        (1.0 / (1.0 + (-logit).exp()), label)
    };
    (0..n).map(sample).unzip()
}

pub fn scored() -> Vec<ScoredGroup> {
    let specs = [
        ("male=0*young=0", 129, 0.55, 2.6, 0.2, 0.971, 0.047),
        ("male=0*young=1", 1042, 0.54, 3.2, 0.1, 0.984, 0.018),
        ("male=1*young=0", 333, 0.40, 2.0, -0.7, 0.952, 0.055),
        ("male=1*young=1", 496, 0.40, 2.5, -0.2, 0.969, 0.031),
    ];
    let group =
        |(name, n, share, shift, bias, auc, ece): (&str, usize, f64, f64, f64, f64, f64)| {
            let (scores, labels) = scores(n, share, shift, bias);
            ScoredGroup {
                name: name.into(),
                scores,
                labels,
                auc: Some((auc, auc - 0.012, auc + 0.009).into()),
                ece: Some((ece, 0.6 * ece, 1.7 * ece).into()),
            }
        };
    specs.into_iter().map(group).collect()
}

/// Nine groups, one without images and one without positives.
pub fn many_scored() -> Vec<ScoredGroup> {
    let races = [
        "White",
        "Black",
        "Latino_Hispanic",
        "East Asian",
        "Southeast Asian",
        "Indian",
        "Middle Eastern & North African, Levant and Maghreb",
    ];
    let mut groups: Vec<ScoredGroup> = races
        .into_iter()
        .enumerate()
        .map(|(i, race)| {
            let (scores, labels) = scores(150 + 40 * i, 0.5, 1.0 + 0.2 * i as f64, 0.0);
            ScoredGroup {
                name: format!("race={race}"),
                scores,
                labels,
                auc: Some(Measured::point(0.9 + 0.01 * i as f64)),
                ece: Some((0.03, 0.02, 0.05).into()),
            }
        })
        .collect();
    let empty = ScoredGroup {
        name: "race=Pacific".into(),
        scores: Vec::new(),
        labels: Vec::new(),
        auc: None,
        ece: None,
    };
    groups.push(ScoredGroup {
        name: "race=<&>".into(),
        scores: vec![0.1, 0.4, 0.35, 0.8],
        labels: vec![false; 4],
        ece: Some(Measured::point(0.4)),
        ..empty.clone()
    });
    groups.push(empty);
    groups
}

pub fn roc(groups: &[ScoredGroup]) -> Roc<'_> {
    Roc {
        subject: "mobilenet_v2, INT8 per channel".into(),
        threshold: Some(0.5),
        groups,
        caption: CAPTION.into(),
    }
}

pub fn calibration(groups: &[ScoredGroup]) -> Calibration<'_> {
    Calibration {
        subject: "mobilenet_v2, INT8 per channel".into(),
        bins: 15,
        groups,
        caption: CAPTION.into(),
    }
}

/// Fifty layers of three kinds, two widths found out in two ways.
pub fn sensitivity() -> Sensitivity {
    let groups = [
        "all",
        "male=0*young=0",
        "male=0*young=1",
        "male=1*young=0",
        "male=1*young=1",
    ];
    let kind = |l: usize| match l {
        49 => "linear",
        l if l % 3 == 1 => "depthwise",
        _ => "conv",
    };
    let panel = |name: &str, size: f64, signed: bool| {
        let value = |g: usize, l: usize| {
            let x = noise(53 * g + 7 * l + name.len());
            let low = if signed { -0.05 } else { 0.001 };
            size * (x.powi(6) + low) * (1.0 + 0.2 * g as f64)
        };
        let group = |g: usize| (0..50).map(|l| value(g, l)).collect();
        SensitivityPanel {
            name: name.into(),
            kinds: (0..50).map(|l| kind(l).to_string()).collect(),
            values: (0..groups.len()).map(group).collect(),
        }
    };
    Sensitivity {
        subject: "mobilenet_v2".into(),
        n: 256,
        unit: "change of loss, nats".into(),
        groups: groups.map(String::from).to_vec(),
        panels: vec![
            panel("4 bits, measured", 0.4, true),
            panel("4 bits, Fisher diagonal", 0.02, false),
            panel("8 bits, measured", 2e-4, true),
        ],
        caption: CAPTION.into(),
    }
}

/// As [`sensitivity`], with long names, a number that is none and a panel in which all are 0.
pub fn sensitivity_with_holes() -> Sensitivity {
    let mut figure = sensitivity();
    figure.groups[4] = "race=Middle Eastern & North African*gender=Female*age=more than 70".into();
    figure.panels[0].values[1][3] = f64::NAN;
    figure.panels[1]
        .values
        .iter_mut()
        .flatten()
        .for_each(|v| *v = 0.0);
    figure
}

/// Every sample by the name of its file.
pub fn all() -> Vec<(&'static str, String)> {
    let (few, many) = (scored(), many_scored());
    let nothing = GroupRates {
        frames: Vec::new(),
        ..rates()
    };
    vec![
        ("rates", rates().draw()),
        ("rates-holes", rates_with_holes().draw()),
        ("rates-empty", nothing.draw()),
        ("forest", forest().draw()),
        ("forest-55", large_forest().draw()),
        ("roc", roc(&few).draw()),
        ("roc-9", roc(&many).draw()),
        ("calibration", calibration(&few).draw()),
        ("calibration-9", calibration(&many).draw()),
        ("sensitivity", sensitivity().draw()),
        ("sensitivity-holes", sensitivity_with_holes().draw()),
    ]
}
