//! What a run record says of the kernels.

mod support;

use burn::tensor::Device;
use fairbit_kernels::cpu::Input;
use fairbit_kernels::tensor::{QConv2d, QLinear, q_global_mean, qconv2d, qlinear, quantize_images};
use fairbit_kernels::trace::during;
use fairbit_kernels::{Activation, ConvShape, Epilogue, Output};
use support::{SHAPE, devices, floats, numbers, quant, tensor, weights};

/// The run record of a chain that stays in integers names one kernel for each layer, none of floats.
#[test]
fn an_integer_chain_runs_no_float_product() {
    let (first, second) = (quant(0.02, 11), quant(0.05, -7));
    let codes = |output| Epilogue {
        bias: None,
        activation: Activation::Relu,
        output,
    };
    let depthwise = ConvShape {
        c_in: 10,
        groups: 10,
        stride: [1, 1],
        ..SHAPE
    };
    let input = Input::Static(first);
    let stem = QConv2d::new(
        weights([10, 54], 8),
        SHAPE,
        input,
        codes(Output::Codes(second)),
    )
    .unwrap();
    let input = Input::Static(second);
    let dw = QConv2d::new(
        weights([10, 9], 4),
        depthwise,
        input,
        codes(Output::Codes(second)),
    )
    .unwrap();
    let head = QLinear::new(weights([2, 10], 4), Input::Dynamic, Epilogue::plain()).unwrap();
    for (name, device) in devices() {
        let x = tensor(&floats(2 * 6 * 5 * 7), [2, 6, 5, 7], &device);
        let run = || {
            let x = qconv2d(quantize_images(x, first), &stem).codes();
            let x = qconv2d(x, &dw).codes();
            // Read, so that a device that puts work off has done it.
            numbers(qlinear(q_global_mean(x), &head).floats())
        };
        let (_, kernels) = during(run);
        assert_eq!(kernels.len(), 3, "{name}: {kernels:?}");
        for (kernel, layer) in kernels.iter().zip(["w8a8", "depthwise", "w4a8"]) {
            let expected = if name == "wgpu" { "dp4a" } else { layer };
            assert!(
                kernel.contains(expected) && !kernel.contains("f32"),
                "{name}: {kernels:?}"
            );
        }
    }
}

/// The same look does see a float layer.
#[test]
fn a_float_product_is_seen() {
    let floats_only = QLinear::new(weights([2, 9], 8), Input::Float, Epilogue::plain()).unwrap();
    let x = tensor(&floats(18), [2, 9], &Device::flex());
    let (_, kernels) = during(|| qlinear(x, &floats_only));
    assert!(kernels[0].contains("f32"), "{kernels:?}");
}
