//! Every named shape on a device, from codes, from floats and weight-only: right or not, how fast, and what share of the device's
//! measured ceiling that is.
//!
//! ```text
//! cargo run --release -p fairbit-kernels --features cuda --example check
//! cargo run --release -p fairbit-kernels --no-default-features --features cube-wgpu --example check -- \
//!     --batch 1 [part of a shape's name]
//! ```
//!
//! Ends with 1 where a result differs from the CPU's, which the tests compare with the naive twin.

#[path = "../benches/kernels/shapes.rs"]
mod shapes;

use std::process::ExitCode;
use std::time::Instant;

use cubecl::client::Client;
use fairbit_kernels::cpu::{self, Acts, Input, Isa, Stored};
use fairbit_kernels::cube::ceiling::{self, Work};
use fairbit_kernels::cube::device::{Buffer, ability};
use fairbit_kernels::cube::layer::{self, Batch, Layer};
use fairbit_kernels::cube::select::{Form, TABLE};
use fairbit_kernels::cube::tiled::Inner;
use fairbit_kernels::{
    ActQuant, Activation, ConvShape, Epilogue, Granularity, Output, PackedWeights,
};

/// Turns of a measurement; the median counts.
const TURNS: usize = 5;
/// Least duration of a turn in seconds.
const TURN_S: f64 = 0.1;

struct Options {
    batch: Option<usize>,
    name: Option<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        batch: None,
        name: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--batch" => {
                let value = args.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
                options.batch = Some(value.ok_or("--batch takes a number of images")?);
            }
            name if !name.starts_with('-') => options.name = Some(name.into()),
            other => return Err(format!("unknown option {other}; there is --batch N")),
        }
    }
    Ok(options)
}

fn client() -> Result<Client, String> {
    #[cfg(feature = "cuda")]
    let device = cubecl::Device::cuda(0);
    #[cfg(not(feature = "cuda"))]
    let device = cubecl::Device::wgpu(Default::default());
    device
        .map(|device| device.client())
        .map_err(|error| format!("no device: {error}"))
}

