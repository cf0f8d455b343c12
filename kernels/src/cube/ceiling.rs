//! What a device reaches at best, measured: products without memory traffic, and traffic without
//! products. The kernels' figures are fractions of these.

use cubecl::client::Client;
use cubecl::prelude::*;

use super::device::{Buffer, cubes};
use super::mma::mma;
use super::tiled::Inner;

/// Units of a cube.
const UNITS: u32 = 128;
/// Independent sums of a unit, so that one product need not wait for another.
const CHAINS: u32 = 8;
/// Times that each is added to.
const TIMES: u32 = 512;

/// Products as [`super::tiled`] makes them, on numbers in registers.
#[cube(launch_unchecked)]
fn products(seed: &[u32], out: &mut [i32], times: u32, #[comptime] inner: Inner) {
    let mut exchange = Shared::<[u32]>::new_slice(1usize);
    let word = seed[0];
    let mut sums = Array::<Vector<i32, Const<4>>>::new(CHAINS as usize);
    #[unroll]
    for i in 0..CHAINS as usize {
        sums[i] = Vector::new(i32::reinterpret(word + UNIT_POS) + comptime!(i as i32));
    }
    let a = Vector::<u32, Const<4>>::new(word + UNIT_POS);
    let b = Vector::<u32, Const<2>>::new(word);
    for _ in 0..times {
        #[unroll]
        for i in 0..CHAINS as usize {
            if comptime!(matches!(inner, Inner::Dp4a)) {
                let mut all = sums[i];
                // Another sum, since the product of two constants would be computed only once.
                let other = sums[comptime!((i + 1) % CHAINS as usize)];
                #[unroll]
                for j in 0..4usize {
                    all.insert(
                        j,
                        dp4a(
                            other.extract(j),
                            i32::reinterpret(b.extract(0usize)),
                            all.extract(j),
                        ),
                    );
                }
                sums[i] = all;
            } else {
                sums[i] = mma(a, b, sums[i], &mut exchange, inner);
            }
        }
    }
    let mut total = 0i32;
    #[unroll]
    for i in 0..CHAINS as usize {
        #[unroll]
        for j in 0..4usize {
            total += sums[i].extract(j);
        }
    }
    out[ABSOLUTE_POS] = total;
}

/// Products of floats, as [`super::weight_only`] makes them.
#[cube(launch_unchecked)]
fn float_products(seed: &[f32], out: &mut [f32], times: u32) {
    let factor = seed[0];
    let mut sums = Array::<Vector<f32, Const<4>>>::new(CHAINS as usize);
    #[unroll]
    for i in 0..CHAINS as usize {
        sums[i] = Vector::new(f32::cast_from(UNIT_POS + comptime!(i as u32)));
    }
    let a = Vector::<f32, Const<4>>::new(factor);
    for _ in 0..times {
        #[unroll]
        for i in 0..CHAINS as usize {
            sums[i] = sums[i] * a + a;
        }
    }
    let mut total = 0.0f32;
    #[unroll]
    for i in 0..CHAINS as usize {
        #[unroll]
        for j in 0..4usize {
            total += sums[i].extract(j);
        }
    }
    out[ABSOLUTE_POS] = total;
}

/// 128-bit loads and stores.
#[cube(launch_unchecked)]
fn copy(x: &[Vector<u32, Const<4>>], out: &mut [Vector<u32, Const<4>>], len: u32) {
    let unit = ABSOLUTE_POS as u32;
    if unit < len {
        out[unit as usize] = x[unit as usize];
    }
}

/// Work that reaches a ceiling.
pub struct Work {
    /// Operations, multiplications and additions counted each, or bytes.
    pub amount: f64,
    run: Box<dyn Fn()>,
}

impl Work {
    /// Hands it to the device once.
    pub fn run(&self) {
        (self.run)();
    }
}

/// Products by `inner`, as many cubes as fill `processors` eight times.
pub fn of_products(client: &Client, inner: Inner, processors: usize) -> Work {
    let grid = 8 * processors as u32;
    let client = client.clone();
    let seed = Buffer::words(&client, &[0x0101_0101]);
    let out = Buffer::empty(&client, (grid * UNITS) as usize);
    let per_unit = match inner {
        // 16 × 8 × 32 products for 32 units.
        Inner::Mma | Inner::EmulatedMma => 2 * 128,
        Inner::Dp4a => 2 * 16,
    };
    let amount = f64::from(grid) * f64::from(UNITS * CHAINS) * f64::from(TIMES * per_unit);
    let run = move || {
        // SAFETY: a number for each unit.
        unsafe {
            products::launch_unchecked(
                &client,
                CubeCount::Static(grid, 1, 1),
                CubeDim::new_1d(UNITS),
                seed.arg(1),
                out.arg(1),
                TIMES,
                inner,
            );
        }
    };
    Work {
        amount,
        run: Box::new(run),
    }
}

/// Products of floats, as many cubes as fill `processors` eight times.
pub fn of_float_products(client: &Client, processors: usize) -> Work {
    let grid = 8 * processors as u32;
    let client = client.clone();
    let seed = Buffer::floats(&client, &[0.5]);
    let out = Buffer::empty(&client, (grid * UNITS) as usize);
    let amount = f64::from(grid) * f64::from(UNITS * CHAINS) * f64::from(TIMES * 2 * 4);
    let run = move || {
        // SAFETY: a number for each unit.
        unsafe {
            float_products::launch_unchecked(
                &client,
                CubeCount::Static(grid, 1, 1),
                CubeDim::new_1d(UNITS),
                seed.arg(1),
                out.arg(1),
                TIMES,
            );
        }
    };
    Work {
        amount,
        run: Box::new(run),
    }
}

/// A copy of 256 MiB, or of what the device gives in one piece, counted twice: read and written.
///
/// # Panics
/// If the copy is not one: a rate of nothing would be a ceiling that nobody reaches.
pub fn of_traffic(client: &Client) -> Work {
    let client = client.clone();
    let most = client.properties().memory.max_page_size as usize / 2;
    let len = most.min(256 << 20) / 16;
    let numbers: Vec<u32> = (0..4 * len as u32).collect();
    let from = Buffer::words(&client, &numbers);
    let to = Buffer::empty(&client, 4 * len);
    let copied = (client.clone(), to.clone());
    let run = move || {
        // SAFETY: both have `len` vectors.
        unsafe {
            copy::launch_unchecked(
                &client,
                cubes(len, 256),
                CubeDim::new_1d(256),
                from.arg(4),
                to.arg(4),
                len as u32,
            );
        }
    };
    run();
    let (client, to) = copied;
    assert!(to.to_words(&client) == numbers, "the device did not copy");
    Work {
        amount: 32.0 * len as f64,
        run: Box::new(run),
    }
}
