//! What a model has to be before it can be recorded, and the names that its parts get then.

use std::collections::BTreeMap;

use burn::module::{Param, ParamId};
use burn::tensor::Tensor;

use super::model::Model;
use crate::error::{Error, Fault, Result};
use crate::nn::UnitMut;
use crate::quant::FakeWeight;

/// Paths by the parameters that layers are recognized by.
///
/// # Errors
/// Model error naming the first layer that cannot be recorded.
pub(super) fn paths(model: &Model) -> Result<BTreeMap<ParamId, String>> {
    let mut paths = BTreeMap::new();
    let mut first: Option<Error> = None;
    // A clone shares the tensors and their identities; the seam only lends mutably.
    model.clone().units_mut(&mut |path, unit| {
        let (id, found) = match unit {
            UnitMut::Conv(unit) => {
                let found = match (&unit.norm, &unit.packed) {
                    (_, Some(_)) => Some("packed integers"),
                    (Some(_), None) => Some("batch normalization that is not folded"),
                    (None, None) => grouped(&unit.conv.weight),
                };
                (Some(unit.conv.weight.id), found)
            }
            UnitMut::Linear(unit) => {
                let found = unit.packed.as_ref().map(|_| "packed integers");
                let found = found.or_else(|| grouped(&unit.linear.weight));
                (Some(unit.linear.weight.id), found)
            }
            UnitMut::Joint(joint) => (None, joint.out.map(|_| "an output in codes")),
            UnitMut::Norm(norm) => (Some(norm.gamma.id), None),
            UnitMut::Token(token) => (Some(token.id), None),
        };
        if let (Some(found), None) = (found, &first) {
            let fault = Fault::plain(found).key(path);
            first = Some(
                fault
                    .expected("a folded layer in floats, or on grids of one scale per channel")
                    .model(),
            );
        }
        if let Some(id) = id {
            paths.insert(id, path.to_string());
        }
    });
    first.map_or(Ok(paths), Err)
}

/// ONNX has scales for groups along one axis only; ours run through a kernel's window too.
fn grouped<const D: usize>(weight: &Param<Tensor<D>>) -> Option<&'static str> {
    let state = weight.reparameterization::<FakeWeight>()?;
    state.group().map(|_| "a scale for each group of weights")
}

#[cfg(test)]
mod tests {
    use crate::compress::fold::fold;
    use crate::models::{Architecture, ModelConfig, create};
    use burn::tensor::Device;

    #[test]
    fn a_layer_that_cannot_be_recorded_is_named() {
        let config = ModelConfig::new(Architecture::MobileNetV2, 2, 32);
        let model = create(&config, 1, &Device::flex()).unwrap();
        let error = model.trace(32).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let text = error.to_string();
        assert!(text.starts_with("`features.0.0`: found batch"), "{text}");
        let graph = fold(model).trace(32).unwrap();
        // Names are the model's own.
        let weights: Vec<&str> = graph.initializers.iter().map(|i| i.name.as_str()).collect();
        assert!(weights.contains(&"features.17.conv.2.weight"));
        assert_eq!(graph.nodes.last().unwrap().name, "classifier.1");
        assert_eq!(graph.nodes.last().unwrap().outputs, ["logits"]);
    }
}
