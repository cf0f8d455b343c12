//! What stands between layers, exactly as on the CPU.

use super::cases::{Draw, unwords, words};
use super::support::client;
use fairbit_kernels::Activation;
use fairbit_kernels::cpu::Isa;
use fairbit_kernels::cpu::joints::{self as cpu, Part, Pool, Rounding};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::joints;

const ISA: Isa = Isa::Portable;

#[test]
fn sums_and_gates() {
    let client = client();
    let mut draw = Draw::new(1);
    for channels in [1, 6, 8, 33] {
        let [qa, qb, out] = [8, 8, 8].map(|bits| draw.quant(bits));
        let a = words(&draw.codes(3 * 35 * channels, 8), channels);
        let b = words(&draw.codes(3 * 35 * channels, 8), channels);
        let on = [&a, &b].map(|x| Buffer::words(&client, x));
        for activation in [Activation::Identity, Activation::Relu, Activation::Relu6] {
            let found = joints::sum(&client, [&on[0], &on[1]], [qa, qb], activation, out);
            let expected = cpu::add([&a, &b], [qa, qb], activation, out, ISA);
            assert_eq!(
                found.to_words(&client),
                expected,
                "{channels} {activation:?}"
            );
        }
        let gates: Vec<f32> = (0..3 * channels).map(|_| draw.float(0.0, 1.0)).collect();
        let on_device = Buffer::floats(&client, &gates);
        let found = joints::gated(&client, &on[0], &on_device, channels, [qa, out]);
        let expected = cpu::scale(&a, &gates, channels, [qa, out], ISA);
        let [found, expected] = [found.to_words(&client), expected].map(|w| unwords(&w, channels));
        assert_eq!(found, expected, "{channels} gated");
    }
}

#[test]
fn tables_and_concatenation() {
    let client = client();
    let mut draw = Draw::new(2);
    for [ca, cb] in [[4, 8], [3, 5], [1, 1], [6, 33]] {
        let (qa, qb) = (draw.quant(8), draw.quant(8));
        let a = words(&draw.codes(10 * ca, 8), ca);
        let b = words(&draw.codes(10 * cb, 8), cb);
        let table = cpu::requantizer(qb, qa);
        let on = [&a, &b].map(|x| Buffer::words(&client, x));
        let found = joints::through(&client, &on[1], &table).to_words(&client);
        assert_eq!(found, cpu::lookup(&b, &table));
        let parts = [(&on[0], ca, None), (&on[1], cb, Some(&*table))];
        let found = joints::side_by_side(&client, &parts).to_words(&client);
        let part = |words, channels, table| Part {
            words,
            channels,
            table,
        };
        let expected = cpu::concat(&[part(&a, ca, None), part(&b, cb, Some(&table))]);
        assert_eq!(
            unwords(&found, ca + cb),
            unwords(&expected, ca + cb),
            "{ca} and {cb}"
        );
    }
}

#[test]
fn pools() {
    let client = client();
    let mut draw = Draw::new(3);
    for (channels, size) in [(4, [9, 7]), (10, [6, 6]), (3, [3, 3])] {
        let quant = draw.quant(8);
        let x = words(&draw.codes(2 * size[0] * size[1] * channels, 8), channels);
        let on_device = Buffer::words(&client, &x);
        let per_pixel = channels.div_ceil(4);
        for (padding, rounding) in [([1, 1], Rounding::Down), ([0, 0], Rounding::Up)] {
            let pool = Pool {
                kernel: [3, 3],
                stride: [2, 2],
                padding,
                rounding,
            };
            let dims = [size[0], size[1], per_pixel];
            let found = joints::largest_of(&client, &on_device, dims, &pool).to_words(&client);
            assert_eq!(
                found,
                cpu::max_pool(&x, dims, &pool, ISA),
                "{channels} {pool:?}"
            );
        }
        let dims = [size[0] * size[1], channels];
        let found = joints::mean(&client, &on_device, dims, quant).to_floats(&client);
        assert_eq!(found, cpu::global_mean(&x, dims, quant), "{channels}");
    }
}
