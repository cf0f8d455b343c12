//! Products.

use super::{CODES, Variant, Work, coder, expand, geometry, sizes, source, variant};
use crate::arith::Activation;
use crate::cube::contract::{Finish, Stored};
use crate::cube::gather::{Quants, Source};
use crate::cube::tiled::Inner;
use crate::cube::{depthwise, direct, skinny, tiled, weight_only};

fn of_tiles(name: &str, plan: tiled::Plan, expect: &'static [&'static str]) -> Variant {
    let width = [4, 2, 1]
        .into_iter()
        .find(|w| plan.source.words.is_multiple_of(*w))
        .unwrap_or(1) as usize;
    variant(
        name,
        tiled::UNITS,
        expect,
        move |with| expand!(tiled::tiled::Tiled, with, [b b b b b b b b], geometry(), coder(), (), (), width, plan),
    )
}

/// Tile rows × weight bits × rows in place or taps, and what else changes the text much.
pub(super) fn tensor_cores() -> Vec<Variant> {
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

pub(super) fn dp4a() -> Vec<Variant> {
    const WIDE: &[&str] = &["IDP.4A.S8.S8", "LDG.E.128"];
    const WORDS: &[&str] = &["IDP.4A.S8.S8"];
    let mut all = Vec::new();
    for bits in [8, 4] {
        for rows in [64, 32] {
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
                move |with| {
                    expand!(skinny::skinny::Skinny, with, [b b b b b b b b], geometry(), coder(), (), (), (), (), 4, plan)
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
            move |with| {
                expand!(direct::direct::Direct, with, [b b b b b b b b], geometry(), coder(), sizes(), plan)
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
            move |with| {
                expand!(depthwise::depthwise::Depthwise, with, [b b b b b b b b], geometry(), coder(), (), (), plan)
            },
        ));
    }
    all
}

/// Weight-only products; theirs may be fused, a sum of floats has no contract to the last bit.
pub(super) fn floats() -> Vec<Variant> {
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
            move |with| expand!(weight_only::rows::Rows, with, [b b b b b b], coder(), (), (), sizes(), 4, plan),
        );
        let taps = variant(
            format!("weight_only_w{bits}_taps"),
            weight_only::UNITS,
            &[],
            move |with| expand!(weight_only::taps::Taps, with, [b b b b b b], geometry(), coder(), sizes(), (), (), plan),
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
