//! A device, and layers that are compared with the naive twin.

use crate::cases::{Draw, assert_same, expected, words};
use fairbit_kernels::cpu::{Input, Stored};
use fairbit_kernels::cube::device::{Buffer, ability};
use fairbit_kernels::cube::layer::{Acts, Batch, Layer};
use fairbit_kernels::cube::select::{Ability, Form};
use fairbit_kernels::cube::tiled::Inner;
use fairbit_kernels::{ConvShape, Epilogue, Granularity};

pub use cubecl::client::Client;

/// The first NVIDIA GPU where that is compiled in, else the device that wgpu finds first.
pub fn client() -> Client {
    #[cfg(feature = "cuda")]
    let device = cubecl::Device::cuda(0);
    #[cfg(not(feature = "cuda"))]
    let device = cubecl::Device::wgpu(Default::default());
    let device =
        device.expect("a wgpu device; the package mesa-vulkan-drivers brings one in software");
    device.client()
}

/// The tensor cores, or their emulation where there are none, and how their kernels are called.
pub fn tensor_cores(client: &Client) -> (Inner, &'static str) {
    match ability(client).inner {
        Inner::Mma => (Inner::Mma, "tensor-core"),
        _ => (Inner::EmulatedMma, "emulated-tensor-core"),
    }
}

/// Exact kinds of epilogue, see [`Draw::epilogue`]: no curved activation outside a table.
pub const EXACT: [usize; 14] = [0, 1, 2, 5, 6, 7, 10, 11, 12, 15, 16, 17, 18, 19];

/// A convolution of two images of 9 × 7.
pub fn shape(c_in: usize, c_out: usize, kernel: [usize; 2]) -> ConvShape {
    ConvShape {
        batch: 2,
        c_in,
        c_out,
        input: [9, 7],
        kernel,
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    }
}

/// One case of a grid.
pub struct Case {
    pub shape: ConvShape,
    pub bits: u32,
    pub granularity: Granularity,
    /// Bits of the activations.
    pub acts: u32,
    pub kind: usize,
}

impl Case {
    pub fn new(shape: ConvShape, bits: u32, kind: usize) -> Self {
        Self {
            shape,
            bits,
            granularity: Granularity::PerChannel,
            acts: 8,
            kind,
        }
    }
}

/// What the device stores.
pub fn stored(
    client: &Client,
    layer: &Layer,
    x: &Acts,
    batch: Batch,
    epilogue: &Epilogue,
) -> Stored {
    let out = layer.run(x, batch);
    match epilogue.output.quant() {
        None => Stored::Floats(out.to_floats(client)),
        Some(_) => Stored::Codes(out.to_words(client)),
    }
}

/// A device that multiplies by `inner` and has so many processors.
pub fn with(inner: Inner, processors: usize) -> Ability {
    Ability { inner, processors }
}

/// Fails unless a convolution of codes equals the twin and ran on `kernel`.
pub fn check(client: &Client, ability: Ability, case: &Case, kernel: &str, seed: u64) {
    let mut draw = Draw::new(seed);
    let &Case {
        shape,
        bits,
        granularity,
        acts,
        kind,
    } = case;
    let weights = draw.weights([shape.c_out, shape.k()], bits, granularity);
    let [h, w] = shape.input;
    let codes = draw.codes(shape.batch * h * w * shape.c_in, acts);
    let quant = draw.quant(acts);
    let epilogue = draw.epilogue(shape.c_out, kind);
    let input = Input::Static(quant);
    let layer = Layer::with(
        client,
        ability,
        &weights,
        shape,
        Form::Conv,
        input,
        &epilogue,
    )
    .unwrap();
    let batch = Batch::Images(shape.batch, shape.input);
    let what = format!("{shape:?}, {bits} bits, {granularity:?}, kind {kind}, on {kernel}");
    assert_eq!(layer.kernel(batch).to_string(), kernel, "{what}");
    let x = Acts::Codes(Buffer::words(client, &words(&codes, shape.c_in)));
    let found = stored(client, &layer, &x, batch, &epilogue);
    let expected = expected(&shape, &codes, &[quant], &weights, &epilogue);
    assert_same(&found, &expected, &epilogue, &what);
}
