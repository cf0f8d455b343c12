//! What the folder holds before anything is begun, and whether its baselines are worth going on with.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Engine, State};
use crate::error::{Fault, Result};
use crate::files;
use crate::study::baselines;
use crate::study::config::FILE;
use crate::study::ledger::{self, Found};
use crate::study::timing::Timing;

impl Engine<'_> {
    /// What the folder holds already.
    pub(super) fn survey(&mut self) -> Result<()> {
        let mut versions = 0;
        for at in 0..self.units.len() {
            let unit = &self.units[at];
            match self.ledger.look(unit, &self.identities[at]) {
                Found::Whole(_) => {
                    self.state[at] = State::Done;
                    if let Some(timing) = Timing::read(&self.ledger.place(unit)) {
                        self.estimates.add(unit, &timing);
                    }
                }
                Found::Outdated(found) => {
                    let here = &self.data.hashes[&unit.target];
                    let given = self.study.run.data.dir.is_some();
                    if found.head.data_hash != *here && given {
                        return Err(Fault::new(
                            self.ledger.place(unit),
                            format!("made of the data {}", short(&found.head.data_hash)),
                        )
                        .expected(format!(
                            "{}, those in {}",
                            short(here),
                            self.faces.display()
                        ))
                        .next("give the data that the study was made of, or another --out")
                        .data());
                    }
                    versions += usize::from(found.head.version != ledger::VERSION);
                }
                Found::Damaged(_) | Found::Nothing => {}
            }
        }
        if versions > 0 {
            self.journal.say(&format!(
                "{versions} units were made by another version of fairbit than {}: they are set aside and made again",
                ledger::VERSION
            ));
        }
        if let Some(phase @ 2..) = self.options.phase {
            let missing = self.asked().find(|at| {
                let needs = self.units[*at].needs;
                needs.is_some_and(|base| self.state[base] != State::Done)
            });
            if let Some(at) = missing {
                let base = self.units[at].needs.unwrap_or(at);
                return Err(Fault::new(
                    self.ledger.place(&self.units[base]),
                    format!("phase {phase} needs this baseline, which is not there"),
                )
                .next("run the study with --phase 1 first, or without --phase")
                .run());
            }
        }
        Ok(())
    }

    /// Writes the resolved study into its folder, and what its data are.
    pub(super) fn keep(&self) -> Result<()> {
        let [train, val, test] = self.data.images;
        let data = json!({"train": train, "val": val, "test": test});
        for (name, text) in [
            (FILE, self.study.to_toml()),
            ("data.json", format!("{data:#}\n")),
        ] {
            let path = self.options.out.join(name);
            if std::fs::read_to_string(&path).is_ok_and(|before| before == text) {
                continue;
            }
            files::write_bytes(&path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Whether the baselines asked for are all there, or failed; the first time, they have to have
    /// learned something.
    pub(super) fn baselines_are_good(&mut self) -> Result<bool> {
        if self.checked {
            return Ok(true);
        }
        let models = &self.options.models;
        let primary: Vec<usize> = (0..self.units.len())
            .filter(|at| {
                let unit = &self.units[*at];
                unit.is_baseline()
                    && unit.target == self.study.run.data.target
                    && (models.is_empty() || models.contains(&unit.model))
            })
            .collect();
        let open = |at: &usize| matches!(self.state[*at], State::Waiting | State::Running);
        if primary.iter().any(open) {
            return Ok(false);
        }
        let places: Vec<(String, PathBuf)> = primary
            .iter()
            .filter(|at| self.state[**at] == State::Done)
            .map(|at| {
                (
                    self.units[*at].to_string(),
                    self.ledger.place(&self.units[*at]),
                )
            })
            .collect();
        let baselines: Vec<(String, &Path)> = places
            .iter()
            .map(|(name, place)| (name.clone(), place.as_path()))
            .collect();
        let threshold = self.study.run.audit.threshold;
        baselines::check(&baselines, threshold, self.study.required_margin)?;
        self.checked = true;
        Ok(true)
    }
}

fn short(hash: &str) -> &str {
    &hash[..hash.len().min(12)]
}
