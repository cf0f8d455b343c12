//! What is next: its turn in the order, what it needs, memory, time, and what other shards do.

use std::time::Instant;

use serde_json::json;

use super::{Claim, Engine, LOOK, State};
use crate::error::Result;
use crate::study::ledger::Failed;
use crate::study::matrix::Unit;

impl Engine<'_> {
    /// The next unit that can be started, claimed.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Option<Claim>)>> {
        // Claims are files: a shard with nothing to do looks at them now and then.
        if self.claims.is_some() && self.idle.is_some_and(|since| since.elapsed() < LOOK) {
            return Ok(None);
        }
        let good = self.baselines_are_good()?;
        self.out_of_time = false;
        for at in self.order() {
            if self.state[at] != State::Waiting {
                continue;
            }
            if self.units[at].phase > 1 && !good {
                continue;
            }
            match self.units[at].needs.map(|base| self.state[base].clone()) {
                None | Some(State::Done) => {}
                Some(State::Failed(_)) => {
                    self.block(at)?;
                    continue;
                }
                Some(State::Waiting | State::Running) => continue,
            }
            if !self.fits(&self.units[at]) {
                continue;
            }
            if !self.in_time(&self.units[at]) {
                self.out_of_time = true;
                continue;
            }
            let name = self.units[at].id.clone();
            let claim = match &mut self.claims {
                None => None,
                Some(claims) => match claims.take(&name)? {
                    None => continue,
                    claim => claim,
                },
            };
            self.out_of_time = false;
            return Ok(Some((at, claim)));
        }
        self.idle = Some(Instant::now());
        Ok(None)
    }

    /// Units asked for: a shard's own share first, then what is left.
    fn order(&self) -> Vec<usize> {
        let all: Vec<usize> = self.asked().collect();
        let Some(shard) = self.options.shard else {
            return all;
        };
        let own = |n: &usize| n % shard.of == shard.index - 1;
        let (mine, others): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(own);
        mine.into_iter().chain(others).map(|n| all[n]).collect()
    }

    /// Whether memory suffices beside what runs. One unit is always allowed: that it does not fit would
    /// be known only after it was tried.
    fn fits(&self, unit: &Unit) -> bool {
        if self.jobs.is_empty() {
            return true;
        }
        let unknown = self.memory / self.options.workers as u64;
        let of = |unit: &Unit| self.estimates.memory(unit).unwrap_or(unknown);
        let used: u64 = self.jobs.iter().map(|job| of(&self.units[job.at])).sum();
        used.saturating_add(of(unit)) <= self.memory
    }

    /// Whether a unit will be finished in the hours given.
    fn in_time(&self, unit: &Unit) -> bool {
        let Some(hours) = self.options.max_hours else {
            return true;
        };
        let remaining = hours * 3600.0 - self.started.elapsed().as_secs_f64();
        remaining > self.estimates.seconds(unit).unwrap_or(0.0) && remaining > 0.0
    }

    /// Records that a unit cannot be, because its baseline cannot.
    fn block(&mut self, at: usize) -> Result<()> {
        let base = self.units[at].needs.unwrap_or(at);
        let error = format!("its baseline {} failed", self.units[base]);
        let failed = Failed {
            head: self.head(at, &self.options.device, None),
            error: error.clone(),
            exit_code: None,
            attempt: self.attempt(at),
        };
        self.ledger.record_failure(&self.units[at], &failed)?;
        self.journal
            .event("failed", json!({"unit": self.units[at].id, "error": error}));
        self.state[at] = State::Failed(error);
        Ok(())
    }

    /// Seconds until everything asked for is done, as far as that can be told.
    pub(super) fn time_left(&self) -> Option<f64> {
        let running = |at: usize| self.jobs.iter().find(|job| job.at == at);
        let mut sum = 0.0;
        let mut known = false;
        for at in self.asked() {
            let open = matches!(self.state[at], State::Waiting | State::Running);
            let Some(seconds) = self.estimates.seconds(&self.units[at]).filter(|_| open) else {
                continue;
            };
            known = true;
            let spent = running(at).map_or(0.0, |job| job.since.elapsed().as_secs_f64());
            sum += (seconds - spent).max(0.0);
        }
        let processes = self.options.workers * self.options.shard.map_or(1, |shard| shard.of);
        known.then_some(sum / processes as f64)
    }

    /// What other shards finished or gave up since this one last looked.
    pub(super) fn look_at_others(&mut self) {
        if self.claims.is_none() || self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        for at in 0..self.units.len() {
            if self.state[at] == State::Waiting {
                self.settled_elsewhere(at);
            }
        }
    }

    /// Whether another shard has finished or given up a unit since this process began.
    pub(super) fn settled_elsewhere(&mut self, at: usize) -> bool {
        let unit = &self.units[at];
        if self.ledger.is_there(unit, &self.identities[at]) {
            self.state[at] = State::Done;
            return true;
        }
        match self.ledger.failed(unit) {
            Some(failed)
                if self.failures[at].as_ref() != Some(&failed.attempt)
                    && failed.head.identity == self.identities[at] =>
            {
                self.state[at] = State::Failed(failed.error);
                true
            }
            _ => false,
        }
    }
}
