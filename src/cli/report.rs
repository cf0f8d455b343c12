//! `fairbit report`: a study folder as figures, tables, model cards and one page.

use super::args::ReportArgs;
use super::screen::answer;
use crate::error::Result;
use crate::report::html;

/// `report`.
pub fn report(args: &ReportArgs) -> Result<()> {
    let written = html::write(&args.dir)?;
    answer(format!(
        "{} figures, {} model cards, {}",
        written.figures,
        written.cards,
        written.page.display()
    ));
    Ok(())
}
