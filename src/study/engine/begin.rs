//! A unit is begun, or what runs is stopped.

use std::time::Instant;

use serde_json::json;

use super::{Engine, State};
use crate::error::Result;
use crate::study::child::Child;
use crate::study::claims::Claim;
use crate::study::command::Order;
use crate::study::job::{self, Job, Stage};
use crate::study::ledger::Found;

impl Engine<'_> {
    /// Starts a unit, unless it turns out to be finished.
    pub(super) fn start(&mut self, at: usize, claim: Option<Claim>) -> Result<()> {
        if self.claims.is_some() && self.settled_elsewhere(at) {
            self.give_back(claim.as_ref());
            return Ok(());
        }
        match self.ledger.look(&self.units[at], &self.identities[at]) {
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
        let place = self.ledger.place(unit);
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
        let order = Order {
            study: self.study,
            unit,
            part: &part,
            base: base.as_deref(),
            data: &self.faces,
            device: &device,
        };
        let child = Child::start(
            &order.arguments()?,
            self.threads,
            &device,
            &job::console(&part),
        )?;
        self.journal.event(
            "start",
            json!({"unit": unit.id, "device": device, "estimate_s": self.estimates.seconds(unit)}),
        );
        self.jobs.push(Job {
            at,
            stage: Stage::Work,
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

    pub(super) fn give_back(&mut self, claim: Option<&Claim>) {
        if let (Some(claims), Some(claim)) = (&mut self.claims, claim) {
            claims.release(claim);
        }
    }

    /// Stops what runs: trainings with a checkpoint unless `at_once`, everything else as it is.
    pub(super) fn stop(&mut self, at_once: bool) {
        self.stopping = true;
        let units = &self.units;
        self.jobs
            .retain(|job| !at_once && units[job.at].trains && job.stage == Stage::Work);
        for job in &mut self.jobs {
            job.child.ask_to_stop();
        }
        self.journal.say(match self.jobs.len() {
            0 => "stopping",
            _ => "stopping as soon as checkpoints are saved; once more to stop at once",
        });
    }
}
