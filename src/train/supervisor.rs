//! Training runs in a child process, because a GPU that fails takes its process with it. The
//! supervisor listens, and when the child dies, panics or falls silent it continues the run on
//! `fallback_device` from the last checkpoint.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::checkpoint::Checkpoints;
use super::events::{Event, Summary, error_from};
use super::fault;
use super::folder::{Fallback, RunFolder, RunJson, Status};
use crate::config::RunConfig;
use crate::error::{Fault, Result};

/// How often the supervisor looks at its clock and at `stops`.
const TICK: Duration = Duration::from_millis(100);

/// What a supervised run needs.
pub struct Supervised<'a> {
    /// The run folder, held by this process.
    pub folder: &'a RunFolder,
    /// The resolved configuration.
    pub config: &'a RunConfig,
    /// Makes the command of a training process on a device; pipes and log are added to it.
    pub worker: &'a dyn Fn(&str) -> Command,
    /// Number of times the user asked to stop: 1 = with a checkpoint, more = at once.
    pub stops: &'a AtomicUsize,
    /// Told every event.
    pub watch: &'a mut dyn FnMut(&Event),
}

/// How one child ended.
enum End {
    Done(Box<Summary>),
    Interrupted,
    /// An error of the run, not of the device.
    Failed(String, u8),
    /// The device, as far as anyone can tell: death, panic, silence.
    Lost(String),
}

impl Supervised<'_> {
    /// Runs to the end, on `run.device` first, keeping `run.json` up to date.
    ///
    /// # Errors
    /// The error of the training process; run error when the fallback device fails as well, or when
    /// the run was interrupted.
    pub fn run(&mut self, run: &mut RunJson) -> Result<Box<Summary>> {
        run.status = Status::Running;
        run.reason = None;
        self.folder.write_run(run)?;
        let mut survived = 0;
        loop {
            let mut reached = 0;
            match self.child(run, survived > 0, &mut reached)? {
                End::Done(summary) => return Ok(summary),
                End::Interrupted => {
                    run.status = Status::Interrupted;
                    self.folder.write_run(run)?;
                    return Err(Fault::new(
                        self.folder.path(),
                        "interrupted; a checkpoint was saved",
                    )
                    .next(resume_hint(self.folder))
                    .run());
                }
                End::Failed(reason, code) => return Err(self.fail(run, error_from(&reason, code))),
                End::Lost(reason) if survived == 0 => {
                    survived += 1;
                    self.fall_back(run, reason, reached)?;
                }
                End::Lost(reason) => {
                    let error = Fault::new(
                        self.folder.path(),
                        format!("the fallback device failed too: {reason}"),
                    )
                    .next(format!("see log.txt there; {}", resume_hint(self.folder)))
                    .run();
                    return Err(self.fail(run, error));
                }
            }
        }
    }

    fn fail(&self, run: &mut RunJson, error: crate::error::Error) -> crate::error::Error {
        run.status = Status::Failed;
        run.reason = Some(error.to_string());
        // The error itself matters more than a run.json that cannot be written because of it.
        let _ = self.folder.write_run(run);
        error
    }

    fn fall_back(&mut self, run: &mut RunJson, reason: String, reached: usize) -> Result<()> {
        let to = self.config.fallback_device.clone();
        let state = Checkpoints::open(self.folder.path())?.state()?;
        let resumed = state.map_or((0, 0), |s| (s.epoch, s.step));
        let note = format!(
            "device {} failed ({reason}); continuing on {to} from the last checkpoint (epoch {}, step {})",
            run.device,
            resumed.0 + 1,
            resumed.1,
        );
        run.fallbacks.push(Fallback {
            from: std::mem::replace(&mut run.device, to.clone()),
            to,
            reason,
            at_step: reached,
            resumed_from_epoch: resumed.0,
            resumed_from_step: resumed.1,
            unix_time: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
        });
        self.folder.write_run(run)?;
        (self.watch)(&Event::Note { text: note });
        Ok(())
    }

    /// One training process from start to end.
    fn child(&mut self, run: &mut RunJson, second: bool, reached: &mut usize) -> Result<End> {
        let mut command = (self.worker)(&run.device);
        if second {
            // A staged failure strikes once, as a real one would.
            command.env_remove(fault::VARIABLE);
        }
        let log = self.folder.path().join("log.txt");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| Fault::new(&log, format!("cannot be written ({e})")).run())?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|e| {
                Fault::plain(format!("the training process cannot be started ({e})")).run()
            })?;
        let events = listen(&mut child);
        let stdin = child.stdin.take();
        let end = self.follow(&mut child, stdin, &events, run, reached);
        if end.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        end
    }

    fn follow(
        &mut self,
        child: &mut Child,
        mut stdin: Option<ChildStdin>,
        events: &Receiver<Event>,
        run: &mut RunJson,
        reached: &mut usize,
    ) -> Result<End> {
        let mut last_sign = Instant::now();
        let mut asked = 0;
        let mut end = None;
        loop {
            match events.recv_timeout(TICK) {
                Ok(event) => {
                    last_sign = Instant::now();
                    (self.watch)(&event);
                    match event {
                        Event::Start {
                            params, data_hash, ..
                        } => {
                            run.params = params;
                            run.data_hash = Some(data_hash);
                            self.folder.write_run(run)?;
                        }
                        Event::Step { step, .. } => *reached = step,
                        Event::Done(summary) => end = Some(End::Done(summary)),
                        Event::Interrupted { .. } => end = Some(End::Interrupted),
                        Event::Failed { reason, code } => end = Some(End::Failed(reason, code)),
                        _ => {}
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The pipe is closed: the child is gone or about to be.
                Err(RecvTimeoutError::Disconnected) => {
                    let status = child
                        .wait()
                        .map_err(|e| Fault::plain(e.to_string()).run())?;
                    return Ok(end.unwrap_or_else(|| End::Lost(describe(status))));
                }
            }
            let stops = self.stops.load(Ordering::Relaxed);
            if stops > asked {
                asked = stops;
                if stops == 1 {
                    // A dead child is noticed by its closed pipe.
                    let _ = stdin.as_mut().map(|pipe| writeln!(pipe, "stop"));
                } else {
                    child
                        .kill()
                        .map_err(|e| Fault::plain(e.to_string()).run())?;
                    end = Some(End::Interrupted);
                }
            }
            if last_sign.elapsed().as_secs_f64() > self.config.hang_seconds {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(End::Lost(format!(
                    "no sign of life for {} s",
                    self.config.hang_seconds
                )));
            }
        }
    }
}

/// Reads the child's lines in a thread, so that the supervisor can wait with a time limit.
fn listen(child: &mut Child) -> Receiver<Event> {
    let (send, receive) = channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out)
                .lines()
                .map_while(std::result::Result::ok)
            {
                // Anything else on the pipe is not for us.
                if let Ok(event) = serde_json::from_str(&line)
                    && send.send(event).is_err()
                {
                    return;
                }
            }
        });
    }
    receive
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("the training process was killed by signal {signal}");
    }
    match status.code() {
        Some(101) => "the training process panicked, see log.txt".into(),
        Some(code) => format!("the training process ended with code {code}"),
        None => "the training process ended".into(),
    }
}

