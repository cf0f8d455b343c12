//! `fairbit devices` and `fairbit data …`.

use super::args::{CacheArgs, CheckArgs, SynthArgs};
use super::screen::{Screen, answer};
use super::train::{generate, overrides};
use crate::config::{Override, RunConfig};
use crate::data::synth::{Outcome, SynthConfig};
use crate::data::{cache, check as checked};
use crate::device;
use crate::error::{Fault, Result};

/// Prints what can run here, and why something cannot.
pub fn devices() {
    for listed in device::list() {
        match listed.detail {
            Ok(what) => answer(format!("{:<9} yes  {what}", listed.name)),
            Err(reason) => answer(format!("{:<9} no   {reason}", listed.name)),
        }
    }
}

/// `data synth`.
pub fn synth(args: &SynthArgs, screen: &Screen) -> Result<()> {
    let default = SynthConfig::default();
    let config = SynthConfig {
        images: args.images,
        seed: args.seed,
        difficulty: args.difficulty.unwrap_or(default.difficulty),
        ..default
    };
    let report = generate(&config, &args.out, screen)?;
    let verb = match report.outcome {
        Outcome::Generated => "drawn",
        Outcome::Reused => "found complete",
    };
    answer(format!(
        "{}: {} images of {} identities {verb}; no classifier can be expected above {:.3} accuracy; content {}",
        args.out.display(),
        report.images,
        report.identities,
        report.bayes_accuracy,
        report.sha256,
    ));
    Ok(())
}

/// `data check`.
pub fn check(args: &CheckArgs, screen: &Screen) -> Result<()> {
    let mut overrides = overrides(&args.config)?;
    let dir = args
        .dir
        .to_str()
        .ok_or_else(|| Fault::new(&args.dir, "a path that is not UTF-8").config())?;
    overrides.push(Override::new("data.dir", dir));
    let config = RunConfig::load(args.config.config.as_deref(), &overrides)?;
    let report = checked::check(&config.data, &screen.bar())?;
    answer(report.to_string().trim_end());
    Ok(())
}

/// `data cache`.
pub fn cache(args: &CacheArgs) -> Result<()> {
    if args.clear {
        let freed = cache::clear()?;
        answer(format!(
            "{}: {freed} bytes freed",
            cache::folder()?.display()
        ));
    } else {
        answer(format!("{}", cache::folder()?.display()));
    }
    Ok(())
}
