//! Ctrl-C and SIGTERM as a counter: the first asks for a checkpoint, the second for the end.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Fault, Result};

static STOPS: AtomicUsize = AtomicUsize::new(0);
static INSTALLED: OnceLock<std::result::Result<(), String>> = OnceLock::new();

/// A request to stop that did not come as a signal.
pub fn request() {
    STOPS.fetch_add(1, Ordering::Relaxed);
}

/// Counts requests to stop from now on, instead of ending the process.
///
/// # Errors
/// Run error when the system refuses the handler.
pub fn count() -> Result<&'static AtomicUsize> {
    let installed = INSTALLED.get_or_init(|| {
        ctrlc::set_handler(|| {
            STOPS.fetch_add(1, Ordering::Relaxed);
        })
        .map_err(|e| e.to_string())
    });
    match installed {
        Ok(()) => Ok(&STOPS),
        Err(e) => Err(Fault::plain(format!("Ctrl-C cannot be handled ({e})")).run()),
    }
}
