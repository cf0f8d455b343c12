//! `fairbit study`: a folder that is held, data, then the engine, then the analysis.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::args::StudyArgs;
use super::screen::{Screen, answer};
use super::stop;
use super::train::generate;
use crate::config::Override;
use crate::data::{DataConfig, Faces, Split};
use crate::device;
use crate::error::{Fault, Result};
use crate::files;
use crate::report::html;
use crate::study::analysis::analyse;
use crate::study::claims;
use crate::study::config::FILE as STUDY;
use crate::study::matrix::{Unit, units};
use crate::study::{Data, Engine, Options, Outcome, StudyConfig};

/// Where studies go that name no folder.
const STUDIES: &str = "studies";

/// `study`.
pub fn study(args: &StudyArgs, screen: &Screen) -> Result<()> {
    let (study, out) = load(args)?;
    if args.print_config {
        answer(study.to_toml().trim_end());
        return Ok(());
    }
    let units = units(&study)?;
    let shard = args.shard.as_deref().map(str::parse).transpose()?;
    if args.phase == Some(4) {
        return conclude(&out, screen);
    }
    let wanted = args.device.as_deref().unwrap_or(&study.run.device);
    let selected = device::select(&wanted.parse()?)?;
    if let Some(note) = &selected.note {
        screen.note(note);
    }
    let options = Options {
        device: selected.spec.to_string(),
        workers: args.workers,
        shard,
        phase: args.phase,
        max_hours: args.max_hours,
        models: args
            .model
            .iter()
            .map(|m| m.parse())
            .collect::<Result<_>>()?,
        out: out.clone(),
    };
    let _held = hold(&out, shard.is_some())?;
    check_name(&study, &out)?;
    draw_faces(&study, &out, screen)?;
    let data = look_at_data(&study, &units, &out, screen)?;
    let stops = stop::count()?;
    let say = |line: &str| screen.note(line);
    let mut engine = Engine::new(&study, &options, &data, &say)?;
    let outcome = engine.carry_out(stops)?;
    if outcome.left == 0 && args.phase.is_none() {
        engine.conclude(&|| conclude(&out, screen))?;
    }
    finish(&outcome, &out)
}

/// Phase 4: from the study's files alone, whether or not anything ran here.
fn conclude(out: &Path, screen: &Screen) -> Result<()> {
    screen.note("analysing");
    analyse(out)?;
    let written = html::write(out)?;
    answer(format!(
        "{} figures, {} model cards, {}",
        written.figures,
        written.cards,
        written.page.display()
    ));
    Ok(())
}

/// The study from its file or, without one, from the folder that it is to go on in.
fn load(args: &StudyArgs) -> Result<(StudyConfig, PathBuf)> {
    let overrides: Vec<Override> = args
        .sets
        .iter()
        .map(|set| Override::parse(set))
        .collect::<Result<_>>()?;
    let file = match (&args.config, &args.out) {
        (Some(file), _) => file.clone(),
        (None, Some(out)) => out.join(STUDY),
        (None, None) => {
            return Err(Fault::plain("no study")
                .expected("--config FILE, or --out with the folder of one that was begun")
                .next("studies are in configs/study/")
                .config());
        }
    };
    let study = StudyConfig::load(&file, &overrides)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => Path::new(STUDIES).join(&study.name),
    };
    Ok((study, out))
}

/// Takes hold of the folder: alone, or among shards.
fn hold(out: &Path, shared: bool) -> Result<File> {
    files::create_dir(out)?;
    let path = out.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| Fault::new(&path, format!("cannot be written ({e})")).run())?;
    let locked = match shared {
        true => file.try_lock_shared(),
        false => file.try_lock(),
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Fault::new(out, "a study is at work there")
                .next("wait for it, or give every process its --shard I/N")
                .run());
        }
        Err(TryLockError::Error(e)) => {
            // Some network file systems have no locks; shards have their claims all the same.
            tracing::warn!("{}: no lock ({e})", path.display());
        }
    }
    if !shared {
        // Nobody else is at work: what shards claimed is left behind.
        let _ = fs::remove_dir_all(out.join(claims::FOLDER));
    }
    Ok(file)
}

/// Refuses the folder of another study.
fn check_name(study: &StudyConfig, out: &Path) -> Result<()> {
    let path = out.join(STUDY);
    let text = fs::read_to_string(&path).unwrap_or_default();
    // What is no TOML is damaged, and written anew.
    let table = text.parse::<toml::Table>().unwrap_or_default();
    match table.get("name").and_then(toml::Value::as_str) {
        Some(name) if name != study.name => Err(Fault::new(&path, format!("the study \"{name}\""))
            .expected(format!("\"{}\", or an empty folder", study.name))
            .next("choose another --out")
            .config()),
        _ => Ok(()),
    }
}

/// Generates faces where the study names no data.
fn draw_faces(study: &StudyConfig, out: &Path, screen: &Screen) -> Result<()> {
    if study.run.data.dir.is_some() {
        return Ok(());
    }
    let lock = out.join(".data.lock");
    let waiting = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|e| Fault::new(&lock, format!("cannot be locked ({e})")).run());
    let dir = study.data_dir(out);
    if let Err(e) = generate(&study.run.synth, &dir, screen) {
        if !dir.exists() {
            return Err(e);
        }
        // Other faces, or damaged ones: the folder is the study's own, and the ledger sees the change.
        let aside = out.join("set-aside");
        files::create_dir(&aside)?;
        let to = (1..)
            .map(|n| aside.join(format!("data.{n}")))
            .find(|to| !to.exists())
            .expect("there is always another number");
        fs::rename(&dir, &to)
            .map_err(|e| Fault::new(&dir, format!("cannot be set aside ({e})")).run())?;
        screen.note(&format!("{e}; set aside as {}", to.display()));
        generate(&study.run.synth, &dir, screen)?;
    }
    drop(waiting);
    Ok(())
}

/// Content hashes and counts of the data; the decode cache is filled on the way.
fn look_at_data(study: &StudyConfig, units: &[Unit], out: &Path, screen: &Screen) -> Result<Data> {
    let targets: BTreeSet<&String> = units.iter().map(|unit| &unit.target).collect();
    let mut data = Data::default();
    for target in targets {
        let config = DataConfig {
            dir: Some(study.data_dir(out)),
            target: target.clone(),
            ..study.run.data.clone()
        };
        let faces = Faces::open(&config, &screen.bar())?;
        data.hashes
            .insert(target.clone(), faces.data_hash().to_string());
        data.images = [Split::Train, Split::Val, Split::Test].map(|split| faces.split(split).len());
    }
    screen.clear();
    Ok(data)
}

fn finish(outcome: &Outcome, out: &Path) -> Result<()> {
    let Outcome { done, failed, left } = outcome;
    let of = done + failed.len() + left;
    answer(format!(
        "{done} of {of} units are done in {}",
        out.display()
    ));
    if let Some((first, why)) = failed.first() {
        return Err(Fault::new(
            out,
            format!(
                "{} of {of} units failed, the first: {first} ({why})",
                failed.len()
            ),
        )
        .next("the same command tries them again")
        .run());
    }
    if *left > 0 {
        return Err(Fault::new(
            out,
            format!("the time is up with {left} of {of} units left"),
        )
        .next("the same command goes on")
        .run());
    }
    Ok(())
}
