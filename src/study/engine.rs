//! The loop that carries a study out: what is next, what has ended, and what that means for the rest.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::claims::{Claim, Claims};
use super::command;
use super::config::StudyConfig;
use super::job::Job;
use super::journal::Journal;
use super::ledger::{self, Ledger};
use super::matrix::{Unit, units};
use super::options::{Data, Options};
use super::timing::{Estimates, duration};
use crate::error::{Fault, Result};

mod begin;
mod conclude;
mod outcome;
mod schedule;
mod survey;

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
    data: &'a Data,
    faces: PathBuf,
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
    stopping: bool,
}

impl<'a> Engine<'a> {
    /// A study whose folder this process may write to; `say` shows a line to the user.
    ///
    /// # Errors
    /// Configuration error for a study that cannot be, run error for a folder that cannot be written.
    pub fn new(
        study: &'a StudyConfig,
        options: &'a Options,
        data: &'a Data,
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
            let hash = data.hashes.get(&unit.target).map_or("", String::as_str);
            let settings = command::settings(study, unit)?;
            let base = unit.needs.map(|at| identities[at].as_str());
            identities.push(ledger::identity(unit, hash, &settings, base));
        }
        let ledger = Ledger::new(&options.out);
        // RAYON_NUM_THREADS, where it is set, is what this process may use.
        let cores = rayon::current_num_threads();
        Ok(Self {
            failures: units
                .iter()
                .map(|unit| ledger.failed(unit).map(|failed| failed.attempt))
                .collect(),
            journal: Journal::open(&options.out, &process, say)?,
            faces: study.data_dir(&options.out),
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
            stopping: false,
            study,
            options,
            data,
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
        self.keep()?;
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
