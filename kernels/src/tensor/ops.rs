//! [`Task`]s as operations of burn backends: Flex and NdArray run the CPU's kernels on the memory of their
//! tensors, Autodiff runs its inner backend and records nothing.
#![cfg_attr(
    feature = "ndarray",
    expect(deprecated, reason = "burn-ndarray ends with this line of releases")
)]

use super::task::{Given, Task};
use crate::cpu::{Acts, Stored};
#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::FlexTensor;
#[cfg(feature = "ndarray")]
use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn::tensor::{DType, Int, Tensor, TensorData};

/// What a backend has to be able to do, see [`Task`] for the sizes.
#[backend_extension(
    Flex,
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "cube-burn"),
    Autodiff,
    Fusion: cfg(feature = "fusion")
)]
pub trait QuantizedOps: Backend {
    /// A task from floats to floats.
    #[fusion(dtype = DType::F32, shape = Shape::from(task.output(Given::Floats, x.as_slice())))]
    fn task_floats(x: FloatTensor<Self>, task: Task) -> FloatTensor<Self>;
    /// A task from floats to codes.
    #[fusion(dtype = DType::U32, shape = Shape::from(task.output(Given::Floats, x.as_slice())))]
    fn task_quantize(x: FloatTensor<Self>, task: Task) -> IntTensor<Self>;
    /// A task from codes to floats.
    #[fusion(dtype = DType::F32, shape = Shape::from(task.output(Given::Codes, x.as_slice())))]
    fn task_dequantize(x: IntTensor<Self>, task: Task) -> FloatTensor<Self>;
    /// A task from codes to codes.
    #[fusion(dtype = DType::U32, shape = Shape::from(task.output(Given::Codes, x.as_slice())))]
    fn task_codes(x: IntTensor<Self>, task: Task) -> IntTensor<Self>;
    /// A task from two tensors of codes to codes.
    #[fusion(dtype = DType::U32, shape = Shape::from(task.output_of_two(a.as_slice(), b.as_slice())))]
    fn task_two(a: IntTensor<Self>, b: IntTensor<Self>, task: Task) -> IntTensor<Self>;
    /// A task from gates and codes to codes.
    #[fusion(dtype = DType::U32, shape = x)]
    fn task_gated(gates: FloatTensor<Self>, x: IntTensor<Self>, task: Task) -> IntTensor<Self>;
}

/// The backends of this file whose tensors lie in the host's memory.
trait Host: Backend {
    fn with_floats<R>(x: FloatTensor<Self>, work: impl FnOnce(&[f32], &[usize]) -> R) -> R;
    fn with_codes<R>(x: IntTensor<Self>, work: impl FnOnce(&[u32], &[usize]) -> R) -> R;
}

impl Host for Flex {
    fn with_floats<R>(x: FlexTensor, work: impl FnOnce(&[f32], &[usize]) -> R) -> R {
        let x = contiguous(x, DType::F32);
        work(
            x.as_slice().expect("contiguous floats"),
            x.layout().shape().as_slice(),
        )
    }
    fn with_codes<R>(x: FlexTensor, work: impl FnOnce(&[u32], &[usize]) -> R) -> R {
        let x = contiguous(x, DType::U32);
        work(
            x.as_slice().expect("contiguous words"),
            x.layout().shape().as_slice(),
        )
    }
}

/// `x` itself where it is contiguous.
fn contiguous(x: FlexTensor, expected: DType) -> FlexTensor {
    assert_eq!(x.dtype(), expected, "type of a layer's input");
    if x.is_contiguous() {
        x
    } else {
        x.to_contiguous()
    }
}

#[cfg(feature = "ndarray")]
impl Host for NdArray {
    fn with_floats<R>(x: FloatTensor<Self>, work: impl FnOnce(&[f32], &[usize]) -> R) -> R {
        let data = read(Self::float_into_data(x));
        let x = data.as_slice().expect("a layer's input is f32");
        work(x, data.shape().as_slice())
    }
    fn with_codes<R>(x: IntTensor<Self>, work: impl FnOnce(&[u32], &[usize]) -> R) -> R {
        let data = read(Self::int_into_data(x));
        let x = data.as_slice().expect("codes are u32 words");
        work(x, data.shape().as_slice())
    }
}

/// Data that is in the host's memory already.
#[cfg(feature = "ndarray")]
fn read<E: std::fmt::Debug>(data: impl Future<Output = Result<TensorData, E>>) -> TensorData {
    let data = burn::tensor::try_read_sync(data).expect("the host's memory needs no waiting");
    data.expect("the host's memory can be read")
}

fn floats<B: Backend>(stored: Stored, dims: Vec<usize>, device: &B::Device) -> FloatTensor<B> {
    match stored {
        Stored::Floats(x) => B::float_from_data(TensorData::new(x, dims), device),
        Stored::Codes(_) => panic!("codes where floats were expected"),
    }
}

fn codes<B: Backend>(stored: Stored, dims: Vec<usize>, device: &B::Device) -> IntTensor<B> {
    match stored {
        Stored::Codes(x) => B::int_from_data(TensorData::new(x, dims), device),
        Stored::Floats(_) => panic!("floats where codes were expected"),
    }
}

/// Carries out a task of floats.
fn of_floats<B: Host>(x: FloatTensor<B>, task: &Task) -> (Stored, Vec<usize>) {
    B::with_floats(x, |x, dims| {
        task.check(Given::Floats, dims);
        let out = task.output(Given::Floats, dims);
        (task.run(Acts::Floats(x), dims), out)
    })
}

