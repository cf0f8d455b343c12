//! `fairbit audit`: fairness of any tool's predictions, alone or against a base.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::{AuditArgs, CriterionArg};
use super::screen::answer;
use super::train::overrides;
use crate::config::{AuditSection, Override, RunConfig};
use crate::error::{Fault, Result};
use crate::fairness::compare::exemplars;
use crate::fairness::output::{comparison, comparisons};
use crate::fairness::thresholds::{self, Criterion, Fitted, fit};
use crate::fairness::{
    self, Base, Candidate, Comparison, FairnessReport, Grouping, Predictions, Thresholds, Unshared,
};
use crate::files;
use crate::report::audit::{Audited, write_changes};

/// One predictions file.
struct File {
    /// Its stem, which names what is written about it.
    name: String,
    path: PathBuf,
    /// SHA-256 of its bytes.
    hash: String,
    predictions: Predictions,
}

/// `audit`.
pub fn audit(args: &AuditArgs) -> Result<()> {
    let config = settings(args)?;
    let reading = config.reading()?;
    let read = |path: &PathBuf| -> Result<File> {
        Ok(File {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
            path: path.clone(),
            hash: files::sha256(path)?,
            predictions: Predictions::read(path, &reading)?,
        })
    };
    different_names(&args.predictions)?;
    let mut files = args
        .predictions
        .iter()
        .map(read)
        .collect::<Result<Vec<_>>>()?;
    let mut base = args.against.as_ref().map(read).transpose()?;
    if let Some(base) = &mut base {
        align(base, &mut files, args.intersect_images)?;
    }
    let fitted = args
        .fit_thresholds
        .as_ref()
        .map(|path| fitted(&read(path)?.predictions, args, &config))
        .transpose()?;
    let thresholds = match (&args.thresholds, &fitted) {
        (Some(path), _) => thresholds::read(path)?,
        (None, Some(fitted)) => fitted.thresholds.clone(),
        (None, None) => Thresholds::One(config.threshold),
    };
    if let Some(out) = &args.out {
        files::create_dir(out)?;
        if let (Some(fitted), Some(source)) = (&fitted, &args.fit_thresholds) {
            thresholds::write(
                &out.join("thresholds.toml"),
                fitted,
                &source.display().to_string(),
            )?;
        }
    }

    let compared = base
        .as_ref()
        .map(|base| compare(base, &files, &thresholds, &config, args.out.as_deref()))
        .transpose()?
        .unwrap_or_default();
    let mut reports = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let report = fairness::audit(&file.predictions, &config.audit(thresholds.clone()))?;
        if files.len() > 1 {
            answer(format!("{}", file.path.display()));
        }
        answer(report.table().trim_end());
        let mut json = with_source(&report, &file.path, &file.hash);
        if let (Some(against), Some(base)) = (compared.get(at), &base) {
            answer(format!("\n{}", against.table(&base.name).trim_end()));
            json["against"] = comparison(against);
        }
        if let Some(cost) = price(file, &thresholds, &config)? {
            answer(format!(
                "\n{}",
                cost.table("one threshold for all").trim_end()
            ));
            json["thresholds"] = chosen(&thresholds, fitted.as_ref(), &cost);
        }
        if let Some(out) = &args.out {
            let name = match files.len() {
                1 => "fairness.json".to_string(),
                _ => format!("fairness-{}.json", file.name),
            };
            files::write_bytes(&out.join(name), format!("{json:#}\n").as_bytes())?;
        }
        reports.push(report);
    }
    if let Some(out) = &args.out {
        let orders = config.orders();
        for (file, report) in files.iter().zip(&reports) {
            let grouping = Grouping::new(file.predictions.attributes(), &orders)?;
            let audited = Audited {
                name: &file.name,
                hash: &file.hash,
                report,
                predictions: &file.predictions,
                grouping: &grouping,
            };
            audited.write(out)?;
        }
        if let (Some(base), Some(primary)) = (&base, reports[0].primary()) {
            write_changes(out, &base.name, &primary.name, &compared, &base.hash)?;
        }
    }
    Ok(())
}

/// The report with where its table comes from.
pub fn with_source(report: &FairnessReport, path: &Path, hash: &str) -> Value {
    let mut json = report.to_json();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    json["predictions"] = json!({"file": file, "sha256": hash});
    json
}

/// The configuration with the flags that were given.
fn settings(args: &AuditArgs) -> Result<AuditSection> {
    let mut all = overrides(&args.config)?;
    let mut set = |key: &str, value: Option<toml::Value>| {
        all.extend(value.map(|value| Override::new(key, value)));
    };
    let whole = |n: usize| toml::Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    set("audit.threshold", args.threshold.map(toml::Value::Float));
    set("audit.margin", args.margin.map(toml::Value::Float));
    set("audit.replicates", args.replicates.map(whole));
    set("audit.order", args.order.map(whole));
    set("audit.seed", args.seed.map(|seed| whole(seed as usize)));
    let named = args.attributes.iter().cloned().map(toml::Value::String);
    let named: Vec<toml::Value> = named.collect();
    set(
        "audit.attributes",
        (!named.is_empty()).then_some(named.into()),
    );
    Ok(RunConfig::load(args.config.config.as_deref(), &all)?.audit)
}

