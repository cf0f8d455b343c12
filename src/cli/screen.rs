//! Progress on standard error: bars on a terminal, one line per epoch anywhere; results go to
//! standard output and are not this file's business.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::data::Progress;
use crate::train::events::Event;

/// A result on standard output. A reader that has gone away (`| head`) is no error.
pub fn answer(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line on standard error, whether or not anybody reads it.
pub fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Where progress is shown.
pub struct Screen {
    quiet: bool,
    bar: RefCell<Option<(String, ProgressBar)>>,
}

impl Screen {
    /// A screen that shows nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bar: RefCell::new(None),
        }
    }

    /// One line that stays.
    pub fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        match &*self.bar.borrow() {
            Some((_, bar)) => bar.suspend(|| complain(text)),
            None => complain(text),
        }
    }

    /// A bar of its own for each `what`; only on a terminal.
    pub fn progress(&self, what: &str, done: u64, total: u64, rest: String) {
        if self.quiet || !std::io::stderr().is_terminal() {
            return;
        }
        let mut current = self.bar.borrow_mut();
        if current.as_ref().is_none_or(|(name, _)| name != what) {
            if let Some((_, old)) = current.take() {
                old.finish_and_clear();
            }
            *current = Some((what.to_string(), bar(what, total)));
        }
        if let Some((_, bar)) = &*current {
            bar.set_position(done);
            bar.set_message(rest);
        }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        if let Some((_, bar)) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }

    /// Shows an event of a training process.
    pub fn event(&self, event: &Event) {
        match event {
            Event::Decode { what, done, total } => self.progress(what, *done, *total, String::new()),
            Event::Note { text } => self.note(text),
            Event::Start { step, steps, params, .. } => {
                let from = if *step > 0 { format!(", going on after step {step}") } else { String::new() };
                self.note(&format!("{params} parameters, {steps} steps{from}"));
            }
            Event::Step { step, steps, epoch, loss, images_per_s } => self.progress(
                "training",
                *step as u64,
                *steps as u64,
                format!("epoch {epoch}  loss {loss:.4}  {images_per_s:.0} images/s"),
            ),
            Event::Score { done, total } => self.progress("scoring", *done as u64, *total as u64, String::new()),
            Event::Epoch { train, val, epochs, best } => self.note(&format!(
                "epoch {}/{epochs}  loss {:.4}  val loss {:.4}  val accuracy {:.4}{}  lr {:.2e}  {:.0} images/s",
                train.epoch,
                train.loss,
                val.loss,
                val.accuracy,
                if *best { " *" } else { "  " },
                train.lr,
                train.images_per_s,
            )),
            Event::Interrupted { .. } | Event::Done(_) | Event::Failed { .. } => self.clear(),
        }
    }
}

/// The data room draws its own bar, from any thread; only on a terminal.
pub struct Bar {
    quiet: bool,
    bar: ProgressBar,
}

impl Screen {
    /// A bar for work that reports itself.
    pub fn bar(&self) -> Bar {
        Bar {
            quiet: self.quiet,
            bar: ProgressBar::hidden(),
        }
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, total: u64) {
        if !self.quiet {
            // indicatif draws to a terminal only.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.reset();
        self.bar.set_length(total);
        style(&self.bar, what);
    }

    fn inc(&self, n: u64) {
        self.bar.inc(n);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn bar(what: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    style(&bar, what);
    bar
}

fn style(bar: &ProgressBar, what: &str) {
    // The template is a constant; a typo in it would show in the first run.
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:>9} [{bar:30}] {pos}/{len} {eta} {msg}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_string());
}
