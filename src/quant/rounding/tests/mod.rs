//! Adaptive rounding against nearest rounding, exhaustive search and finite differences.

use super::*;

mod objective;
mod outcome;
mod search;

/// Knuth's MMIX generator and sums of twelve of its numbers.
struct Normals(u64);

impl Normals {
    fn uniform(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }

    fn draw(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }

    fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.draw()).collect()
    }
}

/// A layer with inputs that are correlated and not negative, as those after a ReLU.
struct Made {
    weights: Vec<f32>,
    scales: Vec<f32>,
    inputs: Vec<f32>,
    float_inputs: Vec<f32>,
    outputs: Vec<f32>,
    sample_weights: Vec<f32>,
    bits: u32,
    k: usize,
    groups: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Same,
    Float,
    Outputs,
}

const KINDS: [Kind; 3] = [Kind::Same, Kind::Float, Kind::Outputs];

impl Made {
    fn new(shape: [usize; 3], groups: usize, bits: u32, seed: u64) -> Self {
        let [rows, k, samples] = shape;
        let mut random = Normals(seed);
        let weights: Vec<f32> = random.many(rows * k).iter().map(|w| 0.05 * w).collect();
        let most = ((1 << (bits - 1)) - 1) as f32;
        let scale = |row: &[f32]| row.iter().fold(0.01f32, |m, w| m.max(w.abs())) / most;
        let hidden = k.div_ceil(3);
        let mut float_inputs = Vec::new();
        for _ in 0..groups {
            let mix = random.many(hidden * k);
            for _ in 0..samples {
                let causes = random.many(hidden);
                let column =
                    |i: usize| (0..hidden).map(|j| mix[j * k + i] * causes[j]).sum::<f32>();
                let x: Vec<f32> = (0..k).map(column).collect();
                float_inputs.extend(x.iter().map(|x| (x + 0.3 * random.draw()).max(0.0)));
            }
        }
        let quantized = |x: &f32| (x * 4.0).round_ties_even() / 4.0;
        let inputs: Vec<f32> = float_inputs.iter().map(quantized).collect();
        let mut outputs = vec![0.0; samples * rows];
        for sample in 0..samples {
            for row in 0..rows {
                let group = row / (rows / groups);
                let x = &float_inputs[(group * samples + sample) * k..][..k];
                let w = &weights[row * k..][..k];
                outputs[sample * rows + row] = x.iter().zip(w).map(|(x, w)| x * w).sum();
            }
        }
        Self {
            scales: weights.chunks(k).map(scale).collect(),
            sample_weights: (0..samples).map(|_| random.uniform()).collect(),
            weights,
            inputs,
            float_inputs,
            outputs,
            bits,
            k,
            groups,
        }
    }

    fn layer(&self, kind: Kind) -> Layer<'_> {
        Layer {
            weights: &self.weights,
            scales: &self.scales,
            bits: self.bits,
            k: self.k,
            groups: self.groups,
            inputs: &self.inputs,
            targets: match kind {
                Kind::Same => Targets::SameInputs,
                Kind::Float => Targets::FloatInputs(&self.float_inputs),
                Kind::Outputs => Targets::Outputs(&self.outputs),
            },
            sample_weights: &self.sample_weights,
        }
    }
}

/// Σ over rows of the weighted mean squared error, by its definition and in `f64`.
fn plain_error(layer: &Layer, codes: &[i8]) -> f64 {
    (0..layer.rows())
        .map(|row| plain_error_of_row(layer, codes, row))
        .sum()
}

fn plain_error_of_row(layer: &Layer, codes: &[i8], row: usize) -> f64 {
    let (k, n) = (layer.k, layer.samples());
    let group = row / (layer.rows() / layer.groups);
    let dot = |inputs: &[f32], sample: usize, weight: &dyn Fn(usize) -> f64| -> f64 {
        let x = &inputs[(group * n + sample) * k..][..k];
        let terms = x.iter().enumerate();
        terms
            .map(|(i, x)| f64::from(*x) * weight(row * k + i))
            .sum()
    };
    let float = |i: usize| f64::from(layer.weights[i]);
    let coded = |i: usize| f64::from(layer.scales[row]) * f64::from(codes[i]);
    let mut error = 0.0;
    let mut total = 0.0;
    for sample in 0..n {
        let want = match layer.targets {
            Targets::SameInputs => dot(layer.inputs, sample, &float),
            Targets::FloatInputs(x) => dot(x, sample, &float),
            Targets::Outputs(y) => f64::from(y[sample * layer.rows() + row]),
        };
        let weight = f64::from(layer.sample_weights[sample]);
        error += weight * (dot(layer.inputs, sample, &coded) - want).powi(2);
        total += weight;
    }
    error / total
}
