//! What a unit took, in `timing.json`, and what others will take by that. None of it decides a result.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::matrix::{Kind, Unit};
use super::methods::BASELINE;
use crate::error::Result;
use crate::files;
use crate::models::Architecture;

/// The file in a unit's folder.
pub const FILE: &str = "timing.json";

/// `timing.json`; what was not measured is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Seconds of the processes that finished it; of a training that was interrupted, those of the last one.
    pub seconds: f64,
    /// Images per second in batches of 32.
    pub images_per_s: Option<f64>,
    /// Median milliseconds of one image alone.
    pub latency_ms_batch1: Option<f64>,
    /// Median milliseconds per image in batches of 32.
    pub latency_ms_batch32: Option<f64>,
    /// Largest resident set.
    pub peak_memory_bytes: Option<u64>,
    /// Images that calibration looked at.
    pub calibration_images: Option<u64>,
    /// Seconds of calibration and rounding.
    pub calibration_seconds: Option<f64>,
    /// Images that passed in training, each as often as it did.
    pub training_images: Option<u64>,
    /// Seconds of training, all processes together.
    pub training_seconds: Option<f64>,
    /// Processes that the study ran at once.
    pub workers: usize,
    /// Threads of each.
    #[serde(default)]
    pub threads: usize,
    /// The processor's name, where the system says it.
    #[serde(default)]
    pub cpu: Option<String>,
}

impl Timing {
    /// What the files of a unit's folder say of it.
    pub fn collect(part: &Path, seconds: f64, peak: u64, workers: usize, threads: usize) -> Self {
        let read = |name: &str| -> Value {
            let text = fs::read(part.join(name)).unwrap_or_default();
            serde_json::from_slice(&text).unwrap_or_default()
        };
        let (run, quantized, latency) = (
            read("run.json"),
            read("quantize.json"),
            read("latency.json"),
        );
        let cost = &quantized["cost"];
        let trained = (run["images_per_s"].as_f64()).zip(run["seconds"].as_f64());
        let batch32 = latency["latency_ms_batch32"].as_f64();
        Self {
            seconds,
            images_per_s: batch32.map(|ms| 1000.0 / ms),
            latency_ms_batch1: latency["latency_ms_batch1"].as_f64(),
            latency_ms_batch32: batch32,
            peak_memory_bytes: Some(peak.max(run["peak_memory_bytes"].as_u64().unwrap_or(0)))
                .filter(|bytes| *bytes > 0),
            calibration_images: cost["calibration"]["images"].as_u64(),
            calibration_seconds: cost["calibration"]["seconds"].as_f64(),
            training_images: cost["finetune"]["images"]
                .as_u64()
                .or(trained.map(|(rate, seconds)| (rate * seconds).round() as u64)),
            training_seconds: cost["finetune"]["seconds"]
                .as_f64()
                .or(trained.map(|(_, seconds)| seconds)),
            workers,
            threads,
            cpu: cpu(),
        }
    }

    /// Writes it into a unit's folder.
    ///
    /// # Errors
    /// Run error when it cannot be written.
    pub fn write(&self, part: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).expect("plain numbers");
        files::write_bytes(&part.join(FILE), &json)
    }

    /// Of a finished unit, if it is readable.
    pub fn read(place: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(place.join(FILE)).ok()?).ok()
    }
}

/// What finished units took, to tell what others will.
#[derive(Debug, Default)]
pub struct Estimates {
    seconds: HashMap<(Architecture, String), f64>,
    memory: HashMap<(Architecture, bool), u64>,
}

impl Estimates {
    /// Takes a finished unit into account.
    pub fn add(&mut self, unit: &Unit, timing: &Timing) {
        let key = (unit.model, unit.method.clone());
        self.seconds.insert(key, timing.seconds);
        if let Some(bytes) = timing.peak_memory_bytes {
            let most = self.memory.entry((unit.model, unit.trains)).or_default();
            *most = bytes.max(*most);
        }
    }

    /// Seconds that a unit will take: as the same under another seed, else as the same method of other
    /// models in proportion to their baselines, else as the mean of what trains or does not.
    pub fn seconds(&self, unit: &Unit) -> Option<f64> {
        let of = |model: Architecture, method: &str| {
            self.seconds.get(&(model, method.to_string())).copied()
        };
        if let Some(same) = of(unit.model, &unit.method) {
            return Some(same);
        }
        let others: Vec<f64> = Architecture::ALL
            .into_iter()
            .filter_map(|model| {
                let theirs = of(model, &unit.method)?;
                let ratio = of(unit.model, BASELINE).zip(of(model, BASELINE));
                Some(theirs * ratio.map_or(1.0, |(mine, base)| mine / base.max(1e-9)))
            })
            .collect();
        if !others.is_empty() {
            return Some(mean(&others));
        }
        let draws = |method: &str| method.starts_with("draws-");
        let alike: Vec<f64> = self
            .seconds
            .iter()
            .filter(|((_, method), _)| match unit.kind {
                Kind::Draws => draws(method),
                _ => !draws(method) && (method == BASELINE) == unit.trains,
            })
            .map(|(_, seconds)| *seconds)
            .collect();
        (!alike.is_empty()).then(|| mean(&alike))
    }

    /// Bytes that a unit will need, by others of its model.
    pub fn memory(&self, unit: &Unit) -> Option<u64> {
        self.memory
            .get(&(unit.model, unit.trains))
            .or_else(|| self.memory.get(&(unit.model, true)))
            .copied()
    }
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `90 s`, `12 min` or `3.4 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::config::StudyConfig;
    use crate::study::matrix::units;

    #[test]
    fn estimates_come_from_the_nearest_that_is_known() {
        let study: StudyConfig = toml::from_str(
            "name = \"s\"\nmodels = [\"resnet50\", \"squeezenet1_1\"]\nmethods = [\"fp32\", \"int6\", \"w4a4\"]\n",
        )
        .unwrap();
        let units = units(&study).unwrap();
        let find = |id: &str| units.iter().find(|unit| unit.to_string() == id).unwrap();
        let took = |seconds| Timing {
            seconds,
            peak_memory_bytes: Some(7),
            ..Timing::default()
        };
        let mut known = Estimates::default();
        let goal = find("resnet50/int6/seed-1");
        assert_eq!((known.seconds(goal), known.memory(goal)), (None, None));
        known.add(find("squeezenet1_1/w4a4/seed-1"), &took(5.0));
        assert_eq!(known.seconds(goal), Some(5.0));
        known.add(find("squeezenet1_1/int6/seed-1"), &took(3.0));
        assert_eq!(known.seconds(goal), Some(3.0));
        known.add(find("squeezenet1_1/fp32/seed-1"), &took(10.0));
        known.add(find("resnet50/fp32/seed-1"), &took(40.0));
        assert_eq!(
            (known.seconds(goal), known.memory(goal)),
            (Some(12.0), Some(7))
        );
        known.add(goal, &took(9.0));
        assert_eq!(known.seconds(goal), Some(9.0));
    }
}