/// Carries out a task of codes.
fn of_codes<B: Host>(x: IntTensor<B>, task: &Task) -> (Stored, Vec<usize>) {
    B::with_codes(x, |x, dims| {
        task.check(Given::Codes, dims);
        let out = task.output(Given::Codes, dims);
        (task.run(Acts::Codes(x), dims), out)
    })
}

macro_rules! on_the_host {
    ($backend:ty) => {
        impl QuantizedOps for $backend {
            fn task_floats(x: FloatTensor<Self>, task: Task) -> FloatTensor<Self> {
                let device = x.device();
                let (stored, dims) = of_floats::<Self>(x, &task);
                floats::<Self>(stored, dims, &device)
            }
            fn task_quantize(x: FloatTensor<Self>, task: Task) -> IntTensor<Self> {
                let device = x.device();
                let (stored, dims) = of_floats::<Self>(x, &task);
                codes::<Self>(stored, dims, &device)
            }
            fn task_dequantize(x: IntTensor<Self>, task: Task) -> FloatTensor<Self> {
                let device = x.device();
                let (stored, dims) = of_codes::<Self>(x, &task);
                floats::<Self>(stored, dims, &device)
            }
            fn task_codes(x: IntTensor<Self>, task: Task) -> IntTensor<Self> {
                let device = x.device();
                let (stored, dims) = of_codes::<Self>(x, &task);
                codes::<Self>(stored, dims, &device)
            }
            fn task_two(a: IntTensor<Self>, b: IntTensor<Self>, task: Task) -> IntTensor<Self> {
                let device = a.device();
                let (stored, dims) = Self::with_codes(a, |a, da| {
                    Self::with_codes(b, |b, db| {
                        let dims = task.output_of_two(da, db);
                        (task.run_two([a, b]), dims)
                    })
                });
                codes::<Self>(stored, dims, &device)
            }
            fn task_gated(
                gates: FloatTensor<Self>,
                x: IntTensor<Self>,
                task: Task,
            ) -> IntTensor<Self> {
                let device = x.device();
                let (stored, dims) = Self::with_floats(gates, |gates, _| {
                    Self::with_codes(x, |x, dims| {
                        (task.run_gated(gates, x, dims[0]), dims.to_vec())
                    })
                });
                codes::<Self>(stored, dims, &device)
            }
        }
    };
}

on_the_host!(Flex);
#[cfg(feature = "ndarray")]
on_the_host!(NdArray);

impl<B: QuantizedOps, C: CheckpointStrategy> QuantizedOps for Autodiff<B, C> {
    fn task_floats(x: FloatTensor<Self>, task: Task) -> FloatTensor<Self> {
        detached::<B, C>(B::task_floats(x.into_primitive(), task))
    }
    fn task_quantize(x: FloatTensor<Self>, task: Task) -> IntTensor<Self> {
        B::task_quantize(x.into_primitive(), task)
    }
    fn task_dequantize(x: IntTensor<Self>, task: Task) -> FloatTensor<Self> {
        detached::<B, C>(B::task_dequantize(x, task))
    }
    fn task_codes(x: IntTensor<Self>, task: Task) -> IntTensor<Self> {
        B::task_codes(x, task)
    }
    fn task_two(a: IntTensor<Self>, b: IntTensor<Self>, task: Task) -> IntTensor<Self> {
        B::task_two(a, b, task)
    }
    fn task_gated(gates: FloatTensor<Self>, x: IntTensor<Self>, task: Task) -> IntTensor<Self> {
        B::task_gated(gates.into_primitive(), x, task)
    }
}

fn detached<B: Backend, C: CheckpointStrategy>(x: FloatTensor<B>) -> FloatTensor<Autodiff<B, C>> {
    <Autodiff<B, C> as burn::backend::AutodiffBackend>::from_inner(x)
}

pub(super) fn float_to_float<const D: usize, const E: usize>(
    x: Tensor<D>,
    task: Task,
) -> Tensor<E> {
    Tensor::from_dispatch(Dispatch::task_floats(x.into_dispatch(), task))
}

pub(super) fn float_to_codes<const D: usize>(x: Tensor<D>, task: Task) -> Tensor<D, Int> {
    Tensor::from_dispatch(Dispatch::task_quantize(x.into_dispatch(), task))
}

pub(super) fn codes_to_float<const D: usize, const E: usize>(
    x: Tensor<D, Int>,
    task: Task,
) -> Tensor<E> {
    Tensor::from_dispatch(Dispatch::task_dequantize(x.into_dispatch(), task))
}

pub(super) fn codes_to_codes<const D: usize>(x: Tensor<D, Int>, task: Task) -> Tensor<D, Int> {
    Tensor::from_dispatch(Dispatch::task_codes(x.into_dispatch(), task))
}

pub(super) fn two_to_codes<const D: usize>(
    a: Tensor<D, Int>,
    b: Tensor<D, Int>,
    task: Task,
) -> Tensor<D, Int> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(Dispatch::task_two(a, b, task))
}

pub(super) fn gated_to_codes(gates: Tensor<2>, x: Tensor<4, Int>, task: Task) -> Tensor<4, Int> {
    let (gates, x) = (gates.into_dispatch(), x.into_dispatch());
    Tensor::from_dispatch(Dispatch::task_gated(gates, x, task))
}
