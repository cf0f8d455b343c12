//! `fairbit sensitivity`: what rounding each layer costs, over everybody and over each group.

use super::args::SensitivityArgs;
use super::screen::{Screen, answer};
use super::subject::Subject;
use crate::compress::fold::fold;
use crate::compress::plan::Granularity;
use crate::compress::sensitivity::{
    Agreement, By, Estimate, REPLICATES, Sample, Sensitivity, Settings, draw_evenly, sense,
};
use crate::data::Split;
use crate::error::Result;
use crate::quant::ScaleFit;
use crate::{files, report};

/// Images that pass at once in the direct measurement.
const BATCH: usize = 64;

/// `sensitivity`.
pub fn sensitivity(args: &SensitivityArgs, screen: &Screen) -> Result<()> {
    let subject = Subject::open_float(&args.model, &args.data, &args.device, &args.config, screen)?;
    let faces = &subject.faces;
    let device = subject.device.main();
    let pool = faces.split(Split::Train);
    let set = draw_evenly(faces.table(), pool, args.images, args.seed)?;
    let sample = Sample::load(faces, &set, BATCH, device)?;
    let settings = Settings {
        widths: args.bits.clone(),
        granularity: Granularity::Channel,
        scales: ScaleFit::Mse,
        by: By {
            gradients: true,
            direct: !args.no_direct,
        },
    };
    let found = sense(
        &fold(subject.model.clone()),
        &sample,
        &settings,
        &|what, done, total| screen.progress(what, done as u64, total as u64, String::new()),
    )?;
    let agreements = found.agreements(REPLICATES, args.seed);
    screen.clear();
    files::create_dir(&args.out)?;
    files::write_bytes(&args.out.join("sensitivity.csv"), found.to_csv().as_bytes())?;
    let mut json = found.to_json(&agreements);
    json["model"] = subject.meta.model.to_string().into();
    json["source"] = files::sha256(&subject.file)?.into();
    json["data_hash"] = faces.data_hash().into();
    json["seed"] = args.seed.into();
    json["replicates"] = REPLICATES.into();
    json["device"] = subject.device.spec.to_string().into();
    json["fairbit"] = env!("CARGO_PKG_VERSION").into();
    files::write_bytes(
        &args.out.join("sensitivity.json"),
        format!("{json:#}\n").as_bytes(),
    )?;
    let figure = figure(&found, &subject.meta.model.to_string(), args.seed);
    report::write(&figure.draw(), &args.out, "sensitivity")?;
    say(&found, &agreements);
    answer(format!("written to {}", args.out.display()));
    Ok(())
}

/// A panel for each width, measured directly where that was done and else estimated; the groups are the
/// cells of all attributes.
fn figure(found: &Sensitivity, model: &str, seed: u64) -> report::Sensitivity {
    let cells = found.cell_groups();
    let shown: Vec<usize> = std::iter::once(0).chain(cells).collect();
    let ways: &[(Estimate, &str)] = match found.direct {
        Some(_) => &[
            (Estimate::Direct, "measured"),
            (Estimate::FirstOrderGaussNewton, "estimated from gradients"),
        ],
        None => &[(Estimate::FirstOrderGaussNewton, "estimated from gradients")],
    };
    let kinds: Vec<String> = found.layers.iter().map(|l| l.kind.name().into()).collect();
    let mut panels = Vec::new();
    for &bits in &found.widths {
        for (estimate, way) in ways {
            let Some(means) = found.means(*estimate) else {
                continue;
            };
            let of_layer = |group: usize, layer: usize| {
                let column = found.column(layer, bits).expect("one of its widths");
                means[group][column]
            };
            let layers = 0..found.layers.len();
            let of_group = |&group: &usize| layers.clone().map(|l| of_layer(group, l)).collect();
            panels.push(report::SensitivityPanel {
                kinds: kinds.clone(),
                name: format!("{bits} bits, {way}"),
                values: shown.iter().map(of_group).collect(),
            });
        }
    }
    let name = |&group: &usize| match group {
        0 => "all".to_string(),
        _ => found.groups[group].name.clone(),
    };
    report::Sensitivity {
        subject: model.into(),
        n: found.float_loss.len() as u64,
        unit: "change of loss, nats".into(),
        groups: shown.iter().map(name).collect(),
        panels,
        caption: format!(
            "Weights of one layer rounded, activations in floats; mean cross entropy over training images drawn \
             evenly from the groups, everybody weighted to the groups' shares (seed {seed})."
        ),
    }
}

/// The table on standard output: how well estimates rank layers, and which layers cost most.
fn say(found: &Sensitivity, agreements: &[Agreement]) {
    answer(format!(
        "{} layers, {} images, gradients {:.1} s, direct measurement {}",
        found.layers.len(),
        found.float_loss.len(),
        found.gradient_seconds,
        match found.direct {
            Some(_) => format!("{:.1} s", found.direct_seconds),
            None => "not done".into(),
        }
    ));
    for agreement in agreements.iter().filter(|a| a.group == 0 && !a.with_depth) {
        answer(format!("{} bits: {agreement}", agreement.bits));
    }
    let estimate = match found.direct {
        Some(_) => Estimate::Direct,
        None => Estimate::FirstOrderGaussNewton,
    };
    let Some(means) = found.means(estimate) else {
        return;
    };
    for &bits in &found.widths {
        let cost = |layer: &usize| found.column(*layer, bits).map(|column| means[0][column]);
        let mut order: Vec<usize> = (0..found.layers.len()).collect();
        order.sort_by(|a, b| f64::total_cmp(&cost(b).unwrap_or(0.0), &cost(a).unwrap_or(0.0)));
        let most = order.iter().take(3).map(|layer| {
            let cost = cost(layer).unwrap_or(0.0);
            format!("{} {cost:+.4}", found.layers[*layer].path)
        });
        let most: Vec<String> = most.collect();
        answer(format!("{bits} bits cost most in {}", most.join(", ")));
    }
}
