//! Joints between layers, number by number.

use crate::cases::{Draw, unwords, words};
use fairbit_kernels::cpu::joints::{self, Part, Pool, Rounding};
use fairbit_kernels::cpu::{Isa, quantize};
use fairbit_kernels::{ActQuant, Activation};

#[test]
fn sums_products_and_parts_are_those_of_each_number() {
    for channels in [1, 3, 4, 16, 18, 67] {
        for (seed, pixels) in [(1, 1), (2, 5), (3, 33)] {
            let mut draw = Draw::new(seed + channels as u64);
            let quants = [draw.quant(8), draw.quant(8)];
            let out = draw.quant(8);
            let [a, b] = [0, 1].map(|_| draw.codes(2 * pixels * channels, 8));
            let [wa, wb] = [&a, &b].map(|codes| words(codes, channels));
            let gates = draw.floats(2 * channels);
            let gate = |i: usize| gates[i / (pixels * channels) * channels + i % channels];
            for isa in Isa::available() {
                for activation in [
                    Activation::Identity,
                    Activation::Relu,
                    Activation::Relu6,
                    Activation::Silu,
                ] {
                    let found = joints::add([&wa, &wb], quants, activation, out, isa);
                    let both = a.iter().zip(&b);
                    let real = both.map(|(&a, &b)| quants[0].real(a) + quants[1].real(b));
                    let want: Vec<_> = real.map(|y| out.code(activation.apply(y))).collect();
                    assert_eq!(unwords(&found, channels), want, "{isa:?} {activation:?}");
                }
                let found = joints::scale(&wa, &gates, channels, [quants[0], out], isa);
                let real = a
                    .iter()
                    .enumerate()
                    .map(|(i, &a)| quants[0].real(a) * gate(i));
                let want: Vec<_> = real.map(|y| out.code(y)).collect();
                assert_eq!(unwords(&found, channels), want, "{isa:?}");
            }
            let table = joints::requantizer(quants[1], out);
            let found = joints::lookup(&wb, &table);
            let want: Vec<_> = b.iter().map(|&b| out.code(quants[1].real(b))).collect();
            assert_eq!(unwords(&found, channels), want);
            let found = joints::concat(&[
                Part {
                    words: &wa,
                    channels,
                    table: None,
                },
                Part {
                    words: &wb,
                    channels,
                    table: Some(&table),
                },
            ]);
            let pairs = a.chunks(channels).zip(want.chunks(channels));
            let want: Vec<_> = pairs.flat_map(|(a, b)| [a, b].concat()).collect();
            assert_eq!(unwords(&found, 2 * channels), want);
            let found = joints::global_mean(&wa, [pixels, channels], quants[0]);
            for (i, &mean) in found.iter().enumerate() {
                let image = &a[i / channels * pixels * channels..][..pixels * channels];
                let codes = image.iter().skip(i % channels).step_by(channels);
                let sum: i32 = codes.map(|&c| i32::from(c) - quants[0].zero()).sum();
                assert_eq!(mean, sum as f32 * (quants[0].scale() / pixels as f32));
            }
        }
    }
}

#[test]
fn the_largest_of_a_window_ignores_what_lies_outside() {
    for (kernel, stride, padding, rounding, [h, w]) in [
        (3, 2, 1, Rounding::Down, [7, 6]),
        (3, 2, 0, Rounding::Up, [6, 7]),
        (2, 2, 1, Rounding::Up, [5, 4]),
        (1, 1, 0, Rounding::Down, [1, 1]),
    ] {
        let pool = Pool {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            rounding,
        };
        for channels in [3, 16, 21] {
            let codes = Draw::new(9).codes(2 * h * w * channels, 8);
            let [rows, cols] = pool.output([h, w]).unwrap();
            let mut want = Vec::new();
            for i in 0..2 * rows * cols * channels {
                let (c, at) = (i % channels, i / channels);
                let (b, row, col) = (at / (rows * cols), at / cols % rows, at % cols);
                let inside = |at: usize, k: usize, size: usize| {
                    (at * stride + k).checked_sub(padding).filter(|&i| i < size)
                };
                let taps = (0..kernel * kernel).filter_map(|tap| {
                    let y = inside(row, tap / kernel, h)?;
                    let x = inside(col, tap % kernel, w)?;
                    Some(codes[((b * h + y) * w + x) * channels + c])
                });
                want.push(taps.max().expect("every window holds a position"));
            }
            for isa in Isa::available() {
                let size = [h, w, channels.div_ceil(4)];
                let found = joints::max_pool(&words(&codes, channels), size, &pool, isa);
                assert_eq!(unwords(&found, channels), want, "{pool:?} {isa:?}");
            }
        }
    }
    let beyond = Pool {
        kernel: [3, 3],
        stride: [1, 1],
        padding: [0, 0],
        rounding: Rounding::Down,
    };
    assert!(beyond.output([2, 5]).is_err());
    assert!(
        Pool {
            stride: [0, 1],
            ..beyond
        }
        .output([5, 5])
        .is_err()
    );
    assert!(
        Pool {
            padding: [2, 0],
            ..beyond
        }
        .output([5, 5])
        .is_err()
    );
}

#[test]
fn quantizing_and_back_keeps_every_code() {
    for channels in [1, 3, 4, 6, 40] {
        for pixels in [1, 15, 16, 300] {
            let mut draw = Draw::new(channels as u64);
            let quants: Vec<ActQuant> = vec![draw.quant(8), draw.quant(4)];
            let mut codes = draw.codes(pixels * channels, 8);
            codes.extend(draw.codes(pixels * channels, 4));
            let packed = words(&codes, channels);
            let x = quantize::dequantize_images(&packed, [channels, pixels], &quants);
            for isa in Isa::available() {
                let again = quantize::images(&x, [channels, pixels], &quants, isa);
                assert_eq!(
                    unwords(&again, channels),
                    codes,
                    "{channels} {pixels} {isa:?}"
                );
            }
        }
    }
}
