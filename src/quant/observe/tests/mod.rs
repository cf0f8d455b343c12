//! Observers against PyTorch, ONNX Runtime and plain definitions.

mod golden;
mod histogram;
mod ranges;

use super::*;

/// Knuth's MMIX generator, the upper 24 bits of its state as a number in [0, 1): that of
/// `tests/golden/observers.py`.
struct Uniforms(u64);

impl Uniforms {
    fn draw(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 24)
    }

    /// Variance 1, tails to ±6.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.draw()).sum::<f64>() - 6.0
    }
}

/// The tensors of `tests/golden/observers.py`, 8 images of 4096 values.
const TENSORS: [&str; 8] = [
    "normal",
    "lognormal",
    "silu",
    "relu",
    "relu6",
    "cubes",
    "constant",
    "zero",
];
const IMAGE: usize = 4096;

fn tensor(name: &str, seed: u64) -> Vec<f32> {
    let formula = |z: f64| match name {
        "normal" => z,
        "lognormal" => {
            let squared = |x: f64| x * x;
            squared(squared(squared(1.0 + z / 8.0)))
        }
        "silu" => {
            let x = 3.0 * z;
            x * (0.5 + 0.5 * (x / (1.0 + x.abs())))
        }
        "relu" => z.max(0.0),
        "relu6" => (6.0 * z).clamp(0.0, 6.0),
        "cubes" => z * z * z,
        "constant" => 3.7,
        "zero" => 0.0,
        other => panic!("no tensor {other}"),
    };
    let mut uniforms = Uniforms(seed);
    (0..8 * IMAGE)
        .map(|_| formula(uniforms.normal()) as f32)
        .collect()
}

fn histogram(values: &[f32]) -> Histogram {
    let mut histogram = Histogram::default();
    for image in values.chunks(IMAGE) {
        histogram.add(image, 1.0);
    }
    histogram
}

/// Weighted mean of (x − q(x))² with `fairbit_kernels::ActQuant::from_range`, step by step.
fn squared_error(values: &[(f32, f64)], range: Range, bits: u32) -> f64 {
    let most = (1 << (bits - 1)) - 1;
    let scale = (range.high * 0.5 - range.low * 0.5) / most as f32;
    let (scale, zero) = if scale.is_normal() && (1.0 / scale).is_finite() {
        let zero = (-range.low * (1.0 / scale)).round_ties_even() as i32 - most;
        (scale, zero.clamp(-most, most))
    } else {
        (1.0, 0)
    };
    let error = |x: f32| {
        let code =
            ((x * (1.0 / scale)).round_ties_even() + zero as f32).clamp(-most as f32, most as f32);
        (f64::from(scale * (code - zero as f32)) - f64::from(x)).powi(2)
    };
    let total: f64 = values.iter().map(|(_, w)| w).sum();
    values.iter().map(|(x, w)| w * error(*x)).sum::<f64>() / total
}

fn unweighted(values: &[f32]) -> Vec<(f32, f64)> {
    values.iter().map(|v| (*v, 1.0)).collect()
}
