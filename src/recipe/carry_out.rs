//! A method carried out on a model.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use serde::Serialize;

use super::allocate::{self, Allocated};
use super::finetune::finetune;
use super::method::{Calibrate, Method};
use crate::compress::attach::{Grids, attach};
use crate::compress::calibrate::calibrate;
use crate::compress::calibration_set::CalibrationSet;
use crate::compress::equalize::equalize;
use crate::compress::fold::fold;
use crate::compress::plan::{LayerPlan, Plan, weight_bytes};
use crate::compress::round::{Fitted, round};
use crate::compress::rows::{Rows, layer_infos};
use crate::config::RunConfig;
use crate::data::{Augment, Faces, Split, loader};
use crate::device::Selected;
use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::UnitMut;
use crate::quant::Learn;
use crate::train::events::Event;

/// A model on its grids, and how it came there.
#[derive(Debug)]
pub struct Compressed {
    /// Folded, on its grids: what an artifact stores and packing reads.
    pub model: Model,
    /// The precision of each layer.
    pub plan: Plan,
    /// How that was computed; none where it was said.
    pub allocated: Option<Allocated>,
    /// What became of each layer, in forward order.
    pub layers: Vec<LayerReport>,
    /// What adaptive rounding did to the layers that it was applied to.
    pub fitted: Vec<Fitted>,
    /// The calibration images.
    pub set: CalibrationSet,
    /// What it took.
    pub cost: Cost,
}

/// What a method took: what it needs beside the float model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// Of calibration and, where there is one, rounding; loading included.
    pub calibration: Spent,
    /// Of training, all processes together; none for post-training quantization.
    pub finetune: Option<Spent>,
    /// Seconds of everything in this process.
    pub seconds: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spent { seconds, images } = self.calibration;
        write!(f, "calibration took {seconds:.1} s of {images} images")?;
        match &self.finetune {
            Some(Spent { seconds, images }) => {
                write!(f, ", training {seconds:.1} s of {images} images")
            }
            None => Ok(()),
        }
    }
}

/// Time and images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spent {
    /// Seconds.
    pub seconds: f64,
    /// Images that passed, each as often as it did.
    pub images: usize,
}

/// What a method is carried out with.
pub struct Surroundings<'a> {
    /// The data set.
    pub faces: &'a Faces,
    /// Where it computes.
    pub device: &'a Selected,
    /// Settings of the run: data, audit and the seed of training.
    pub config: &'a RunConfig,
    /// Hash of the float model's file.
    pub source: &'a str,
    /// Where training keeps its checkpoints and `metrics.csv`.
    pub folder: &'a Path,
    /// Told how far a phase is: its name, what is done, of how much.
    pub progress: &'a dyn Fn(&'static str, usize, usize),
    /// Told what happens in training.
    pub emit: &'a dyn Fn(Event),
    /// Whether training shall stop, with a checkpoint.
    pub stopping: &'a dyn Fn() -> bool,
}

/// One layer of a compressed model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Path in the model.
    pub layer: String,
    /// Its precision.
    #[serde(flatten)]
    pub plan: LayerPlan,
    /// Bytes of its weights and their scales.
    pub bytes: u64,
    /// 10 log10 of Σ w² over Σ (w − ŵ)²; none for a float layer or weights without error.
    pub sqnr_db: Option<f64>,
}

