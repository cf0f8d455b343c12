//! Images per second of one model, training or inference, on random images: the figure that
//! `benches/peers/table.py` puts beside PyTorch's.
//!
//! MODEL is an architecture or, for inference, a `model.safetensors` of any precision.
//!
//! `cargo bench --bench throughput -- MODEL train|infer [--px 64] [--batch 32] [--device cpu] [--seconds 8]`
//! prints one JSON object. Every step is complete before the clock is read: training reads the loss,
//! inference the logits.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Int, Tensor};
use burn::train::{TrainOutput, TrainStep};

use fairbit::compress::artifact;
use fairbit::data::Batch;
use fairbit::device::Selected;
use fairbit::error::{Fault, Result};
use fairbit::models::{self, Model, ModelConfig};
use fairbit::train::OnePassAdamW;
use fairbit::train::loss::Objective;
use fairbit::train::step::{StepInput, StepOutput};

#[derive(Clone)]
struct Bench {
    model: String,
    mode: String,
    px: usize,
    batch: usize,
    device: String,
    seconds: f64,
}

fn main() -> ExitCode {
    fairbit_kernels::memory::keep_freed();
    match parse().and_then(|bench| run(&bench)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(e.exit_code())
        }
    }
}

fn parse() -> Result<Bench> {
    let mut bench = Bench {
        model: "squeezenet1_1".into(),
        mode: "infer".into(),
        px: 64,
        batch: 32,
        device: "cpu".into(),
        seconds: 8.0,
    };
    let mut positional = 0;
    // cargo adds `--bench`.
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| wrong(&arg));
        match arg.as_str() {
            "--px" => bench.px = value()?.parse().map_err(|_| wrong(&arg))?,
            "--batch" => bench.batch = value()?.parse().map_err(|_| wrong(&arg))?,
            "--seconds" => bench.seconds = value()?.parse().map_err(|_| wrong(&arg))?,
            "--device" => bench.device = value()?,
            _ if positional == 0 => (bench.model, positional) = (arg, 1),
            "train" | "infer" if positional == 1 => (bench.mode, positional) = (arg, 2),
            _ => return Err(wrong(&arg)),
        }
    }
    Ok(bench)
}

fn wrong(arg: &str) -> fairbit::error::Error {
    Fault::plain(format!("`{arg}`"))
        .expected("MODEL train|infer [--px N] [--batch N] [--device DEV] [--seconds N]")
        .config()
}

fn run(bench: &Bench) -> Result<()> {
    let selected = fairbit::device::select(&bench.device.parse()?)?;
    let device = selected.main().clone();
    let file = Path::new(&bench.model);
    if file.is_file() && bench.mode == "infer" {
        let (model, meta) = artifact::open(file, &device)?;
        let bench = Bench {
            px: meta.px,
            ..bench.clone()
        };
        report(&bench, &selected, infer(&model, &bench, &device));
        return Ok(());
    }
    let config = ModelConfig::new(bench.model.parse()?, 2, bench.px);
    let found = match bench.mode.as_str() {
        "train" => {
            let device = device.autodiff();
            train(models::create(&config, 1, &device)?, bench, &device)
        }
        _ => infer(&models::create(&config, 1, &device)?, bench, &device),
    };
    report(bench, &selected, found);
    Ok(())
}

fn report(bench: &Bench, selected: &Selected, (images, seconds): (usize, f64)) {
    println!(
        "{{\"model\": \"{}\", \"mode\": \"{}\", \"device\": \"{}\", \"px\": {}, \"batch\": {}, \"images_per_s\": {:.2}}}",
        bench.model,
        bench.mode,
        selected.spec,
        bench.px,
        bench.batch,
        images as f64 / seconds
    );
}

fn batch(bench: &Bench, device: &Device) -> Batch {
    let count = bench.batch * 3 * bench.px * bench.px;
    let pixels: Vec<f32> = (0..count)
        .map(|i| ((i * 7919) % 1009) as f32 / 252.0 - 2.0)
        .collect();
    let images = Tensor::<1>::from_floats(pixels.as_slice(), device);
    let label_list: Vec<u8> = (0..bench.batch).map(|i| (i % 2) as u8).collect();
    let labels: Vec<i32> = label_list.iter().map(|&l| i32::from(l)).collect();
    Batch {
        images: images.reshape([bench.batch, 3, bench.px, bench.px]),
        labels: Tensor::<1, Int>::from_ints(labels.as_slice(), device),
        label_list,
        cells: vec![0; bench.batch],
        indices: (0..bench.batch).collect(),
    }
}

/// Repeats `step` for the time asked, after two steps that do not count.
fn repeat(bench: &Bench, mut step: impl FnMut()) -> (usize, f64) {
    for _ in 0..2 {
        step();
    }
    let began = Instant::now();
    let mut images = 0;
    while began.elapsed().as_secs_f64() < bench.seconds {
        step();
        images += bench.batch;
    }
    (images, began.elapsed().as_secs_f64())
}

fn train(mut model: Model, bench: &Bench, device: &Device) -> (usize, f64) {
    let mut optim = ModuleOptimizer::from(OnePassAdamW::new(0.01));
    let data = batch(bench, device);
    repeat(bench, || {
        let input = StepInput {
            batch: data.clone(),
            rng_seed: 1,
            objective: Objective::default(),
            share: 1.0,
            fault: None,
        };
        let output: TrainOutput<StepOutput> = TrainStep::step(&model, input);
        assert!(output.item.loss.is_finite(), "the loss is a number");
        model = optim.step(1e-4, model.clone(), output.grads);
    })
}

fn infer(model: &Model, bench: &Bench, device: &Device) -> (usize, f64) {
    let model = model.valid();
    let data = batch(bench, device);
    repeat(bench, || {
        let logits = model.forward(data.images.clone()).into_data();
        assert!(
            logits.iter::<f32>().all(f32::is_finite),
            "the logits are numbers"
        );
    })
}
