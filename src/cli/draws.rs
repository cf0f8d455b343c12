//! `fairbit draws`: one method on many calibration sets, and how much that changes; started by `study`.

use std::fmt::Write;

use serde_json::json;

use super::args::DrawsArgs;
use super::screen::{Screen, answer};
use super::subject::Subject;
use crate::compress::calibration_set::DrawBy;
use crate::compress::pack;
use crate::config::AuditSection;
use crate::data::Split;
use crate::error::{Fault, Result};
use crate::fairness::{Counts, Gap, Grouping, Predictions, Thresholds, gaps};
use crate::quant::observe::Observer;
use crate::recipe::{Calibrate, Method, Surroundings, compress};
use crate::{evaluate, files};

/// The columns of `draws.csv`.
const HEADER: &str = "draw,sampling,observer,accuracy,dp_gap,eo_gap,worst_group_accuracy\n";

/// Calibrates on the draws 1, 2, … and scores the test split each time.
pub fn draws(args: &DrawsArgs, screen: &Screen) -> Result<()> {
    let method = Method::read(&args.method)?;
    let (draw, range) = ways(args)?;
    let subject = Subject::open_float(&args.model, &args.data, &args.device, &args.config, screen)?;
    let source = files::sha256(&subject.file)?;
    let mut csv = HEADER.to_string();
    for number in 1..=args.draws {
        let mut method = method.clone();
        method.calibration = Calibrate {
            images: args.images,
            batch: method.calibration.batch.min(args.images),
            draw,
            seed: number as u64,
            range,
        };
        method.rounding.images = method.rounding.images.min(args.images);
        let compressed = compress(
            &subject.model,
            (&args.method, &method),
            None,
            &Surroundings {
                faces: &subject.faces,
                device: &subject.device,
                config: &subject.config,
                source: &source,
                folder: &args.out,
                progress: &|_, _, _| (),
                emit: &|_| (),
                stopping: &|| false,
            },
        )?;
        let packed = pack::pack(&compressed.model)?;
        let (predictions, _) = evaluate::predict(
            &packed,
            &subject.faces,
            Split::Test,
            subject.config.train.eval_batch,
            subject.device.main(),
            &|_| (),
        )?;
        let measured = measure(&predictions, &subject.config.audit)?;
        // Writing to a string does not fail.
        let _ = writeln!(
            csv,
            "{number},{},{},{}",
            args.sampling,
            args.observer,
            measured.join(",")
        );
        screen.progress("drawing", number as u64, args.draws as u64, String::new());
    }
    screen.clear();
    files::create_dir(&args.out)?;
    files::write_bytes(&args.out.join("draws.csv"), csv.as_bytes())?;
    answer(format!("{} draws in {}", args.draws, args.out.display()));
    Ok(())
}

/// Sampling and observer by the names that they have in method files.
fn ways(args: &DrawsArgs) -> Result<(DrawBy, Observer)> {
    let unknown = |key: &str, found: &str, e: serde_json::Error| {
        Fault::plain(format!("`{found}` ({e})")).key(key).config()
    };
    let draw: DrawBy = serde_json::from_value(json!(args.sampling))
        .map_err(|e| unknown("--sampling", &args.sampling, e))?;
    let range: Observer = serde_json::from_value(json!({"observer": args.observer}))
        .map_err(|e| unknown("--observer", &args.observer, e))?;
    if draw == DrawBy::GroupWeighted && matches!(range, Observer::MinMax) {
        return Err(Fault::plain("min-max, which ignores the weights of images")
            .key("--observer")
            .expected("mse with --sampling group-weighted")
            .config());
    }
    Ok((draw, range))
}

/// Accuracy and the primary metrics on the widest intersection; empty where not estimable.
fn measure(predictions: &Predictions, audit: &AuditSection) -> Result<[String; 4]> {
    let config = audit.audit(Thresholds::One(audit.threshold));
    let grouping = Grouping::new(predictions.attributes(), &config.orders)?;
    let frame = &grouping.frames[grouping.primary()];
    let mut groups = vec![Counts::default(); frame.groups.len()];
    let mut everyone = Counts::default();
    for i in 0..predictions.n() {
        let (label, score) = (predictions.label()[i], predictions.score()[i]);
        let one = Counts::new(&[label], &[score], audit.threshold);
        everyone.add(&one);
        let cell = grouping.cell_of[i] as usize;
        groups[frame.group_of_cell[cell]].add(&one);
    }
    let found = gaps(&groups);
    let gap = |gap: Gap| {
        let at = Gap::ALL.iter().position(|other| *other == gap);
        let value = at.and_then(|at| found[at].ok());
        value.map_or_else(String::new, |attained| attained.value.to_string())
    };
    Ok([
        everyone
            .accuracy()
            .map_or_else(|_| String::new(), |value| value.to_string()),
        gap(Gap::Dp),
        gap(Gap::Eo),
        gap(Gap::WorstGroupAccuracy),
    ])
}
