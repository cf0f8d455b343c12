//! [`Task`]s on tensors of CubeCL devices: the kernels of [`crate::cube`] on the tensors' own buffers.

use super::layers::{QConv2d, QLinear};
use super::ops::QuantizedOps;
use super::task::{Given, Layout, Task};
use crate::arith::ActQuant;
use crate::cube::device::Buffer;
use crate::cube::gather::Quants;
use crate::cube::layer::{Acts, Batch, Layer};
use crate::cube::select::Form;
use crate::cube::{joints, quantize};
use crate::error::Result;
use burn::backend::{DispatchDevice, TensorMetadata};
use burn::tensor::{DType, Device, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::Client;
use cubecl::device::DeviceId;
use cubecl::zspace::metadata::Metadata;
use std::sync::{Arc, Mutex};

/// A layer on each device that it ran on.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<Vec<(DeviceId, Arc<Layer>)>>);

impl Uploads {
    fn get(&self, client: &Client, upload: impl FnOnce() -> Result<Layer>) -> Result<Arc<Layer>> {
        let id = client.service_id().device;
        let mut layers = self.0.lock().expect("no upload panicked");
        if let Some((_, layer)) = layers.iter().find(|(other, _)| *other == id) {
            return Ok(layer.clone());
        }
        let layer = Arc::new(upload()?);
        layers.push((id, layer.clone()));
        Ok(layer)
    }
}

impl QConv2d {
    /// The layer on the device of `client`.
    ///
    /// # Errors
    /// As [`Layer::new`].
    pub fn on_device(&self, client: &Client) -> Result<Arc<Layer>> {
        self.uploads().get(client, || {
            Layer::new(
                client,
                self.weights(),
                *self.shape(),
                Form::Conv,
                self.input(),
                self.epilogue(),
            )
        })
    }
}

impl QLinear {
    /// The layer on the device of `client`.
    ///
    /// # Errors
    /// As [`Layer::new`].
    pub fn on_device(&self, client: &Client) -> Result<Arc<Layer>> {
        self.uploads().get(client, || {
            let shape = crate::cpu::linear_shape(self.weights());
            Layer::new(
                client,
                self.weights(),
                shape,
                Form::Linear,
                self.input(),
                self.epilogue(),
            )
        })
    }
}

/// The client of `device`, where it is one of CubeCL's.
pub(super) fn client_of(device: &Device) -> Option<Client> {
    match device.clone().inner().as_dispatch() {
        DispatchDevice::Cube(device) => Some(device.client()),
        _ => None,
    }
}

/// A layer that fits its device.
fn on(layer: Result<Arc<Layer>>) -> Arc<Layer> {
    layer.unwrap_or_else(|error| panic!("{error}; `prepare` says so before a layer runs"))
}

/// A tensor as a kernel's buffer.
fn buffer(x: CubeTensor, expected: DType) -> Buffer {
    assert_eq!(x.dtype, expected, "type of a layer's input");
    // Device memory is pitched: rows may lie further apart than they are long.
    let x = into_contiguous(x);
    let len = x.meta.shape().num_elements();
    Buffer {
        handle: x.handle,
        len,
    }
}

/// Images `[B, C, H, W]` whose floats lie `[B, H, W, C]`.
fn images(like: &CubeTensor, out: Buffer, dims: &[usize]) -> CubeTensor {
    let &[_, c, h, w] = dims else {
        panic!("images of {dims:?}");
    };
    let meta = Metadata::new(Shape::from(dims.to_vec()), [h * w * c, 1, w * c, c]);
    CubeTensor::new(
        like.client.clone(),
        out.handle,
        meta,
        like.device.clone(),
        DType::F32,
    )
}

fn tensor(like: &CubeTensor, out: Buffer, dims: Vec<usize>, dtype: DType) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::from(dims), out.handle, dtype)
}