/// Carries out `method`, read from `file`, on a trained float model. A plan from elsewhere takes the place
/// of the method's.
///
/// # Errors
/// Configuration error for a plan or a calibration set that cannot be; data error when images cannot be
/// loaded; model error naming the layer whose weights or activations are not finite.
pub fn compress(
    model: &Model,
    (file, method): (&Path, &Method),
    plan: Option<(&Path, &Plan)>,
    around: &Surroundings,
) -> Result<Compressed> {
    let started = Instant::now();
    let Surroundings {
        faces, progress, ..
    } = around;
    let device = around.device.main();
    let layers = layer_infos(model);
    let plan = match plan {
        Some((file, plan)) => Some(plan.check(file, &layers)?),
        None => method.plan(file, &layers)?,
    };
    let how = &method.calibration;
    let pool = faces.split(Split::Train);
    let set = CalibrationSet::draw(faces.table(), pool, how.images, how.draw, how.seed)?;
    let calibrating = Instant::now();
    let model = &equalized(model, method, &set, around)?;
    let float = fold(model.clone());
    let (plan, allocated) = match (plan, &method.plan.allocate) {
        (Some(plan), _) => (plan, None),
        (None, Some(how)) => {
            let (plan, allocated) =
                allocate::plan(&float, &method.plan, how, method.scales, &layers, around)?;
            (plan, Some(allocated))
        }
        (None, None) => {
            return Err(Fault::new(file, "no widths")
                .key("plan")
                .expected("plan.weight or plan.allocate")
                .config());
        }
    };
    let batches = loader(faces, set.records.clone(), how.batch, Augment::None, device);
    let mut done = 0;
    let seen = calibrate(
        &float,
        batches.iter().map(|batch| {
            let batch = batch.map_err(|e| Fault::plain(e.to_string()).data())?;
            let weights = set.weights[done..done + batch.label_list.len()].to_vec();
            done += weights.len();
            progress("calibrating", done, how.images);
            Ok((batch.images, weights))
        }),
    )?;
    let grids = Grids {
        observer: how.range,
        scales: method.scales,
        learn: Learn::Fixed,
    };
    if let Some(how) = &method.finetune {
        let seconds = calibrating.elapsed().as_secs_f64();
        let trained = finetune(model, &float, method, how, &plan, &seen, around)?;
        return Ok(Compressed {
            layers: report(&trained.model, &trained.model, &plan),
            model: fold(trained.model),
            plan,
            allocated,
            fitted: Vec::new(),
            cost: Cost {
                calibration: Spent {
                    seconds,
                    images: set.records.len(),
                },
                finetune: Some(Spent {
                    seconds: trained.cost.seconds,
                    images: trained.cost.images,
                }),
                seconds: started.elapsed().as_secs_f64(),
            },
            set,
        });
    }
    let on_grids = attach(&float, &plan, &seen, &grids)?;
    let rounding = &method.rounding;
    let (model, fitted) = match rounding.is_nearest() {
        true => (on_grids, Vec::new()),
        false => {
            let images = &set.records[..rounding.images];
            let batches = in_memory(faces, images, &set.weights, how.batch, device)?;
            round(
                &float,
                on_grids,
                &plan,
                &batches,
                rounding,
                &|done, total| {
                    progress("rounding", done, total);
                },
            )?
        }
    };
    let reports = report(&float, &model, &plan);
    Ok(Compressed {
        model,
        plan,
        allocated,
        layers: reports,
        fitted,
        cost: Cost {
            calibration: Spent {
                seconds: calibrating.elapsed().as_secs_f64(),
                images: set.records.len(),
            },
            finetune: None,
            seconds: started.elapsed().as_secs_f64(),
        },
        set,
    })
}

/// The model with its channels equalized on the calibration images, where the method says so.
fn equalized(
    model: &Model,
    method: &Method,
    set: &CalibrationSet,
    around: &Surroundings,
) -> Result<Model> {
    if !method.equalize.concerns(model) {
        return Ok(model.clone());
    }
    let Calibrate { batch, images, .. } = method.calibration;
    let device = around.device.main();
    let batches = loader(
        around.faces,
        set.records.clone(),
        batch,
        Augment::None,
        device,
    );
    let mut done = 0;
    let each = batches.iter().map(|batch| {
        let batch = batch.map_err(|e| Fault::plain(e.to_string()).data())?;
        done += batch.label_list.len();
        (around.progress)("equalizing", done, images);
        Ok(batch.images)
    });
    equalize(model.clone(), around.config.data.px, each)
}

/// Images that pass many times, with their weights.
fn in_memory(
    faces: &Faces,
    records: &[usize],
    weights: &[f64],
    batch: usize,
    device: &Device,
) -> Result<Vec<(Tensor<4>, Vec<f64>)>> {
    let batches = loader(faces, records.to_vec(), batch, Augment::None, device);
    let mut done = 0;
    let each = batches.iter().map(|batch| {
        let batch = batch.map_err(|e| Fault::plain(e.to_string()).data())?;
        let from = done;
        done += batch.label_list.len();
        Ok((batch.images, weights[from..done].to_vec()))
    });
    each.collect()
}

/// Bytes and SQNR of each layer of a model on its grids; `float` has the weights that were rounded.
fn report(float: &Model, model: &Model, plan: &Plan) -> Vec<LayerReport> {
    let float = all_rows(float);
    let each = float.into_iter().zip(all_rows(model));
    each.map(|((path, float), (_, rows))| {
        let layer = plan.get(&path).expect("the plan was checked");
        let [n, k] = rows.shape.map(|size| size as u64);
        LayerReport {
            plan: layer,
            bytes: weight_bytes(layer.weight, layer.granularity, n, k),
            sqnr_db: rows.sqnr_db(&float),
            layer: path,
        }
    })
    .collect()
}

/// The weights of every leaf, in forward order.
fn all_rows(model: &Model) -> Vec<(String, Rows)> {
    let mut all = Vec::new();
    model.clone().units_mut(&mut |path, unit| {
        let rows = match unit {
            UnitMut::Conv(unit) => Rows::of_conv(&unit.conv),
            UnitMut::Linear(unit) => Rows::of_linear(&unit.linear),
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
        };
        all.push((path.to_string(), rows));
    });
    all
}
