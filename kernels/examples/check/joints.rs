//! What stands between layers, on the device and on the CPU: a table of joints, floats to codes and back.

use cubecl::client::Client;
use fairbit_kernels::cpu::joints::{self as cpu, Part, Pool, Rounding};
use fairbit_kernels::cpu::{Isa, Stored};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::joints;
use fairbit_kernels::{ActQuant, Activation, Output};

use crate::clock::Measured;
use crate::conversions::{back, images, images_with_ranges, ranges, rows_with_ranges};
use crate::drawn::{Images, quant};

/// A function of `cube::joints` or `cube::quantize` on a tensor of a model.
pub struct Joint {
    pub name: &'static str,
    pub function: &'static str,
    pub of: Images,
    check: Check,
}

type Check = fn(&Client, Images) -> Measured;

impl Joint {
    pub fn check(&self, client: &Client) -> Measured {
        (self.check)(client, self.of)
    }
}

/// All of them as the models have them at 64 px, or at 224 where the name says so; `batch` images each
/// where that is given.
pub fn all(batch: Option<usize>) -> Vec<Joint> {
    let joint = |name, function, check: Check, [own, channels, height, width]: [usize; 4]| Joint {
        name,
        function,
        check,
        of: Images {
            batch: batch.unwrap_or(own),
            channels,
            size: [height, width],
        },
    };
    let (layer1, layer1_224) = ([32, 256, 16, 16], [8, 256, 56, 56]);
    vec![
        joint("resnet50_input", "quantize", images, [32, 3, 64, 64]),
        joint("resnet50_input_224", "quantize", images, [8, 3, 224, 224]),
        joint("resnet50_layer1", "ranges", ranges, layer1),
        joint("resnet50_layer1_224", "ranges", ranges, layer1_224),
        joint("resnet50_layer1", "quantize", images_with_ranges, layer1),
        joint(
            "vit_small_tokens",
            "quantize",
            rows_with_ranges,
            [32, 384, 65, 1],
        ),
        joint("resnet50_layer1", "dequantize", back, layer1),
        joint("resnet50_layer1_add", "sum", sum, layer1),
        joint("resnet50_layer1_add_224", "sum", sum, layer1_224),
        joint("mobilenet_v2_add", "sum", plain_sum, [32, 24, 16, 16]),
        joint("efficientnet_b0_se", "gated", gated, [32, 96, 16, 16]),
        joint("efficientnet_b0_se_deep", "gated", gated, [32, 1152, 2, 2]),
        joint("vit_small_gelu", "through", through, [32, 1536, 65, 1]),
        joint(
            "squeezenet_fire",
            "side_by_side",
            side_by_side,
            [32, 64, 15, 15],
        ),
        joint(
            "squeezenet_fire_224",
            "side_by_side",
            side_by_side,
            [8, 64, 55, 55],
        ),
        joint(
            "resnet50_stem_pool",
            "largest_of",
            stem_pool,
            [32, 64, 32, 32],
        ),
        joint(
            "resnet50_stem_pool_224",
            "largest_of",
            stem_pool,
            [8, 64, 112, 112],
        ),
        joint("squeezenet_pool", "largest_of", fire_pool, [32, 64, 31, 31]),
        joint("resnet50_mean", "mean", mean, [32, 2048, 2, 2]),
        joint("efficientnet_b0_se_mean", "mean", mean, [32, 96, 16, 16]),
    ]
}

fn out() -> ActQuant {
    ActQuant::new(0.05, -20, 8).expect("a quantizer")
}

/// As after a residual block of ResNet50.
fn sum(client: &Client, of: Images) -> Measured {
    activated_sum(client, of, Activation::Relu)
}

/// As after an inverted bottleneck.
fn plain_sum(client: &Client, of: Images) -> Measured {
    activated_sum(client, of, Activation::Identity)
}

fn activated_sum(client: &Client, of: Images, activation: Activation) -> Measured {
    let a = of.codes();
    let b: Vec<u32> = a.iter().rev().copied().collect();
    let quants = [quant(-5), quant(30)];
    let expected = cpu::add([&a, &b], quants, activation, out(), Isa::best());
    let [on_a, on_b] = [&a, &b].map(|x| Buffer::words(client, x));
    Measured::exact(client, a.len() + b.len(), &Stored::Codes(expected), || {
        joints::sum(client, [&on_a, &on_b], quants, activation, out())
    })
}

fn gated(client: &Client, of: Images) -> Measured {
    let x = of.codes();
    let gate = |i: usize| (i * 37 % 101) as f32 * 0.01;
    let gates: Vec<f32> = (0..of.batch * of.channels).map(gate).collect();
    let quants = [quant(-5), out()];
    let expected = cpu::scale(&x, &gates, of.channels, quants, Isa::best());
    let (on, by) = (Buffer::words(client, &x), Buffer::floats(client, &gates));
    Measured::exact(client, on.len + by.len, &Stored::Codes(expected), || {
        joints::gated(client, &on, &by, of.channels, quants)
    })
}

fn through(client: &Client, of: Images) -> Measured {
    let x = of.codes();
    let Output::Table { codes, .. } = Output::table(Activation::Gelu, quant(-5), out()) else {
        unreachable!("a table was asked for");
    };
    let on = Buffer::words(client, &x);
    let expected = cpu::lookup(&x, &codes);
    Measured::exact(client, on.len, &Stored::Codes(expected), || {
        joints::through(client, &on, &codes)
    })
}

/// Two parts of the same size, the second through a table.
fn side_by_side(client: &Client, of: Images) -> Measured {
    let a = of.codes();
    let b: Vec<u32> = a.iter().rev().copied().collect();
    let table = cpu::requantizer(quant(-5), out());
    let part = |words, table| Part {
        words,
        channels: of.channels,
        table,
    };
    let expected = cpu::concat(&[part(&a, None), part(&b, Some(&*table))]);
    let [on_a, on_b] = [&a, &b].map(|x| Buffer::words(client, x));
    Measured::exact(client, a.len() + b.len(), &Stored::Codes(expected), || {
        let parts = [
            (&on_a, of.channels, None),
            (&on_b, of.channels, Some(&*table)),
        ];
        joints::side_by_side(client, &parts)
    })
}

fn stem_pool(client: &Client, of: Images) -> Measured {
    largest_of(client, of, [1, 1], Rounding::Down)
}

/// Windows that hang over the end count.
fn fire_pool(client: &Client, of: Images) -> Measured {
    largest_of(client, of, [0, 0], Rounding::Up)
}

/// 3×3 windows, two pixels apart.
fn largest_of(client: &Client, of: Images, padding: [usize; 2], rounding: Rounding) -> Measured {
    let pool = Pool {
        kernel: [3, 3],
        stride: [2, 2],
        padding,
        rounding,
    };
    let x = of.codes();
    let dims = [of.size[0], of.size[1], of.words()];
    let expected = cpu::max_pool(&x, dims, &pool, Isa::best());
    let on = Buffer::words(client, &x);
    Measured::exact(client, on.len, &Stored::Codes(expected), || {
        joints::largest_of(client, &on, dims, &pool)
    })
}

fn mean(client: &Client, of: Images) -> Measured {
    let x = of.codes();
    let dims = [of.pixels(), of.channels];
    let expected = cpu::global_mean(&x, dims, quant(-5));
    let on = Buffer::words(client, &x);
    Measured::exact(client, on.len, &Stored::Floats(expected), || {
        joints::mean(client, &on, dims, quant(-5))
    })
}