fn main() -> ExitCode {
    let started = options().and_then(|options| Ok((options, client()?)));
    let (options, client) = match started {
        Ok(both) => both,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let can = ability(&client);
    println!(
        "{} on {}, {can:?}\n\n{TABLE}",
        client.properties().identity.name,
        client.name()
    );

    let products = |inner| {
        rate(
            &client,
            &ceiling::of_products(&client, inner, can.processors),
        ) / 1e12
    };
    let dp4a = products(Inner::Dp4a);
    let peak = if can.inner == Inner::Mma {
        products(Inner::Mma)
    } else {
        dp4a
    };
    let traffic = rate(&client, &ceiling::of_traffic(&client)) / 1e9;
    println!(
        "measured ceilings: {peak:.2} TOPS ({:?}), {dp4a:.2} TOPS (Dp4a), {traffic:.0} GB/s\n",
        can.inner
    );

    println!("| shape | input, weights | kernel | right | µs | TOPS | GB/s | of the ceiling |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut wrong = 0;
    for mut one in shapes::all() {
        if options
            .name
            .as_ref()
            .is_some_and(|name| !one.name.contains(name.as_str()))
        {
            continue;
        }
        if let Some(batch) = options.batch {
            // Rows of a linear layer are its pixels.
            match one.shape.batch {
                1 => one.shape.input[0] = 65 * batch,
                _ => one.shape.batch = batch,
            }
        }
        let linear = one.shape.input[1] == 1 && one.shape.batch == 1;
        let kinds = if linear {
            &[Kind::Codes, Kind::Dynamic, Kind::WeightOnly][..]
        } else {
            &[Kind::Codes, Kind::Dynamic]
        };
        for (&kind, bits) in kinds.iter().flat_map(|kind| [(kind, 8), (kind, 4)]) {
            let row = Row::of(&client, &one.shape, kind, bits);
            wrong += usize::from(!row.right);
            let (tops, gbs) = (row.ops / row.seconds / 1e12, row.bytes / row.seconds / 1e9);
            let limit = if row.kernel.starts_with("tensor") {
                peak
            } else {
                dp4a
            };
            let attainable = (row.bytes / (traffic * 1e9)).max(row.ops / (limit * 1e12));
            println!(
                "| {} | {kind:?}, {bits} bits | {} | {} | {:.1} | {tops:.3} | {gbs:.1} | {:.0} % |",
                one.name,
                row.kernel,
                if row.right { "yes" } else { "NO" },
                row.seconds * 1e6,
                100.0 * attainable / row.seconds,
            );
        }
    }
    if wrong > 0 {
        eprintln!("{wrong} results differ from the CPU's");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What a layer is given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Codes; codes come out.
    Codes,
    /// Floats whose range it finds; codes come out.
    Dynamic,
    /// 16 rows of floats, times packed weights; floats come out.
    WeightOnly,
}

/// One line of the table.
struct Row {
    kernel: String,
    /// Codes equal to the CPU's; floats within their rounding.
    right: bool,
    seconds: f64,
    /// Multiplications and additions.
    ops: f64,
    /// Activations in, weights, activations out.
    bytes: f64,
}

/// Codes of ±`most` that look random.
fn code(i: usize, most: i64) -> i8 {
    (((i as i64 * 2_654_435_761) >> 7) % (2 * most + 1) - most) as i8
}

fn weights(shape: &ConvShape, bits: u32) -> PackedWeights {
    let (k, most) = (shape.k(), (1i64 << (bits - 1)) - 1);
    let codes: Vec<i8> = (0..shape.c_out * k).map(|i| code(i, most)).collect();
    let scales = (0..shape.c_out).map(|n| 0.002 + n as f32 * 1e-5).collect();
    let per_channel = Granularity::PerChannel;
    PackedWeights::pack(&codes, scales, [shape.c_out, k], bits, per_channel).expect("in range")
}

impl Row {
    fn of(client: &Client, shape: &ConvShape, kind: Kind, bits: u32) -> Self {
        let mut shape = *shape;
        if kind == Kind::WeightOnly {
            shape.input = [16, 1];
        }
        let weights = weights(&shape, bits);
        let quant = |scale, zero| ActQuant::new(scale, zero, 8).expect("a quantizer");
        let (input, output) = match kind {
            Kind::Codes => (
                Input::Static(quant(0.02, -5)),
                Output::Codes(quant(0.05, -127)),
            ),
            Kind::Dynamic => (Input::Dynamic, Output::Codes(quant(0.05, -127))),
            Kind::WeightOnly => (Input::Float, Output::F32),
        };
        let bias = (0..shape.c_out).map(|n| n as f32 * 0.01 - 1.0).collect();
        let epilogue = Epilogue {
            bias: Some(bias),
            activation: Activation::Relu,
            output,
        };
        let pixels = shape.batch * shape.input[0] * shape.input[1];
        let words: Vec<u32> = (0..pixels * shape.c_in.div_ceil(4))
            .map(|i| u32::from_le_bytes([0, 1, 2, 3].map(|j| code(4 * i + j, 127) as u8)))
            .collect();
        let floats: Vec<f32> = (0..pixels * shape.c_in)
            .map(|i| f32::from(code(i, 127)) * 0.02)
            .collect();
        let (acts, given) = match kind {
            Kind::Codes => (
                layer::Acts::Codes(Buffer::words(client, &words)),
                Acts::Codes(&words),
            ),
            _ => (
                layer::Acts::Floats(Buffer::floats(client, &floats)),
                Acts::Floats(&floats),
            ),
        };
        let (form, batch) = match kind {
            Kind::WeightOnly => (Form::Linear, Batch::Rows(pixels, 1)),
            _ => (Form::Conv, Batch::Images(shape.batch, shape.input)),
        };
        let layer = Layer::new(client, &weights, shape, form, input, &epilogue)
            .expect("it fits the device");
        let found = layer.run(&acts, batch);
        let isa = Isa::best();
        let expected = match form {
            Form::Linear => {
                cpu::QLinear::new(&weights, input, &epilogue, isa).map(|l| l.run(1, given))
            }
            Form::Conv => cpu::QConv2d::new(&weights, shape, input, &epilogue, isa)
                .map(|l| l.run(shape.batch, shape.input, given)),
        };
        let right = match expected.expect("a layer of the CPU") {
            Stored::Codes(words) => words == found.to_words(client),
            Stored::Floats(floats) => {
                // (K + 4) · 2⁻²⁴ of the sum of magnitudes, on both sides.
                let size = shape.k() as f32 * 2.54 * 127.0 * 0.02;
                let bound = 2.0 * (shape.k() + 4) as f32 * 2f32.powi(-24) * size;
                let both = floats.iter().zip(found.to_floats(client));
                both.into_iter().all(|(a, b)| (a - b).abs() <= bound)
            }
        };
        let given = match &acts {
            layer::Acts::Codes(x) | layer::Acts::Floats(x) => x.len,
        };
        Self {
            kernel: layer.kernel(batch).to_string(),
            right,
            seconds: seconds(client, || {
                layer.run(&acts, batch);
            }),
            ops: shape.ops() as f64,
            bytes: 4.0 * (given + weights.words().len() + found.len) as f64,
        }
    }
}

/// Amount per second.
fn rate(client: &Client, work: &Work) -> f64 {
    work.amount / seconds(client, || work.run())
}

/// Median seconds of one run; the device has finished when the clock is read.
fn seconds(client: &Client, run: impl Fn()) -> f64 {
    let finish = || cubecl::future::block_on(client.sync()).expect("the device finishes");
    run();
    finish();
    let mut turns: Vec<f64> = (0..TURNS)
        .map(|_| {
            let start = Instant::now();
            let mut runs = 0;
            // Runs are handed over in bunches: a launch alone takes as long as a small layer.
            while runs == 0 || start.elapsed().as_secs_f64() < TURN_S {
                for _ in 0..10 {
                    run();
                }
                finish();
                runs += 10;
            }
            start.elapsed().as_secs_f64() / f64::from(runs)
        })
        .collect();
    turns.sort_by(f64::total_cmp);
    turns[TURNS / 2]
}
