//! The five models against torchvision 0.29 and timm 1.0, and their weight files.

mod drawing;
mod files;
mod formula;
mod golden;
mod parity;
mod pth;
mod real_weights;

use burn::tensor::Device;

/// The second CPU backend, an independent implementation.
#[expect(deprecated, reason = "pinned to the last release that has it")]
fn ndarray() -> Device {
    Device::ndarray()
}
