//! Every kernel in the variants that the five models use, for compilers without a device: what CI holds
//! against spilled registers and lost tensor-core instructions.

mod moves;
mod products;

use std::sync::Arc;

use cubecl::ir::{DeviceProperties, TargetProperties};
use cubecl::prelude::*;

use super::contract::{CoderCompilationArg, Finish, Stored};
use super::direct::SizesCompilationArg;
use super::gather::{GeometryCompilationArg, Quants, Source};
use crate::arith::Activation;

/// Expands a kernel for a device.
pub type Define = Box<
    dyn Fn(KernelSettings, Arc<DeviceProperties>, Arc<TargetProperties>) -> KernelDefinition
        + Send
        + Sync,
>;

/// What a kernel is expanded with.
type With = (KernelSettings, Arc<DeviceProperties>, Arc<TargetProperties>);

/// A kernel as it is launched.
pub struct Variant {
    /// Unique, and usable as a file name.
    pub name: String,
    /// Units of a cube.
    pub cube_dim: CubeDim,
    /// Whether accesses are checked.
    pub mode: ExecutionMode,
    /// Instructions that the machine code must have; `IDP.4A` also finds `IDP.4A.S8.S8`.
    pub expect: &'static [&'static str],
    /// Instructions that it must not have.
    pub forbid: &'static [&'static str],
    /// Of tensor-core kernels: a named layer.
    pub work: Option<Work>,
    /// The kernel.
    pub define: Define,
}

/// A layer whose arithmetic intensity decides what a GPU can reach.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its name.
    pub shape: String,
    /// Multiplications and additions.
    pub ops: f64,
    /// Codes in, weights, codes out, each moved once.
    pub bytes: f64,
}

/// The variants.
pub fn all() -> Vec<Variant> {
    [
        products::tensor_cores(),
        products::dp4a(),
        products::floats(),
        moves::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const CODES: Finish = Finish {
    stored: Stored::Codes,
    activation: Activation::Relu,
};
/// One rounding per step of the contract: nothing may be fused.
const FUSED: &[&str] = &["FFMA"];

fn geometry() -> GeometryCompilationArg {
    GeometryCompilationArg {
        rows: (),
        pixels: (),
        width: (),
        in_height: (),
        in_width: (),
        stride_h: (),
        stride_w: (),
        pad_h: (),
        pad_w: (),
        dilation_h: (),
        dilation_w: (),
    }
}

fn coder() -> CoderCompilationArg {
    CoderCompilationArg {
        inverse: (),
        zero: (),
        most: (),
    }
}

fn sizes() -> SizesCompilationArg {
    SizesCompilationArg {
        channels: (),
        channels_group: (),
        inputs_group: (),
        k: (),
        group: (),
    }
}

/// A kernel whose first arguments are buffers, a `b` each, expanded: the rest are its numbers (`()`), its
/// vector size and what it knows when it is compiled.
macro_rules! expand {
    ($kernel:path, $with:expr, [$($b:ident)*], $($rest:expr),* $(,)?) => {{
        let (settings, device, target) = $with;
        let buffer = || cubecl::prelude::BufferCompilationArg { inplace: None };
        let kernel = <$kernel>::new(settings, device, target, $({ let $b = &buffer; $b() },)* $($rest),*);
        cubecl::CubeKernel::define(&kernel)
    }};
}
use expand;

fn variant(
    name: impl Into<String>,
    units: u32,
    expect: &'static [&'static str],
    define: impl Fn(With) -> KernelDefinition + Send + Sync + 'static,
) -> Variant {
    Variant {
        name: name.into(),
        cube_dim: CubeDim::new_1d(units),
        mode: ExecutionMode::Unchecked,
        expect,
        forbid: FUSED,
        work: None,
        define: Box::new(move |settings, device, target| define((settings, device, target))),
    }
}

/// Pixels in place, or a 3×3 kernel, of `words` words a pixel.
fn source(words: u32, kernel: Option<[u32; 2]>) -> Source {
    Source {
        words,
        kernel,
        quants: Quants::Shared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = all().into_iter().map(|one| one.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 25, "{count}");
    }
}
