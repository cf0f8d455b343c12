//! The CPU's integer layers, each instruction set of this machine, against the naive twins.

mod bad_input;
mod cases;
mod convolution;
mod drawn;
mod fuzz;
mod joints;
mod linear;
mod weight_only;

/// Images `[B, C, H·W]` of `[B, H·W, C]`, or back with the sizes exchanged.
pub fn exchange(x: &[f32], [pixels, channels]: [usize; 2]) -> Vec<f32> {
    let image = |x: &[f32]| {
        (0..x.len())
            .map(|i| x[i % pixels * channels + i / pixels])
            .collect::<Vec<_>>()
    };
    x.chunks(pixels * channels).flat_map(image).collect()
}
