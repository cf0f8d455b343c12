//! What happens, for people and for programs: a line per unit on standard error, and `events.jsonl`.
//! No result is read from either.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::error::{Fault, Result};

/// The file in the study's folder.
pub const EVENTS: &str = "events.jsonl";

/// Where events go.
pub struct Journal<'a> {
    path: PathBuf,
    process: String,
    say: &'a dyn Fn(&str),
}

impl<'a> Journal<'a> {
    /// Of the study in `root`; `process` tells shards apart, `say` shows a line to the user.
    ///
    /// # Errors
    /// Run error when the file cannot be written.
    pub fn open(root: &Path, process: &str, say: &'a dyn Fn(&str)) -> Result<Self> {
        let journal = Self {
            path: root.join(EVENTS),
            process: process.into(),
            say,
        };
        journal.mend()?;
        Ok(journal)
    }

    /// A line for people.
    pub fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// An event for programs: `what`, and the keys of `details`. On a full disk it is lost, and the work
    /// says why it stops.
    pub fn event(&self, what: &str, details: Value) {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |d| (d.as_secs_f64() * 1000.0).round() / 1000.0);
        let mut event = json!({"event": what, "unix_time": time, "process": self.process});
        if let (Some(event), Value::Object(details)) = (event.as_object_mut(), details) {
            event.extend(details);
        }
        // One write, so that lines of several processes do not mix.
        let _ = File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(format!("{event}\n").as_bytes()));
    }

    /// Ends a line that a killed process left unfinished.
    fn mend(&self) -> Result<()> {
        let cannot =
            |e: std::io::Error| Fault::new(&self.path, format!("cannot be written ({e})")).run();
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&self.path)
            .map_err(cannot)?;
        let end = file.seek(SeekFrom::End(0)).map_err(cannot)?;
        if end == 0 {
            return Ok(());
        }
        let mut last = [0];
        file.seek(SeekFrom::Start(end - 1)).map_err(cannot)?;
        file.read_exact(&mut last).map_err(cannot)?;
        match last {
            [b'\n'] => Ok(()),
            _ => file.write_all(b"\n").map_err(cannot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_but_a_torn_one_is_an_object() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(EVENTS),
            "{\"event\":\"a\"}\n{\"event\":\"to",
        )
        .unwrap();
        let journal = Journal::open(dir.path(), "p", &|_| ()).unwrap();
        journal.event("done", json!({"unit": "x"}));
        let text = std::fs::read_to_string(dir.path().join(EVENTS)).unwrap();
        let lines: Vec<Option<Value>> = text
            .lines()
            .map(|line| serde_json::from_str(line).ok())
            .collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].is_none());
        assert_eq!(lines[2].as_ref().unwrap()["unit"], "x");
    }
}