/// Two inputs must not meet in one output.
fn different_names(paths: &[PathBuf]) -> Result<()> {
    let stem = |path: &PathBuf| path.file_stem().map(ToOwned::to_owned);
    let same = (1..paths.len()).find(|&i| paths[..i].iter().any(|p| stem(p) == stem(&paths[i])));
    match same {
        None => Ok(()),
        Some(i) => Err(Fault::new(&paths[i], "has the name of another file given")
            .next("rename one of them")
            .config()),
    }
}

/// The same images in the same order, in all tables.
fn align(base: &mut File, files: &mut [File], intersect: bool) -> Result<()> {
    let unshared = match intersect {
        true => Unshared::LeftOut,
        false => Unshared::Refused,
    };
    let before = base.predictions.n();
    let others: Vec<(String, Predictions)> = files
        .iter()
        .map(|file| (file.path.display().to_string(), file.predictions.clone()))
        .collect();
    let (shared, aligned) = fairness::align(&base.predictions, &others, unshared)?;
    if intersect {
        answer(format!(
            "{} of the base's {before} images are shared by all files",
            shared.n()
        ));
    }
    base.predictions = shared;
    for (file, predictions) in files.iter_mut().zip(aligned) {
        file.predictions = predictions;
    }
    Ok(())
}

fn fitted(validation: &Predictions, args: &AuditArgs, config: &AuditSection) -> Result<Fitted> {
    let grouping = Grouping::new(validation.attributes(), &config.orders())?;
    let criterion = match args.criterion {
        Some(CriterionArg::Dp) => Criterion::DemographicParity,
        Some(CriterionArg::Eo) => Criterion::EqualizedOdds,
        Some(CriterionArg::Accuracy) => Criterion::Accuracy,
        None => {
            return Err(Fault::plain("no criterion")
                .key("--fit-thresholds")
                .expected("--criterion dp, eo or accuracy")
                .config());
        }
    };
    fit(validation, &grouping, criterion, config.tolerance)
}

/// Each file against the base; writes what is about all of them.
fn compare(
    base: &File,
    files: &[File],
    thresholds: &Thresholds,
    config: &AuditSection,
    out: Option<&Path>,
) -> Result<Vec<Comparison>> {
    let grouping = Grouping::new(base.predictions.attributes(), &config.orders())?;
    let decide = |file: &File| thresholds.decide(file.predictions.score(), &grouping);
    let decisions = decide(base)?;
    let candidates = files
        .iter()
        .map(|file| {
            Ok(Candidate {
                name: file.name.clone(),
                decisions: decide(file)?,
                predictions: file.predictions.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let base_model = Base {
        predictions: &base.predictions,
        decisions: &decisions,
        grouping: &grouping,
    };
    let compared = fairness::compare(&base_model, &candidates, &config.compare())?;
    if let Some(out) = out {
        let all = comparisons(&base.name, &compared);
        files::write_bytes(
            &out.join("comparisons.json"),
            format!("{all:#}\n").as_bytes(),
        )?;
        exemplars::write(&out.join("exemplars.csv"), &base_model, &candidates)?;
    }
    Ok(compared)
}

/// What thresholds of their own cost each file: its decisions with them against those with one threshold.
fn price(
    file: &File,
    thresholds: &Thresholds,
    config: &AuditSection,
) -> Result<Option<Comparison>> {
    let one = Thresholds::One(config.threshold);
    if *thresholds == one {
        return Ok(None);
    }
    let table = &file.predictions;
    let grouping = Grouping::new(table.attributes(), &config.orders())?;
    let before = one.decide(table.score(), &grouping)?;
    let after = Candidate {
        name: format!("{} with its thresholds", file.name),
        predictions: table.clone(),
        decisions: thresholds.decide(table.score(), &grouping)?,
    };
    let base = Base {
        predictions: table,
        decisions: &before,
        grouping: &grouping,
    };
    let mut compared = fairness::compare(&base, &[after], &config.compare())?;
    Ok(compared.pop())
}

fn chosen(thresholds: &Thresholds, fitted: Option<&Fitted>, cost: &Comparison) -> Value {
    let of = match thresholds {
        Thresholds::One(threshold) => json!(threshold),
        Thresholds::PerGroup { of, .. } => json!(of),
    };
    let fitted = fitted.map(|fitted| {
        json!({
            "criterion": fitted.criterion.key(),
            "tolerance": fitted.tolerance,
            "accuracy": fitted.accuracy,
            "accuracy_before": fitted.accuracy_before,
            "gap": fitted.gap,
            "gap_before": fitted.gap_before,
        })
    });
    json!({"of": of, "validation": fitted, "cost": comparison(cost)})
}
