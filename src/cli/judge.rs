//! `fairbit eval` and `verify`: from models to numbers.

use std::path::Path;

use super::args::{EvalArgs, VerifyArgs};
use super::audit::with_source;
use super::screen::{Screen, answer};
use super::subject::{Subject, path_override};
use crate::config::{AuditSection, Override, RunConfig};
use crate::data::Split;
use crate::error::{Fault, Result};
use crate::evaluate::{self, Scored};
use crate::fairness::{self, FairnessReport, Gap, Predictions, Thresholds, seeds};
use crate::study::StudyConfig;
use crate::study::config::FILE as STUDY;
use crate::study::matrix::{Kind, units};
use crate::train::folder;
use crate::{device, files};

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

/// `eval`.
pub fn eval(args: &EvalArgs, screen: &Screen) -> Result<()> {
    let Some(split) = Split::parse(&args.split) else {
        return Err(Fault::plain(format!("`{}`", args.split))
            .key("--split")
            .expected("train, val or test")
            .config());
    };
    let subject = Subject::open(&args.model, &args.data, &args.device, &args.config, screen)?;
    subject.faces.table().require_complete(split)?;
    let total = subject.faces.split(split).len() as u64;
    let (predictions, scored) = evaluate::predict(
        &subject.model,
        &subject.faces,
        split,
        subject.config.train.eval_batch,
        subject.device.main(),
        &|done| {
            screen.progress("scoring", done as u64, total, String::new());
        },
    )?;
    screen.clear();
    judge(&predictions, &scored, split, &subject.config, &args.out)
}

/// Writes predictions and what the audit says of them into a folder, and tells the user.
pub fn judge(
    predictions: &Predictions,
    scored: &Scored,
    split: Split,
    config: &RunConfig,
    out: &Path,
) -> Result<()> {
    files::create_dir(out)?;
    let path = out.join(format!("predictions-{split}.csv"));
    predictions.write_csv(&path)?;
    let to = out.join(format!("fairness-{split}.json"));
    let report = audit_file(&path, &config.audit, &to)?;
    answer(format!(
        "{} images on {} at {:.0} images/s",
        scored.records.len(),
        scored.backend,
        scored.records.len() as f64 / scored.seconds
    ));
    answer(report.table().trim_end());
    Ok(())
}

/// `verify`.
pub fn verify(args: &VerifyArgs, screen: &Screen) -> Result<()> {
    match args.run.join(STUDY).exists() {
        true => verify_study(args, screen),
        false => verify_one(&args.run, args.data.as_deref(), args, screen),
    }
}

/// Every configuration that a study has finished; the first difference ends it.
fn verify_study(args: &VerifyArgs, screen: &Screen) -> Result<()> {
    let study = StudyConfig::load(&args.run.join(STUDY), &[])?;
    let data = match &args.data {
        Some(data) => data.clone(),
        None => study.data_dir(&args.run),
    };
    let units = units(&study)?;
    let all = units.iter().filter(|unit| unit.kind == Kind::Configuration);
    let (mut found, mut of) = (0, 0);
    for unit in all {
        of += 1;
        let place = args.run.join(unit.folder());
        if place.exists() {
            verify_one(&place, Some(&data), args, screen)?;
            found += 1;
        }
    }
    match found {
        0 => Err(Fault::new(&args.run, "no finished configuration")
            .next("run the study first: what is committed without runs/ has no models to evaluate")
            .data()),
        _ => {
            answer(format!("{found} of {of} configurations agree"));
            Ok(())
        }
    }
}

fn verify_one(run: &Path, data: Option<&Path>, args: &VerifyArgs, screen: &Screen) -> Result<()> {
    let stored = folder::read_config(run)?;
    let mut overrides = vec![Override::new(
        "device",
        args.device.as_deref().unwrap_or(&stored.device),
    )];
    if let Some(data) = data {
        overrides.push(path_override("data.dir", data)?);
    }
    let config = RunConfig::load(Some(&run.join("config.toml")), &overrides)?;
    let selected = device::select(&config.device.parse()?)?;
    let found = crate::train::verify::verify(run, &config, &selected, &screen.bar())?;
    screen.clear();
    answer(format!(
        "{}: {} images agree ({} now, {} then): {}; largest difference of a score {:.1e}, {} decisions differ within {:.0e} of the threshold",
        run.display(),
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
