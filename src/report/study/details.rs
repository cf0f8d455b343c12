//! The other tables of a study: groups, comparisons, times, layers, calibration draws, plans, epochs.

use std::path::Path;

use super::cells::Cells;
use crate::error::Result;
use crate::report::Measured;

/// A row of `groups.csv`: one group of one configuration. Rates are shares from 0 to 1, `None` where they cannot
/// be estimated.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What was learned.
    pub target: String,
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// Seed of the baseline's training.
    pub seed: u64,
    /// The attribute or intersection, `male*young`.
    pub attribute: String,
    /// The group, `male=0*young=1`.
    pub group: String,
    /// Number of images.
    pub n: u64,
    /// Of these with a positive label.
    pub n_pos: u64,
    /// Share of right decisions.
    pub accuracy: Option<Measured>,
    /// Share of positive decisions.
    pub selection_rate: Option<Measured>,
    /// Share of positive decisions among positive labels.
    pub tpr: Option<Measured>,
    /// Share of positive decisions among negative labels.
    pub fpr: Option<Measured>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// Images that became wrong against the baseline.
    pub right_to_wrong: Option<u64>,
    /// Images that became right.
    pub wrong_to_right: Option<u64>,
    /// Accuracy − the baseline's.
    pub d_accuracy: Option<Measured>,
    /// McNemar's mid-p of that.
    pub mcnemar_p: Option<f64>,
}

/// A row of `timings.csv`; `None` where it was not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// What was learned.
    pub target: String,
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// Seed of the baseline's training.
    pub seed: u64,
    /// Where it ran.
    pub device: String,
    /// All of it, s.
    pub seconds: Option<f64>,
    /// Throughput of evaluation.
    pub images_per_s: Option<f64>,
    /// Per image, one at a time, ms.
    pub latency_ms_batch1: Option<f64>,
    /// Per image, 32 at a time, ms.
    pub latency_ms_batch32: Option<f64>,
    /// Most memory at any time.
    pub peak_memory_bytes: Option<u64>,
    /// Images that ranges were taken from.
    pub calibration_images: Option<u64>,
    /// For that, s.
    pub calibration_seconds: Option<f64>,
    /// Images that passed in training, each as often as it did.
    pub training_images: Option<u64>,
    /// For that, s.
    pub training_seconds: Option<f64>,
    /// Configurations that ran at the same time.
    pub workers: Option<u64>,
}

/// A row of `sensitivity.csv`: one layer at one width, for one group. Costs are changes of the mean cross entropy,
/// nats.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerCost {
    /// The model.
    pub model: String,
    /// The layer.
    pub layer: String,
    /// `conv`, `depthwise` or `linear`.
    pub kind: String,
    /// Place in forward order, from 0.
    pub depth: u64,
    /// Number of its parameters.
    pub params: Option<u64>,
    /// Width of the weights.
    pub bits: u64,
    /// The group; empty for everybody.
    pub group: String,
    /// First-order estimate.
    pub first_order: Option<f64>,
    /// Second-order estimate by Gauss and Newton.
    pub gauss_newton: Option<f64>,
    /// As measured.
    pub direct: Option<f64>,
}

/// A row of `calibration-draws.csv`: one set of calibration images.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// The model.
    pub model: String,
    /// How images were drawn: `random`, `balanced`, `group-weighted`.
    pub sampling: String,
    /// How ranges were chosen: `min-max`, `mse`.
    pub observer: String,
    /// Which draw.
    pub draw: u64,
    /// Accuracy of the model calibrated on it.
    pub accuracy: Option<f64>,
    /// Its DP gap.
    pub dp_gap: Option<f64>,
    /// Its EO gap.
    pub eo_gap: Option<f64>,
    /// Accuracy of its worst group.
    pub worst_group_accuracy: Option<f64>,
}

/// A row of `allocations.csv`: the width that a computed plan gives to a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// The layer.
    pub layer: String,
    /// Place in forward order, from 0.
    pub depth: u64,
    /// Width of the weights in bits, `None` for floats.
    pub weight_bits: Option<u64>,
    /// How activations are held.
    pub activation: String,
    /// Bytes of the packed layer.
    pub bytes: Option<u64>,
}

/// A row of `training.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// Seed of the training.
    pub seed: u64,
    /// From 1.
    pub epoch: u64,
    /// `train` or `val`.
    pub split: String,
    /// Mean cross entropy, nats.
    pub loss: Option<f64>,
    /// Share of right decisions.
    pub accuracy: Option<f64>,
    /// Learning rate at its end.
    pub lr: Option<f64>,
}

/// A row of `comparisons.csv`: two methods on the same images, neither a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Versus {
    /// The hypothesis that asks for it, `H2`.
    pub question: String,
    /// What was learned.
    pub target: String,
    /// The model.
    pub model: String,
    /// Compared with this method.
    pub base: String,
    /// This method.
    pub method: String,
    /// Seed of the baseline's training.
    pub seed: u64,
    /// `accuracy`, `dp_gap`, `eo_gap` or `worst_group_accuracy`.
    pub metric: String,
    /// Method − base, in units of a rate.
    pub delta: Option<Measured>,
    /// p of no change.
    pub p: Option<f64>,
    /// p adjusted (Holm) over the comparisons of the question.
    pub p_holm: Option<f64>,
}

fn table(file: &Path, columns: &str) -> Result<Option<Cells>> {
    let columns: Vec<String> = columns.split(',').map(str::to_string).collect();
    Cells::read(file, &columns)
}

