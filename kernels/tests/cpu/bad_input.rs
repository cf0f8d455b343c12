//! What does not fit is refused when a layer is built.

use crate::cases::Draw;
use fairbit_kernels::cpu::{Acts, Input, Isa, QConv2d, QLinear};
use fairbit_kernels::{ConvShape, Epilogue, Granularity};

const SHAPE: ConvShape = ConvShape {
    batch: 1,
    c_in: 4,
    c_out: 6,
    input: [5, 5],
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
};

#[test]
fn layers_say_what_does_not_fit() {
    let mut draw = Draw::new(1);
    let mut refused = |weights: [usize; 2], shape: ConvShape, bias: usize| {
        let weights = draw.weights(weights, 8, Granularity::PerChannel);
        let epilogue = Epilogue {
            bias: Some(vec![0.0; bias]),
            ..Epilogue::plain()
        };
        QConv2d::new(&weights, shape, Input::Dynamic, &epilogue, Isa::best())
            .map(|layer| layer.kernel())
            .unwrap_err()
            .to_string()
    };
    let cases = [
        (
            refused([5, 36], SHAPE, 6),
            "rows of weights: found 5, expected 6",
        ),
        (
            refused([6, 35], SHAPE, 6),
            "K of weights: found 35, expected 36",
        ),
        (refused([6, 36], SHAPE, 5), "bias: found 5, expected 6"),
        (
            refused([6, 12], ConvShape { groups: 3, ..SHAPE }, 6),
            "channels: found [4, 6], expected channels divisible by 3 groups",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    for broken in [
        ConvShape {
            stride: [0, 1],
            ..SHAPE
        },
        ConvShape {
            kernel: [3, 0],
            ..SHAPE
        },
        ConvShape {
            dilation: [0, 0],
            ..SHAPE
        },
        ConvShape { groups: 0, ..SHAPE },
        ConvShape {
            kernel: [usize::MAX, 3],
            ..SHAPE
        },
    ] {
        let found = std::panic::catch_unwind(|| {
            let weights = Draw::new(1).weights([6, 36], 8, Granularity::PerChannel);
            QConv2d::new(
                &weights,
                broken,
                Input::Dynamic,
                &Epilogue::plain(),
                Isa::best(),
            )
            .is_err()
        });
        assert_eq!(found.ok(), Some(true), "{broken:?}");
    }
}

#[test]
fn codes_for_a_layer_that_finds_its_range_are_a_programmer_s_error() {
    let weights = Draw::new(1).weights([6, 8], 8, Granularity::PerChannel);
    for input in [Input::Dynamic, Input::Float] {
        let layer = QLinear::new(&weights, input, &Epilogue::plain(), Isa::Portable).unwrap();
        let run = || layer.run(1, Acts::Codes(&[0, 0]));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }
}
