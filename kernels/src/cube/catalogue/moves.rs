//! Quantization and joints.

use super::{Variant, coder, expand, variant};
use crate::arith::Activation;
use crate::cube::gather::Quants;
use crate::cube::joints::kernels::{self as joints, RealCompilationArg};
use crate::cube::quantize;

fn real() -> RealCompilationArg {
    RealCompilationArg {
        scale: (),
        zero: (),
    }
}

pub(super) fn all() -> Vec<Variant> {
    let quantize = variant(
        "quantize",
        quantize::UNITS,
        &[],
        |with| expand!(quantize::quantize::Quantize, with, [b b b], (), (), (), (), (), Quants::PerImage),
    );
    let ranges = variant(
        "ranges",
        quantize::UNITS,
        &[],
        |with| expand!(quantize::ranges::Ranges, with, [b b], ()),
    );
    let add = variant("add", joints::UNITS, &[], |with| {
        let curve = Activation::Relu;
        expand!(joints::add::Add, with, [b b b], real(), real(), coder(), (), curve)
    });
    let gate = variant(
        "gate",
        joints::UNITS,
        &[],
        |with| expand!(joints::gate::Gate, with, [b b b], real(), coder(), (), (), ()),
    );
    let lookup = variant(
        "lookup",
        joints::UNITS,
        &[],
        |with| expand!(joints::lookup::Lookup, with, [b b b], ()),
    );
    // A division is made of fused steps.
    vec![
        Variant {
            forbid: &[],
            ..quantize
        },
        ranges,
        add,
        gate,
        lookup,
    ]
}
