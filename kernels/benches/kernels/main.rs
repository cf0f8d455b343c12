//! GOP/s of the integer layers on named shapes, beside burn-flex's stock float layers.
//!
//! `cargo bench -p fairbit-kernels --bench kernels -- [part of a name]` checks every layer against the
//! naive twin, then lets all contestants take turns and prints a table of medians. Codes go in, codes
//! with a fused ReLU come out; float layers have neither bias nor activation. `FAIRBIT_ISA=avx2` shows
//! what a processor without AVX-512 and VNNI would do.

mod moves;
mod shapes;
#[cfg(feature = "burn")]
mod stock;

use fairbit_kernels::cpu::{Acts, Input, Isa, QConv2d, Stored};
use fairbit_kernels::float::conv;
use fairbit_kernels::{
    ActQuant, Activation, ConvShape, Epilogue, Granularity, Output, PackedWeights, reference,
};
use std::hint::black_box;
use std::time::Instant;

/// Turns of every contestant.
const ROUNDS: usize = 9;
/// Least duration of one turn in seconds.
const TURN_S: f64 = 0.02;

/// One column of the table.
struct Contestant {
    name: String,
    run: Box<dyn FnMut()>,
}

fn main() {
    fairbit_kernels::memory::keep_freed();
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let named = shapes::all().into_iter();
    let named = named.filter(|n| {
        only.as_ref()
            .is_none_or(|only| n.name.contains(only.as_str()))
    });
    let mut model = "";
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for one in named {
        let mut contestants = integer(&one.shape);
        contestants.push(Contestant {
            name: "own f32".into(),
            run: float(&one.shape),
        });
        #[cfg(feature = "burn")]
        contestants.push(Contestant {
            name: "flex f32".into(),
            run: stock::layer(&one.shape),
        });
        if model != one.model {
            means(&names, &rows);
            (model, names) = (
                one.model,
                contestants.iter().map(|c| c.name.clone()).collect(),
            );
            rows.clear();
            println!("\n### {model}, GOP/s\n\n| shape | {} |", names.join(" | "));
            println!("|---|{}", "---|".repeat(names.len()));
        }
        let seconds = medians(&mut contestants);
        let gops: Vec<f64> = seconds
            .iter()
            .map(|s| one.shape.ops() as f64 / s / 1e9)
            .collect();
        let cells: Vec<String> = gops.iter().map(|g| format!("{g:.0}")).collect();
        println!("| {} | {} |", one.name, cells.join(" | "));
        rows.push(gops);
    }
    means(&names, &rows);
    if only.is_none_or(|only| "between".contains(&only)) {
        moves::table();
    }
}

/// Geometric means, and each as a multiple of the last column.
fn means(names: &[String], rows: &[Vec<f64>]) {
    if rows.is_empty() {
        return;
    }
    let mean = |ratio: &dyn Fn(&Vec<f64>) -> f64| {
        (rows.iter().map(|row| ratio(row).ln()).sum::<f64>() / rows.len() as f64).exp()
    };
    let columns = 0..names.len();
    let cells: Vec<_> = columns
        .clone()
        .map(|i| format!("{:.0}", mean(&|row| row[i])))
        .collect();
    println!("| geometric mean | {} |", cells.join(" | "));
    let last = names.len() - 1;
    let cells: Vec<_> = columns
        .map(|i| format!("{:.2}×", mean(&|row| row[i] / row[last])))
        .collect();
    println!("| over {} | {} |", names[last], cells.join(" | "));
}

/// Median seconds of each, all taking turns.
fn medians(contestants: &mut [Contestant]) -> Vec<f64> {
    let mut seconds = vec![Vec::new(); contestants.len()];
    for round in 0..=ROUNDS {
        for (contestant, seconds) in contestants.iter_mut().zip(&mut seconds) {
            let start = Instant::now();
            let mut runs = 0;
            while runs == 0 || start.elapsed().as_secs_f64() < TURN_S {
                (contestant.run)();
                runs += 1;
            }
            // The first round warms up.
            if round > 0 {
                seconds.push(start.elapsed().as_secs_f64() / f64::from(runs));
            }
        }
    }
    let median = |mut s: Vec<f64>| {
        s.sort_by(f64::total_cmp);
        s[s.len() / 2]
    };
    seconds.into_iter().map(median).collect()
}

