//! Baselines by group.

use super::{Draft, Figure, Made, Sheet, caption, cells};
use crate::report::study::Study;
use crate::report::study::details::Group;
use crate::report::study::order::{BASELINE, model_title};
use crate::report::{BarPanel, GroupBars, Measured};

/// Accuracy and selection rate of every baseline in every group of the intersection.
pub fn baselines(study: &Study) -> Figure {
    let draft = Draft {
        stem: "baselines",
        title: "Baselines by group",
    };
    let Some(frame) = study.intersection() else {
        return draft.missing("groups.csv is missing or empty");
    };
    let models: Vec<&str> = study.models();
    let models: Vec<&str> = models
        .into_iter()
        .filter(|m| study.groups_of(m, BASELINE, frame).next().is_some())
        .collect();
    let Some(first) = models.first() else {
        return draft.missing("no baseline has rates by group");
    };
    let groups: Vec<&Group> = study.groups_of(first, BASELINE, frame).collect();
    let rates = |rate: fn(&Group) -> Option<Measured>| -> Vec<Vec<Option<Measured>>> {
        let of_model = |m: &&str| {
            let own: Vec<&Group> = study.groups_of(m, BASELINE, frame).collect();
            let of_group = |g: &&Group| rate(own.iter().find(|o| o.group == g.group)?);
            groups.iter().map(of_group).collect()
        };
        models.iter().map(of_model).collect()
    };
    let base_rate = |g: &&Group| (g.n > 0).then(|| g.n_pos as f64 / g.n as f64);
    let caption = caption(
        study,
        "Selection rates that differ as the base rates do are what an accurate classifier shows.",
        Made::WithIntervals,
    );
    let bars = GroupBars {
        subject: study.target.clone(),
        n: study.n(),
        confidence: study.confidence(),
        models: models.iter().map(|m| model_title(m).to_string()).collect(),
        groups: groups.iter().map(|g| (g.group.clone(), g.n)).collect(),
        panels: vec![
            BarPanel {
                name: "accuracy".into(),
                rates: rates(|g| g.accuracy),
                reference: None,
            },
            BarPanel {
                name: "selection rate".into(),
                rates: rates(|g| g.selection_rate),
                reference: Some((
                    "share of positive labels in the group".into(),
                    groups.iter().map(base_rate).collect(),
                )),
            },
        ],
        caption: caption.clone(),
    };
    let mut csv = Sheet::new(
        "model,group,n,n_pos,accuracy,accuracy_lo,accuracy_hi,selection_rate,selection_rate_lo,selection_rate_hi",
    );
    for model in &models {
        for group in study.groups_of(model, BASELINE, frame) {
            let names = [model.to_string(), group.group.clone()];
            let counts = [group.n.to_string(), group.n_pos.to_string()];
            let rates = cells(group.accuracy)
                .into_iter()
                .chain(cells(group.selection_rate));
            csv.row(names.into_iter().chain(counts).chain(rates));
        }
    }
    draft.figure(caption, csv, bars.draw())
}
