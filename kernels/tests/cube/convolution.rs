//! Convolutions of codes, exactly equal to the naive twin.

use super::support::{Case, EXACT, check, client, shape, tensor_cores, with};
use fairbit_kernels::cube::tiled::Inner;
use fairbit_kernels::{ConvShape, Granularity};

/// Shapes that are awkward in one way each.
fn shapes() -> Vec<ConvShape> {
    vec![
        // In place, whole 128-bit loads.
        shape(64, 64, [1, 1]),
        // K is a multiple of nothing.
        shape(5, 3, [3, 3]),
        // The first layer of a network.
        ConvShape {
            stride: [2, 2],
            padding: [3, 3],
            ..shape(3, 70, [7, 7])
        },
        // 64-bit loads; one channel more than a tile.
        ConvShape {
            padding: [1, 1],
            ..shape(24, 65, [3, 3])
        },
        // A 1×1 kernel with steps.
        ConvShape {
            stride: [2, 2],
            ..shape(36, 20, [1, 1])
        },
        ConvShape {
            dilation: [2, 2],
            padding: [2, 1],
            ..shape(16, 9, [3, 2])
        },
        // Images of one pixel.
        ConvShape {
            input: [1, 1],
            batch: 19,
            padding: [1, 1],
            ..shape(20, 6, [3, 3])
        },
    ]
}

#[test]
fn by_dp4a_in_tiles() {
    let client = client();
    for (i, shape) in shapes().into_iter().enumerate() {
        let case = Case::new(shape, [8, 4, 2][i % 3], EXACT[(5 * i) % EXACT.len()]);
        check(
            &client,
            with(Inner::Dp4a, 1000),
            &case,
            "dp4a-32x64",
            i as u64,
        );
    }
    // Larger tiles where there are enough of them to keep every processor busy.
    let case = Case::new(shapes()[3], 8, 6);
    check(&client, with(Inner::Dp4a, 1), &case, "dp4a-64x64", 76);
    let case = Case::new(
        ConvShape {
            batch: 3,
            ..shape(64, 64, [3, 3])
        },
        4,
        5,
    );
    check(&client, with(Inner::Dp4a, 2), &case, "dp4a-64x64", 77);
}

#[test]
fn by_tensor_cores() {
    let client = client();
    let (inner, name) = tensor_cores(&client);
    let cases = [
        (shapes()[0], 8, 5, 1, 128),
        (shapes()[0], 4, 6, 1000, 32),
        (shapes()[2], 8, 17, 1000, 32),
        (shapes()[3], 4, 0, 1, 128),
        (
            ConvShape {
                batch: 3,
                ..shape(20, 80, [3, 3])
            },
            8,
            12,
            3,
            64,
        ),
        (shapes()[6], 2, 5, 1000, 32),
    ];
    for (i, (shape, bits, kind, processors, tile)) in cases.into_iter().enumerate() {
        let ability = with(inner, processors);
        let kernel = format!("{name}-{tile}x64");
        check(
            &client,
            ability,
            &Case::new(shape, bits, kind),
            &kernel,
            100 + i as u64,
        );
    }
}

#[test]
fn with_a_scale_for_each_group_along_k() {
    let client = client();
    let (cores, name) = tensor_cores(&client);
    let cases = [
        (shape(192, 10, [1, 1]), 64, Inner::Dp4a, "dp4a-32x64"),
        (shape(32, 70, [3, 3]), 128, Inner::Dp4a, "dp4a-32x64"),
        (shape(72, 10, [3, 3]), 64, cores, &format!("{name}-32x64")),
        (shape(100, 10, [1, 1]), 32, Inner::Dp4a, "dp4a-skinny"),
        // Groups that end within a word.
        (shape(11, 10, [3, 3]), 64, Inner::Dp4a, "direct"),
    ];
    for (i, (shape, size, inner, kernel)) in cases.into_iter().enumerate() {
        for bits in [8, 4] {
            let granularity = Granularity::PerGroup(size);
            let case = Case {
                granularity,
                ..Case::new(shape, bits, EXACT[i])
            };
            check(&client, with(inner, 1000), &case, kernel, 200 + i as u64);
        }
    }
}

#[test]
fn of_a_few_rows() {
    let client = client();
    for (i, mut shape) in shapes().into_iter().enumerate() {
        shape.batch = 1;
        shape.input = shape.kernel;
        shape.stride = [2, 2];
        let [h, w] = shape.output();
        assert!(h * w <= 16, "{shape:?}");
        let case = Case::new(shape, [8, 4, 2][i % 3], EXACT[i + 4]);
        check(
            &client,
            with(Inner::Dp4a, 1000),
            &case,
            "dp4a-skinny",
            300 + i as u64,
        );
    }
}

#[test]
fn depthwise() {
    let client = client();
    let dw = |channels, kernel| ConvShape {
        groups: channels,
        ..shape(channels, channels, kernel)
    };
    let shapes = [
        ConvShape {
            padding: [1, 1],
            ..dw(32, [3, 3])
        },
        ConvShape {
            padding: [2, 2],
            stride: [2, 2],
            ..dw(10, [5, 5])
        },
        ConvShape {
            padding: [1, 1],
            stride: [2, 1],
            input: [1, 1],
            batch: 5,
            ..dw(6, [3, 3])
        },
        ConvShape {
            dilation: [2, 2],
            padding: [2, 2],
            ..dw(33, [3, 3])
        },
        ConvShape {
            stride: [2, 2],
            ..dw(8, [1, 1])
        },
    ];
    for (i, shape) in shapes.into_iter().enumerate() {
        for bits in [8, 4, 2] {
            let case = Case::new(shape, bits, EXACT[3 * i]);
            check(
                &client,
                with(Inner::Dp4a, 16),
                &case,
                "dp4a-depthwise",
                400 + i as u64,
            );
        }
    }
}

#[test]
fn in_channel_groups() {
    let client = client();
    let shapes = [
        ConvShape {
            groups: 2,
            padding: [1, 1],
            ..shape(10, 6, [3, 3])
        },
        ConvShape {
            groups: 3,
            ..shape(9, 12, [1, 1])
        },
        // Two output channels per input channel.
        ConvShape {
            groups: 5,
            stride: [2, 2],
            ..shape(5, 10, [3, 3])
        },
        // A depthwise kernel with more taps than a scale group.
        ConvShape {
            groups: 6,
            padding: [3, 3],
            ..shape(6, 6, [7, 7])
        },
    ];
    for (i, shape) in shapes.into_iter().enumerate() {
        for bits in [8, 4, 2] {
            let mut case = Case::new(shape, bits, EXACT[2 * i + 1]);
            if i == 3 {
                case.granularity = Granularity::PerGroup(32);
            }
            check(
                &client,
                with(Inner::Dp4a, 16),
                &case,
                "direct",
                500 + i as u64,
            );
        }
    }
}

#[test]
fn of_4_bit_activations() {
    let client = client();
    let cases = [(shapes()[3], "dp4a-32x64"), (shapes()[0], "dp4a-32x64")];
    for (i, (shape, kernel)) in cases.into_iter().enumerate() {
        let case = Case {
            acts: 4,
            ..Case::new(shape, 4, 10 + i)
        };
        check(
            &client,
            with(Inner::Dp4a, 1000),
            &case,
            kernel,
            600 + i as u64,
        );
    }
}
