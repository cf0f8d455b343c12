//! Which kernels ran: what a run record lists, and what tests look at to see that an integer layer never
//! became a float one.

use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

static WANTED: AtomicBool = AtomicBool::new(false);
static RAN: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Carries out `work` and names the kernels that this process began meanwhile, first to last, on any
/// thread: a device may put work off to a thread of its own, so `work` has to read its result. Calls wait
/// for each other.
///
/// # Panics
/// Within another call.
pub fn during<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    take();
    WANTED.store(true, Ordering::SeqCst);
    let result = work();
    WANTED.store(false, Ordering::SeqCst);
    (result, take())
}

fn take() -> Vec<String> {
    std::mem::take(&mut *RAN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Notes a kernel, where somebody asked.
pub(crate) fn ran(kernel: impl Display) {
    if WANTED.load(Ordering::Relaxed) {
        let mut names = RAN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        names.push(kernel.to_string());
    }
}
