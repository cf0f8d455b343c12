//! What every method changes: gaps, accuracy, groups.

use super::{Draft, Figure, Made, Sheet, caption, cell, cells, common_limit, limit};
use crate::report::study::Study;
use crate::report::study::details::Group;
use crate::report::study::order::{BASELINE, model_title};
use crate::report::study::results::{Change, Configuration};
use crate::report::text::wrap;
use crate::report::{
    Better, Block, Drops, GroupDrops, HeatCell, HeatMap, HeatPanel, Measured, WideChange,
    WideForest, WideRow,
};

/// Below this an adjusted p is called significant.
const ALPHA: f64 = 0.05;

/// Methods of the matrix that are compared with the baseline.
fn compared(study: &Study) -> Vec<&str> {
    let methods = study.methods().into_iter();
    methods.filter(|m| *m != BASELINE).collect()
}

/// A configuration, done or not.
fn find<'a>(study: &'a Study, model: &str, method: &str) -> Option<&'a Configuration> {
    study
        .primary()
        .find(|c| c.model == model && c.method == method)
}

/// ΔDP and ΔEO of all configurations of the matrix.
pub fn forest(study: &Study) -> Figure {
    let draft = Draft {
        stem: "forest",
        title: "Changes of fairness gaps, all configurations",
    };
    let methods = compared(study);
    if methods.is_empty() {
        return draft.missing("only baselines in results.csv");
    }
    const GAPS: [&str; 2] = ["dp_gap", "eo_gap"];
    let mut csv = Sheet::new("model,method,gap,delta,delta_lo,delta_hi,p,p_adjusted,equivalent");
    let mut blocks = Vec::new();
    for model in study.models() {
        let mut rows = Vec::new();
        for method in &methods {
            let Some(found) = find(study, model, method) else {
                continue;
            };
            for gap in GAPS {
                let change = found.change(gap);
                let names = [model, method, gap].map(String::from);
                let tests = [
                    cell(change.and_then(|c| c.p)),
                    cell(change.and_then(|c| c.p_adjusted)),
                ];
                let equivalent = change
                    .and_then(|c| c.equivalent)
                    .map_or_else(String::new, |e| e.to_string());
                let delta = cells(change.map(|c| c.delta));
                csv.row(
                    names
                        .into_iter()
                        .chain(delta)
                        .chain(tests)
                        .chain([equivalent]),
                );
            }
            rows.push(WideRow {
                name: method.to_string(),
                changes: GAPS.iter().map(|gap| wide(found.change(gap))).collect(),
                instead: instead(found),
            });
        }
        blocks.push(Block {
            name: model_title(model).into(),
            rows,
        });
    }
    let caption = caption(study, "", Made::Tested);
    let changes = || {
        study
            .matrix()
            .flat_map(|c| GAPS.iter().filter_map(|gap| c.change(gap)))
    };
    let sizes = GAPS.iter().map(|gap| {
        let changes = study.matrix().filter_map(|c| c.change(gap));
        changes.flat_map(|c| c.delta.extent()).collect()
    });
    let limit = common_limit(sizes);
    let forest = WideForest {
        subject: study.intersection().unwrap_or("").to_string(),
        baseline: BASELINE.into(),
        n: study.n(),
        confidence: study.confidence(),
        alpha: ALPHA,
        margin: changes()
            .find_map(|c| c.margin)
            .or(study.findings.as_ref().map(|f| f.family.margin)),
        limit,
        gaps: vec!["DP gap".into(), "EO gap".into()],
        blocks,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, forest.draw())
}

fn wide(change: Option<&Change>) -> WideChange {
    WideChange {
        delta: change.map(|c| c.delta),
        p_adjusted: change.and_then(|c| c.p_adjusted),
        equivalent: change.and_then(|c| c.equivalent).unwrap_or(false),
    }
}

/// What stands for the numbers of a configuration that has none, cut to a line.
fn instead(found: &Configuration) -> String {
    if found.done {
        return String::new();
    }
    let reason = found.reason.as_deref().unwrap_or("no reason recorded");
    let text = format!("failed: {reason}");
    let mut lines = wrap(&text, 9.0, 360.0);
    let first = if lines.is_empty() {
        text
    } else {
        lines.swap_remove(0)
    };
    if lines.is_empty() {
        first
    } else {
        first + "…"
    }
}