fn resume_hint(folder: &RunFolder) -> String {
    format!(
        "`fairbit train --resume --out {}` goes on from the last checkpoint",
        folder.path().display()
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::train::folder;

    /// A supervised run whose training processes are shell scripts.
    fn supervise(
        script: &'static str,
        stops: usize,
    ) -> (Result<Box<Summary>>, RunJson, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::hold(&dir.path().join("run")).unwrap();
        let config = RunConfig {
            hang_seconds: 1.0,
            ..RunConfig::default()
        };
        let mut run: RunJson = serde_json::from_str(
            r#"{"status":"running","model":"m","params":0,"device":"cuda:0","fallbacks":[],"backend":null,
            "threads":1,"seed":1,"config_hash":"","data_hash":null,"seconds":null,"images_per_s":null,
            "peak_memory_bytes":null,"best_epoch":null,"version":""}"#,
        )
        .unwrap();
        let mut devices = Vec::new();
        let seen = std::cell::RefCell::new(&mut devices);
        let worker = |device: &str| {
            seen.borrow_mut().push(device.to_string());
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let stops = AtomicUsize::new(stops);
        let result = Supervised {
            folder: &folder,
            config: &config,
            worker: &worker,
            stops: &stops,
            watch: &mut |_| (),
        }
        .run(&mut run);
        assert_eq!(
            folder::read_run(folder.path()).unwrap(),
            run,
            "run.json is up to date"
        );
        (result, run, devices)
    }

    #[test]
    fn a_device_that_dies_twice_fails_the_run() {
        let (result, run, devices) = supervise("kill -9 $$", 0);
        let e = result.unwrap_err();
        assert_eq!(e.exit_code(), 1);
        assert!(e.to_string().contains("signal 9"), "{e}");
        assert_eq!(devices, ["cuda:0", "flex"]);
        assert_eq!((run.status, run.fallbacks.len()), (Status::Failed, 1));
    }

    #[test]
    fn silence_counts_as_a_failure() {
        let (result, run, _) = supervise("exec sleep 60", 0);
        assert!(result.unwrap_err().to_string().contains("no sign of life"));
        assert_eq!(run.fallbacks[0].from, "cuda:0");
    }

    #[test]
    fn an_error_of_the_run_is_no_device_failure() {
        let script = r#"echo '{"event":"failed","reason":"bad table","code":3}'; exit 3"#;
        let (result, run, devices) = supervise(script, 0);
        assert_eq!(result.unwrap_err().exit_code(), 3);
        assert_eq!(devices.len(), 1);
        assert_eq!(run.reason.as_deref(), Some("bad table"));
    }

    #[test]
    fn stopping_is_passed_on() {
        let script = r#"read line; echo "{\"event\":\"interrupted\",\"step\":3}""#;
        let (result, run, _) = supervise(script, 1);
        assert!(result.unwrap_err().to_string().contains("--resume"));
        assert_eq!(run.status, Status::Interrupted);
    }
}
