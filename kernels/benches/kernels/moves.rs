//! What stands between layers: bound by memory, hence GB/s of what is read and written.

use crate::{Contestant, medians};
use fairbit_kernels::cpu::joints::{self, Pool, Rounding};
use fairbit_kernels::cpu::{Isa, quantize};
use fairbit_kernels::{ActQuant, Activation};
use std::hint::black_box;
use std::sync::Arc;

/// ResNet50's first stage at 64 px, batch 32: 256 channels on 16 × 16.
const CHANNELS: usize = 256;
const PIXELS: usize = 16 * 16;
const BATCH: usize = 32;

/// Prints one row per move and one column per instruction set.
pub fn table() {
    let isas: Vec<Isa> = Isa::available()
        .filter(|isa| !matches!(isa, Isa::Amx | Isa::Vnni256))
        .collect();
    let names: Vec<_> = isas.iter().map(|isa| isa.name()).collect();
    println!(
        "\n### between layers, GB/s\n\n| move | {} |",
        names.join(" | ")
    );
    println!("|---|{}", "---|".repeat(isas.len()));
    let quant = ActQuant::new(0.03, -5, 8).unwrap();
    let n = BATCH * PIXELS * CHANNELS;
    let x: Arc<Vec<f32>> = Arc::new(
        (0..n)
            .map(|i| (i * 7919 % 1000) as f32 * 0.005 - 2.0)
            .collect(),
    );
    let codes = Arc::new(quantize::images(&x, [CHANNELS, PIXELS], &[quant], isas[0]));
    let pool = Pool {
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        rounding: Rounding::Down,
    };
    row("quantize, static", 5 * n, &isas, |isa| {
        let x = x.clone();
        Box::new(move || {
            black_box(quantize::images(&x, [CHANNELS, PIXELS], &[quant], isa));
        })
    });
    row("quantize, range of each image", 9 * n, &isas, |isa| {
        let x = x.clone();
        Box::new(move || {
            let quants = quantize::ranges(&x, BATCH, isa);
            black_box(quantize::images(&x, [CHANNELS, PIXELS], &quants, isa));
        })
    });
    row("add with ReLU", 3 * n, &isas, |isa| {
        let codes = codes.clone();
        Box::new(move || {
            let both = [&codes[..], &codes[..]];
            black_box(joints::add(both, [quant; 2], Activation::Relu, quant, isa));
        })
    });
    row("max pool 3×3, stride 2", n + n / 4, &isas, |isa| {
        let codes = codes.clone();
        Box::new(move || {
            black_box(joints::max_pool(&codes, [16, 16, CHANNELS / 4], &pool, isa));
        })
    });
}

fn row(name: &str, bytes: usize, isas: &[Isa], make: impl Fn(Isa) -> Box<dyn FnMut()>) {
    let contestant = |&isa: &Isa| Contestant {
        name: isa.name().into(),
        run: make(isa),
    };
    let mut contestants: Vec<_> = isas.iter().map(contestant).collect();
    let seconds = medians(&mut contestants);
    let cells: Vec<_> = seconds
        .iter()
        .map(|s| format!("{:.1}", bytes as f64 / s / 1e9))
        .collect();
    println!("| {name} | {} |", cells.join(" | "));
}
