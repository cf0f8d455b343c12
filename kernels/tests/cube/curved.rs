//! SiLU and GELU outside a table: the device has its own exponential and error function.

use super::cases::{Draw, expected, words};
use super::support::{client, shape, stored};
use fairbit_kernels::cpu::{Input, Stored};
use fairbit_kernels::cube::device::Buffer;
use fairbit_kernels::cube::layer::{Acts, Batch, Layer};
use fairbit_kernels::cube::select::Form;
use fairbit_kernels::{ActQuant, Activation, Epilogue, Granularity, Output};

/// Floats are within a few units of their last place at the size of y, codes within one.
#[test]
fn curved_activations_are_close() {
    let client = client();
    let shape = shape(8, 12, [3, 3]);
    for (i, activation) in [Activation::Silu, Activation::Gelu].into_iter().enumerate() {
        for output in [
            Output::F32,
            Output::Codes(ActQuant::new(0.05, -3, 8).unwrap()),
        ] {
            let mut draw = Draw::new(i as u64);
            let weights = draw.weights([12, shape.k()], 8, Granularity::PerChannel);
            let (codes, quant) = (draw.codes(2 * 63 * 8, 8), draw.quant(8));
            let epilogue = Epilogue {
                bias: None,
                activation,
                output,
            };
            let layer = Layer::new(
                &client,
                &weights,
                shape,
                Form::Conv,
                Input::Static(quant),
                &epilogue,
            )
            .unwrap();
            let x = Acts::Codes(Buffer::words(&client, &words(&codes, 8)));
            let found = stored(&client, &layer, &x, Batch::Images(2, [9, 7]), &epilogue);
            match (
                found,
                expected(&shape, &codes, &[quant], &weights, &epilogue),
            ) {
                (Stored::Floats(a), Stored::Floats(b)) => {
                    for (a, b) in a.iter().zip(&b) {
                        // The error function of the contract is itself only within 1.5e-7.
                        let bound = 4e-6 * b.abs() + 1e-5;
                        assert!((a - b).abs() <= bound, "{activation:?}: {a} and {b}");
                    }
                }
                (Stored::Codes(a), Stored::Codes(b)) => {
                    let bytes = |words: Vec<u32>| words.into_iter().flat_map(u32::to_le_bytes);
                    for (a, b) in bytes(a).zip(bytes(b)) {
                        assert!(
                            (a as i8).abs_diff(b as i8) <= 1,
                            "{activation:?}: {a} and {b}"
                        );
                    }
                }
                _ => panic!("floats and codes"),
            }
        }
    }
}
