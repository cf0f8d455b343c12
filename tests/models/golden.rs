//! Reads tests/golden/models_<name>.json.

use std::collections::BTreeMap;
use std::path::Path;

use fairbit::models::Architecture;
use serde::Deserialize;

use crate::formula::Mood;

/// Strided values of a tensor, its norm and largest magnitude.
#[derive(Deserialize)]
pub struct Sample {
    pub stride: usize,
    pub values: Vec<f64>,
    pub norm: f64,
    pub max: f64,
}

impl Sample {
    /// Asserts that `got` agrees within `tolerance` times the largest magnitude.
    pub fn assert_close(&self, what: &str, got: &[f32], tolerance: f64) {
        let strided: Vec<f64> = got
            .iter()
            .step_by(self.stride)
            .map(|v| f64::from(*v))
            .collect();
        assert_eq!(strided.len(), self.values.len(), "{what}: number of values");
        for (i, (g, e)) in strided.iter().zip(&self.values).enumerate() {
            let error = (g - e).abs() / self.max;
            assert!(
                error <= tolerance,
                "{what}, sample {i}: {g} instead of {e}, {error:.1e} of the largest"
            );
        }
        let norm = got
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt();
        let error = (norm - self.norm).abs() / self.norm;
        assert!(
            error <= tolerance,
            "{what}: norm {norm} instead of {}",
            self.norm
        );
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Logits {
    Whole(Vec<Vec<f64>>),
    Sampled(Sample),
}

#[derive(Deserialize)]
pub struct Eval {
    pub classes: usize,
    pub px: usize,
    pub logits: Logits,
}

#[derive(Deserialize)]
pub struct Train {
    calm: bool,
    pub loss: f64,
    pub gradients: BTreeMap<String, Sample>,
    pub running: BTreeMap<String, Sample>,
}

#[derive(Deserialize)]
pub struct Golden {
    pub params: BTreeMap<usize, usize>,
    pub state_dict: BTreeMap<String, Vec<usize>>,
    pub eval: Vec<Eval>,
    pub train: Train,
    #[serde(default)]
    pub positions: BTreeMap<usize, Sample>,
}

impl Train {
    /// The weights the training step was taken with.
    pub fn mood(&self) -> Mood {
        if self.calm { Mood::Calm } else { Mood::Plain }
    }
}

/// The golden values of a model.
pub fn golden(architecture: Architecture) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/golden/models_{architecture}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

impl Golden {
    /// Names and shapes for another number of classes and another px.
    pub fn shapes(
        &self,
        architecture: Architecture,
        classes: usize,
        px: usize,
    ) -> BTreeMap<String, Vec<usize>> {
        let mut shapes = self.state_dict.clone();
        for suffix in ["weight", "bias"] {
            shapes
                .get_mut(&format!("{}.{suffix}", architecture.head()))
                .unwrap()[0] = classes;
        }
        if let Some(positions) = shapes.get_mut("pos_embed") {
            positions[1] = 1 + (px / 16).pow(2);
        }
        shapes
    }
}
