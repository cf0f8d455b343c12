//! Integer layers on plain slices, for the CPU.
//!
//! [`QLinear`] and [`QConv2d`] are built once from [`crate::PackedWeights`], refuse everything that does
//! not fit then, and say which kernel they run. Results are exactly those of [`crate::reference`] on
//! every instruction set and with any number of threads.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod depthwise;
#[cfg(target_arch = "x86_64")]
mod depthwise_512;
#[cfg(target_arch = "x86_64")]
mod depthwise_x86;
mod finish;
#[cfg(target_arch = "x86_64")]
mod finish_x86;
mod gemm;
mod isa;
pub mod joints;
mod layer;
mod linear;
mod panels;
mod parts;
mod portable;
mod product;
pub mod quantize;
mod rows;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod vnni;
mod weight_only;

pub use isa::Isa;
#[cfg(feature = "burn")]
pub(crate) use layer::check;
pub use layer::{Acts, Input, QConv2d};
pub use linear::{QLinear, linear_shape};
pub use product::Stored;
