//! Every number a model holds, under its PyTorch name and in its PyTorch layout.
//!
//! Built on the seam that models lend their parts through ([`UnitMut`]), so that drawing, importing and
//! saving weights are loops over slots and no model carries code for any of them.

use std::collections::BTreeMap;

use burn::module::{Param, ParamId, RunningState};
use burn::tensor::{Device, Tensor, TensorData};

use super::model::Model;
use crate::nn::UnitMut;

/// A tensor on the host: row-major, in PyTorch's layout.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Values, as many as the sizes multiply to.
    pub values: Vec<f32>,
}

/// What a slot's numbers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Weight of a convolution or linear layer.
    Weight,
    /// Bias of a convolution or linear layer.
    Bias,
    /// Scale of a normalization.
    NormWeight,
    /// Shift of a normalization.
    NormBias,
    /// Running mean of a batch normalization.
    RunningMean,
    /// Running variance of a batch normalization.
    RunningVar,
    /// Class token or position embedding.
    Token,
}

/// One tensor of a model, lent for reading or replacing.
pub(super) enum Slot<'a> {
    Vector(&'a mut Param<Tensor<1>>),
    /// burn stores `[in, out]`, PyTorch `[out, in]`.
    Linear(&'a mut Param<Tensor<2>>),
    Token(&'a mut Param<Tensor<3>>),
    Kernel(&'a mut Param<Tensor<4>>),
    Running(&'a mut RunningState<Tensor<1>>),
}

impl Slot<'_> {
    /// Sizes in PyTorch's layout; draws nothing.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Vector(p) => p.lazy_shape().to_vec(),
            Self::Linear(p) => p.lazy_shape().iter().rev().copied().collect(),
            Self::Token(p) => p.lazy_shape().to_vec(),
            Self::Kernel(p) => p.lazy_shape().to_vec(),
            Self::Running(r) => r.value().dims().to_vec(),
        }
    }

    /// Copies the numbers to the host.
    pub fn read(&self) -> HostTensor {
        let data = match self {
            Self::Vector(p) => p.val().into_data(),
            Self::Linear(p) => p.val().transpose().into_data(),
            Self::Token(p) => p.val().into_data(),
            Self::Kernel(p) => p.val().into_data(),
            Self::Running(r) => r.value_sync().into_data(),
        };
        let shape = data.shape().to_vec();
        let values = data
            .convert::<f32>()
            .try_to_vec()
            .expect("converted to f32 above");
        HostTensor { shape, values }
    }

    /// Replaces the numbers and names the parameter by `id`.
    ///
    /// # Panics
    /// If the shape is not the slot's.
    pub fn write(self, tensor: HostTensor, id: ParamId) {
        assert_eq!(
            self.shape(),
            tensor.shape,
            "a slot takes its own shape only"
        );
        let data = TensorData::new(tensor.values, tensor.shape);
        match self {
            Self::Vector(p) => *p = param(data, id, &p.lazy_device()),
            Self::Linear(p) => {
                let device = p.lazy_device();
                // Laid out anew on the host: the kernels read a contiguous [in, out] matrix faster.
                *p = param(transposed(&data), id, &device);
            }
            Self::Token(p) => *p = param(data, id, &p.lazy_device()),
            Self::Kernel(p) => *p = param(data, id, &p.lazy_device()),
            Self::Running(r) => {
                let device = r.value().device();
                *r = RunningState::with_id(id, Tensor::from_data(data, &device));
            }
        }
    }
}

fn param<const D: usize>(data: TensorData, id: ParamId, device: &Device) -> Param<Tensor<D>> {
    let mut param = Param::from_data(data, device);
    param.id = id;
    param
}

fn transposed(data: &TensorData) -> TensorData {
    let (rows, cols) = (data.shape()[0], data.shape()[1]);
    let values = data.as_slice::<f32>().expect("built from f32");
    let mut out = Vec::with_capacity(values.len());
    for c in 0..cols {
        out.extend((0..rows).map(|r| values[r * cols + c]));
    }
    TensorData::new(out, [cols, rows])
}

/// The name PyTorch gives the batch normalization that follows the convolution at `path`:
/// `conv1` → `bn1`, `downsample.0` → `downsample.1`; `None` for other names, which are followed by none.
pub(super) fn norm_path(path: &str) -> Option<String> {
    let (parent, last) = path.rsplit_once('.').unwrap_or(("", path));
    let norm = match (last.parse::<usize>(), last.strip_prefix("conv")) {
        (Ok(index), _) => (index + 1).to_string(),
        (_, Some(number)) => format!("bn{number}"),
        _ => return None,
    };
    Some(crate::nn::join(parent, norm))
}

/// Lends every tensor of one part.
fn unit_slots(path: &str, unit: UnitMut<'_>, visit: &mut dyn FnMut(String, Role, Slot<'_>)) {
    let name = |suffix: &str| format!("{path}.{suffix}");
    match unit {
        UnitMut::Conv(unit) => {
            visit(
                name("weight"),
                Role::Weight,
                Slot::Kernel(&mut unit.conv.weight),
            );
            if let Some(bias) = &mut unit.conv.bias {
                visit(name("bias"), Role::Bias, Slot::Vector(bias));
            }
            if let Some(norm) = &mut unit.norm {
                let norm_path =
                    norm_path(path).expect("models number their normalized convolutions");
                let name = |suffix: &str| format!("{norm_path}.{suffix}");
                visit(
                    name("weight"),
                    Role::NormWeight,
                    Slot::Vector(&mut norm.gamma),
                );
                visit(name("bias"), Role::NormBias, Slot::Vector(&mut norm.beta));
                visit(
                    name("running_mean"),
                    Role::RunningMean,
                    Slot::Running(&mut norm.running_mean),
                );
                visit(
                    name("running_var"),
                    Role::RunningVar,
                    Slot::Running(&mut norm.running_var),
                );
            }
        }
        UnitMut::Linear(unit) => {
            visit(
                name("weight"),
                Role::Weight,
                Slot::Linear(&mut unit.linear.weight),
            );
            if let Some(bias) = &mut unit.linear.bias {
                visit(name("bias"), Role::Bias, Slot::Vector(bias));
            }
        }
        UnitMut::Norm(norm) => {
            visit(
                name("weight"),
                Role::NormWeight,
                Slot::Vector(&mut norm.gamma),
            );
            if let Some(beta) = &mut norm.beta {
                visit(name("bias"), Role::NormBias, Slot::Vector(beta));
            }
        }
        UnitMut::Token(token) => visit(path.to_string(), Role::Token, Slot::Token(token)),
        UnitMut::Joint(_) => {}
    }
}

