//! Layers: what rounding each costs, and which width each got.

use std::collections::BTreeMap;

use super::{Draft, Figure, Made, Sheet, caption, cell};
use crate::report::study::Study;
use crate::report::study::details::{Allocation, LayerCost};
use crate::report::study::order::{methods, model_title, models};
use crate::report::text::fixed;
use crate::report::{AllocatedModel, Allotted, BitAllocation, Sensitivity, SensitivityPanel};

/// Costs by depth and group at the smallest width, one panel per model.
pub fn sensitivity(study: &Study) -> Figure {
    let draft = Draft {
        stem: "sensitivity",
        title: "Sensitivity of layers by depth and group",
    };
    let rows = study.sensitivity.as_deref().unwrap_or(&[]);
    let Some(bits) = rows.iter().map(|r| r.bits).min() else {
        return draft.missing("sensitivity.csv is missing or empty");
    };
    let rows: Vec<&LayerCost> = rows.iter().filter(|r| r.bits == bits).collect();
    // Everybody first, then the cells of the intersection of most attributes.
    let stars = |g: &str| g.matches('*').count();
    let most = rows.iter().map(|r| stars(&r.group)).max().unwrap_or(0);
    let mut groups = vec![String::new()];
    for row in &rows {
        if !row.group.is_empty() && stars(&row.group) == most && !groups.contains(&row.group) {
            groups.push(row.group.clone());
        }
    }
    let direct = rows.iter().all(|r| r.direct.is_some());
    let estimated = |r: &LayerCost| r.first_order.zip(r.gauss_newton).map(|(a, b)| a + b);
    let cost = |r: &LayerCost| if direct { r.direct } else { estimated(r) };
    let mut csv = Sheet::new("model,layer,kind,depth,bits,group,cost");
    let mut panels = Vec::new();
    for model in models(rows.iter().map(|r| r.model.as_str())) {
        let mut layers: BTreeMap<u64, &LayerCost> = BTreeMap::new();
        let mut costs: BTreeMap<(&str, u64), f64> = BTreeMap::new();
        for row in rows
            .iter()
            .filter(|r| r.model == model && groups.contains(&r.group))
        {
            layers.entry(row.depth).or_insert(row);
            if let Some(cost) = cost(row) {
                costs.insert((&row.group, row.depth), cost);
            }
            let names = [&row.model, &row.layer, &row.kind].map(String::clone);
            let place = [row.depth.to_string(), bits.to_string(), row.group.clone()];
            csv.row(names.into_iter().chain(place).chain([cell(cost(row))]));
        }
        let of_group = |group: &String| -> Vec<f64> {
            let of_layer = |depth: &u64| costs.get(&(group.as_str(), *depth)).copied();
            layers
                .keys()
                .map(|d| of_layer(d).unwrap_or(f64::NAN))
                .collect()
        };
        panels.push(SensitivityPanel {
            name: model_title(model).into(),
            kinds: layers.values().map(|l| l.kind.clone()).collect(),
            values: groups.iter().map(of_group).collect(),
        });
    }
    let way = if direct {
        "measured"
    } else {
        "estimated from gradients"
    };
    let caption = caption(
        study,
        &format!(
            "Weights of one layer rounded to {bits} bits, activations in floats; mean cross entropy over training images, \
             {way}."
        ),
        Made::Elsewhere,
    );
    let figure = Sensitivity {
        subject: format!("{bits} bits, {way}"),
        n: 0,
        unit: "change of loss, nats".into(),
        groups: groups
            .iter()
            .map(|g| {
                if g.is_empty() {
                    "all".into()
                } else {
                    g.clone()
                }
            })
            .collect(),
        panels,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}

/// Widths by layer of the plans that are computed.
pub fn allocation(study: &Study) -> Figure {
    let draft = Draft {
        stem: "allocation",
        title: "Bits of every layer",
    };
    let rows = study.allocations.as_deref().unwrap_or(&[]);
    if rows.is_empty() {
        return draft.missing("allocations.csv is missing or empty");
    }
    let mut csv = Sheet::new("model,method,layer,depth,weight,bytes");
    let mut blocks = Vec::new();
    for model in models(rows.iter().map(|r| r.model.as_str())) {
        let own: Vec<&Allocation> = rows.iter().filter(|r| r.model == model).collect();
        let mut plans = Vec::new();
        for method in methods(own.iter().map(|r| r.method.as_str())) {
            let mut layers: Vec<&&Allocation> = own.iter().filter(|r| r.method == method).collect();
            layers.sort_by_key(|r| r.depth);
            for layer in &layers {
                let names = [model.to_string(), method.to_string(), layer.layer.clone()];
                let weight = layer
                    .weight_bits
                    .map_or_else(|| "float".into(), |b| b.to_string());
                let bytes = layer.bytes.map_or_else(String::new, |b| b.to_string());
                csv.row(
                    names
                        .into_iter()
                        .chain([layer.depth.to_string(), weight, bytes]),
                );
            }
            let bytes: Option<u64> = layers.iter().map(|l| l.bytes).sum();
            plans.push(Allotted {
                name: method.to_string(),
                total: bytes.map_or_else(String::new, size),
                widths: layers.iter().map(|l| l.weight_bits).collect(),
            });
        }
        blocks.push(AllocatedModel {
            name: model_title(model).into(),
            plans,
        });
    }
    let caption = caption(
        study,
        "Bytes are those of the packed layers.",
        Made::Elsewhere,
    );
    let figure = BitAllocation {
        subject: String::new(),
        models: blocks,
        caption: caption.clone(),
    };
    draft.figure(caption, csv, figure.draw())
}

/// Bytes in megabytes, or kilobytes where they are few.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", fixed(bytes as f64 / 1e3, 0)),
        _ => format!("{} MB", fixed(bytes as f64 / 1e6, 2)),
    }
}
