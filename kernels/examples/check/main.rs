//! Every kernel of a device on shapes of the five models: right or not, how fast, and what share of the
//! device's measured ceiling that is.
//!
//! ```text
//! cargo run --release -p fairbit-kernels --features cuda --example check
//! cargo run --release -p fairbit-kernels --no-default-features --features cube-wgpu --example check -- \
//!     --batch 1 [part of a shape's name]
//! ```
//!
//! Ends with 1 where a result differs from the CPU's, which the tests compare with the naive twin, and
//! where the device has a kernel that no shape ran on, unless a name was given.

mod cases;
mod clock;
mod conversions;
mod drawn;
mod error;
mod joints;
mod layers;
mod options;
#[path = "../../benches/kernels/shapes.rs"]
mod shapes;

use std::process::ExitCode;

use cubecl::client::Client;
use fairbit_kernels::Granularity;
use fairbit_kernels::cube::device::ability;
use fairbit_kernels::cube::select::{Kernel, TABLE};

use cases::Case;
use clock::{Ceilings, Measured};
use error::{CheckError, Result};
use options::Options;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            error.code()
        }
    }
}

fn client() -> Result<Client> {
    #[cfg(feature = "cuda")]
    let device = cubecl::Device::cuda(0);
    #[cfg(not(feature = "cuda"))]
    let device = cubecl::Device::wgpu(Default::default());
    let device = device.map_err(|error| CheckError::Device(error.to_string()))?;
    Ok(device.client())
}

fn run() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    let client = client()?;
    let can = ability(&client);
    let mut cases = cases::all(options.batch, can.inner);
    cases.retain(|case| options.wants(case.name));
    let mut joints = joints::all(options.batch);
    joints.retain(|joint| options.wants(joint.name));
    let expected = match options.name {
        None => Kernel::all(can.inner),
        Some(name) if cases.is_empty() && joints.is_empty() => return Err(CheckError::Name(name)),
        Some(_) => Vec::new(),
    };
    let name = &client.properties().identity.name;
    println!("{name} on {}, {can:?}\n\n{TABLE}", client.name());
    let ceilings = Ceilings::measure(&client, can);
    println!("measured ceilings: {ceilings}\n");

    let mut seen = Seen::default();
    println!("| layer | input, weights | kernel | right | µs | TOPS | GB/s | of the ceiling |");
    println!("|---|---|---|---|---|---|---|---|");
    for case in &cases {
        let (kernel, found) = layers::check(&client, case);
        let what = format!("{} | {} | {kernel}", case.name, input(case));
        let tops = format!("{:.3} | ", found.ops / found.seconds / 1e12);
        line(&what, &found, &tops, ceilings.share(Some(kernel), &found));
        seen.note(kernel.to_string(), found.right);
    }
    println!("\n| tensor | function | right | µs | GB/s | of the ceiling |");
    println!("|---|---|---|---|---|---|");
    for joint in &joints {
        let found = joint.check(&client);
        let what = format!("{} | {}", joint.name, joint.function);
        line(&what, &found, "", ceilings.share(None, &found));
        seen.note(joint.function.into(), found.right);
    }
    seen.verdict(&expected)
}

/// What a layer is given, bits of a weight, and weights of a scale unless a channel has one.
fn input(case: &Case) -> String {
    let group = match case.granularity {
        Granularity::PerChannel => String::new(),
        Granularity::PerGroup(size) => format!(", {size} a scale"),
    };
    format!("{:?}, {} bits{group}", case.given, case.bits)
}

fn line(what: &str, found: &Measured, tops: &str, share: f64) {
    println!(
        "| {what} | {} | {:.1} | {tops}{:.1} | {:.1} % |",
        if found.right { "yes" } else { "NO" },
        found.seconds * 1e6,
        found.bytes / found.seconds / 1e9,
        100.0 * share,
    );
}

/// What ran and how often it was wrong, first to last.
#[derive(Default)]
struct Seen(Vec<(String, usize)>);

impl Seen {
    fn note(&mut self, name: String, right: bool) {
        let wrong = usize::from(!right);
        match self.0.iter_mut().find(|(seen, _)| *seen == name) {
            Some((_, count)) => *count += wrong,
            None => self.0.push((name, wrong)),
        }
    }

    /// Names what was right every time; fails where something was not, or is `expected` and missing.
    fn verdict(self, expected: &[Kernel]) -> Result<()> {
        let (wrong, right): (Vec<_>, Vec<_>) =
            self.0.into_iter().partition(|(_, wrong)| *wrong > 0);
        let right: Vec<String> = right.into_iter().map(|(name, _)| name).collect();
        println!("\nverified: {}", right.join(", "));
        if !wrong.is_empty() {
            return Err(CheckError::Wrong(wrong));
        }
        let mut unseen: Vec<String> = expected.iter().map(Kernel::to_string).collect();
        unseen.retain(|name| !right.contains(name));
        match unseen.is_empty() {
            true => Ok(()),
            false => Err(CheckError::Unseen(unseen)),
        }
    }
}
