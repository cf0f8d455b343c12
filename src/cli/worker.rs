//! `fairbit worker RUN --device DEV`: one training process. It speaks JSON lines on standard output,
//! logs to standard error (which is the run's `log.txt`: epochs, notes and the end, as the same lines), and listens on standard input: a line asks
//! it to stop with a checkpoint, and the end of input means that its supervisor is dead.

use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::args::WorkerArgs;
use super::stop;
use crate::device;
use crate::error::{Fault, Result};
use crate::train::events::Event;
use crate::train::fault::Staged;
use crate::train::folder;
use crate::train::run::{self, Job, Outcome};

/// How long to wait for a predecessor whose supervisor was killed.
const PATIENCE: Duration = Duration::from_secs(60);

static STOP: AtomicBool = AtomicBool::new(false);

/// Trains in this process and reports the end as an event, too.
///
/// # Errors
/// Whatever ended the run; the supervisor has been told by then.
pub fn work(args: &WorkerArgs) -> Result<()> {
    // A terminal sends Ctrl-C to this process as well; the supervisor decides what it means.
    stop::count()?;
    std::thread::spawn(obey);
    let result = train(args);
    match &result {
        Ok(Outcome::Done(summary)) => say(Event::Done(summary.clone())),
        Ok(Outcome::Interrupted(step)) => say(Event::Interrupted { step: *step }),
        Err(e) => say(Event::failed(e)),
    }
    result.map(|_| ())
}

fn train(args: &WorkerArgs) -> Result<Outcome> {
    let _alone = alone(args)?;
    let job = Job {
        config: folder::read_config(&args.run)?,
        folder: args.run.clone(),
        device: device::select(&args.device.parse()?)?,
        staged: Staged::from_env()?,
    };
    run::run(&job, &|| STOP.load(Ordering::Relaxed), &say)
}

/// The lock of the checkpoints: a worker that lost its supervisor may need a moment to end.
fn alone(args: &WorkerArgs) -> Result<std::fs::File> {
    let path = args.run.join(".worker-lock");
    let since = Instant::now();
    loop {
        if let Some(lock) = folder::lock(&path)? {
            return Ok(lock);
        }
        if since.elapsed() > PATIENCE {
            return Err(Fault::new(&args.run, "another training process still works on it").run());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn say(event: Event) {
    let line = event.to_line();
    if !matches!(
        event,
        Event::Step { .. } | Event::Decode { .. } | Event::Score { .. }
    ) {
        // Standard error is the run's log.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    let mut out = std::io::stdout().lock();
    // A supervisor that is gone is noticed on standard input.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn obey() {
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            break;
        }
        STOP.store(true, Ordering::Relaxed);
    }
    // Everything on disk is whole at any moment, so there is nothing to tidy.
    std::process::exit(1);
}
