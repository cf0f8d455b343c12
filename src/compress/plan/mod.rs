//! The plan: in what precision each layer computes, as a file that a person can read and edit.

mod precision;
mod text;

pub use precision::{Activation, Granularity, LayerPlan, WeightBits, stored_bits, weight_bytes};

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::error::{Fault, Result};
use crate::files::write_bytes;
use crate::toml_fault::nearest;

/// The precision of each layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What layers get that are not listed; where there is none, all have to be.
    pub default: Option<LayerPlan>,
    /// Path of a layer, and its precision, in the model's order or that of the file.
    pub layers: Vec<(String, LayerPlan)>,
}

/// What a plan has to know of a layer that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Path in the model.
    pub path: String,
    /// Output channels.
    pub rows: u64,
    /// Weights per output channel.
    pub k: u64,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Configuration error naming file and line: not there, not TOML, unknown keys or values (with
    /// the nearest valid one), a width that the kernels lack, a setting missing where there is no
    /// default.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| {
            Fault::new(file, format!("cannot be read ({e})"))
                .next("`fairbit quantize` writes the plan it used, to start from")
                .config()
        })?;
        Self::parse(file, &text)
    }

    /// The plan that a text says; `file` is where it came from, for messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        text::parse(file, text)
    }

    /// Writes the plan so that [`Self::read`] gives it back.
    ///
    /// # Errors
    /// Run error when the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        write_bytes(file, self.to_toml().as_bytes())
    }

    /// The plan as TOML, one line per layer; the same bytes for the same plan.
    pub fn to_toml(&self) -> String {
        text::write(self)
    }

    /// The precision of a layer; none where it is not listed and there is no default.
    pub fn get(&self, path: &str) -> Option<LayerPlan> {
        let listed = self.layers.iter().find(|(layer, _)| layer == path);
        listed.map(|(_, plan)| *plan).or(self.default)
    }

    /// The plan for exactly the layers of a model, in its order; `file` is where the plan came from,
    /// for messages.
    ///
    /// # Errors
    /// Configuration error naming the layer: one that the model lacks (with the nearest that it has)
    /// or that is listed twice, one that is not listed and has no default, a float layer with an
    /// input in codes or codes with a float input, a layer whose sums could overflow at its width.
    pub fn check(&self, file: &Path, layers: &[LayerInfo]) -> Result<Self> {
        let known: HashSet<&str> = layers.iter().map(|layer| layer.path.as_str()).collect();
        let mut listed = HashMap::new();
        for (path, plan) in &self.layers {
            let fault = |found: &str| Fault::new(file, found).key(path);
            if !known.contains(path.as_str()) {
                let fault = fault("the model has no such layer");
                let fault = match nearest(path, layers.iter().map(|l| l.path.as_str())) {
                    Some(near) => fault.next(format!("did you mean `{near}`?")),
                    None => fault,
                };
                return Err(fault.config());
            }
            if listed.insert(path.as_str(), *plan).is_some() {
                return Err(fault("listed twice").config());
            }
        }
        let of = |layer: &LayerInfo| {
            let fault = |found: String| Fault::new(file, found).key(&layer.path);
            let listed = listed.get(layer.path.as_str()).copied();
            let plan = listed.or(self.default).ok_or_else(|| {
                fault("not in the plan, which has no [default]".into())
                    .next("list the layer, or add a [default] for all that are not listed")
                    .config()
            })?;
            match (plan.weight, plan.activation) {
                (WeightBits::Float, Activation::Float) => {}
                (WeightBits::Float, _) => {
                    return Err(fault("float weights with an input in codes".into())
                        .next("activation = \"float\", or weight = 8, 4 or 2")
                        .config());
                }
                (_, Activation::Float) => {
                    return Err(fault("weights in codes with a float input".into())
                        .next("activation = \"static-8\" or \"dynamic-8\", or weight = \"float\"")
                        .config());
                }
                _ => {}
            }
            if let Some(bits) = plan.weight.stored_bits() {
                let limit = fairbit_kernels::max_k(bits) as u64;
                if layer.k > limit {
                    return Err(fault(format!("{} weights per output channel", layer.k))
                        .expected(format!("{limit} at most at {bits} bits"))
                        .next("weight = \"float\"")
                        .config());
                }
            }
            Ok((layer.path.clone(), plan))
        };
        Ok(Self {
            default: None,
            layers: layers.iter().map(of).collect::<Result<_>>()?,
        })
    }

    /// Bytes of all weights and scales under a checked plan.
    ///
    /// # Panics
    /// For a layer that the plan says nothing about.
    pub fn bytes(&self, layers: &[LayerInfo]) -> u64 {
        let bytes = |layer: &LayerInfo| {
            let plan = self.get(&layer.path).expect("the plan was checked");
            weight_bytes(plan.weight, plan.granularity, layer.rows, layer.k)
        };
        layers.iter().map(bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: LayerPlan = LayerPlan {
        weight: WeightBits::Eight,
        granularity: Granularity::Channel,
        activation: Activation::Static8,
    };

    fn model() -> Vec<LayerInfo> {
        let layer = |path: &str, k| LayerInfo {
            path: path.into(),
            rows: 2,
            k,
        };
        vec![
            layer("conv1", 27),
            layer("layer1.0.conv1", 64),
            layer("fc", 10),
        ]
    }

    fn plan(paths: &[&str]) -> Plan {
        Plan {
            default: None,
            layers: paths.iter().map(|p| (p.to_string(), EIGHT)).collect(),
        }
    }

    fn refused(plan: &Plan) -> String {
        let e = plan.check(Path::new("p.toml"), &model()).unwrap_err();
        assert_eq!(e.exit_code(), 2);
        e.to_string()
    }

    #[test]
    fn a_checked_plan_is_whole_and_in_the_models_order() {
        let file = Path::new("p.toml");
        let mut edited = plan(&["fc", "conv1"]);
        assert_eq!(
            refused(&edited),
            "p.toml, `layer1.0.conv1`: not in the plan, which has no [default]; \
             list the layer, or add a [default] for all that are not listed"
        );
        let four = LayerPlan {
            weight: WeightBits::Four,
            ..EIGHT
        };
        edited.default = Some(four);
        let checked = edited.check(file, &model()).unwrap();
        let paths: Vec<&str> = checked.layers.iter().map(|(p, _)| p.as_str()).collect();
        assert_eq!(paths, ["conv1", "layer1.0.conv1", "fc"]);
        assert_eq!(
            (checked.default, checked.get("layer1.0.conv1")),
            (None, Some(four))
        );
        assert_eq!(checked.get("fc"), Some(EIGHT));
        // Two rows each: 7 and 8 and 3 words, and a scale per row.
        assert_eq!(checked.bytes(&model()), 4 * 2 * (7 + 8 + 3 + 3));
        assert_eq!(checked.check(file, &model()).unwrap(), checked);
    }

    #[test]
    fn what_does_not_fit_the_model_is_refused() {
        let unknown = plan(&["conv1", "layer1.0.conv2", "fc"]);
        assert_eq!(
            refused(&unknown),
            "p.toml, `layer1.0.conv2`: the model has no such layer; did you mean `layer1.0.conv1`?"
        );
        let twice = plan(&["conv1", "layer1.0.conv1", "fc", "fc"]);
        assert_eq!(refused(&twice), "p.toml, `fc`: listed twice");
        let mut half = plan(&["conv1", "layer1.0.conv1", "fc"]);
        half.layers[2].1.weight = WeightBits::Float;
        assert!(refused(&half).starts_with("p.toml, `fc`: float weights with an input in codes"));
        half.layers[2].1 = LayerPlan {
            activation: Activation::Float,
            ..EIGHT
        };
        assert!(refused(&half).starts_with("p.toml, `fc`: weights in codes with a float input"));
        let mut long = model();
        long[2].k = fairbit_kernels::max_k(8) as u64 + 1;
        let mut whole = plan(&["conv1", "layer1.0.conv1", "fc"]);
        let e = whole
            .check(Path::new("p.toml"), &long)
            .unwrap_err()
            .to_string();
        assert!(e.contains("`fc`") && e.contains("at most at 8 bits"), "{e}");
        whole.layers[2].1.weight = WeightBits::Four;
        whole.check(Path::new("p.toml"), &long).unwrap();
    }
}
