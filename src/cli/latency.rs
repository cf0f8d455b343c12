//! `fairbit latency`: how long a finished model takes, alone and in batches; started by `study`.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use serde_json::json;

use super::args::LatencyArgs;
use super::subject::model_file;
use crate::compress::artifact;
use crate::compress::fold::fold;
use crate::error::Result;
use crate::models::Model;
use crate::{device, files};

/// Passes before the clock is read.
const WARM_UP: usize = 3;
/// Passes at least, however long they take.
const LEAST: usize = 5;
/// Passes at most.
const MOST: usize = 1000;

/// Measures the median over passes in batches of 1 and 32, on images that are no faces: what a layer
/// computes does not depend on what it sees.
pub fn latency(args: &LatencyArgs) -> Result<()> {
    let selected = device::select(&args.device.parse()?)?;
    let file = model_file(&args.model);
    let (model, meta) = artifact::open(&file, selected.main())?;
    // An artifact is folded already; the baseline is measured as it would be deployed.
    let model = match artifact::is_artifact(&meta.extra) {
        true => model,
        false => fold(model),
    };
    let of = |batch: usize| median(&model, batch, meta.px, args.seconds, selected.main());
    let (one, many) = (of(1), of(32));
    let found = json!({
        "latency_ms_batch1": one,
        "latency_ms_batch32": many / 32.0,
        "device": selected.spec.to_string(),
    });
    files::create_dir(&args.out)?;
    files::write_bytes(
        &args.out.join("latency.json"),
        format!("{found:#}\n").as_bytes(),
    )
}

/// Median milliseconds of a pass.
fn median(model: &Model, batch: usize, px: usize, seconds: f64, device: &Device) -> f64 {
    let pixels: Vec<f32> = (0..batch * 3 * px * px)
        .map(|i| ((i * 7919) % 1009) as f32 / 252.0 - 2.0)
        .collect();
    let images = Tensor::<1>::from_floats(pixels.as_slice(), device).reshape([batch, 3, px, px]);
    let pass = || {
        let began = Instant::now();
        // Reading the logits waits for them.
        let logits = model.forward(images.clone()).into_data();
        assert_eq!(logits.shape()[0], batch, "one answer for each image");
        began.elapsed().as_secs_f64() * 1000.0
    };
    (0..WARM_UP).for_each(|_| {
        pass();
    });
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < LEAST || (began.elapsed().as_secs_f64() < seconds && times.len() < MOST) {
        times.push(pass());
    }
    times.sort_by(f64::total_cmp);
    let half = times.len() / 2;
    match times.len() % 2 {
        0 => (times[half - 1] + times[half]) / 2.0,
        _ => times[half],
    }
}