/// Four changes by method and model.
pub fn heat_map(study: &Study) -> Figure {
    let draft = Draft {
        stem: "heat-map",
        title: "Changes by model and method",
    };
    let (models, methods) = (study.models(), compared(study));
    if methods.is_empty() {
        return draft.missing("only baselines in results.csv");
    }
    let mut csv = Sheet::new("metric,method,model,delta,delta_lo,delta_hi,p,p_adjusted");
    let adjusted = "Framed with a star, gaps: adjusted p below 0.05;";
    let alone = "accuracies: the interval, not adjusted, excludes 0.";
    let mut panel = |column: &str, name: &str, better: Better, marked: &str| {
        let mut cells_of = |method: &str, model: &str| -> HeatCell {
            let change = study
                .configuration(model, method)
                .and_then(|c| c.change(column));
            let names = [column, method, model].map(String::from);
            let tests = [
                cell(change.and_then(|c| c.p)),
                cell(change.and_then(|c| c.p_adjusted)),
            ];
            csv.row(
                names
                    .into_iter()
                    .chain(cells(change.map(|c| c.delta)))
                    .chain(tests),
            );
            HeatCell {
                delta: change.map(|c| c.delta),
                marked: change.is_some_and(|c| match better {
                    Better::Lower => c.p_adjusted.is_some_and(|p| p < ALPHA),
                    Better::Higher => c
                        .delta
                        .interval
                        .is_some_and(|(lo, hi)| lo > 0.0 || hi < 0.0),
                }),
            }
        };
        let mut rows = Vec::new();
        for method in &methods {
            rows.push(models.iter().map(|model| cells_of(method, model)).collect());
        }
        HeatPanel {
            name: name.into(),
            better,
            cells: rows,
            marked: marked.into(),
        }
    };
    let panels = vec![
        panel("dp_gap", "Δ DP gap", Better::Lower, adjusted),
        panel("eo_gap", "Δ EO gap", Better::Lower, adjusted),
        panel("accuracy", "Δ accuracy", Better::Higher, alone),
        panel(
            "worst_group_accuracy",
            "Δ accuracy of the worst group",
            Better::Higher,
            alone,
        ),
    ];
    let caption = caption(study, "", Made::Tested);
    let map = HeatMap {
        subject: study.intersection().unwrap_or("").to_string(),
        baseline: BASELINE.into(),
        n: study.n(),
        models: models.iter().map(|m| model_title(m).to_string()).collect(),
        methods: methods.iter().map(|m| m.to_string()).collect(),
        panels,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, map.draw())
}

/// Change of accuracy by group.
pub fn group_drops(study: &Study) -> Figure {
    let draft = Draft {
        stem: "group-drops",
        title: "Change of accuracy by group",
    };
    let Some(frame) = study.intersection() else {
        return draft.missing("groups.csv is missing or empty");
    };
    let (models, methods) = (study.models(), compared(study));
    let any = models
        .iter()
        .flat_map(|m| methods.iter().map(move |k| (m, k)));
    let example = any.map(|(m, k)| study.groups_of(m, k, frame).collect::<Vec<&Group>>());
    let Some(groups) = example.into_iter().find(|g| !g.is_empty()) else {
        return draft.missing("no configuration but baselines has rates by group");
    };
    let mut csv = Sheet::new(
        "model,method,group,n,d_accuracy,d_accuracy_lo,d_accuracy_hi,mcnemar_p,right_to_wrong,wrong_to_right",
    );
    let mut drops_of = |model: &str, method: &str| -> Drops {
        let own: Vec<&Group> = study.groups_of(model, method, frame).collect();
        for g in &own {
            let names = [model, method, g.group.as_str()].map(String::from);
            let count = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
            let rest = [
                cell(g.mcnemar_p),
                count(g.right_to_wrong),
                count(g.wrong_to_right),
            ];
            csv.row(
                names
                    .into_iter()
                    .chain([g.n.to_string()])
                    .chain(cells(g.d_accuracy))
                    .chain(rest),
            );
        }
        let of_group = |g: &&Group| own.iter().find(|o| o.group == g.group)?.d_accuracy;
        let overall = study
            .configuration(model, method)
            .and_then(|c| c.change("accuracy"));
        Drops {
            overall: overall.map(|c| c.delta),
            groups: groups.iter().map(of_group).collect(),
        }
    };
    let mut drops: Vec<Vec<Drops>> = Vec::new();
    for model in &models {
        drops.push(
            methods
                .iter()
                .map(|method| drops_of(model, method))
                .collect(),
        );
    }
    let all = drops.iter().flatten().flat_map(|d| &d.groups).flatten();
    let sizes: Vec<f64> = all.flat_map(|m: &Measured| m.extent()).collect();
    let caption = caption(study, "", Made::WithIntervals);
    let figure = GroupDrops {
        subject: frame.to_string(),
        baseline: BASELINE.into(),
        n: study.n(),
        confidence: study.confidence(),
        models: models.iter().map(|m| model_title(m).to_string()).collect(),
        methods: methods.iter().map(|m| m.to_string()).collect(),
        groups: groups.iter().map(|g| (g.group.clone(), g.n)).collect(),
        drops,
        limit: limit(sizes.into_iter()),
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}