/// Lends every tensor of a model in forward order: PyTorch name, role, slot.
pub(super) fn for_each_slot(model: &mut Model, visit: &mut dyn FnMut(String, Role, Slot<'_>)) {
    model.units_mut(&mut |path, unit| unit_slots(path, unit, visit));
}

/// A parameter id that is the same in every process, so that optimizer states find their parameters.
pub(super) fn param_id(name: &str) -> ParamId {
    // FNV-1a, 64 bits.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ParamId::from(hash)
}

/// A copy of all weights and running statistics under PyTorch's names and layouts.
pub fn state_dict(model: &Model) -> BTreeMap<String, HostTensor> {
    let mut dict = BTreeMap::new();
    for_each_slot(&mut model.clone(), &mut |name, _, slot| {
        dict.insert(name, slot.read());
    });
    dict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizations_are_named_as_pytorch_names_them() {
        assert_eq!(norm_path("conv1").as_deref(), Some("bn1"));
        assert_eq!(norm_path("layer1.0.conv3").as_deref(), Some("layer1.0.bn3"));
        assert_eq!(
            norm_path("layer2.0.downsample.0").as_deref(),
            Some("layer2.0.downsample.1")
        );
        assert_eq!(
            norm_path("features.1.conv.1").as_deref(),
            Some("features.1.conv.2")
        );
        assert_eq!(norm_path("blocks.0.attn.proj"), None);
    }

    #[test]
    fn transposing_twice_is_the_identity() {
        let data = TensorData::new((0..6).map(|v| v as f32).collect::<Vec<_>>(), [2, 3]);
        let once = transposed(&data);
        assert_eq!(
            once.try_to_vec::<f32>().unwrap(),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert_eq!(transposed(&once), data);
    }
}