/// The integer layers of one shape: each precision on each instruction set.
fn integer(shape: &ConvShape) -> Vec<Contestant> {
    let mut contestants = Vec::new();
    let depthwise = shape.is_depthwise();
    let acts = ActQuant::new(0.05, 3, 8).unwrap();
    let epilogue = Epilogue {
        bias: Some(vec![0.1; shape.c_out]),
        activation: Activation::Relu,
        output: Output::Codes(acts),
    };
    for bits in [8, 4] {
        let most = (1 << (bits - 1)) - 1;
        let code = |i: usize| ((i * 2_654_435_761) >> 7) as i32 % (most + 1);
        let codes: Vec<i8> = (0..shape.c_out * shape.k())
            .map(|i| code(i) as i8 * if i % 3 == 0 { -1 } else { 1 })
            .collect();
        let size = [shape.c_out, shape.k()];
        let scales = vec![0.001; shape.c_out];
        let weights =
            PackedWeights::pack(&codes, scales, size, bits, Granularity::PerChannel).unwrap();
        for isa in Isa::available().filter(|&isa| isa != Isa::Portable) {
            if depthwise && (matches!(isa, Isa::Amx | Isa::Vnni256) || bits == 4) {
                continue;
            }
            let layer =
                QConv2d::new(&weights, *shape, Input::Static(acts), &epilogue, isa).unwrap();
            check(&layer, shape, &weights, &epilogue, acts);
            let name = layer.kernel().to_string();
            let pixels = shape.batch * shape.input[0] * shape.input[1];
            let x: Vec<u32> = (0..pixels * shape.c_in.div_ceil(4))
                .map(|i| (i as u32).wrapping_mul(2_654_435_761) & 0x7f7f_7f7f)
                .collect();
            let (batch, input) = (shape.batch, shape.input);
            let run = Box::new(move || {
                black_box(layer.run_channels_last(batch, input, Acts::Codes(&x)));
            });
            contestants.push(Contestant { name, run });
        }
    }
    contestants
}

/// Our float layer of one shape, as training runs it: weights are laid out at each call.
fn float(shape: &ConvShape) -> Box<dyn FnMut()> {
    let shape = *shape;
    let x = vec![0.3f32; shape.batch * shape.input[0] * shape.input[1] * shape.c_in];
    let weights = vec![0.1f32; shape.c_out * shape.k()];
    Box::new(move || {
        black_box(conv::forward(&shape, &x, &weights, None));
    })
}

/// Fails unless a small part of the layer's work equals the twin's.
fn check(
    layer: &QConv2d,
    shape: &ConvShape,
    weights: &PackedWeights,
    epilogue: &Epilogue,
    acts: ActQuant,
) {
    let small = ConvShape {
        batch: 1,
        input: shape.input.map(|side| side.min(5)),
        ..*shape
    };
    let padded = small.c_in.next_multiple_of(4);
    let bytes: Vec<i8> = (0..small.input[0] * small.input[1] * padded)
        .map(|i| (i * 37 % 255) as i8)
        .map(|b| b.max(-127))
        .collect();
    let codes: Vec<i8> = bytes
        .chunks(padded)
        .flat_map(|pixel| &pixel[..small.c_in])
        .copied()
        .collect();
    let words: Vec<u32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|four: &[i8; 4]| u32::from_le_bytes(four.map(|byte| byte as u8)))
        .collect();
    let Stored::Codes(found) = layer.run_channels_last(1, small.input, Acts::Codes(&words)) else {
        panic!("codes were asked for");
    };
    let found: &[i8] = bytemuck::cast_slice(&found);
    let want = reference::codes(
        &reference::conv2d(&small, &codes, &[acts], weights),
        small.c_out,
        epilogue,
    );
    let stride = small.c_out.next_multiple_of(4);
    for (found, want) in found.chunks(stride).zip(want.chunks(small.c_out)) {
        assert_eq!(&found[..small.c_out], want, "{} is wrong", layer.kernel());
    }
}
