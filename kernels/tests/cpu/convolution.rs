//! Convolutions of codes: every shape, precision, scale group, output and instruction set.

use crate::cases::{Draw, assert_same, expected, words};
use crate::exchange;
use fairbit_kernels::cpu::{Acts, Input, Isa, QConv2d, Stored, quantize};
use fairbit_kernels::{ActQuant, ConvShape, Epilogue, Granularity, PackedWeights};

/// `[batch, c_in, c_out, height, width, kernel h, kernel w, stride, padding, dilation, groups]`
fn shapes() -> Vec<ConvShape> {
    [
        [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1],
        [2, 3, 5, 7, 6, 3, 3, 1, 1, 1, 1],
        [1, 3, 33, 9, 9, 7, 7, 2, 3, 1, 1],
        [3, 16, 16, 5, 5, 1, 1, 1, 0, 1, 1],
        [1, 18, 70, 4, 3, 1, 1, 1, 0, 1, 1],
        [2, 13, 20, 6, 5, 1, 1, 2, 0, 1, 1],
        [2, 9, 31, 8, 7, 3, 3, 2, 1, 1, 1],
        [1, 20, 17, 9, 9, 3, 3, 1, 2, 2, 1],
        [1, 6, 4, 11, 5, 5, 1, 2, 2, 1, 1],
        [2, 12, 8, 6, 6, 3, 3, 1, 1, 1, 2],
        [1, 10, 40, 5, 5, 3, 3, 2, 1, 2, 5],
        [2, 7, 7, 6, 9, 3, 3, 1, 1, 1, 7],
        [1, 32, 32, 5, 6, 3, 3, 2, 1, 1, 32],
        [1, 35, 35, 9, 8, 5, 5, 1, 4, 2, 35],
        [1, 8, 24, 4, 4, 3, 3, 1, 1, 1, 8],
        [1, 64, 48, 3, 3, 3, 3, 1, 1, 1, 1],
        [1, 4, 3, 1, 1, 3, 3, 1, 1, 1, 1],
    ]
    .map(|s| ConvShape {
        batch: s[0],
        c_in: s[1],
        c_out: s[2],
        input: [s[3], s[4]],
        kernel: [s[5], s[6]],
        stride: [s[7]; 2],
        padding: [s[8], if s[6] == 1 { 0 } else { s[8] }],
        dilation: [s[9]; 2],
        groups: s[10],
    })
    .to_vec()
}

fn run(
    weights: &PackedWeights,
    shape: &ConvShape,
    input: Input,
    epilogue: &Epilogue,
    isa: Isa,
    acts: Acts,
) -> (Stored, &'static str) {
    let layer = QConv2d::new(weights, *shape, input, epilogue, isa).unwrap();
    let stored = layer.run_channels_last(shape.batch, shape.input, acts);
    (stored, layer.kernel())
}

#[test]
fn every_kernel_equals_the_twin() {
    let mut kind = 0;
    let mut kernels = std::collections::BTreeSet::new();
    for (index, shape) in shapes().iter().enumerate() {
        let mut draw = Draw::new(index as u64 + 1);
        let pixels = shape.batch * shape.input[0] * shape.input[1];
        for weight_bits in [8, 4, 2] {
            for granularity in [
                Granularity::PerChannel,
                Granularity::PerGroup(32),
                Granularity::PerGroup(64),
            ] {
                for act_bits in [8, 4] {
                    kind += 1;
                    let weights = draw.weights([shape.c_out, shape.k()], weight_bits, granularity);
                    let epilogue = draw.epilogue(shape.c_out, kind);
                    let quant = draw.quant(act_bits);
                    let codes = draw.codes(pixels * shape.c_in, act_bits);
                    let want = expected(shape, &codes, &[quant], &weights, &epilogue);
                    let codes = words(&codes, shape.c_in);
                    for isa in Isa::available() {
                        let input = Input::Static(quant);
                        let acts = Acts::Codes(&codes);
                        let (found, kernel) = run(&weights, shape, input, &epilogue, isa, acts);
                        let what = format!(
                            "{kernel}: {shape:?}, W{weight_bits}A{act_bits} {granularity:?} {epilogue:?}"
                        );
                        assert_same(&found, &want, &epilogue, &what);
                        kernels.insert(kernel);
                    }
                }
            }
        }
    }
    // Two matrix products and a depthwise kernel for each instruction set; with AMX that of AVX-512.
    let shared = usize::from(Isa::Amx.is_available());
    let expected = 3 * Isa::available().count() - shared;
    assert_eq!(kernels.len(), expected, "{kernels:?}");
}

