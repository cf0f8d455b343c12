//! How long work reports itself, so that the library never draws a bar.

/// Receives the progress of one piece of work. The command line draws bars from it.
pub trait Progress: Sync {
    /// Work named `what` begins and will make `total` steps.
    fn start(&self, what: &str, total: u64);
    /// `n` more steps are done. Called from several threads.
    fn inc(&self, n: u64);
    /// The work is over, however it ended.
    fn finish(&self);
}

/// Reports to nobody.
impl Progress for () {
    fn start(&self, _what: &str, _total: u64) {}
    fn inc(&self, _n: u64) {}
    fn finish(&self) {}
}
