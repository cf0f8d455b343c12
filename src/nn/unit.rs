//! The one seam: what a model lends to whoever lists, fills, calibrates or replaces its layers.

use burn::module::Param;
use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::{ConvUnit, Joint, LinearUnit};

/// One part of a model, lent for a moment.
///
/// Quantization concerns the first three; the others stay float and are lent so that every number a
/// model holds passes through the same seam.
#[derive(Debug)]
pub enum UnitMut<'a> {
    /// A convolution leaf. Its path names the convolution, as PyTorch does.
    Conv(&'a mut ConvUnit),
    /// A linear leaf.
    Linear(&'a mut LinearUnit),
    /// A place where two flows meet.
    Joint(&'a mut Joint),
    /// Layer normalization between leaves.
    Norm(&'a mut LayerNorm),
    /// A learned token or position embedding `[1, tokens, width]`.
    Token(&'a mut Param<Tensor<3>>),
}

/// Called with path and unit, in forward order.
pub type Visit<'v> = dyn FnMut(&str, UnitMut<'_>) + 'v;

/// `path.name`, or `name` at the root.
pub fn join(path: &str, name: impl std::fmt::Display) -> String {
    if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}.{name}")
    }
}
