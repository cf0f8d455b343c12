//! Convolutions and linear layers of drawn sizes: rows and channels that fill no tile, runs of every length,
//! rows at the end of the memory, scale groups that end anywhere, biases that are no numbers.

use crate::cases::{Draw, assert_same, expected, words};
use fairbit_kernels::cpu::{Acts, Input, Isa, QConv2d};
use fairbit_kernels::{ConvShape, Granularity, Output};

/// A convolution whose kernel fits its image.
fn shape(draw: &mut Draw) -> ConvShape {
    let mut pick = |of: &[usize]| of[draw.below(of.len())];
    let groups = pick(&[1, 1, 1, 1, 2, 3]);
    let kernel = [pick(&[1, 1, 2, 3, 5]), pick(&[1, 1, 2, 3, 5])];
    let dilation = [pick(&[1, 1, 2]), pick(&[1, 1, 2])];
    let stride = [pick(&[1, 1, 2, 3]), pick(&[1, 1, 2, 3])];
    let padding = match pick(&[0, 1]) {
        0 => [0, 0],
        _ => [kernel[0] / 2, kernel[1] / 2],
    };
    let taps = kernel[0] * kernel[1];
    let c_in = groups * (1 + draw.below((200 / taps / groups).max(4)));
    let mut side = |axis: usize| {
        let reach = (kernel[axis] - 1) * dilation[axis] + 1;
        reach.saturating_sub(2 * padding[axis]).max(1) + draw.below(9)
    };
    let input = [side(0), side(1)];
    ConvShape {
        batch: 1 + draw.below(3),
        c_in,
        c_out: groups * (1 + draw.below(70 / groups)),
        input,
        kernel,
        stride,
        padding,
        dilation,
        groups,
    }
}

/// The same, each channel on its own, up to several blocks of them.
fn depthwise(draw: &mut Draw) -> ConvShape {
    let channels = 2 + draw.below(200);
    ConvShape {
        c_in: channels,
        c_out: channels,
        groups: channels,
        ..shape(draw)
    }
}

/// Rows of a linear layer, K up to several tiles.
fn rows(draw: &mut Draw) -> ConvShape {
    ConvShape {
        batch: 1 + draw.below(2),
        c_in: 1 + draw.below(300),
        c_out: 1 + draw.below(70),
        input: [1 + draw.below(70), 1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    }
}

#[test]
fn layers_of_any_size_equal_the_twin() {
    for seed in 0..800 {
        let mut draw = Draw::new(seed + 1000);
        let shape = match seed % 6 {
            0 | 1 => rows(&mut draw),
            2 => depthwise(&mut draw),
            _ => shape(&mut draw),
        };
        let bits = [8, 4, 2][draw.below(3)];
        let granularity = match draw.below(4) {
            0 => Granularity::PerGroup(32),
            1 => Granularity::PerGroup(64),
            _ => Granularity::PerChannel,
        };
        let weights = draw.weights([shape.c_out, shape.k()], bits, granularity);
        let kind = draw.below(20);
        let mut epilogue = draw.epilogue(shape.c_out, kind);
        if let (Some(bias), Output::Codes(_)) = (&mut epilogue.bias, &epilogue.output)
            && epilogue.activation.is_piecewise_linear()
        {
            let special = [f32::NAN, f32::INFINITY, -f32::INFINITY, 3e38, -3e38, -0.0];
            for b in bias {
                // One in four.
                if let Some(&value) = special.get(draw.below(4 * special.len())) {
                    *b = value;
                }
            }
        }
        let quant = draw.quant(8);
        let pixels = shape.batch * shape.input[0] * shape.input[1];
        let codes = draw.codes(pixels * shape.c_in, 8);
        let want = expected(&shape, &codes, &[quant], &weights, &epilogue);
        let codes = words(&codes, shape.c_in);
        for isa in Isa::available() {
            let input = Input::Static(quant);
            let layer = QConv2d::new(&weights, shape, input, &epilogue, isa).unwrap();
            let found = layer.run_channels_last(shape.batch, shape.input, Acts::Codes(&codes));
            let what = format!("seed {seed}, {}: {shape:?} {granularity:?}", layer.kernel());
            assert_same(&found, &want, &epilogue, &what);
        }
    }
}

/// Each image has a range of its own, and a tile the rows of several.
#[test]
fn dynamic_layers_of_any_size_equal_the_twin() {
    for seed in 0..120 {
        let mut draw = Draw::new(seed + 5000);
        let shape = ConvShape {
            batch: 1 + draw.below(9),
            ..match seed % 3 {
                0 => depthwise(&mut draw),
                _ => shape(&mut draw),
            }
        };
        let weights = draw.weights([shape.c_out, shape.k()], 8, Granularity::PerChannel);
        let kind = draw.below(20);
        let epilogue = draw.epilogue(shape.c_out, kind);
        let pixels = shape.input[0] * shape.input[1];
        let x: Vec<f32> = draw.floats(shape.batch * pixels * shape.c_in);
        let run = |isa| {
            QConv2d::new(&weights, shape, Input::Dynamic, &epilogue, isa)
                .unwrap()
                .run_channels_last(shape.batch, shape.input, Acts::Floats(&x))
        };
        // `convolution` compares that one with the twin.
        let want = run(Isa::Portable);
        for isa in Isa::available() {
            let what = format!("seed {seed}, {}: {shape:?}", isa.name());
            assert_same(&run(isa), &want, &epilogue, &what);
        }
    }
}
