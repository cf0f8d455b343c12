//! The layers on devices that CubeCL compiles for: NVIDIA GPUs, and whatever wgpu reaches.
//!
//! [`layer::Layer`] is a layer on a device, [`select`] says which kernel computes it, [`contract`] the
//! arithmetic they share. Each kernel draws where its words lie. Buffers travel as words of four codes, as
//! 8-bit buffers are not to be had everywhere.
#![allow(
    clippy::too_many_arguments,
    reason = "a kernel's buffers are its arguments"
)]
#![allow(
    clippy::manual_div_ceil,
    clippy::manual_is_multiple_of,
    clippy::manual_clamp,
    clippy::assign_op_pattern,
    reason = "kernels have the operations of their devices"
)]

#[cfg(feature = "nvrtc")]
pub mod catalogue;
pub mod ceiling;
pub mod contract;
pub mod depthwise;
pub mod device;
pub mod direct;
pub mod gather;
pub mod joints;
mod launch;
pub mod layer;
pub mod mma;
pub mod panels;
pub mod quantize;
pub mod select;
pub mod skinny;
pub mod tiled;
pub mod weight_only;
