//! `fairbit train`: settings, data, run folder, supervised training, audit.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::args::{ConfigArgs, TrainArgs};
use super::screen::{Screen, answer};
use super::{judge, stop};
use crate::config::{Override, RunConfig};
use crate::data::synth;
use crate::device;
use crate::error::{Fault, Result};
use crate::fairness::FairnessReport;
use crate::files;
use crate::train::config_hash;
use crate::train::events::Summary;
use crate::train::folder::{self, RunFolder, RunJson, Status};
use crate::train::supervisor::Supervised;

/// Where generated faces are kept for the next time.
const SYNTH_DIR: &str = "data/synth";
/// Where CelebA is looked for.
const CELEBA_DIR: &str = "data/celeba";
/// Where runs go that name no folder.
const RUNS_DIR: &str = "runs";

/// Trains one run, or one per seed, and audits each.
///
/// # Errors
/// Whatever ended it; what is finished stays on disk.
pub fn train(args: &TrainArgs, screen: &Screen) -> Result<()> {
    if args.resume {
        return resume(args, screen);
    }
    let mut config = load(args)?;
    if args.print_config {
        answer(config.to_toml().trim_end());
        return Ok(());
    }
    // Everything that can be refused is refused before anything is generated or written.
    device::select(&config.device.parse()?)?;
    config.data.dir = Some(data_dir(&config, screen)?);
    let out = match &args.out {
        Some(out) => out.clone(),
        None => free_name(Path::new(RUNS_DIR), &default_name(&config)),
    };
    if config.seeds.is_empty() {
        return start(&config, &out, screen).map(|_| ());
    }
    let mut reports = Vec::new();
    for &seed in &config.seeds {
        let one = RunConfig {
            seed,
            seeds: Vec::new(),
            ..config.clone()
        };
        reports.push(start(&one, &out.join(format!("seed-{seed}")), screen)?);
    }
    answer(judge::over_seeds(&reports));
    Ok(())
}

/// Settings from the file, `--set`, then the flags that are shorthands for it.
fn load(args: &TrainArgs) -> Result<RunConfig> {
    let mut overrides = overrides(&args.config)?;
    overrides.extend(flags(args)?);
    RunConfig::load(args.config.config.as_deref(), &overrides)
}

/// `--set` as overrides.
pub fn overrides(args: &ConfigArgs) -> Result<Vec<Override>> {
    args.sets.iter().map(|s| Override::parse(s)).collect()
}

fn flags(args: &TrainArgs) -> Result<Vec<Override>> {
    let text =
        |key: &str, value: &Option<String>| value.as_ref().map(|v| Override::new(key, v.as_str()));
    let number = |key: &str, value: Option<usize>| value.map(|v| Override::new(key, v as i64));
    let path = |key: &str, value: &Option<PathBuf>| {
        value
            .as_ref()
            .map(|v| {
                v.to_str()
                    .map(|v| Override::new(key, v))
                    .ok_or_else(|| not_utf8(v))
            })
            .transpose()
    };
    Ok([
        text("model.name", &args.model),
        text("device", &args.device),
        number("data.px", args.px),
        number("train.epochs", args.epochs),
        number("train.batch", args.batch),
        number("seed", args.seed.map(|s| s as usize)),
        path("data.dir", &args.data)?,
        path("model.weights", &args.weights)?,
    ]
    .into_iter()
    .flatten()
    .collect())
}

fn not_utf8(path: &Path) -> crate::error::Error {
    Fault::new(path, "a path that is not UTF-8").config()
}

/// The folder with the images: the one configured, CelebA where it is looked for, or generated faces.
fn data_dir(config: &RunConfig, screen: &Screen) -> Result<PathBuf> {
    let absolute = |dir: &Path| {
        dir.canonicalize().map_err(|e| {
            Fault::new(dir, format!("cannot be opened ({e})"))
                .expected("a folder with a data set")
                .data()
        })
    };
    if let Some(dir) = &config.data.dir {
        return absolute(dir);
    }
    if Path::new(CELEBA_DIR).is_dir() {
        return absolute(Path::new(CELEBA_DIR));
    }
    screen.note(&format!(
        "No CelebA found (put it in {CELEBA_DIR}/ or give --data DIR, see the README): training on generated faces in {SYNTH_DIR}/"
    ));
    generate(&config.synth, Path::new(SYNTH_DIR), screen)?;
    absolute(Path::new(SYNTH_DIR))
}

/// Generates faces with a progress bar; a folder that holds them already is kept.
pub fn generate(
    config: &synth::SynthConfig,
    out: &Path,
    screen: &Screen,
) -> Result<synth::SynthReport> {
    let total = config.images as u64;
    let done = std::sync::atomic::AtomicU64::new(0);
    let (send, receive) = std::sync::mpsc::channel();
    // The bar belongs to this thread and the faces to all of them.
    let send = std::sync::Mutex::new(send);
    let report = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let report = synth::generate(config, out, &|n| {
                let now = done.fetch_add(n, std::sync::atomic::Ordering::Relaxed) + n;
                if let Ok(send) = send.lock() {
                    // The receiver outlives the work.
                    let _ = send.send(Some(now));
                }
            });
            if let Ok(send) = send.lock() {
                let _ = send.send(None);
            }
            report
        });
        while let Ok(Some(now)) = receive.recv() {
            screen.progress("drawing", now, total, String::new());
        }
        work.join()
    });
    screen.clear();
    report.unwrap_or_else(|_| Err(Fault::new(out, "drawing faces panicked").run()))
}

fn default_name(config: &RunConfig) -> String {
    format!(
        "{}-{}px-seed{}",
        config.model.name, config.data.px, config.seed
    )
}