#[test]
fn every_output_and_activation_equals_the_twin() {
    for kind in 0..20 {
        for shape in [shapes()[6], shapes()[11]] {
            let mut draw = Draw::new(kind as u64 + 100);
            let weights = draw.weights([shape.c_out, shape.k()], 8, Granularity::PerChannel);
            let epilogue = draw.epilogue(shape.c_out, kind);
            let quant = draw.quant(8);
            let codes = draw.codes(
                shape.batch * shape.input[0] * shape.input[1] * shape.c_in,
                8,
            );
            let want = expected(&shape, &codes, &[quant], &weights, &epilogue);
            let codes = words(&codes, shape.c_in);
            for isa in Isa::available() {
                let input = Input::Static(quant);
                let (found, kernel) =
                    run(&weights, &shape, input, &epilogue, isa, Acts::Codes(&codes));
                assert_same(&found, &want, &epilogue, &format!("{kernel} {epilogue:?}"));
            }
        }
    }
}

/// All codes at their ends, with the longest sum of ResNet50: nothing saturates on any path.
#[test]
fn the_largest_sums_do_not_overflow() {
    for (weight_bits, w) in [(8, 127i8), (4, 7), (2, 1)] {
        for (act_bits, a) in [(8, 127i8), (4, 7)] {
            for [w, a] in [[w, a], [-w, a], [w, -a], [-w, -a]] {
                // 1×1 over 4,608 channels is a pointwise product; the zero point is the other end.
                let shape = ConvShape {
                    batch: 1,
                    c_in: 4608,
                    c_out: 3,
                    input: [1, 2],
                    kernel: [1, 1],
                    stride: [1, 1],
                    padding: [0, 0],
                    dilation: [1, 1],
                    groups: 1,
                };
                let codes = vec![a; 2 * shape.c_in];
                let quant = ActQuant::new(1.0, -i32::from(a), act_bits).unwrap();
                let size = [shape.c_out, shape.k()];
                let weights = PackedWeights::pack(
                    &vec![w; size[0] * size[1]],
                    vec![1.0; 3],
                    size,
                    weight_bits,
                    Granularity::PerChannel,
                )
                .unwrap();
                let sum = 4608.0 * f32::from(w) * 2.0 * f32::from(a);
                for isa in Isa::available() {
                    let acts = words(&codes, shape.c_in);
                    let input = Input::Static(quant);
                    let (found, kernel) = run(
                        &weights,
                        &shape,
                        input,
                        &Epilogue::plain(),
                        isa,
                        Acts::Codes(&acts),
                    );
                    assert_eq!(found, Stored::Floats(vec![sum; 6]), "{kernel}");
                }
            }
        }
    }
}

#[test]
fn floats_are_quantized_as_the_contract_says() {
    for (index, shape) in shapes().iter().enumerate() {
        let mut draw = Draw::new(index as u64 + 200);
        let pixels = shape.input[0] * shape.input[1];
        let weights = draw.weights([shape.c_out, shape.k()], 8, Granularity::PerChannel);
        let x = draw.floats(shape.batch * pixels * shape.c_in);
        let last = exchange(&x, [shape.c_in, pixels]);
        let fixed = draw.quant(8);
        let ranges: Vec<_> = x
            .chunks(pixels * shape.c_in)
            .map(|image| {
                let low = image.iter().copied().fold(0.0, f32::min);
                let high = image.iter().copied().fold(0.0, f32::max);
                ActQuant::from_range(low, high, 8)
            })
            .collect();
        for (input, quants) in [
            (Input::Static(fixed), vec![fixed]),
            (Input::Dynamic, ranges),
        ] {
            let image = pixels * shape.c_in;
            let code = |(i, &x): (usize, &f32)| quants[i / image % quants.len()].code(x);
            let codes: Vec<i8> = last.iter().enumerate().map(code).collect();
            let epilogue = draw.epilogue(shape.c_out, 1);
            let want = expected(shape, &codes, &quants, &weights, &epilogue);
            for isa in Isa::available() {
                let (found, kernel) = run(&weights, shape, input, &epilogue, isa, Acts::Floats(&x));
                assert_same(
                    &found,
                    &want,
                    &epilogue,
                    &format!("{kernel} {shape:?} {input:?}"),
                );
                assert_eq!(
                    quantize::images(&x, [shape.c_in, pixels], &quants, isa).len(),
                    shape.batch * pixels * shape.c_in.div_ceil(4)
                );
            }
            // The same as burn wants it.
            let layer = QConv2d::new(&weights, *shape, input, &epilogue, Isa::best()).unwrap();
            let first = layer.run(shape.batch, shape.input, Acts::Floats(&x));
            let [h, w] = shape.output();
            let Stored::Floats(want) = want else {
                unreachable!()
            };
            assert_eq!(first, Stored::Floats(exchange(&want, [h * w, shape.c_out])));
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let shape = shapes()[6];
    let mut draw = Draw::new(7);
    let weights = draw.weights([shape.c_out, shape.k()], 4, Granularity::PerGroup(32));
    let x = draw.floats(shape.batch * shape.input[0] * shape.input[1] * shape.c_in);
    let layer = QConv2d::new(
        &weights,
        shape,
        Input::Dynamic,
        &Epilogue::plain(),
        Isa::best(),
    )
    .unwrap();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| layer.run(shape.batch, shape.input, Acts::Floats(&x)))
    };
    let one = with(1);
    assert_eq!(one, with(3));
    assert_eq!(one, with(7));
}
