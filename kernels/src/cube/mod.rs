//! The layers on devices that CubeCL compiles for.
#![allow(
    clippy::too_many_arguments,
    reason = "a kernel's buffers are its arguments"
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
