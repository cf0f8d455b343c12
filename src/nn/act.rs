//! The activations at the end of a leaf or a joint.

use burn::tensor::{Tensor, activation};
use fairbit_kernels::Activation;
use fairbit_kernels::train::{self, Curve};
use serde::{Deserialize, Serialize};

/// An element-wise activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// x
    #[default]
    Identity,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x · σ(x), also called swish
    Silu,
    /// x · Φ(x), by the error function and not its tanh approximation
    Gelu,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
}

impl Act {
    /// Applies the activation to every element.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        if self != Self::Identity && train::runs_on(&x) {
            return train::activation(x, self.curve());
        }
        match self {
            Self::Identity => x,
            Self::Relu => activation::relu(x),
            Self::Relu6 => activation::relu6(x),
            Self::Silu => activation::silu(x),
            Self::Gelu => activation::gelu(x),
            Self::Sigmoid => activation::sigmoid(x),
        }
    }

    /// The activation as the kernels for training name it.
    pub(super) fn curve(self) -> Curve {
        match self {
            Self::Identity => Curve::Identity,
            Self::Relu => Curve::Relu,
            Self::Relu6 => Curve::Relu6,
            Self::Silu => Curve::Silu,
            Self::Gelu => Curve::Gelu,
            Self::Sigmoid => Curve::Sigmoid,
        }
    }

    /// The activation as the kernels for codes name it; they have no sigmoid.
    pub(super) fn of_codes(self) -> Option<Activation> {
        match self {
            Self::Identity => Some(Activation::Identity),
            Self::Relu => Some(Activation::Relu),
            Self::Relu6 => Some(Activation::Relu6),
            Self::Silu => Some(Activation::Silu),
            Self::Gelu => Some(Activation::Gelu),
            Self::Sigmoid => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn values_are_those_of_the_definitions() {
        // Reference: the definitions in float64.
        let x = Tensor::<1>::from_data([-3.0, -0.5, 0.0, 0.5, 7.0], &Device::flex());
        let cases: [(Act, [f32; 5]); 6] = [
            (Act::Identity, [-3.0, -0.5, 0.0, 0.5, 7.0]),
            (Act::Relu, [0.0, 0.0, 0.0, 0.5, 7.0]),
            (Act::Relu6, [0.0, 0.0, 0.0, 0.5, 6.0]),
            (
                Act::Silu,
                [-0.142_277_62, -0.188_770_34, 0.0, 0.311_229_66, 6.993_622_5],
            ),
            (
                Act::Gelu,
                [-0.004_049_692, -0.154_268_77, 0.0, 0.345_731_23, 7.0],
            ),
            (
                Act::Sigmoid,
                [0.047_425_873, 0.377_540_68, 0.5, 0.622_459_35, 0.999_088_9],
            ),
        ];
        for (act, expected) in cases {
            let got = act.apply(x.clone()).to_data().try_to_vec::<f32>().unwrap();
            for (g, e) in got.iter().zip(expected) {
                assert!((g - e).abs() <= 2e-6, "{act:?}: {g} instead of {e}");
            }
        }
    }
}
