//! The loop that carries a study out: what is next, what has ended, and what that means for the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::claims::{Claim, Claims};
use super::config::StudyConfig;
use super::job::{self, Job};
use super::journal::Journal;
use super::ledger::{self, Found, Ledger};
use super::matrix::{Unit, units};
use super::options::Options;
use super::timing::{Estimates, Timing, duration};
use super::{baselines, command};
use crate::error::{Fault, Result};

mod conclude;
mod outcome;
mod schedule;

/// How often children are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often a shard looks what the others did.
const LOOK: Duration = Duration::from_secs(1);

/// Where a unit stands.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed(String),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Units that are finished, of those asked for.
    pub done: usize,
    /// Those that failed, and why.
    pub failed: Vec<(String, String)>,
    /// Those that there was no time for.
    pub left: usize,
}

/// A study at work.
pub struct Engine<'a> {
    study: &'a StudyConfig,
    options: &'a Options,
    data: PathBuf,
    hashes: &'a BTreeMap<String, String>,
    units: Vec<Unit>,
    identities: Vec<String>,
    state: Vec<State>,
    /// Failures that were recorded before this process began.
    failures: Vec<Option<String>>,
    ledger: Ledger,
    journal: Journal<'a>,
    claims: Option<Claims>,
    jobs: Vec<Job>,
    estimates: Estimates,
    /// The device that failed, and how: everything goes to the fallback device since.
    given_up: Option<(String, String)>,
    memory: u64,
    threads: usize,
    started: Instant,
    looked: Instant,
    /// Since when a shard found nothing to start.
    idle: Option<Instant>,
    checked: bool,
    out_of_time: bool,
}

