//! The kernels for devices, run on whatever wgpu finds: a software Vulkan device is enough.
//!
//! `cargo test --release -p fairbit-kernels --no-default-features --features cube-wgpu --test cube`, or
//! `cargo test --release -p fairbit-kernels --features cuda --test cube` on a machine with an NVIDIA GPU.

mod bad_batch;
#[path = "../cpu/cases.rs"]
mod cases;
mod convolution;
mod curved;
mod joints;
mod linear;
mod quantize;
mod support;
mod weight_only;
