//! Every kernel in the variants that the five models use, for compilers without a device: what CI holds
//! against spilled registers and lost tensor-core instructions.

use std::sync::Arc;

use cubecl::ir::{DeviceProperties, TargetProperties};
use cubecl::prelude::*;

use super::contract::{CoderCompilationArg, Finish, Stored};
use super::direct::SizesCompilationArg;
use super::gather::{GeometryCompilationArg, Quants, Source};
use super::joints::RealCompilationArg;
use super::tiled::Inner;
use super::{depthwise, direct, joints, quantize, skinny, tiled, weight_only};
use crate::arith::Activation;

/// Expands a kernel for a device.
pub type Define = Box<
    dyn Fn(KernelSettings, Arc<DeviceProperties>, Arc<TargetProperties>) -> KernelDefinition
        + Send
        + Sync,
>;

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
    [tensor_cores(), dp4a(), floats(), moves()]
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

fn buffer() -> BufferCompilationArg {
    BufferCompilationArg { inplace: None }
}

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

fn real() -> RealCompilationArg {
    RealCompilationArg {
        scale: (),
        zero: (),
    }
}

fn variant(
    name: impl Into<String>,
    units: u32,
    expect: &'static [&'static str],
    define: impl Fn(KernelSettings, Arc<DeviceProperties>, Arc<TargetProperties>) -> KernelDefinition
    + Send
    + Sync
    + 'static,
) -> Variant {
    Variant {
        name: name.into(),
        cube_dim: CubeDim::new_1d(units),
        mode: ExecutionMode::Unchecked,
        expect,
        forbid: FUSED,
        work: None,
        define: Box::new(define),
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

fn of_tiles(name: &str, plan: tiled::Plan, expect: &'static [&'static str]) -> Variant {
    let width = [4, 2, 1]
        .into_iter()
        .find(|w| plan.source.words.is_multiple_of(*w))
        .unwrap_or(1) as usize;
    variant(
        name,
        tiled::UNITS,
        expect,
        move |settings, device, target| {
            let kernel = tiled::tiled::Tiled::new(
                settings,
                device,
                target,
                buffer(),
                buffer(),
                buffer(),
                buffer(),
                buffer(),
                buffer(),
                buffer(),
                buffer(),
                geometry(),
                coder(),
                (),
                (),
                width,
                plan,
            );
            kernel.define()
        },
    )
}

/// Tile rows × weight bits × rows in place or taps, and what else changes the text much.
fn tensor_cores() -> Vec<Variant> {
    const WIDE: &[&str] = &["IMMA.16832.S8.S8", "LDG.E.128", "LDS.128"];
    const NARROW: &[&str] = &["IMMA.16832.S8.S8", "LDS.128"];
    let base = tiled::Plan {
        inner: Inner::Mma,
        rows: 128,
        bits: 8,
        source: source(64, None),
        group: 0,
        finish: CODES,
    };
    let mut all = Vec::new();
    for bits in [8, 4] {
        for (from, kernel) in [("rows", None), ("3x3", Some([3, 3]))] {
            for rows in [128, 64, 32] {
                let plan = tiled::Plan {
                    rows,
                    bits,
                    source: source(64, kernel),
                    ..base
                };
                let mut one = of_tiles(&format!("tensor_core_w{bits}_{from}_{rows}"), plan, WIDE);
                if rows == 128 {
                    one.work = Some(work(bits, kernel.is_some()));
                }
                all.push(one);
            }
        }
    }
    let table = Finish {
        stored: Stored::Table,
        activation: Activation::Silu,
    };
    let floats = Finish {
        stored: Stored::Floats,
        activation: Activation::Identity,
    };
    let per_image = Source {
        quants: Quants::PerImage,
        ..source(64, Some([3, 3]))
    };
    all.extend([
        of_tiles(
            "tensor_core_w8_stem_7x7",
            tiled::Plan {
                source: source(1, Some([7, 7])),
                ..base
            },
            NARROW,
        ),
        of_tiles(
            "tensor_core_w8_24_channels",
            tiled::Plan {
                source: source(6, None),
                ..base
            },
            NARROW,
        ),
        of_tiles(
            "tensor_core_w8_table",
            tiled::Plan {
                finish: table,
                ..base
            },
            WIDE,
        ),
        of_tiles(
            "tensor_core_w8_floats",
            tiled::Plan {
                finish: floats,
                ..base
            },
            WIDE,
        ),
        of_tiles(
            "tensor_core_w8_dynamic",
            tiled::Plan {
                source: per_image,
                ..base
            },
            WIDE,
        ),
        of_tiles(
            "tensor_core_w4_group_64",
            tiled::Plan {
                bits: 4,
                group: 1,
                rows: 64,
                ..base
            },
            WIDE,
        ),
        of_tiles(
            "tensor_core_w4_group_128",
            tiled::Plan {
                bits: 4,
                group: 2,
                rows: 64,
                ..base
            },
            WIDE,
        ),
    ]);
    all
}

/// ResNet50 at 224 px, batch 32: `layer3`'s 3×3 convolution, or its 1×1 one down to 256 channels.
fn work(bits: u32, taps: bool) -> Work {
    let (shape, k, c_in) = match taps {
        true => ("resnet50_layer3_3x3", 9.0 * 256.0, 256.0),
        false => ("resnet50_layer3_1x1", 1024.0, 1024.0),
    };
    let pixels = 32.0 * 14.0 * 14.0;
    Work {
        shape: format!("{shape}, {bits}-bit weights"),
        ops: 2.0 * pixels * 256.0 * k,
        bytes: pixels * (c_in + 256.0) + k * 256.0 * f64::from(bits) / 8.0,
    }
}

fn dp4a() -> Vec<Variant> {
    const WIDE: &[&str] = &["IDP.4A.S8.S8", "LDG.E.128"];
    const WORDS: &[&str] = &["IDP.4A.S8.S8"];
    let mut all = Vec::new();
    for bits in [8, 4] {
        for rows in [128, 64, 32] {
            let plan = tiled::Plan {
                inner: Inner::Dp4a,
                rows,
                bits,
                source: source(64, Some([3, 3])),
                group: 0,
                finish: CODES,
            };
            all.push(of_tiles(&format!("dp4a_w{bits}_3x3_{rows}"), plan, WIDE));
        }
        for group in [0, 4] {
            let plan = skinny::Plan {
                bits,
                source: source(64, None),
                group,
                finish: CODES,
            };
            let name = format!(
                "skinny_w{bits}_{}",
                if group == 0 { "channel" } else { "group" }
            );
            all.push(variant(
                name,
                skinny::UNITS,
                WIDE,
                move |settings, device, target| {
                    let kernel = skinny::skinny::Skinny::new(
                        settings,
                        device,
                        target,
                        buffer(),
                        buffer(),
                        buffer(),
                        buffer(),
                        buffer(),
                        buffer(),
                        buffer(),
                        buffer(),
                        geometry(),
                        coder(),
                        (),
                        (),
                        (),
                        (),
                        4,
                        plan,
                    );
                    kernel.define()
                },
            ));
        }
        let plan = direct::Plan {
            bits,
            source: source(6, Some([3, 3])),
            finish: CODES,
        };
        all.push(variant(
            format!("direct_w{bits}"),
            direct::UNITS,
            &[],
            move |settings, device, target| {
                let kernel = direct::direct::Direct::new(
                    settings,
                    device,
                    target,
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    geometry(),
                    coder(),
                    sizes(),
                    plan,
                );
                kernel.define()
            },
        ));
    }
    for side in [3, 5] {
        let plan = depthwise::Plan {
            source: source(36, Some([side, side])),
            finish: CODES,
        };
        all.push(variant(
            format!("depthwise_{side}x{side}"),
            depthwise::UNITS,
            WORDS,
            move |settings, device, target| {
                let kernel = depthwise::depthwise::Depthwise::new(
                    settings,
                    device,
                    target,
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    geometry(),
                    coder(),
                    (),
                    (),
                    plan,
                );
                kernel.define()
            },
        ));
    }
    all
}

/// Weight-only products; theirs may be fused, a sum of floats has no contract to the last bit.
fn floats() -> Vec<Variant> {
    let finish = Finish {
        stored: Stored::Floats,
        activation: Activation::Identity,
    };
    let mut all = Vec::new();
    for bits in [8, 4] {
        let plan = weight_only::Plan { bits, finish };
        let rows = variant(
            format!("weight_only_w{bits}_rows"),
            weight_only::UNITS,
            &["LDG.E.128"],
            move |settings, device, target| {
                let kernel = weight_only::rows::Rows::new(
                    settings,
                    device,
                    target,
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    coder(),
                    (),
                    (),
                    sizes(),
                    4,
                    plan,
                );
                kernel.define()
            },
        );
        let taps = variant(
            format!("weight_only_w{bits}_taps"),
            weight_only::UNITS,
            &[],
            move |settings, device, target| {
                let kernel = weight_only::taps::Taps::new(
                    settings,
                    device,
                    target,
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    buffer(),
                    geometry(),
                    coder(),
                    sizes(),
                    (),
                    (),
                    plan,
                );
                kernel.define()
            },
        );
        all.extend([
            Variant {
                forbid: &[],
                ..rows
            },
            Variant {
                forbid: &[],
                ..taps
            },
        ]);
    }
    all
}

/// Quantization and joints.
fn moves() -> Vec<Variant> {
    let quantize = variant(
        "quantize",
        quantize::UNITS,
        &[],
        |settings, device, target| {
            let (x, quants, out) = (buffer(), buffer(), buffer());
            let which = Quants::PerImage;
            quantize::quantize::Quantize::new(
                settings,
                device,
                target,
                x,
                quants,
                out,
                (),
                (),
                (),
                (),
                (),
                which,
            )
            .define()
        },
    );
    let ranges = variant(
        "ranges",
        quantize::UNITS,
        &[],
        |settings, device, target| {
            quantize::ranges::Ranges::new(settings, device, target, buffer(), buffer(), ()).define()
        },
    );
    let add = variant("add", joints::UNITS, &[], |settings, device, target| {
        let (a, b, out) = (buffer(), buffer(), buffer());
        let curve = Activation::Relu;
        joints::add::Add::new(
            settings,
            device,
            target,
            a,
            b,
            out,
            real(),
            real(),
            coder(),
            (),
            curve,
        )
        .define()
    });
    let gate = variant("gate", joints::UNITS, &[], |settings, device, target| {
        let (x, gates, out) = (buffer(), buffer(), buffer());
        joints::gate::Gate::new(
            settings,
            device,
            target,
            x,
            gates,
            out,
            real(),
            coder(),
            (),
            (),
            (),
        )
        .define()
    });
    // A division is made of fused steps.
    vec![
        Variant {
            forbid: &[],
            ..quantize
        },
        ranges,
        add,
        gate,
    ]
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
