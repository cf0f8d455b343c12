//! How long a leaf takes, whatever it computes with and without any model knowing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use burn::tensor::Device;

use super::Flow;

/// Adds up the time of the leaf that holds it; clones share their sum.
#[derive(Debug, Clone, Default)]
pub struct Stopwatch(Arc<AtomicU64>);

impl Stopwatch {
    /// Nanoseconds since the last call.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }

    /// What `work` makes of `x`, timed from all before it being done to itself being done.
    pub(super) fn around<const D: usize>(
        &self,
        x: Flow<D>,
        work: impl FnOnce(Flow<D>) -> Flow<D>,
    ) -> Flow<D> {
        finished(&x);
        let began = Instant::now();
        let y = work(x);
        finished(&y);
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
        y
    }
}

/// Waits for what a device has put off; the host puts nothing off.
fn finished<const D: usize>(x: &Flow<D>) {
    let wait = |device: Device| {
        device
            .sync()
            .expect("the device carries out what it took on")
    };
    match x {
        Flow::F32(x) | Flow::Grid(x) => wait(x.device()),
        Flow::Q8(x) => wait(x.words().device()),
        Flow::Symbol(_) => {}
    }
}
