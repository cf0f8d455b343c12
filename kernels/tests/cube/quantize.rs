//! Floats to codes, ranges, and back, exactly as on the CPU.

use super::cases::Draw;
use super::support::client;
use fairbit_kernels::ActQuant;
use fairbit_kernels::cpu::{Isa, quantize as cpu};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::gather::Quants;
use fairbit_kernels::cube::quantize::{Images, find, restore, run};

fn pairs(quants: &[ActQuant]) -> Vec<f32> {
    quants
        .iter()
        .flat_map(|q| [q.scale(), q.zero() as f32])
        .collect()
}

#[test]
fn ranges() {
    let client = client();
    let mut draw = Draw::new(1);
    for (images, len) in [(1, 1), (3, 100), (2, 9000), (4, 8193)] {
        let mut x = draw.floats(images * len);
        x[0] = f32::NAN;
        x[len - 1] = -40.5;
        x[(images - 1) * len..]
            .iter_mut()
            .for_each(|x| *x = x.abs());
        let found = find(&client, &Buffer::floats(&client, &x), images, 8).to_floats(&client);
        assert_eq!(
            found,
            pairs(&cpu::ranges(&x, images, Isa::Portable)),
            "{images} of {len}"
        );
    }
    for odd in [
        [0.0, 0.0],
        [1e-41, 0.0],
        [-2e38, 2e38],
        [f32::NAN, f32::NAN],
    ] {
        let found = find(&client, &Buffer::floats(&client, &odd), 1, 8).to_floats(&client);
        assert_eq!(
            found,
            pairs(&cpu::ranges(&odd, 1, Isa::Portable)),
            "{odd:?}"
        );
    }
}

#[test]
fn codes_of_images_and_back() {
    let client = client();
    let mut draw = Draw::new(2);
    for [images, channels, pixels] in [[1, 1, 1], [2, 3, 50], [3, 10, 7], [1, 8, 300]] {
        for bits in [8, 4] {
            let quant = draw.quant(bits);
            let mut x = draw.floats(images * channels * pixels);
            x[0] = f32::NAN;
            // Ties.
            for (i, x) in x.iter_mut().enumerate().skip(1).step_by(3) {
                *x = (i as f32 + 0.5) * quant.scale();
            }
            let of = Images {
                images,
                pixels,
                per_quant: 1,
            };
            let quants = Buffer::floats(&client, &pairs(&[quant]));
            let on_device = Buffer::floats(&client, &x);
            let words = run(
                &client,
                &on_device,
                of,
                channels,
                &quants,
                Quants::Shared,
                bits,
            );
            let expected = cpu::images(&x, [channels, pixels], &[quant], Isa::Portable);
            let what = format!("{images} × {channels} × {pixels}, {bits} bits");
            assert_eq!(words.to_words(&client), expected, "{what}");
            let back = restore(&client, &words, channels, quant).to_floats(&client);
            let expected = cpu::dequantize_images(&expected, [channels, pixels], &[quant]);
            // The device leaves channels last.
            let last = cpu::channels_first(&back, [channels, pixels]);
            assert_eq!(last, expected, "{what}");
        }
    }
}