/// `name`, or `name-2`, `name-3`, … : a run never overwrites another.
fn free_name(dir: &Path, name: &str) -> PathBuf {
    let first = dir.join(name);
    if !first.exists() {
        return first;
    }
    (2..)
        .map(|n| dir.join(format!("{name}-{n}")))
        .find(|p| !p.exists())
        .unwrap_or(first)
}

fn start(config: &RunConfig, out: &Path, screen: &Screen) -> Result<FairnessReport> {
    if out.join("run.json").exists() {
        return Err(Fault::new(out, "holds a run already")
            .next("go on with it by --resume, or choose another --out")
            .config());
    }
    let folder = RunFolder::hold(out)?;
    files::write_bytes(&out.join("config.toml"), config.to_toml().as_bytes())?;
    supervise(config, &folder, screen)
}

fn resume(args: &TrainArgs, screen: &Screen) -> Result<()> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => newest_unfinished(Path::new(RUNS_DIR))?,
    };
    let folder = RunFolder::hold(&out)?;
    if folder::read_run(&out)?.status == Status::Done {
        screen.note(&format!("{}: the run is complete", out.display()));
        return Ok(());
    }
    let path = out.join("config.toml");
    let stored = folder::read_config(&out)?;
    let mut overrides = overrides(&args.config)?;
    overrides.extend(flags(args)?);
    let config = RunConfig::load(Some(&path), &overrides)?;
    if config_hash(&config) != config_hash(&stored) || args.config.config.is_some() {
        return Err(Fault::new(&path, "a resumed run keeps its settings")
            .next("give --resume with nothing but --out, --device and --data, or start a new run")
            .config());
    }
    files::write_bytes(&path, config.to_toml().as_bytes())?;
    screen.note(&format!("going on with {}", out.display()));
    supervise(&config, &folder, screen).map(|_| ())
}

fn newest_unfinished(runs: &Path) -> Result<PathBuf> {
    let mut unfinished: Vec<(std::time::SystemTime, PathBuf)> = std::fs::read_dir(runs)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| folder::read_run(&e.path()).is_ok_and(|run| run.status != Status::Done))
        .filter_map(|e| {
            Some((
                e.path().join("run.json").metadata().ok()?.modified().ok()?,
                e.path(),
            ))
        })
        .collect();
    unfinished.sort();
    unfinished.pop().map(|(_, path)| path).ok_or_else(|| {
        Fault::new(runs, "has no unfinished run")
            .next("name one with --resume --out RUN")
            .config()
    })
}

fn supervise(config: &RunConfig, folder: &RunFolder, screen: &Screen) -> Result<FairnessReport> {
    let selected = device::select(&config.device.parse()?)?;
    if let Some(note) = &selected.note {
        screen.note(note);
    }
    screen.note(&format!(
        "{} at {} px on {} into {}",
        config.model.name,
        config.data.px,
        selected.spec,
        folder.path().display()
    ));
    let mut run = fresh_run(config, selected.spec.to_string());
    let stops = stop::count()?;
    let program = std::env::current_exe()
        .map_err(|e| Fault::plain(format!("this program cannot find itself ({e})")).run())?;
    let path = folder.path().to_path_buf();
    let worker = |device: &str| {
        let mut command = Command::new(&program);
        command.arg("worker").arg(&path).arg("--device").arg(device);
        if let Ok(selected) = device.parse().and_then(|spec| device::select(&spec)) {
            command.env("BURN_DEVICE", selected.burn_device());
        }
        command
    };
    let summary = Supervised {
        folder,
        config,
        worker: &worker,
        stops,
        watch: &mut |event| screen.event(event),
    }
    .run(&mut run);
    screen.clear();
    finish(&mut run, &*summary?, config, folder)
}

fn fresh_run(config: &RunConfig, device: String) -> RunJson {
    RunJson {
        status: Status::Running,
        reason: None,
        model: config.model.name.to_string(),
        params: 0,
        device,
        fallbacks: Vec::new(),
        backend: None,
        kernels: Vec::new(),
        threads: rayon::current_num_threads(),
        seed: config.seed,
        config_hash: config_hash(config),
        data_hash: None,
        seconds: None,
        images_per_s: None,
        peak_memory_bytes: None,
        best_epoch: None,
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// Audits the predictions, completes `run.json` and prints the table.
fn finish(
    run: &mut RunJson,
    summary: &Summary,
    config: &RunConfig,
    folder: &RunFolder,
) -> Result<FairnessReport> {
    let dir = folder.path();
    let report = judge::audit_file(
        &dir.join("predictions-test.csv"),
        &config.audit,
        &dir.join("fairness-test.json"),
    )?;
    run.status = Status::Done;
    run.backend = Some(summary.backend.clone());
    run.kernels = summary.kernels.clone();
    run.seconds = Some(summary.seconds);
    run.images_per_s = Some(summary.images_per_s);
    run.peak_memory_bytes = (summary.peak_memory_bytes > 0).then_some(summary.peak_memory_bytes);
    run.best_epoch = Some(summary.best_epoch);
    run.data_hash = Some(summary.data_hash.clone());
    folder.write_run(run)?;
    answer(format!(
        "{} at {} px: best epoch {} of {}, {:.0} s of training on {} at {:.0} images/s",
        run.model,
        config.data.px,
        summary.best_epoch,
        summary.epochs,
        summary.seconds,
        summary.backend,
        summary.images_per_s
    ));
    answer(report.table().trim_end());
    answer(format!("run folder: {}", dir.display()));
    Ok(report)
}
