//! `fairbit quantize`: a method carried out on a trained model, and what came of it.

use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::args::QuantizeArgs;
use super::judge::judge;
use super::screen::{Screen, answer};
use super::stop;
use super::subject::Subject;
use crate::compress::plan::Plan;
use crate::compress::{artifact, pack};
use crate::data::Split;
use crate::error::{Fault, Result};
use crate::recipe::{Compressed, Method, Surroundings, compress};
use crate::train::checkpoint::CHECKPOINTS;
use crate::train::folder::RunFolder;
use crate::{evaluate, files};

/// `quantize`.
pub fn quantize(args: &QuantizeArgs, screen: &Screen) -> Result<()> {
    let method = Method::read(&args.method)?;
    let plan = args.plan.as_deref().map(Plan::read).transpose()?;
    let subject = Subject::open_float(&args.model, &args.data, &args.device, &args.config, screen)?;
    subject.faces.table().require_complete(Split::Test)?;
    let device = subject.device.main();
    // Only training leaves something behind: what another process could spoil, and a reason to stop with care.
    let trains = method.finetune.as_ref();
    let _held = trains.map(|_| RunFolder::hold(&args.out)).transpose()?;
    let stops = trains.map(|_| stop::count()).transpose()?;
    let stopping = || stops.is_some_and(|stops| stops.load(Ordering::Relaxed) > 0);
    begin(&args.out, args.resume)?;
    let source = files::sha256(&subject.file)?;
    let compressed = compress(
        &subject.model,
        (&args.method, &method),
        args.plan.as_deref().zip(plan.as_ref()),
        &Surroundings {
            faces: &subject.faces,
            device: &subject.device,
            config: &subject.config,
            source: &source,
            folder: &args.out,
            progress: &|what, done, total| {
                screen.progress(what, done as u64, total as u64, String::new());
            },
            emit: &|event| screen.event(&event),
            stopping: &stopping,
        },
    )?;
    let packed = pack::pack(&compressed.model)?;
    files::create_dir(&args.out)?;
    let size_bytes = store(&subject, &method, &compressed, &source, &args.out)?;
    let total = subject.faces.split(Split::Test).len() as u64;
    let (predictions, scored) = evaluate::predict(
        &packed,
        &subject.faces,
        Split::Test,
        subject.config.train.eval_batch,
        device,
        &|done| screen.progress("scoring", done as u64, total, String::new()),
    )?;
    screen.clear();
    let before = size_of(&subject.file)?;
    let compression = before as f64 / size_bytes as f64;
    let summary = json!({
        "method": method.name,
        "model": subject.meta.model.to_string(),
        "source": source,
        "data_hash": subject.faces.data_hash(),
        "fairbit": env!("CARGO_PKG_VERSION"),
        "source_bytes": before,
        "size_bytes": size_bytes,
        "compression": compression,
        "bytes": artifact::Bytes::of(&args.out.join("model.safetensors"))?,
        "calibration": method.calibration,
        "cost": compressed.cost,
        "allocation": compressed.allocated,
        "finetune": method.finetune,
        "backend": scored.backend,
        "kernels": scored.kernels,
        "eval_images_per_s": total as f64 / scored.seconds,
        "layers": compressed.layers,
        "rounding": method.rounding,
        "fitted": compressed.fitted,
    });
    let to = args.out.join("quantize.json");
    files::write_bytes(&to, format!("{summary:#}\n").as_bytes())?;
    // What training needs to go on; there is nothing left to go on with.
    let _ = std::fs::remove_dir_all(args.out.join(CHECKPOINTS));
    answer(format!(
        "{}: {before} bytes became {size_bytes} ({compression:.2} times smaller); {}",
        method.name, compressed.cost
    ));
    judge(
        &predictions,
        &scored,
        Split::Test,
        &subject.config,
        &args.out,
    )
}

/// Refuses what `--resume` does not fit.
fn begin(out: &Path, resume: bool) -> Result<()> {
    let unfinished = out.join(CHECKPOINTS).join("latest").exists();
    match (resume, unfinished) {
        (false, true) => Err(Fault::new(out, "holds training that is not finished")
            .next("go on with it by --resume, or choose another --out")
            .config()),
        (true, false) => Err(Fault::new(out, "holds no training to go on with")
            .next("leave --resume away")
            .config()),
        _ => Ok(()),
    }
}

/// Writes the artifact, the plan and the settings; the size of the artifact in bytes.
fn store(
    subject: &Subject,
    method: &Method,
    compressed: &Compressed,
    source: &str,
    out: &Path,
) -> Result<u64> {
    let mut meta = subject.meta.clone();
    let calibration = serde_json::to_string(&method.calibration).expect("plain settings");
    for (key, value) in [
        ("method", method.name.as_str()),
        ("calibration", &calibration),
        ("source", source),
    ] {
        meta.extra.insert(key.into(), value.into());
    }
    let file = out.join("model.safetensors");
    artifact::write(&compressed.model, &compressed.plan, &meta, &file)?;
    compressed.plan.write(&out.join("plan.toml"))?;
    files::write_bytes(
        &out.join("calibration.csv"),
        calibration_csv(subject, compressed).as_bytes(),
    )?;
    // With the settings of the data, so that the folder can be evaluated as a run's can.
    files::write_bytes(
        &out.join("config.toml"),
        subject.config.to_toml().as_bytes(),
    )?;
    size_of(&file)
}

/// The images that ranges were found on, and what each counts.
fn calibration_csv(subject: &Subject, compressed: &Compressed) -> String {
    let records = &subject.faces.table().records;
    let rows = compressed.set.records.iter().zip(&compressed.set.weights);
    let lines = rows.map(|(&record, weight)| format!("{},{weight}\n", records[record].image));
    format!("image,weight\n{}", lines.collect::<String>())
}

fn size_of(file: &Path) -> Result<u64> {
    let found = std::fs::metadata(file).map_err(|e| Fault::new(file, e.to_string()).run())?;
    Ok(found.len())
}
