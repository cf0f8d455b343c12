//! Linear layers of codes, and layers that find their own range.

use super::cases::{Draw, assert_same, expected, words};
use super::support::{EXACT, client, shape, stored};
use fairbit_kernels::cpu::{self, Input, Isa, linear_shape};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::layer::{Acts, Batch, Layer};
use fairbit_kernels::cube::select::Form;
use fairbit_kernels::{ConvShape, Granularity};

#[test]
fn of_any_size() {
    let client = client();
    let mut draw = Draw::new(1);
    for (i, [m, k, n]) in [
        [1, 1, 1],
        [5, 7, 10],
        [40, 200, 65],
        [17, 384, 12],
        [16, 64, 100],
    ]
    .into_iter()
    .enumerate()
    {
        for bits in [8, 4, 2] {
            let granularity = if k == 384 {
                Granularity::PerGroup(64)
            } else {
                Granularity::PerChannel
            };
            let weights = draw.weights([n, k], bits, granularity);
            let (codes, quant) = (draw.codes(m * k, 8), draw.quant(8));
            let epilogue = draw.epilogue(n, EXACT[2 * i + 1]);
            let one = linear_shape(&weights);
            let layer = Layer::new(
                &client,
                &weights,
                one,
                Form::Linear,
                Input::Static(quant),
                &epilogue,
            )
            .unwrap();
            let x = Acts::Codes(Buffer::words(&client, &words(&codes, k)));
            let found = stored(&client, &layer, &x, Batch::Rows(m, m), &epilogue);
            let rows = ConvShape {
                input: [m, 1],
                ..one
            };
            let expected = expected(&rows, &codes, &[quant], &weights, &epilogue);
            assert_same(
                &found,
                &expected,
                &epilogue,
                &format!("{m} × {k} × {n}, {bits} bits"),
            );
        }
    }
}

/// The whole way from floats, exactly as the CPU goes it.
#[test]
fn with_ranges_found_per_image() {
    let client = client();
    let mut draw = Draw::new(2);
    let shapes = [
        ConvShape {
            padding: [1, 1],
            ..shape(12, 20, [3, 3])
        },
        ConvShape {
            groups: 10,
            padding: [1, 1],
            ..shape(10, 10, [3, 3])
        },
        ConvShape {
            input: [2, 2],
            ..shape(40, 8, [1, 1])
        },
        ConvShape {
            groups: 2,
            ..shape(8, 8, [1, 1])
        },
    ];
    for (i, shape) in shapes.into_iter().enumerate() {
        for input in [
            Input::Dynamic,
            Input::Static(draw.quant(8)),
            Input::Static(draw.quant(4)),
        ] {
            let weights = draw.weights(
                [shape.c_out, shape.k()],
                [8, 4][i % 2],
                Granularity::PerChannel,
            );
            let [h, w] = shape.input;
            let mut x = draw.floats(shape.batch * h * w * shape.c_in);
            // The second image has a wider range; a not-a-number counts as 0.
            x[shape.c_in * h * w..].iter_mut().for_each(|x| *x *= 9.0);
            x[3] = f32::NAN;
            let epilogue = draw.epilogue(shape.c_out, EXACT[i + 3]);
            let layer = Layer::new(&client, &weights, shape, Form::Conv, input, &epilogue).unwrap();
            let acts = Acts::Floats(Buffer::floats(&client, &x));
            let found = stored(
                &client,
                &layer,
                &acts,
                Batch::Images(2, shape.input),
                &epilogue,
            );
            let twin = cpu::QConv2d::new(&weights, shape, input, &epilogue, Isa::Portable).unwrap();
            let expected = twin.run_channels_last(2, shape.input, cpu::Acts::Floats(&x));
            assert_same(
                &found,
                &expected,
                &epilogue,
                &format!("{shape:?} {input:?}"),
            );
        }
    }
}

/// All tokens of an image share a range.
#[test]
fn with_a_range_for_each_part_of_the_rows() {
    let client = client();
    let mut draw = Draw::new(3);
    for (images, tokens) in [(3, 1), (4, 17)] {
        let weights = draw.weights([30, 50], 8, Granularity::PerChannel);
        let mut x = draw.floats(images * tokens * 50);
        x[tokens * 50..].iter_mut().for_each(|x| *x *= 5.0);
        let epilogue = draw.epilogue(30, 6);
        let one = linear_shape(&weights);
        let layer = Layer::new(
            &client,
            &weights,
            one,
            Form::Linear,
            Input::Dynamic,
            &epilogue,
        )
        .unwrap();
        let acts = Acts::Floats(Buffer::floats(&client, &x));
        let found = stored(
            &client,
            &layer,
            &acts,
            Batch::Rows(images * tokens, images),
            &epilogue,
        );
        let twin = cpu::QLinear::new(&weights, Input::Dynamic, &epilogue, Isa::Portable).unwrap();
        let expected = twin.run(images, cpu::Acts::Floats(&x));
        assert_same(&found, &expected, &epilogue, "rows with ranges");
    }
}
