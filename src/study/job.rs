//! One unit at work: its folder under a temporary name, its child process, and what became of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::child::{Child, End};
use super::claims::Claim;
use super::command::{self, Order};
use super::matrix::{Kind, Unit};
use crate::error::{Fault, Result};
use crate::files;
use crate::train::checkpoint::CHECKPOINTS;
use crate::train::folder;

/// Which process of a unit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The one that makes it.
    Work,
    /// The one that measures its latency.
    Latency,
}

/// A unit at work.
#[derive(Debug)]
pub struct Job {
    /// Index of the unit.
    pub at: usize,
    /// Its folder under a temporary name.
    pub part: PathBuf,
    /// Which process runs.
    pub stage: Stage,
    /// The process.
    pub child: Child,
    /// Where it computes.
    pub device: String,
    /// The device that was given up for it, and why.
    pub fell_back: Option<(String, String)>,
    /// How often a child was lost on this device.
    pub losses: usize,
    /// Since when it is at work.
    pub since: Instant,
    /// Largest resident set so far, bytes.
    pub peak: u64,
    /// The claim of a shard.
    pub claim: Option<Claim>,
}

/// What came of looking at a job.
#[derive(Debug)]
pub enum Turn {
    /// It goes on.
    Working,
    /// Everything is in its folder.
    Complete,
    /// The child failed with a reason of its own.
    Failed(String, i32),
    /// The child was lost, as by a failing device.
    Lost(String),
}

impl Job {
    /// Looks at the child; a finished one is followed by the measurement of its latency.
    ///
    /// # Errors
    /// Run error when a process cannot be started.
    pub fn turn(&mut self, unit: &Unit, threads: usize, latency_seconds: f64) -> Result<Turn> {
        let end = self.child.poll()?;
        self.peak = self.peak.max(self.child.peak());
        Ok(match (end, self.stage) {
            (None, _) => Turn::Working,
            (Some(End::Well), Stage::Work) if measured(unit, latency_seconds) => {
                let peak = self.peak;
                let args = command::latency(&self.part, &self.device, latency_seconds);
                self.child = Child::start(&args, threads, &self.device, &console(&self.part))?;
                (self.stage, self.peak) = (Stage::Latency, peak);
                Turn::Working
            }
            // A latency that cannot be measured is missing in timings; the unit itself is there.
            (Some(_), Stage::Latency) | (Some(End::Well), Stage::Work) => Turn::Complete,
            (Some(End::Failed { reason, code }), Stage::Work) => Turn::Failed(reason, code),
            (Some(End::Lost(reason)), Stage::Work) => Turn::Lost(reason),
        })
    }

    /// Starts the child anew, on the device that the job has by now.
    ///
    /// # Errors
    /// Run error when the folder cannot be written or no process can be started.
    pub fn again(&mut self, order: &Order, threads: usize) -> Result<()> {
        if !command::resumable(order.unit, &self.part) {
            empty(&self.part)?;
        }
        self.child = Child::start(
            &order.arguments()?,
            threads,
            &self.device,
            &console(&self.part),
        )?;
        Ok(())
    }
}

fn measured(unit: &Unit, seconds: f64) -> bool {
    unit.kind == Kind::Configuration && seconds > 0.0
}

/// What the children of a unit said.
pub fn console(part: &Path) -> PathBuf {
    part.join("console.txt")
}

/// The temporary folder of a unit whose place is `place`, for the process `me`. What another process left
/// there is taken over if it is worth going on with and was made from the same, else removed.
///
/// # Errors
/// Run error when it cannot be made.
pub fn begin(unit: &Unit, place: &Path, identity: &str, me: &str) -> Result<PathBuf> {
    let cannot = |path: &Path, e: std::io::Error| {
        Fault::new(path, format!("cannot be prepared ({e})"))
            .next("check the folder's permissions and the free space")
            .run()
    };
    let parent = place.parent().unwrap_or(place);
    files::create_dir(parent)?;
    let part = parent.join(format!(".seed-{}.{me}.part", unit.seed));
    let head = format!(".seed-{}.", unit.seed);
    for entry in fs::read_dir(parent)
        .map_err(|e| cannot(parent, e))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&head) || !name.ends_with(".part") || entry.path() == part {
            continue;
        }
        let left = entry.path();
        let same = fs::read_to_string(left.join(IDENTITY)).is_ok_and(|text| text == identity);
        if same && !part.exists() && command::resumable(unit, &left) {
            fs::rename(&left, &part).map_err(|e| cannot(&left, e))?;
        } else {
            remove(&left).map_err(|e| cannot(&left, e))?;
        }
    }
    if !part.exists() {
        files::create_dir(&part)?;
    }
    wait_for_predecessor(&part)?;
    if !command::resumable(unit, &part) {
        empty(&part)?;
    }
    files::write_bytes(&part.join(IDENTITY), identity.as_bytes())?;
    Ok(part)
}

/// Removes a folder to which a process that is about to end may still write.
fn remove(left: &Path) -> std::io::Result<()> {
    for _ in 0..50 {
        match fs::remove_dir_all(left) {
            Err(e) if e.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                std::thread::sleep(Duration::from_millis(100));
            }
            result => return result,
        }
    }
    fs::remove_dir_all(left)
}

/// A child whose parent was killed needs a moment to notice.
fn wait_for_predecessor(part: &Path) -> Result<()> {
    let since = Instant::now();
    while folder::lock(&part.join(".lock"))?.is_none() && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// How long to wait for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an unfinished folder is made from.
const IDENTITY: &str = ".identity";

/// Removes everything but what says what the folder is made from.
fn empty(part: &Path) -> Result<()> {
    let cannot = |e: std::io::Error| Fault::new(part, format!("cannot be emptied ({e})")).run();
    for entry in fs::read_dir(part).map_err(cannot)?.flatten() {
        if entry.file_name() == IDENTITY {
            continue;
        }
        match entry.path().is_dir() {
            true => fs::remove_dir_all(entry.path()).map_err(cannot)?,
            false => fs::remove_file(entry.path()).map_err(cannot)?,
        }
    }
    Ok(())
}

/// The device that a training gave up by itself, why, and where it went on.
pub fn fallback_of(part: &Path) -> Option<(String, String, String)> {
    let run: Value = serde_json::from_slice(&fs::read(part.join("run.json")).ok()?).ok()?;
    let all = run["fallbacks"].as_array()?;
    // A process that was killed on the CPU goes on on the CPU: that is no other device.
    let last = all.iter().rev().find(|fall| fall["from"] != fall["to"])?;
    let text = |key: &str| last[key].as_str().unwrap_or_default().to_string();
    Some((text("from"), text("reason"), text("to")))
}

/// Removes what only unfinished folders need: checkpoints, locks, what a killed process left half written.
pub fn tidy(part: &Path) {
    // What cannot be removed is in the way of nobody.
    let _ = fs::remove_dir_all(part.join(CHECKPOINTS));
    let _ = fs::remove_file(part.join("latency.json"));
    for entry in fs::read_dir(part).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with('.') {
            let _ = fs::remove_file(entry.path());
        }
    }
}
