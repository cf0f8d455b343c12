//! `fairbit eval` and `verify`: from models to numbers.

use std::path::{Path, PathBuf};

use super::args::{EvalArgs, VerifyArgs};
use super::audit::with_source;
use super::screen::{Screen, answer};
use super::train::overrides;
use crate::config::{AuditSection, Override, RunConfig};
use crate::data::{Faces, Split};
use crate::error::{Fault, Result};
use crate::fairness::{self, FairnessReport, Gap, Predictions, Thresholds, seeds};
use crate::train::folder;
use crate::{device, evaluate, files, models};

/// Audits a predictions file as a configuration says, and writes the report to `to`.
pub fn audit_file(path: &Path, config: &AuditSection, to: &Path) -> Result<FairnessReport> {
    let predictions = Predictions::read(path, &config.reading()?)?;
    let report = fairness::audit(
        &predictions,
        &config.audit(Thresholds::One(config.threshold)),
    )?;
    let json = with_source(&report, path, &files::sha256(path)?);
    files::write_bytes(to, format!("{json:#}\n").as_bytes())?;
    Ok(report)
}

/// The model's file, given that or its run folder.
pub fn model_file(model: &Path) -> PathBuf {
    match model.is_dir() {
        true => model.join("model.safetensors"),
        false => model.into(),
    }
}

/// `eval`.
pub fn eval(args: &EvalArgs, screen: &Screen) -> Result<()> {
    let Some(split) = Split::parse(&args.split) else {
        return Err(Fault::plain(format!("`{}`", args.split))
            .key("--split")
            .expected("train, val or test")
            .config());
    };
    let run = args.model.is_dir().then_some(args.model.as_path());
    let file = model_file(&args.model);
    let mut overrides = overrides(&args.config)?;
    overrides.push(path_override("data.dir", &args.data)?);
    let stored = run.map(|r| r.join("config.toml"));
    let base = args.config.config.as_deref().or(stored.as_deref());
    let selected = device::select(&args.device.parse()?)?;
    if let Some(note) = &selected.note {
        screen.note(note);
    }
    let (model, meta) = models::load(&file, selected.main())?;
    // What the model was made for wins over what a configuration says.
    overrides.push(Override::new("data.px", meta.px as i64));
    if !meta.target.is_empty() {
        overrides.push(Override::new("data.target", meta.target.as_str()));
    }
    let config = RunConfig::load(base, &overrides)?;
    if meta.classes != 2 {
        return Err(Fault::new(&file, format!("{} classes", meta.classes))
            .expected("2: predictions are of one positive class")
            .model());
    }
    let faces = Faces::open(&config.data, &screen.bar())?;
    faces.table().require_complete(split)?;
    let total = faces.split(split).len() as u64;
    let (predictions, scored) = evaluate::predict(
        &model,
        &faces,
        split,
        config.train.eval_batch,
        selected.main(),
        &|done| {
            screen.progress("scoring", done as u64, total, String::new());
        },
    )?;
    screen.clear();
    files::create_dir(&args.out)?;
    let path = args.out.join(format!("predictions-{split}.csv"));
    predictions.write_csv(&path)?;
    let to = args.out.join(format!("fairness-{split}.json"));
    let report = audit_file(&path, &config.audit, &to)?;
    answer(format!(
        "{} images on {} at {:.0} images/s",
        total,
        scored.backend,
        total as f64 / scored.seconds
    ));
    answer(report.table().trim_end());
    Ok(())
}

/// `verify`.
pub fn verify(args: &VerifyArgs, screen: &Screen) -> Result<()> {
    let stored = folder::read_config(&args.run)?;
    let mut overrides = vec![Override::new(
        "device",
        args.device.as_deref().unwrap_or(&stored.device),
    )];
    if let Some(data) = &args.data {
        overrides.push(path_override("data.dir", data)?);
    }
    let config = RunConfig::load(Some(&args.run.join("config.toml")), &overrides)?;
    let selected = device::select(&config.device.parse()?)?;
    let found = crate::train::verify::verify(&args.run, &config, &selected, &screen.bar())?;
    screen.clear();
    answer(format!(
        "{}: {} images agree ({} now, {} then): {}; largest difference of a score {:.1e}, {} decisions differ within {:.0e} of the threshold",
        args.run.display(),
        found.images,
        found.backend,
        found.stored_backend,
        if found.identical {
            "identical to the last bit"
        } else {
            "within the tolerance"
        },
        found.largest,
        found.decisions,
        crate::train::verify::TOLERANCE,
    ));
    Ok(())
}

/// After several seeds: mean and t-interval of the primary metrics over them.
pub fn over_seeds(reports: &[FairnessReport]) -> String {
    let primary = [Gap::Dp, Gap::Eo, Gap::WorstGroupAccuracy];
    let accuracy: Vec<f64> = reports
        .iter()
        .filter_map(|r| r.accuracy().value())
        .collect();
    let mut lines = vec![seeds::line("accuracy", &accuracy)];
    for gap in primary {
        let of = |r: &FairnessReport| r.primary()?.gap(gap)?.estimate.value();
        let values: Vec<f64> = reports.iter().filter_map(of).collect();
        match values.len() == reports.len() {
            true => lines.push(seeds::line(gap.key(), &values)),
            false => lines.push(format!("{}: not estimable for every seed", gap.key())),
        }
    }
    lines.join("\n")
}

fn path_override(key: &str, path: &Path) -> Result<Override> {
    let text = path
        .to_str()
        .ok_or_else(|| Fault::new(path, "a path that is not UTF-8").config())?;
    Ok(Override::new(key, text))
}
