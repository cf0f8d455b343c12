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
        let forward = view.strides().iter().all(|&stride| stride > 0);
        match (view.as_slice(), view.as_slice_memory_order()) {
            (Some(slice), _) => run(slice),
            (None, Some(memory)) if forward => run(&in_order(memory, view.shape(), view.strides())),
            _ => run(&view.iter().copied().collect::<Vec<_>>()),
        }
    }
}

/// The elements of a permuted tensor in row-major order. (ndarray's own iterator does this an order of
/// magnitude slower, on one thread, and each step begins with permuted images.)
#[cfg(feature = "ndarray")]
fn in_order(memory: &[f32], shape: &[usize], strides: &[isize]) -> Vec<f32> {
    use rayon::prelude::*;
    let [front @ .., rows, columns] = shape else {
        return memory.to_vec();
    };
    let [steps @ .., down, across] = strides else {
        unreachable!("a stride for each size");
    };
    // None is negative: the tensor begins where its memory does.
    let (down, across) = (*down as usize, *across as usize);
    let mut out = vec![0.0; memory.len()];
    let planes = out.par_chunks_mut((rows * columns).max(1)).enumerate();
    planes.for_each(|(mut plane, out)| {
        let mut from = 0;
        for (&size, &step) in front.iter().zip(steps).rev() {
            from += plane % size * step as usize;
            plane /= size;
        }
        for (row, out) in out.chunks_exact_mut(*columns).enumerate() {
            let from = from + row * down;
            for (column, out) in out.iter_mut().enumerate() {
                *out = memory[from + column * across];
            }
        }
    });
    out
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

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use super::*;
    use burn::backend::ops::FloatTensorOps;

    #[test]
    fn a_permuted_tensor_is_read_in_order() {
        let [b, c, h, w] = [2, 3, 4, 5];
        let values: Vec<f32> = (0..b * c * h * w).map(|i| i as f32).collect();
        let x =
            NdArray::float_from_data(TensorData::new(values, [b, c, h, w]), &Default::default());
        let last = NdArray::float_permute(x, &[0, 2, 3, 1]);
        NdArray::with(&last, |last| {
            for (i, &value) in last.iter().enumerate() {
                let (pixel, channel) = (i / c, i % c);
                let at = (pixel / (h * w) * c + channel) * h * w + pixel % (h * w);
                assert_eq!(value, at as f32, "{i}");
            }
        });
        let mirrored = NdArray::float_flip(last, &[2]);
        NdArray::with(&mirrored, |mirrored| {
            for (i, &value) in mirrored.iter().enumerate() {
                let (row, column, channel) = (i / (c * w), i / c % w, i % c);
                let at = (row / h * c + channel) * h * w + row % h * w + (w - 1 - column);
                assert_eq!(value, at as f32, "{i} mirrored");
            }
        });
    }
}