impl<'a> Engine<'a> {
    /// A study whose folder this process may write to; `hashes` are the content hashes of its data by
    /// target, `say` shows a line to the user.
    ///
    /// # Errors
    /// Configuration error for a study that cannot be, run error for a folder that cannot be written.
    pub fn new(
        study: &'a StudyConfig,
        options: &'a Options,
        hashes: &'a BTreeMap<String, String>,
        say: &'a dyn Fn(&str),
    ) -> Result<Self> {
        let units = units(study)?;
        let claims = match options.shard {
            None => None,
            Some(_) => {
                let patience = Duration::from_secs_f64(study.claim_seconds);
                Some(Claims::start(&options.out, patience)?)
            }
        };
        let process = match &claims {
            Some(claims) => claims.me().to_string(),
            None => std::process::id().to_string(),
        };
        let mut identities: Vec<String> = Vec::with_capacity(units.len());
        for unit in &units {
            let hash = hashes.get(&unit.target).map_or("", String::as_str);
            let settings = command::settings(study, unit)?;
            let base = unit.needs.map(|at| identities[at].as_str());
            identities.push(ledger::identity(unit, hash, &settings, base));
        }
        let ledger = Ledger::new(&options.out);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            failures: units
                .iter()
                .map(|unit| ledger.failed(unit).map(|failed| failed.attempt))
                .collect(),
            journal: Journal::open(&options.out, &process, say)?,
            data: study.data_dir(&options.out),
            state: vec![State::Waiting; units.len()],
            jobs: Vec::new(),
            estimates: Estimates::default(),
            given_up: None,
            memory: memory(study),
            threads: study
                .threads
                .unwrap_or_else(|| (cores / options.workers).max(1)),
            started: Instant::now(),
            looked: Instant::now(),
            idle: None,
            checked: false,
            out_of_time: false,
            study,
            options,
            hashes,
            units,
            identities,
            ledger,
            claims,
        })
    }

    /// Carries out what is left of the phases asked for; with `stops` above 0 it stops with what it has.
    ///
    /// # Errors
    /// Data error for a folder made of other data; run error for baselines that learned nothing, a full
    /// disk, or a request to stop. What is finished stays.
    pub fn carry_out(&mut self, stops: &AtomicUsize) -> Result<Outcome> {
        self.survey()?;
        self.journal.event(
            "begin",
            json!({"study": self.study.name, "units": self.asked().count(), "left": self.left(),
                "device": self.options.device, "workers": self.options.workers}),
        );
        let ended = self.follow(stops);
        // Whatever ended it, no child is left behind.
        self.jobs.clear();
        if let Err(e) = &ended {
            self.journal.event("stop", json!({"reason": e.to_string()}));
        }
        ended?;
        Ok(self.outcome())
    }

    fn follow(&mut self, stops: &AtomicUsize) -> Result<()> {
        let mut asked = 0;
        loop {
            self.look_after_jobs()?;
            let now = stops.load(Ordering::Relaxed);
            if now > asked {
                asked = now;
                self.stop(now > 1);
            }
            if asked > 0 {
                if self.jobs.is_empty() {
                    return Err(Fault::new(&self.options.out, "interrupted")
                        .next("the same command goes on")
                        .run());
                }
                std::thread::sleep(TICK);
                continue;
            }
            self.look_at_others();
            while self.jobs.len() < self.options.workers {
                let Some((at, claim)) = self.next()? else {
                    break;
                };
                self.start(at, claim)?;
            }
            if self.jobs.is_empty() && (self.left() == 0 || self.out_of_time) {
                return Ok(());
            }
            std::thread::sleep(TICK);
        }
    }

    /// What the folder holds already.
    fn survey(&mut self) -> Result<()> {
        let mut versions = 0;
        for at in 0..self.units.len() {
            let unit = &self.units[at];
            match self.ledger.look(unit, &self.identities[at]) {
                Found::Whole(_) => {
                    self.state[at] = State::Done;
                    if let Some(timing) = Timing::read(&self.ledger.place(unit)) {
                        self.estimates.add(unit, &timing);
                    }
                }
                Found::Outdated(found) => {
                    let here = &self.hashes[&unit.target];
                    let given = self.study.run.data.dir.is_some();
                    if found.head.data_hash != *here && given {
                        return Err(Fault::new(
                            self.ledger.place(unit),
                            format!("made of the data {}", short(&found.head.data_hash)),
                        )
                        .expected(format!("{}, those in {}", short(here), self.data.display()))
                        .next("give the data that the study was made of, or another --out")
                        .data());
                    }
                    versions += usize::from(found.head.version != ledger::VERSION);
                }
                Found::Damaged(_) | Found::Nothing => {}
            }
        }
        if versions > 0 {
            self.journal.say(&format!(
                "{versions} units were made by another version of fairbit than {}: they are set aside and made again",
                ledger::VERSION
            ));
        }
        if let Some(phase @ 2..) = self.options.phase {
            let missing = self.asked().find(|at| {
                let needs = self.units[*at].needs;
                needs.is_some_and(|base| self.state[base] != State::Done)
            });
            if let Some(at) = missing {
                let base = self.units[at].needs.unwrap_or(at);
                return Err(Fault::new(
                    self.ledger.place(&self.units[base]),
                    format!("phase {phase} needs this baseline, which is not there"),
                )
                .next("run the study with --phase 1 first, or without --phase")
                .run());
            }
        }
        Ok(())
    }

    /// Units asked for.
    fn asked(&self) -> impl Iterator<Item = usize> {
        let Options { phase, models, .. } = self.options;
        (0..self.units.len()).filter(move |at| {
            let unit = &self.units[*at];
            phase.is_none_or(|phase| unit.phase == phase)
                && (models.is_empty() || models.contains(&unit.model))
        })
    }

    fn left(&self) -> usize {
        let open = |at: &usize| matches!(self.state[*at], State::Waiting | State::Running);
        self.asked().filter(open).count()
    }

    /// Whether the baselines asked for are all there, or failed; the first time, they have to have
    /// learned something.
    fn baselines_are_good(&mut self) -> Result<bool> {
        if self.checked {
            return Ok(true);
        }
        let models = &self.options.models;
        let primary: Vec<usize> = (0..self.units.len())
            .filter(|at| {
                let unit = &self.units[*at];
                unit.is_baseline()
                    && unit.target == self.study.run.data.target
                    && (models.is_empty() || models.contains(&unit.model))
            })
            .collect();
        let open = |at: &usize| matches!(self.state[*at], State::Waiting | State::Running);
        if primary.iter().any(open) {
            return Ok(false);
        }
        let places: Vec<(String, PathBuf)> = primary
            .iter()
            .filter(|at| self.state[**at] == State::Done)
            .map(|at| {
                (
                    self.units[*at].to_string(),
                    self.ledger.place(&self.units[*at]),
                )
            })
            .collect();
        let baselines: Vec<(String, &Path)> = places
            .iter()
            .map(|(name, place)| (name.clone(), place.as_path()))
            .collect();
        let threshold = self.study.run.audit.threshold;
        baselines::check(&baselines, threshold, self.study.required_margin)?;
        self.checked = true;
        Ok(true)
    }

    /// Starts a unit, unless it turns out to be finished.
    fn start(&mut self, at: usize, claim: Option<Claim>) -> Result<()> {
        let unit = &self.units[at];
        let place = self.ledger.place(unit);
        match self.ledger.look(unit, &self.identities[at]) {
            Found::Whole(_) => {
                self.state[at] = State::Done;
                self.give_back(claim.as_ref());
                return Ok(());
            }
            Found::Nothing => {}
            Found::Damaged(reason) => self.set_aside(at, &reason)?,
            Found::Outdated(_) => self.set_aside(at, "made of other settings, data or code")?,
        }
        let unit = &self.units[at];
        let me = match &self.claims {
            Some(claims) => claims.me().to_string(),
            None => std::process::id().to_string(),
        };
        let part = job::begin(unit, &place, &self.identities[at], &me)?;
        let device = match &self.given_up {
            Some(_) => self.study.run.fallback_device.clone(),
            None => self.options.device.clone(),
        };
        let base = unit.needs.map(|base| self.ledger.place(&self.units[base]));
        let order = command::Order {
            study: self.study,
            unit,
            part: &part,
            base: base.as_deref(),
            data: &self.data,
            device: &device,
        };
        let child =
            super::child::Child::start(&order.arguments()?, self.threads, &job::console(&part))?;
        self.journal.event(
            "start",
            json!({"unit": unit.id, "device": device, "estimate_s": self.estimates.seconds(unit)}),
        );
        self.jobs.push(Job {
            at,
            stage: job::Stage::Work,
            child,
            device,
            fell_back: self.given_up.clone(),
            losses: 0,
            since: Instant::now(),
            peak: 0,
            claim,
            part,
        });
        self.state[at] = State::Running;
        Ok(())
    }

    fn set_aside(&self, at: usize, reason: &str) -> Result<()> {
        let unit = &self.units[at];
        let to = self.ledger.set_aside(unit)?;
        self.journal
            .event("set-aside", json!({"unit": unit.id, "reason": reason}));
        self.journal
            .say(&format!("{unit}: {reason}; set aside as {}", to.display()));
        Ok(())
    }

    fn give_back(&mut self, claim: Option<&Claim>) {
        if let (Some(claims), Some(claim)) = (&mut self.claims, claim) {
            claims.release(claim);
        }
    }

    /// Stops what runs: trainings with a checkpoint unless `at_once`, everything else as it is.
    fn stop(&mut self, at_once: bool) {
        let units = &self.units;
        self.jobs
            .retain(|job| !at_once && units[job.at].trains && job.stage == job::Stage::Work);
        for job in &mut self.jobs {
            job.child.ask_to_stop();
        }
        self.journal.say(match self.jobs.len() {
            0 => "stopping",
            _ => "stopping as soon as checkpoints are saved; once more to stop at once",
        });
    }
}

/// Bytes that all children together may use.
fn memory(study: &StudyConfig) -> u64 {
    const GIB: f64 = (1u64 << 30) as f64;
    if let Some(gib) = study.memory_gib {
        return (gib * GIB) as u64;
    }
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<u64>()
                .ok()
        });
    // Where the system does not say, the number of workers is the only bound.
    free.map_or(u64::MAX, |kib| kib / 10 * 8 * 1024)
}

fn short(hash: &str) -> &str {
    &hash[..hash.len().min(12)]
}

/// The line of a finished unit.
fn told(
    done: usize,
    of: usize,
    unit: &Unit,
    seconds: f64,
    device: &str,
    left: Option<f64>,
) -> String {
    let left = match left {
        Some(seconds) => format!("; about {} left", duration(seconds)),
        None => String::new(),
    };
    format!(
        "[{done}/{of}] {unit}: {} on {device}{left}",
        duration(seconds)
    )
}
