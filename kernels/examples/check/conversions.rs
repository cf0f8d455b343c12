//! Floats to codes and back, on the device and on the CPU.

use cubecl::client::Client;
use fairbit_kernels::ActQuant;
use fairbit_kernels::cpu::{Isa, Stored, quantize as cpu};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::gather::Quants;
use fairbit_kernels::cube::quantize;

use crate::clock::Measured;
use crate::drawn::{Images, quant};

/// `[scale, zero]` of each.
fn pairs(quants: &[ActQuant]) -> Vec<f32> {
    let pair = |q: &ActQuant| [q.scale(), q.zero() as f32];
    quants.iter().flat_map(pair).collect()
}

/// Images by a quantizer that all share.
pub fn images(client: &Client, of: Images) -> Measured {
    quantized(client, of, &[quant(-5)], Quants::Shared)
}

/// Images whose ranges are known, each by its own quantizer.
pub fn images_with_ranges(client: &Client, of: Images) -> Measured {
    let quants: Vec<ActQuant> = (0..of.batch).map(|i| quant(i as i32)).collect();
    quantized(client, of, &quants, Quants::PerImage)
}

fn quantized(client: &Client, of: Images, quants: &[ActQuant], which: Quants) -> Measured {
    let x = of.floats();
    let expected = cpu::images(&x, [of.channels, of.pixels()], quants, Isa::best());
    let sizes = quantize::Images {
        images: of.batch,
        pixels: of.pixels(),
        per_quant: 1,
    };
    let on = Buffer::floats(client, &x);
    let quants = Buffer::floats(client, &pairs(quants));
    Measured::exact(client, on.len, &Stored::Codes(expected), || {
        quantize::run(client, &on, sizes, of.channels, &quants, which, 8)
    })
}

/// Rows of tokens; those of an image share a quantizer.
pub fn rows_with_ranges(client: &Client, of: Images) -> Measured {
    let x = of.floats();
    let quants: Vec<ActQuant> = (0..of.batch).map(|i| quant(i as i32)).collect();
    let expected = cpu::rows(&x, of.channels, &quants, Isa::best());
    let sizes = quantize::Images {
        images: of.batch * of.pixels(),
        pixels: 1,
        per_quant: of.pixels(),
    };
    let on = Buffer::floats(client, &x);
    let quants = Buffer::floats(client, &pairs(&quants));
    Measured::exact(client, on.len, &Stored::Codes(expected), || {
        quantize::run(
            client,
            &on,
            sizes,
            of.channels,
            &quants,
            Quants::PerImage,
            8,
        )
    })
}

/// The quantizer of each image from its range.
pub fn ranges(client: &Client, of: Images) -> Measured {
    let mut x = of.floats();
    // Each image has another.
    for (i, image) in x.chunks_mut(of.channels * of.pixels()).enumerate() {
        image.iter_mut().for_each(|x| *x *= 1.0 + i as f32);
    }
    let expected = pairs(&cpu::ranges(&x, of.batch, Isa::best()));
    let on = Buffer::floats(client, &x);
    Measured::exact(client, on.len, &Stored::Floats(expected), || {
        quantize::find(client, &on, of.batch, 8)
    })
}

/// Floats of codes, channels last.
pub fn back(client: &Client, of: Images) -> Measured {
    let codes = of.codes();
    let dims = [of.channels, of.pixels()];
    let first = cpu::dequantize_images(&codes, dims, &[quant(-5)]);
    let expected = cpu::channels_last(&first, dims);
    let on = Buffer::words(client, &codes);
    Measured::exact(client, on.len, &Stored::Floats(expected), || {
        quantize::restore(client, &on, of.channels, quant(-5))
    })
}
