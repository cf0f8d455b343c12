//! Times, layers, calibration draws, plans, epochs.

use std::fmt::Write;

use super::results::metrics;
use super::{CELLS, Sample, bits, noise, params, severity};

/// `timings.csv`.
pub fn timings(sample: &Sample) -> String {
    let mut text = String::from(
        "target,model,method,seed,device,seconds,images_per_s,latency_ms_batch1,latency_ms_batch32,peak_memory_bytes,\
         calibration_images,calibration_seconds,training_images,training_seconds,workers\n",
    );
    for (model, method, _) in sample.configurations() {
        if sample.failed == Some((model, method)) {
            continue;
        }
        let cost = params(model) as f64 / 2e6 + 3.0;
        let speed = if bits(method) < 9.0 { 0.5 } else { 1.0 };
        let latency = cost * speed * (1.0 + 0.1 * noise(&format!("{model}{method}")));
        let trained = [
            "fp32",
            "qat-int8",
            "qat-int4",
            "fair-finetune-int4",
            "fp32-finetune",
        ]
        .contains(&method);
        let training = if trained {
            format!("14000,{:.1}", 40.0 * cost)
        } else {
            ",".into()
        };
        let seconds = if trained { 45.0 * cost } else { 2.0 * cost };
        let _ = writeln!(
            text,
            "Smiling,{model},{method},1,flex,{seconds:.1},{:.1},{:.3},{latency:.3},{:.0},512,{:.2},{training},1",
            1000.0 / latency,
            1.7 * latency,
            3e8 + 20.0 * params(model) as f64,
            0.4 * cost
        );
    }
    text
}

fn layers(model: &str) -> usize {
    match model {
        "resnet50" => 54,
        "mobilenet_v2" => 53,
        "efficientnet_b0" => 82,
        "vit_small_patch16" => 50,
        _ => 26,
    }
}

fn kind(model: &str, layer: usize) -> &'static str {
    match model {
        _ if layer + 1 == layers(model) => "linear",
        "vit_small_patch16" if layer > 0 => "linear",
        "mobilenet_v2" | "efficientnet_b0" if layer % 3 == 1 => "depthwise",
        _ => "conv",
    }
}

/// `sensitivity.csv`: 4 and 8 bits, everybody, two attributes and four cells.
pub fn sensitivity(sample: &Sample) -> String {
    let mut text = String::from(
        "model,layer,kind,depth,params,bits,group,first_order,fisher,direct,sqnr_db,gauss_newton\n",
    );
    for model in &sample.models {
        for layer in 0..layers(model) {
            for width in [4, 8] {
                let groups = ["", "male=0", "male=1"].into_iter();
                for group in groups.chain(CELLS.iter().map(|c| c.name)) {
                    let key = format!("{model} {layer} {width} {group}");
                    let common = noise(&format!("{model} {layer}"));
                    let size = 10f64.powf(-2.0 - 0.02 * layer as f64 + common)
                        * if width == 4 { 1.0 } else { 4e-3 };
                    let direct = size * (1.0 + 0.8 * noise(&key)) - 0.1 * size;
                    let _ = writeln!(
                        text,
                        "{model},layers.{layer},{},{layer},{},{width},{group},{:.3e},{:.3e},{direct:.3e},{:.1},{:.3e}",
                        kind(model, layer),
                        params(model) / layers(model) as u64,
                        0.1 * direct,
                        size,
                        6.0 * f64::from(width),
                        0.8 * size
                    );
                }
            }
        }
    }
    text
}

/// `calibration-draws.csv`: the three smallest models.
pub fn draws(sample: &Sample) -> String {
    let mut text =
        String::from("model,sampling,observer,draw,accuracy,dp_gap,eo_gap,worst_group_accuracy\n");
    let small = sample.models.iter().filter(|m| params(m) < 10_000_000);
    for model in small {
        let base = metrics(model, "ptq-static-int4", "");
        for sampling in ["random", "balanced", "group-weighted"] {
            for observer in ["min-max", "mse"] {
                if (sampling, observer) == ("group-weighted", "min-max") {
                    continue;
                }
                for draw in 0..20 {
                    let at =
                        |what: &str| noise(&format!("{model}{sampling}{observer}{draw}{what}"));
                    let worse = if observer == "mse" { 0.0 } else { 0.02 };
                    let _ = writeln!(
                        text,
                        "{model},{sampling},{observer},{draw},{:.4},{:.6},{:.6},{:.6}",
                        base["accuracy"] - worse + 0.004 * at("a"),
                        base["dp_gap"] + worse + 0.02 * at("d"),
                        base["eo_gap"] + worse + 0.02 * at("e"),
                        base["worst_group_accuracy"] - worse + 0.01 * at("w"),
                    );
                }
            }
        }
    }
    text
}

/// `allocations.csv`: three ways to spend the bytes of six bits.
pub fn allocations(sample: &Sample) -> String {
    let mut text = String::from("model,method,layer,depth,weight,activation,bytes\n");
    for (model, method, _) in sample.configurations() {
        if !["mixed-sensitivity", "fair-mixed", "random-allocation"].contains(&method) {
            continue;
        }
        for layer in 0..layers(model) {
            let at = noise(&format!("{model} {method} {layer}"));
            let depth = layer as f64 / layers(model) as f64;
            let weight = match method {
                "fair-mixed" if layer == 0 || layer + 1 == layers(model) => "float",
                "random-allocation" if at > 0.0 => "8",
                "random-allocation" => "4",
                _ if at > depth - 0.3 => "8",
                _ => "4",
            };
            let _ = writeln!(
                text,
                "{model},{method},layers.{layer},{layer},{weight},u8,{}",
                1000 + 40 * layer
            );
        }
    }
    text
}

/// `training.csv`: 20 epochs of each baseline, 3 of what is trained further.
pub fn training(sample: &Sample) -> String {
    let mut text = String::from("model,method,seed,epoch,split,loss,accuracy,lr\n");
    for (model, method, _) in sample.configurations() {
        let epochs = match method {
            "fp32" => 20,
            "qat-int8" | "qat-int4" | "fair-finetune-int4" | "fp32-finetune" => 3,
            _ => continue,
        };
        let end = metrics(model, method, "")["accuracy"];
        for epoch in 1..=epochs {
            for (split, off) in [("train", 0.01), ("val", -0.004)] {
                let left = if method == "fp32" {
                    (-0.25 * f64::from(epoch)).exp()
                } else {
                    0.02 / f64::from(epoch)
                };
                let wave = 0.01 * noise(&format!("{model}{method}{epoch}{split}"));
                let accuracy = end + off - 0.3 * left + wave * left;
                let loss = 2.4 * (1.0 - accuracy) + 0.02 * severity(method).max(0.0);
                let lr = 1e-3 * (1.0 - f64::from(epoch) / f64::from(epochs));
                let _ = writeln!(
                    text,
                    "{model},{method},1,{epoch},{split},{loss:.5},{accuracy:.5},{lr:.2e}"
                );
            }
        }
    }
    text
}
