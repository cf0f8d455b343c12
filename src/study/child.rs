//! A child process: this program again, with another command. It dies with its parent, because its
//! standard input ends then (`--leash`).

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};

use crate::device;
use crate::error::{Fault, Result};

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Well,
    /// With a reason of its own.
    Failed {
        /// One line.
        reason: String,
        /// Exit code.
        code: i32,
    },
    /// Killed, aborted or panicked: as a device that fails takes a process with it.
    Lost(String),
}

/// A running child.
#[derive(Debug)]
pub struct Child {
    process: Process,
    leash: Option<ChildStdin>,
    console: PathBuf,
    /// Bytes of the console before this child.
    before: u64,
    peak: u64,
}

impl Child {
    /// Starts this program with `args`, which name `device`, on `threads`; what it says is appended to
    /// `console`.
    ///
    /// # Errors
    /// Run error when it cannot be started or the console cannot be written.
    pub fn start(args: &[OsString], threads: usize, device: &str, console: &Path) -> Result<Self> {
        let unwritable =
            |e: std::io::Error| Fault::new(console, format!("cannot be written ({e})")).run();
        let log = File::options()
            .create(true)
            .append(true)
            .open(console)
            .map_err(unwritable)?;
        let before = log.metadata().map_err(unwritable)?.len();
        let program = std::env::current_exe()
            .map_err(|e| Fault::plain(format!("this program cannot find itself ({e})")).run())?;
        let mut command = Command::new(program);
        if let Ok(selected) = device.parse().and_then(|spec| device::select(&spec)) {
            command.env("BURN_DEVICE", selected.burn_device());
        }
        // A terminal's Ctrl-C is for this process, which decides what it means for its children.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command
            .arg("--leash")
            .args(args)
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(unwritable)?)
            .stderr(log)
            .spawn()
            .map_err(|e| Fault::plain(format!("a process cannot be started ({e})")).run())?;
        Ok(Self {
            leash: process.stdin.take(),
            process,
            console: console.into(),
            before,
            peak: 0,
        })
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// Run error when the system cannot say.
    pub fn poll(&mut self) -> Result<Option<End>> {
        self.peak = self.peak.max(peak_of(self.process.id()));
        let status = self
            .process
            .try_wait()
            .map_err(|e| Fault::plain(e.to_string()).run())?;
        Ok(status.map(|status| self.end(status)))
    }

    /// Largest resident set seen, bytes; 0 where the system does not say.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Asks it to stop with what it has: a training saves a checkpoint.
    pub fn ask_to_stop(&mut self) {
        if let Some(leash) = &mut self.leash {
            // A child that is gone is noticed by `poll`.
            let _ = writeln!(leash, "stop");
        }
    }

    /// What it said, without what was there before.
    pub fn said(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(&self.console)
            && file.seek(SeekFrom::Start(self.before)).is_ok()
        {
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn end(&self, status: ExitStatus) -> End {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return End::Lost(format!("killed by signal {signal}"));
        }
        match status.code() {
            Some(0) => End::Well,
            Some(101) => End::Lost("a panic".into()),
            code => {
                let said = self.said();
                let reason = said
                    .lines()
                    .rev()
                    .find_map(|line| {
                        line.strip_prefix("fairbit: ")
                            .or(line.strip_prefix("error: "))
                    })
                    .map_or_else(|| "no reason given".into(), str::to_string);
                End::Failed {
                    reason,
                    code: code.unwrap_or(1),
                }
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Largest resident set of a process so far, bytes; 0 where the system does not say.
fn peak_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kib| kib * 1024)
}
