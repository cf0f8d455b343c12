//! What became of a unit: finished, failed, or lost with its device.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{Engine, Outcome, State, told};
use crate::error::{Fault, Result};
use crate::study::command::Order;
use crate::study::job::{self, Job, Turn};
use crate::study::ledger::{Failed, Head, VERSION};
use crate::study::timing::Timing;

/// What a full disk sounds like in a child's reason: ENOSPC, EDQUOT, EFBIG.
const FULL: [&str; 3] = ["os error 28", "os error 122", "os error 27"];

impl Engine<'_> {
    /// Looks at every child.
    pub(super) fn look_after_jobs(&mut self) -> Result<()> {
        let mut jobs = std::mem::take(&mut self.jobs).into_iter();
        while let Some(mut job) = jobs.next() {
            let unit = &self.units[job.at];
            let next = match job.turn(unit, self.threads, self.study.latency_seconds) {
                Ok(Turn::Working) => {
                    self.jobs.push(job);
                    Ok(())
                }
                Ok(Turn::Complete) => {
                    self.idle = None;
                    self.finish(job)
                }
                // It was asked to stop: that is no failure, and its checkpoint stays.
                Ok(Turn::Failed(..) | Turn::Lost(_)) if self.stopping => {
                    self.state[job.at] = State::Waiting;
                    self.give_back(job.claim.as_ref());
                    Ok(())
                }
                Ok(Turn::Failed(reason, code)) => self.fail(job, reason, Some(code)),
                Ok(Turn::Lost(reason)) => self.lost(job, reason),
                Err(e) => Err(e),
            };
            if let Err(e) = next {
                self.jobs.extend(jobs);
                return Err(e);
            }
        }
        Ok(())
    }

    fn finish(&mut self, job: Job) -> Result<()> {
        let at = job.at;
        let unit = &self.units[at];
        let seconds = job.since.elapsed().as_secs_f64();
        if let (Some(claims), Some(claim)) = (&self.claims, &job.claim)
            && !claims.holds(claim)?
        {
            self.journal.say(&format!(
                "{unit}: another shard took it over while this one was silent"
            ));
            // Its folder may be gone already.
            let _ = fs::remove_dir_all(&job.part);
            self.state[at] = State::Waiting;
            return Ok(());
        }
        let timing = Timing::collect(
            &job.part,
            seconds,
            job.peak,
            self.options.workers,
            self.threads,
        );
        timing.write(&job.part)?;
        job::tidy(&job.part);
        let (mut device, mut fell_back) = (job.device.clone(), job.fell_back.clone());
        if let Some((from, reason, to)) = job::fallback_of(&job.part) {
            device = to;
            fell_back = Some((from.clone(), reason.clone()));
            self.given_up.get_or_insert((from, reason));
        }
        let head = self.head(at, &device, fell_back);
        self.ledger.publish(&self.units[at], &job.part, head)?;
        self.give_back(job.claim.as_ref());
        self.state[at] = State::Done;
        self.estimates.add(&self.units[at], &timing);
        let left = self.time_left();
        let unit = &self.units[at];
        let asked = self.asked().count();
        self.journal.event(
            "done",
            json!({"unit": unit.id, "seconds": seconds, "device": device, "left": self.left(), "left_s": left}),
        );
        let line = told(asked - self.left(), asked, unit, seconds, &device, left);
        self.journal.say(&line);
        Ok(())
    }

    fn fail(&mut self, job: Job, error: String, code: Option<i32>) -> Result<()> {
        let unit = &self.units[job.at];
        if FULL.iter().any(|sound| error.contains(sound)) {
            return Err(Fault::new(&self.options.out, format!("{unit}: {error}"))
                .next("free some space; the same command goes on")
                .run());
        }
        let failed = Failed {
            head: self.head(job.at, &job.device, job.fell_back.clone()),
            error: error.clone(),
            exit_code: code,
            attempt: self.attempt(job.at),
        };
        self.ledger.record_failure(unit, &failed)?;
        self.journal.event(
            "failed",
            json!({"unit": unit.id, "error": error, "exit_code": code}),
        );
        self.journal.say(&format!("{unit} failed: {error}"));
        let claim = job.claim.clone();
        // A training may go on from its checkpoint the next time; what it said stays beside it.
        drop(job.child);
        self.give_back(claim.as_ref());
        self.state[job.at] = State::Failed(error);
        Ok(())
    }

    /// A child that was lost is started again, then on the fallback device.
    fn lost(&mut self, mut job: Job, reason: String) -> Result<()> {
        job.losses += 1;
        let fallback = &self.study.run.fallback_device;
        let unit = &self.units[job.at];
        match (job.losses, job.device == *fallback) {
            (1, _) => {
                self.journal
                    .event("retry", json!({"unit": unit.id, "reason": reason}));
                self.journal
                    .say(&format!("{unit}: {reason}; trying again on {}", job.device));
            }
            (_, true) => return self.fail(job, reason, None),
            (_, false) => {
                let from = std::mem::replace(&mut job.device, fallback.clone());
                job.losses = 0;
                self.journal.event(
                    "fallback",
                    json!({"unit": unit.id, "from": from, "to": fallback, "reason": reason}),
                );
                self.journal.say(&format!(
                    "{unit}: {from} failed again ({reason}); going on with everything on {fallback}"
                ));
                job.fell_back = Some((from, reason));
                self.given_up.clone_from(&job.fell_back);
            }
        }
        let base = unit.needs.map(|base| self.ledger.place(&self.units[base]));
        let (part, device) = (job.part.clone(), job.device.clone());
        let order = Order {
            study: self.study,
            unit,
            part: &part,
            base: base.as_deref(),
            data: &self.faces,
            device: &device,
        };
        job.again(&order, self.threads)?;
        self.jobs.push(job);
        Ok(())
    }

    /// What is said of a unit in its folder.
    pub(super) fn head(
        &self,
        at: usize,
        device: &str,
        fell_back: Option<(String, String)>,
    ) -> Head {
        let unit = &self.units[at];
        let (from, reason) = fell_back.unzip();
        Head {
            identity: self.identities[at].clone(),
            kind: unit.kind,
            model: unit.model.to_string(),
            method: unit.method.clone(),
            seed: unit.seed,
            target: unit.target.clone(),
            phase: unit.phase,
            control: unit.control,
            device: device.into(),
            fell_back_from: from,
            reason,
            data_hash: self
                .data
                .hashes
                .get(&unit.target)
                .cloned()
                .unwrap_or_default(),
            version: VERSION.into(),
        }
    }

    /// A name for this attempt that no other has.
    pub(super) fn attempt(&self, at: usize) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos());
        format!("{}-{now}-{at}", std::process::id())
    }

    pub(super) fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for at in self.asked() {
            match &self.state[at] {
                State::Done => outcome.done += 1,
                State::Failed(error) => {
                    let name = self.units[at].to_string();
                    outcome.failed.push((name, error.clone()));
                }
                State::Waiting | State::Running => outcome.left += 1,
            }
        }
        outcome
    }
}