/// Carries out a task of one tensor.
fn run(x: CubeTensor, task: &Task, given: Given) -> CubeTensor {
    let dims = x.shape().to_vec();
    task.check(given, &dims);
    let out_dims = task.output(given, &dims);
    let like = CubeTensor {
        handle: x.handle.clone(),
        ..x.clone()
    };
    let client = &like.client;
    let acts = |x: CubeTensor| match given {
        Given::Floats => Acts::Floats(buffer(x, DType::F32)),
        Given::Codes => Acts::Codes(buffer(x, DType::U32)),
    };
    let none = |quant: &ActQuant| Buffer::floats(client, &[quant.scale(), quant.zero() as f32]);
    let out = match task {
        Task::Conv(layer, [before, after]) => {
            let (x, size) = match (given, before) {
                (Given::Floats, Layout::ChannelsFirst) => (x, [dims[2], dims[3]]),
                // The kernels read floats channel by channel.
                (Given::Floats, Layout::ChannelsLast) => (
                    burn_cubecl::ops::permute(x, &[0, 3, 1, 2]),
                    [dims[1], dims[2]],
                ),
                (Given::Codes, _) => (x, [dims[1], dims[2]]),
            };
            let out = on(layer.on_device(client)).run(&acts(x), Batch::Images(dims[0], size));
            return match (layer.epilogue().output.quant(), after) {
                (None, Layout::ChannelsFirst) => images(&like, out, &out_dims),
                (None, Layout::ChannelsLast) => tensor(&like, out, out_dims, DType::F32),
                (Some(_), _) => tensor(&like, out, out_dims, DType::U32),
            };
        }
        Task::Linear(layer) => {
            let rows = dims[..dims.len() - 1].iter().product();
            let out = on(layer.on_device(client)).run(&acts(x), Batch::Rows(rows, dims[0]));
            let dtype = match layer.epilogue().output.quant() {
                None => DType::F32,
                Some(_) => DType::U32,
            };
            return tensor(&like, out, out_dims, dtype);
        }
        Task::QuantizeImages(quant) => {
            let of = quantize::Images {
                images: dims[0],
                pixels: dims[2] * dims[3],
                per_quant: 1,
            };
            let x = buffer(x, DType::F32);
            quantize::run(
                client,
                &x,
                of,
                dims[1],
                &none(quant),
                Quants::Shared,
                quant.bits(),
            )
        }
        Task::QuantizeRows(quant) => {
            let x = buffer(x, DType::F32);
            let k = dims[dims.len() - 1];
            let of = quantize::Images {
                images: x.len / k,
                pixels: 1,
                per_quant: 1,
            };
            quantize::run(
                client,
                &x,
                of,
                k,
                &none(quant),
                Quants::Shared,
                quant.bits(),
            )
        }
        Task::DequantizeImages(channels, quant) => {
            let out = quantize::restore(client, &buffer(x, DType::U32), *channels, *quant);
            return images(&like, out, &out_dims);
        }
        Task::DequantizeRows(k, quant) => {
            let out = quantize::restore(client, &buffer(x, DType::U32), *k, *quant);
            return tensor(&like, out, out_dims, DType::F32);
        }
        Task::Lookup(table) => joints::through(client, &buffer(x, DType::U32), table),
        Task::MaxPool(pool) => {
            let size = [dims[1], dims[2], dims[3]];
            joints::largest_of(client, &buffer(x, DType::U32), size, pool)
        }
        Task::GlobalMean(channels, quant) => {
            let size = [dims[1] * dims[2], *channels];
            let out = joints::mean(client, &buffer(x, DType::U32), size, *quant);
            return tensor(&like, out, out_dims, DType::F32);
        }
        Task::Add(..) | Task::Concat(..) | Task::Scale(..) => unreachable!("a task of two tensors"),
    };
    tensor(&like, out, out_dims, DType::U32)
}

impl QuantizedOps for CubeBackend {
    fn task_floats(x: CubeTensor, task: Task) -> CubeTensor {
        run(x, &task, Given::Floats)
    }
    fn task_quantize(x: CubeTensor, task: Task) -> CubeTensor {
        run(x, &task, Given::Floats)
    }
    fn task_dequantize(x: CubeTensor, task: Task) -> CubeTensor {
        run(x, &task, Given::Codes)
    }
    fn task_codes(x: CubeTensor, task: Task) -> CubeTensor {
        run(x, &task, Given::Codes)
    }
    fn task_two(a: CubeTensor, b: CubeTensor, task: Task) -> CubeTensor {
        let dims = task.output_of_two(&a.shape().to_vec(), &b.shape().to_vec());
        let like = a.clone();
        let client = &like.client;
        let (a, b) = (buffer(a, DType::U32), buffer(b, DType::U32));
        let out = match &task {
            &Task::Add(quants, activation, out) => {
                joints::sum(client, [&a, &b], quants, activation, out)
            }
            Task::Concat([ca, cb], [ta, tb]) => {
                let parts = [(&a, *ca, ta.as_deref()), (&b, *cb, tb.as_deref())];
                joints::side_by_side(client, &parts)
            }
            task => unreachable!("{task:?} has no output"),
        };
        tensor(&like, out, dims, DType::U32)
    }
    fn task_gated(gates: CubeTensor, x: CubeTensor, task: Task) -> CubeTensor {
        let dims = x.shape().to_vec();
        let (channels, quants) = task.gates(gates.shape().num_elements(), dims[0]);
        let like = x.clone();
        let (x, gates) = (buffer(x, DType::U32), buffer(gates, DType::F32));
        tensor(
            &like,
            joints::gated(&like.client, &x, &gates, channels, quants),
            dims,
            DType::U32,
        )
    }
}
