//! Compression-identified exemplars (Hooker et al. 2020, arXiv:2010.03058): the images on which a
//! compressed model decides otherwise than the base.

use std::path::Path;

use csv::{Terminator, WriterBuilder};

use super::run::{Base, Candidate};
use crate::error::Result;
use crate::files::write_atomic;

/// Writes `exemplars.csv`: one row for each candidate and image on which it and the base differ, in the
/// order of the table; `disagreeing` is the number of candidates that differ from the base there.
///
/// # Errors
/// Run error when the file cannot be written.
pub fn write(path: &Path, base: &Base, candidates: &[Candidate]) -> Result<()> {
    let table = base.predictions;
    let differ = |candidate: &Candidate, i: usize| candidate.decisions[i] != base.decisions[i];
    write_atomic(path, |out| {
        let mut csv = WriterBuilder::new()
            .terminator(Terminator::Any(b'\n'))
            .from_writer(out);
        let names = table.attributes().iter().map(|a| a.name());
        let last = "label score_base score decision_base decision change disagreeing".split(' ');
        let first = ["candidate", "image", "identity"].into_iter();
        csv.write_record(first.chain(names).chain(last))?;
        for i in 0..table.n() {
            let disagreeing = candidates.iter().filter(|c| differ(c, i)).count();
            for candidate in candidates.iter().filter(|c| differ(c, i)) {
                let [b, q] = [base.decisions[i], candidate.decisions[i]];
                csv.write_field(&candidate.name)?;
                csv.write_field(table.image().get(i))?;
                csv.write_field(table.identity().get(i).unwrap_or_default())?;
                for attribute in table.attributes() {
                    csv.write_field(attribute.level(i))?;
                }
                let change = match b == table.label()[i] {
                    true => "right_to_wrong",
                    false => "wrong_to_right",
                };
                csv.write_record([
                    table.label()[i].to_string(),
                    format!("{:?}", table.score()[i]),
                    format!("{:?}", candidate.predictions.score()[i]),
                    b.to_string(),
                    q.to_string(),
                    change.into(),
                    disagreeing.to_string(),
                ])?;
            }
        }
        csv.flush()
    })
}
