//! A batch that no device holds is refused before anything is allocated.

use super::support::client;
use fairbit_kernels::cpu::Input;
use fairbit_kernels::cube::layer::{Batch, Layer};
use fairbit_kernels::cube::select::Form;
use fairbit_kernels::{ConvShape, Epilogue, Granularity, KernelError, PackedWeights};

#[test]
fn activations_beyond_the_device_are_a_typed_error() {
    let client = client();
    let shape = ConvShape {
        batch: 1,
        c_in: 64,
        c_out: 4,
        input: [1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };
    let weights =
        PackedWeights::pack(&[1; 256], vec![1.0; 4], [4, 64], 8, Granularity::PerChannel).unwrap();
    let epilogue = Epilogue::plain();
    let layer = Layer::new(
        &client,
        &weights,
        shape,
        Form::Conv,
        Input::Dynamic,
        &epilogue,
    )
    .unwrap();
    assert_eq!(layer.fits(Batch::Images(2, [3, 3])), Ok(()));
    let error = layer
        .fits(Batch::Images(1 << 20, [1 << 12, 1 << 12]))
        .unwrap_err();
    assert!(
        matches!(
            error,
            KernelError::Memory {
                what: "activations",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("smaller batch"), "{error}");
}
