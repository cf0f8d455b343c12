//! Slices of tensors that live in this process's memory.

#![allow(deprecated)] // NdArray, the independent reference backend, ends with this line of releases.

#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata};
use burn::tensor::{Shape, TensorData};

/// A backend whose `f32` tensors are memory that the kernels can read.
pub trait Host: Backend {
    /// Lends the elements in row-major order; they are copied only where they do not lie so.
    ///
    /// # Panics
    /// When the tensor does not hold `f32`.
    fn with<R>(tensor: &FloatTensor<Self>, run: impl FnOnce(&[f32]) -> R) -> R;
}

impl Host for Flex {
    fn with<R>(tensor: &FloatTensor<Self>, run: impl FnOnce(&[f32]) -> R) -> R {
        if !tensor.is_contiguous() {
            return Self::with(&tensor.to_contiguous(), run);
        }
        let from = tensor.layout().start_offset();
        run(&tensor.storage::<f32>()[from..from + tensor.layout().num_elements()])
    }
}

#[cfg(feature = "ndarray")]
impl Host for NdArray {
    fn with<R>(tensor: &FloatTensor<Self>, run: impl FnOnce(&[f32]) -> R) -> R {
        let burn::backend::ndarray::NdArrayTensor::F32(storage) = tensor else {
            panic!("expected f32, found {:?}", tensor.dtype());
        };
        let view = storage.view();
        match view.as_slice() {
            Some(slice) => run(slice),
            None => run(&view.iter().copied().collect::<Vec<_>>()),
        }
    }
}

/// A tensor of `values` in row-major order.
pub(super) fn tensor<B: Host>(
    values: Vec<f32>,
    shape: impl Into<Shape>,
    like: &FloatTensor<B>,
) -> FloatTensor<B> {
    B::float_from_data(TensorData::new(values, shape.into()), &like.device())
}

/// Lends two tensors.
pub(super) fn with2<B: Host, R>(
    a: &FloatTensor<B>,
    b: &FloatTensor<B>,
    run: impl FnOnce(&[f32], &[f32]) -> R,
) -> R {
    B::with(a, |a| B::with(b, |b| run(a, b)))
}
