//! What a training process tells its supervisor: one JSON object per line on standard output.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::metrics::Row;
use crate::data::Progress;
use crate::error::{Error, Fault};

/// A line of the conversation; each one is also a sign of life.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Images are being read.
    Decode {
        /// What is done with them.
        what: String,
        /// Images done so far.
        done: u64,
        /// Images of the table.
        total: u64,
    },
    /// Something the user should read.
    Note {
        /// One line.
        text: String,
    },
    /// Training is about to begin or continue.
    Start {
        /// Steps done before, by an earlier process.
        step: usize,
        /// Steps of the whole run.
        steps: usize,
        /// Parameters of the model.
        params: usize,
        /// Content hash of images and labels.
        data_hash: String,
    },
    /// One update was made.
    Step {
        /// Updates made so far.
        step: usize,
        /// Updates of the whole run.
        steps: usize,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Loss of this step.
        loss: f64,
        /// Images per second in this epoch so far.
        images_per_s: f64,
    },
    /// Images are being scored.
    Score {
        /// Images scored so far.
        done: usize,
        /// Images of the split.
        total: usize,
    },
    /// An epoch is complete and validated.
    Epoch {
        /// The training row.
        train: Row,
        /// The validation row.
        val: Row,
        /// Epochs of the whole run.
        epochs: usize,
        /// Whether these are the best weights so far.
        best: bool,
    },
    /// Stopped on request, with a checkpoint.
    Interrupted {
        /// Updates made so far.
        step: usize,
    },
    /// The run is complete: model and predictions are written.
    Done(Box<Summary>),
    /// An error that is no device failure.
    Failed {
        /// The one-line reason.
        reason: String,
        /// Its exit code.
        code: u8,
    },
}

/// What a finished run is worth knowing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Backend read off the last logits.
    pub backend: String,
    /// Our kernels that ran in a forward pass, first to last.
    pub kernels: Vec<String>,
    /// Seconds of training, all processes together.
    pub seconds: f64,
    /// Training images per second, loading included.
    pub images_per_s: f64,
    /// Largest resident set of the process that finished the run; 0 where the system does not say.
    pub peak_memory_bytes: u64,
    /// Epoch whose weights were kept, counted from 1.
    pub best_epoch: usize,
    /// Epochs trained; fewer than asked for after early stopping.
    pub epochs: usize,
    /// Content hash of images and labels.
    pub data_hash: String,
}

impl Event {
    /// The event that reports `error`.
    pub fn failed(error: &Error) -> Self {
        Self::Failed {
            reason: error.to_string(),
            code: error.exit_code(),
        }
    }

    /// The line to send, without its newline.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("events have a JSON form")
    }
}

/// The error that a [`Event::Failed`] carried, on the other side of the pipe.
pub fn error_from(reason: &str, code: u8) -> Error {
    let fault = Fault::plain(reason);
    match code {
        2 => fault.config(),
        3 => fault.data(),
        _ => fault.run(),
    }
}

/// Progress of the data room as events, at most a few a second.
pub struct Decoding<'a> {
    emit: &'a (dyn Fn(Event) + Sync),
    work: Mutex<(String, u64, u64, Instant)>,
}

impl<'a> Decoding<'a> {
    /// Progress that goes to `emit`.
    pub fn new(emit: &'a (dyn Fn(Event) + Sync)) -> Self {
        Self {
            emit,
            work: Mutex::new((String::new(), 0, 0, Instant::now())),
        }
    }
}

impl Progress for Decoding<'_> {
    fn start(&self, what: &str, total: u64) {
        if let Ok(mut work) = self.work.lock() {
            *work = (what.to_string(), 0, total, Instant::now());
        }
    }

    fn inc(&self, n: u64) {
        let Ok(mut work) = self.work.lock() else {
            return;
        };
        work.1 += n;
        if work.3.elapsed() >= Duration::from_millis(250) {
            work.3 = Instant::now();
            (self.emit)(Event::Decode {
                what: work.0.clone(),
                done: work.1,
                total: work.2,
            });
        }
    }

    fn finish(&self) {}
}

/// Largest resident set of this process in bytes, from `/proc/self/status`; 0 where that is missing.
pub fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_pipe() {
        let sent = Event::Step {
            step: 3,
            steps: 9,
            epoch: 1,
            loss: 0.5,
            images_per_s: 10.0,
        };
        let got: Event = serde_json::from_str(&sent.to_line()).unwrap();
        assert!(matches!(
            got,
            Event::Step {
                step: 3,
                steps: 9,
                ..
            }
        ));
        let error = Fault::plain("no").data();
        let Event::Failed { reason, code } = Event::failed(&error) else {
            panic!()
        };
        assert_eq!(error_from(&reason, code).exit_code(), 3);
    }
}
