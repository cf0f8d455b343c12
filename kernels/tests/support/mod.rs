//! Devices, and layers small enough to follow by hand.

use burn::tensor::{Device, Tensor, TensorData};
use fairbit_kernels::{ActQuant, ConvShape, Granularity, PackedWeights};

pub fn devices() -> Vec<(&'static str, Device)> {
    let plain = [
        ("flex", Device::flex()),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "burn-ndarray ends with this line of releases")]
        ("ndarray", Device::ndarray()),
        #[cfg(feature = "wgpu")]
        (
            "wgpu",
            Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        ),
    ];
    let tracked = plain
        .clone()
        .map(|(name, device)| (name, device.autodiff()));
    plain.into_iter().chain(tracked).collect()
}

/// Numbers in −2..2, different at every place.
pub fn floats(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| (i * 7919 % 1000) as f32 * 0.004 - 2.0)
        .collect()
}

pub fn weights([rows, k]: [usize; 2], bits: u32) -> PackedWeights {
    let most = (1i32 << (bits - 1)) - 1;
    let code = |i: usize| (i * 31 % (2 * most as usize + 1)) as i32 - most;
    let codes: Vec<i8> = (0..rows * k).map(|i| code(i) as i8).collect();
    let scales = (0..rows).map(|i| 0.001 + i as f32 * 1e-4).collect();
    PackedWeights::pack(&codes, scales, [rows, k], bits, Granularity::PerChannel).unwrap()
}

pub fn quant(scale: f32, zero: i32) -> ActQuant {
    ActQuant::new(scale, zero, 8).unwrap()
}

pub const SHAPE: ConvShape = ConvShape {
    batch: 0,
    c_in: 6,
    c_out: 10,
    input: [0, 0],
    kernel: [3, 3],
    stride: [2, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
};

pub fn tensor<const D: usize>(x: &[f32], dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(x.to_vec(), dims), device)
}

pub fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec().unwrap()
}
