//! How fast work is, and how fast it could be on the device.

use std::fmt;
use std::time::Instant;

use cubecl::client::Client;
use fairbit_kernels::cpu::Stored;
use fairbit_kernels::cube::ceiling::{self, Work};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::select::{Ability, Kernel};
use fairbit_kernels::cube::tiled::Inner;

/// Turns of a measurement; the median counts.
const TURNS: usize = 5;
/// What a turn lasts in seconds, unless a single run lasts longer.
const TURN_S: f64 = 0.02;
/// Most runs of a turn: each has its own result.
const MOST_RUNS: f64 = 1000.0;

/// What the device did.
pub struct Measured {
    /// Whether it found what the CPU does.
    pub right: bool,
    pub seconds: f64,
    /// Multiplications and additions.
    pub ops: f64,
    /// Read and written, each once.
    pub bytes: f64,
}

impl Measured {
    /// Runs what reads `words` words and should find what `right` accepts.
    pub fn of(
        client: &Client,
        words: usize,
        ops: f64,
        right: impl Fn(&Buffer) -> bool,
        run: impl Fn() -> Buffer,
    ) -> Self {
        let found = run();
        Self {
            right: right(&found),
            seconds: seconds(client, || drop(run())),
            ops,
            bytes: 4.0 * (words + found.len) as f64,
        }
    }

    /// The same for what moves numbers only, and should find `expected` to the last bit.
    pub fn exact(
        client: &Client,
        words: usize,
        expected: &Stored,
        run: impl Fn() -> Buffer,
    ) -> Self {
        Self::of(
            client,
            words,
            0.0,
            |found| same(client, expected, found),
            run,
        )
    }
}

/// Whether the device found exactly what the CPU did.
pub fn same(client: &Client, expected: &Stored, found: &Buffer) -> bool {
    match expected {
        Stored::Codes(words) => *words == found.to_words(client),
        Stored::Floats(floats) => *floats == found.to_floats(client),
    }
}

/// What the device reaches at best.
pub struct Ceilings {
    /// Multiplications and additions per second of the tiled product.
    pub tiled: f64,
    /// Of `dp4a`.
    pub dp4a: f64,
    /// Of floats.
    pub floats: f64,
    /// Bytes per second.
    pub traffic: f64,
}

impl Ceilings {
    pub fn measure(client: &Client, can: Ability) -> Self {
        let rate = |work: Work| work.amount / seconds(client, || work.run());
        let products = |inner| rate(ceiling::of_products(client, inner, can.processors));
        let dp4a = products(Inner::Dp4a);
        Self {
            tiled: match can.inner {
                Inner::Dp4a => dp4a,
                inner => products(inner),
            },
            dp4a,
            floats: rate(ceiling::of_float_products(client, can.processors)),
            traffic: rate(ceiling::of_traffic(client)),
        }
    }

    /// Share of what traffic, and products where there are any, allow a kernel.
    pub fn share(&self, kernel: Option<Kernel>, one: &Measured) -> f64 {
        let products = kernel.map_or(0.0, |kernel| {
            let most = match kernel {
                Kernel::Tiled(..) => self.tiled,
                Kernel::Skinny | Kernel::Depthwise | Kernel::Direct => self.dp4a,
                Kernel::FloatRows | Kernel::FloatTaps => self.floats,
            };
            one.ops / most
        });
        products.max(one.bytes / self.traffic) / one.seconds
    }
}

impl fmt::Display for Ceilings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [tiled, dp4a, floats] = [self.tiled, self.dp4a, self.floats].map(|ops| ops / 1e12);
        write!(
            f,
            "{tiled:.2} TOPS in tiles, {dp4a:.2} by dp4a, {floats:.2} of floats, {:.0} GB/s",
            self.traffic / 1e9
        )
    }
}

/// Median seconds of one run; the device has finished when the clock is read.
fn seconds(client: &Client, run: impl Fn()) -> f64 {
    let turn = |runs: usize| {
        let start = Instant::now();
        // Runs are handed over in bunches: a launch alone takes as long as a small layer.
        for _ in 0..runs {
            run();
        }
        cubecl::future::block_on(client.sync()).expect("the device finishes");
        start.elapsed().as_secs_f64() / runs as f64
    };
    // The first may compile the kernel.
    turn(1);
    let runs = (TURN_S / turn(1)).clamp(1.0, MOST_RUNS) as usize;
    let mut turns = [(); TURNS].map(|()| turn(runs));
    turns.sort_by(f64::total_cmp);
    turns[TURNS / 2]
}