/// Reads `groups.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn groups(file: &Path) -> Result<Option<Vec<Group>>> {
    let columns = "target,model,method,seed,attribute,group,n,n_pos,accuracy,accuracy_lo,accuracy_hi,\
                   selection_rate,selection_rate_lo,selection_rate_hi,tpr,tpr_lo,tpr_hi,fpr,fpr_lo,fpr_hi,auc,ece,\
                   right_to_wrong,wrong_to_right,d_accuracy,d_accuracy_lo,d_accuracy_hi,mcnemar_p";
    let Some(table) = table(file, columns)? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(Group {
            target: row.text("target").into(),
            model: row.text("model").into(),
            method: row.text("method").into(),
            seed: row.some_count("seed")?,
            attribute: row.text("attribute").into(),
            group: row.text("group").into(),
            n: row.some_count("n")?,
            n_pos: row.some_count("n_pos")?,
            accuracy: row.measured("accuracy")?,
            selection_rate: row.measured("selection_rate")?,
            tpr: row.measured("tpr")?,
            fpr: row.measured("fpr")?,
            auc: row.number("auc")?,
            ece: row.number("ece")?,
            right_to_wrong: row.count("right_to_wrong")?,
            wrong_to_right: row.count("wrong_to_right")?,
            d_accuracy: row.measured("d_accuracy")?,
            mcnemar_p: row.number("mcnemar_p")?,
        })
    });
    rows.map(Some)
}

/// Reads `timings.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn timings(file: &Path) -> Result<Option<Vec<Timing>>> {
    let columns = "target,model,method,seed,device,seconds,images_per_s,latency_ms_batch1,latency_ms_batch32,\
                   peak_memory_bytes,calibration_images,calibration_seconds,training_images,training_seconds,workers";
    let Some(table) = table(file, columns)? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(Timing {
            target: row.text("target").into(),
            model: row.text("model").into(),
            method: row.text("method").into(),
            seed: row.some_count("seed")?,
            device: row.text("device").into(),
            seconds: row.number("seconds")?,
            images_per_s: row.number("images_per_s")?,
            latency_ms_batch1: row.number("latency_ms_batch1")?,
            latency_ms_batch32: row.number("latency_ms_batch32")?,
            peak_memory_bytes: row.count("peak_memory_bytes")?,
            calibration_images: row.count("calibration_images")?,
            calibration_seconds: row.number("calibration_seconds")?,
            training_images: row.count("training_images")?,
            training_seconds: row.number("training_seconds")?,
            workers: row.count("workers")?,
        })
    });
    rows.map(Some)
}

/// Reads `sensitivity.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn layer_costs(file: &Path) -> Result<Option<Vec<LayerCost>>> {
    let columns = "model,layer,kind,depth,params,bits,group,first_order,direct,gauss_newton";
    let Some(table) = table(file, columns)? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(LayerCost {
            model: row.text("model").into(),
            layer: row.text("layer").into(),
            kind: row.text("kind").into(),
            depth: row.some_count("depth")?,
            params: row.count("params")?,
            bits: row.some_count("bits")?,
            group: row.text("group").into(),
            first_order: row.number("first_order")?,
            gauss_newton: row.number("gauss_newton")?,
            direct: row.number("direct")?,
        })
    });
    rows.map(Some)
}

/// Reads `calibration-draws.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn draws(file: &Path) -> Result<Option<Vec<Draw>>> {
    let columns = "model,sampling,observer,draw,accuracy,dp_gap,eo_gap,worst_group_accuracy";
    let Some(table) = table(file, columns)? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(Draw {
            model: row.text("model").into(),
            sampling: row.text("sampling").into(),
            observer: row.text("observer").into(),
            draw: row.some_count("draw")?,
            accuracy: row.number("accuracy")?,
            dp_gap: row.number("dp_gap")?,
            eo_gap: row.number("eo_gap")?,
            worst_group_accuracy: row.number("worst_group_accuracy")?,
        })
    });
    rows.map(Some)
}

/// Reads `allocations.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn allocations(file: &Path) -> Result<Option<Vec<Allocation>>> {
    let Some(table) = table(file, "model,method,layer,depth,weight,activation,bytes")? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(Allocation {
            model: row.text("model").into(),
            method: row.text("method").into(),
            layer: row.text("layer").into(),
            depth: row.some_count("depth")?,
            weight_bits: match row.text("weight") {
                "float" => None,
                _ => Some(row.some_count("weight")?),
            },
            activation: row.text("activation").into(),
            bytes: row.count("bytes")?,
        })
    });
    rows.map(Some)
}

/// Reads `training.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn epochs(file: &Path) -> Result<Option<Vec<Epoch>>> {
    let Some(table) = table(file, "model,method,seed,epoch,split,loss,accuracy,lr")? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(Epoch {
            model: row.text("model").into(),
            method: row.text("method").into(),
            seed: row.some_count("seed")?,
            epoch: row.some_count("epoch")?,
            split: row.text("split").into(),
            loss: row.number("loss")?,
            accuracy: row.number("accuracy")?,
            lr: row.number("lr")?,
        })
    });
    rows.map(Some)
}

/// Reads `comparisons.csv`; `None` where it is not there.
///
/// # Errors
/// Data error naming file, line and column.
pub fn comparisons(file: &Path) -> Result<Option<Vec<Versus>>> {
    let columns = "question,target,model,base,method,seed,metric,delta,delta_lo,delta_hi,p,p_holm";
    let Some(table) = table(file, columns)? else {
        return Ok(None);
    };
    let rows = table.each(|row| {
        Ok(Versus {
            question: row.text("question").into(),
            target: row.text("target").into(),
            model: row.text("model").into(),
            base: row.text("base").into(),
            method: row.text("method").into(),
            seed: row.some_count("seed")?,
            metric: row.text("metric").into(),
            delta: row.measured("delta")?,
            p: row.number("p")?,
            p_holm: row.number("p_holm")?,
        })
    });
    rows.map(Some)
}
