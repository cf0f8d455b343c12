//! Phase 4: what comes after all units, done by one process.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::{Engine, State};
use crate::error::Result;
use crate::files;
use crate::study::claims::FOLDER;
use crate::train::hex;

impl Engine<'_> {
    /// Runs `analyse`, unless another shard does or did for the same units; whether it was run here.
    ///
    /// # Errors
    /// Those of `analyse`; run error when the claims cannot be written.
    pub fn conclude(&mut self, analyse: &dyn Fn() -> Result<()>) -> Result<bool> {
        let mark = self.mark();
        let file = self.concluded();
        let Some(claims) = &mut self.claims else {
            analyse()?;
            return Ok(true);
        };
        let Some(claim) = claims.take("analysis")? else {
            return Ok(false);
        };
        let before = fs::read_to_string(&file).is_ok_and(|text| text == mark);
        let done = match before {
            true => Ok(false),
            false => analyse()
                .and_then(|()| files::write_bytes(&file, mark.as_bytes()))
                .map(|()| true),
        };
        self.give_back(Some(&claim));
        done
    }

    /// Says what shards concluded from.
    fn concluded(&self) -> PathBuf {
        self.options.out.join(FOLDER).join("analysis.done")
    }

    /// What the analysis is of: settings, units, and which of them are there.
    fn mark(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.study.to_toml());
        for (identity, state) in self.identities.iter().zip(&self.state) {
            hash.update(identity);
            hash.update([u8::from(*state == State::Done)]);
        }
        hex(&hash.finalize())
    }
}
