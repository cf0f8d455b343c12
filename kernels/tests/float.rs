//! Convolution, linear layers and normalization for training, against plain loops in `f64`.

use fairbit_kernels::ConvShape;
use fairbit_kernels::float::elementwise::Curve;
use fairbit_kernels::float::norm::{self, Moments};
use fairbit_kernels::float::pool::{self, Pool};
use fairbit_kernels::float::{conv, layer_norm};

/// Numbers in −1..1, different for each seed.
fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(next).collect()
}

/// Calls `visit(output index, input index, weight index)` for every product of a convolution.
fn products(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let [h, w] = shape.output();
    let (ci, taps) = (shape.c_in_group(), shape.kernel[0] * shape.kernel[1]);
    for b in 0..shape.batch {
        for at in 0..h * w {
            for tap in 0..taps {
                let row = shape.source(0, at / w, tap / shape.kernel[1]);
                let col = shape.source(1, at % w, tap % shape.kernel[1]);
                let (Some(row), Some(col)) = (row, col) else {
                    continue;
                };
                let source = (b * shape.input[0] + row) * shape.input[1] + col;
                for n in 0..shape.c_out {
                    let first = n / shape.c_out_group() * ci;
                    for c in 0..ci {
                        let out = (b * h * w + at) * shape.c_out + n;
                        visit(
                            out,
                            source * shape.c_in + first + c,
                            (n * ci + c) * taps + tap,
                        );
                    }
                }
            }
        }
    }
}

/// A sum of n products of numbers in −1..1 in any order is off by at most n · n · 2⁻²⁴.
fn close(got: &[f32], want: &[f64], n: usize, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let limit = (n * n) as f64 * 6e-8 + 1e-6;
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (f64::from(*got) - want).abs() <= limit,
            "{what} {i}: {got} instead of {want}"
        );
    }
}

fn shapes() -> Vec<ConvShape> {
    let mut shapes = Vec::new();
    for (c_in, c_out, groups) in [
        (3, 32, 1),
        (3, 7, 1),
        (16, 24, 1),
        (24, 144, 1),
        (33, 65, 1),
        (8, 12, 4),
        (20, 20, 20),
        (130, 130, 130),
        (1, 1, 1),
        (300, 5, 1),
    ] {
        for (kernel, stride, padding, dilation) in [
            (1, 1, 0, 1),
            (1, 2, 0, 1),
            (3, 1, 1, 1),
            (3, 2, 1, 1),
            (3, 1, 2, 2),
            (5, 2, 2, 1),
            (2, 3, 0, 1),
        ] {
            for (batch, input) in [(1, [5, 7]), (3, [8, 6])] {
                shapes.push(ConvShape {
                    batch,
                    c_in,
                    c_out,
                    input,
                    kernel: [kernel; 2],
                    stride: [stride; 2],
                    padding: [padding; 2],
                    dilation: [dilation; 2],
                    groups,
                });
            }
        }
    }
    shapes
}

#[test]
fn convolution_and_its_gradients_are_their_definitions() {
    for shape in shapes() {
        shape.check().unwrap();
        let [h, w] = shape.output();
        let x = numbers(
            shape.batch * shape.input[0] * shape.input[1] * shape.c_in,
            1,
        );
        let weights = numbers(shape.c_out * shape.k(), 2);
        let bias = numbers(shape.c_out, 3);
        let g = numbers(shape.batch * h * w * shape.c_out, 4);
        let mut y: Vec<f64> = (0..g.len())
            .map(|i| f64::from(bias[i % shape.c_out]))
            .collect();
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weights.len()]);
        products(&shape, |o, i, k| {
            y[o] += f64::from(x[i]) * f64::from(weights[k]);
            dx[i] += f64::from(g[o]) * f64::from(weights[k]);
            dw[k] += f64::from(g[o]) * f64::from(x[i]);
        });
        let taps = shape.kernel[0] * shape.kernel[1];
        let what = format!("{shape:?}");
        close(
            &conv::forward(&shape, &x, &weights, Some(&bias)),
            &y,
            shape.k() + 1,
            &what,
        );
        let k = taps * shape.c_out_group();
        close(&conv::backward_input(&shape, &g, &weights), &dx, k, &what);
        close(
            &conv::backward_weights(&shape, &x, &g),
            &dw,
            shape.batch * h * w,
            &what,
        );
    }
}

#[test]
fn linear_layers_and_their_gradients_are_their_definitions() {
    for (rows, d_in, d_out) in [
        (1, 1, 1),
        (5, 7, 3),
        (32, 100, 2),
        (17, 64, 130),
        (200, 33, 48),
    ] {
        let (x, weights) = (numbers(rows * d_in, 1), numbers(d_in * d_out, 2));
        let (bias, g) = (numbers(d_out, 3), numbers(rows * d_out, 4));
        let mut y: Vec<f64> = (0..g.len()).map(|i| f64::from(bias[i % d_out])).collect();
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weights.len()]);
        for r in 0..rows {
            for i in 0..d_in {
                for o in 0..d_out {
                    let (x, w, g) = (x[r * d_in + i], weights[i * d_out + o], g[r * d_out + o]);
                    y[r * d_out + o] += f64::from(x) * f64::from(w);
                    dx[r * d_in + i] += f64::from(g) * f64::from(w);
                    dw[i * d_out + o] += f64::from(g) * f64::from(x);
                }
            }
        }
        let size = [d_in, d_out];
        close(
            &conv::linear(&x, &weights, Some(&bias), size),
            &y,
            d_in + 1,
            "forward",
        );
        close(
            &conv::linear_backward_input(&g, &weights, size),
            &dx,
            d_out,
            "input",
        );
        close(
            &conv::linear_backward_weights(&x, &g, size),
            &dw,
            rows,
            "weights",
        );
    }
}

#[test]
fn sums_do_not_depend_on_the_number_of_threads() {
    let shape = shapes()[30];
    let x = numbers(
        shape.batch * shape.input[0] * shape.input[1] * shape.c_in,
        1,
    );
    let weights = numbers(shape.c_out * shape.k(), 2);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let y = conv::forward(&shape, &x, &weights, None);
            let dx = conv::backward_input(&shape, &y, &weights);
            let dw = conv::backward_weights(&shape, &x, &y);
            let many = numbers(50_000 * 3, 9);
            [y, dx, dw, norm::moments(&many, 3).1]
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(7));
}

#[test]
fn normalization_and_its_gradients_are_their_definitions() {
    for (rows, channels) in [(1, 4), (6, 1), (100, 3), (700, 130)] {
        for curve in [Curve::Identity, Curve::Relu, Curve::Silu] {
            let x: Vec<f32> = numbers(rows * channels, 1)
                .iter()
                .map(|x| 3.0 * x + 5.0)
                .collect();
            let (gamma, beta) = (numbers(channels, 2), numbers(channels, 3));
            let g = numbers(rows * channels, 4);
            let (mean, variance) = norm::moments(&x, channels);
            let n = norm::Normalization::new(&mean, &variance, 1e-3, &gamma, &beta);
            let y = n.forward(&x, curve);
            let [dx, dgamma, dbeta] = n.backward(&x, &g, curve, Moments::Batch);
            let [frozen, dgamma_frozen, dbeta_frozen] = n.backward(&x, &g, curve, Moments::Given);
            assert!(dgamma == dgamma_frozen && dbeta == dbeta_frozen);
            let slopes = curve.backward(&Normal(&n).of(&x), &g);
            for c in 0..channels {
                let column = |v: &[f32]| -> Vec<f64> {
                    (0..rows).map(|r| f64::from(v[r * channels + c])).collect()
                };
                let (x, y, dx, dz) = (column(&x), column(&y), column(&dx), column(&slopes));
                let m = x.iter().sum::<f64>() / rows as f64;
                let v = x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / rows as f64;
                let inverse = 1.0 / (v + 1e-3).sqrt();
                let hat: Vec<f64> = x.iter().map(|x| (x - m) * inverse).collect();
                let (scale, shift) = (f64::from(gamma[c]), f64::from(beta[c]));
                let z: Vec<f32> = hat.iter().map(|h| (scale * h + shift) as f32).collect();
                for (y, want) in y.iter().zip(curve.forward(&z)) {
                    assert!((y - f64::from(want)).abs() < 2e-4, "{y} {want}");
                }
                let sum: f64 = dz.iter().sum();
                let product: f64 = dz.iter().zip(&hat).map(|(d, h)| d * h).sum();
                let limit = 1e-4 * rows as f64 + 1e-4;
                assert!((f64::from(dbeta[c]) - sum).abs() < limit);
                let near = (f64::from(dgamma[c]) - product).abs() < limit * 30.0;
                assert!(near, "{} {product}", dgamma[c]);
                for r in 0..rows {
                    let given = scale * inverse * dz[r];
                    let back = scale * inverse * (sum + hat[r] * product) / rows as f64;
                    let frozen = f64::from(frozen[r * channels + c]);
                    for (found, want) in [(dx[r], given - back), (frozen, given)] {
                        let near = (found - want).abs() < 2e-3 * inverse;
                        assert!(near, "{rows} {channels}: {found} {want}");
                    }
                }
            }
        }
    }
}

/// What goes into the curve.
struct Normal<'a>(&'a norm::Normalization);

impl Normal<'_> {
    fn of(&self, x: &[f32]) -> Vec<f32> {
        self.0.forward(x, Curve::Identity)
    }
}

#[test]
fn layer_normalization_and_its_gradients_are_their_definitions() {
    for (rows, width) in [(1, 1), (3, 7), (70, 33), (5, 384)] {
        let x: Vec<f32> = numbers(rows * width, 1)
            .iter()
            .map(|x| 2.0 * x + 3.0)
            .collect();
        let (gamma, beta, g) = (
            numbers(width, 2),
            numbers(width, 3),
            numbers(rows * width, 4),
        );
        let y = layer_norm::forward(&x, &gamma, &beta, 1e-3);
        let [dx, dgamma, dbeta] = layer_norm::backward(&x, &gamma, &g, 1e-3);
        let (mut want_gamma, mut want_beta) = (vec![0.0f64; width], vec![0.0f64; width]);
        for r in 0..rows {
            let row = |v: &[f32]| -> Vec<f64> {
                v[r * width..(r + 1) * width]
                    .iter()
                    .map(|&v| f64::from(v))
                    .collect()
            };
            let (x, y, dx, g) = (row(&x), row(&y), row(&dx), row(&g));
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
            let inverse = 1.0 / (variance + 1e-3).sqrt();
            let hat: Vec<f64> = x.iter().map(|x| (x - mean) * inverse).collect();
            let d: Vec<f64> = g
                .iter()
                .zip(&gamma)
                .map(|(g, &s)| g * f64::from(s))
                .collect();
            let a = d.iter().sum::<f64>() / width as f64;
            let b = d.iter().zip(&hat).map(|(d, h)| d * h).sum::<f64>() / width as f64;
            // x is off by 2⁻²³ · 5 after the mean is taken away, times the inverse of at most 32.
            for i in 0..width {
                let want = hat[i] * f64::from(gamma[i]) + f64::from(beta[i]);
                assert!(
                    (y[i] - want).abs() < 1e-4,
                    "{rows} {width}: {} {want}",
                    y[i]
                );
                assert!((dx[i] - inverse * (d[i] - a - hat[i] * b)).abs() < 1e-4 * inverse);
                want_gamma[i] += g[i] * hat[i];
                want_beta[i] += g[i];
            }
        }
        for i in 0..width {
            assert!((f64::from(dgamma[i]) - want_gamma[i]).abs() < 1e-4 * rows as f64);
            assert!((f64::from(dbeta[i]) - want_beta[i]).abs() < 1e-5 * rows as f64);
        }
    }
}

#[test]
fn pooling_and_gating_are_their_definitions() {
    for (input, kernel, stride, padding) in
        [([7, 5], 3, 2, 1), ([6, 6], 3, 2, 0), ([4, 9], 2, 1, 0)]
    {
        let (batch, channels) = (2, 5);
        // Windows over the right and bottom edge are kept, as with ceil_mode.
        let output = input.map(|n: usize| (n + 2 * padding - kernel).div_ceil(stride) + 1);
        let [kernel, stride, padding] = [kernel, stride, padding].map(|v| [v; 2]);
        let pool = Pool {
            batch,
            channels,
            input,
            output,
            kernel,
            stride,
            padding,
        };
        let x = numbers(batch * input[0] * input[1] * channels, 1);
        let g = numbers(batch * output[0] * output[1] * channels, 2);
        let mut dx = vec![0.0f32; x.len()];
        let mut y = Vec::new();
        for (i, g) in g.iter().enumerate() {
            let (c, at) = (i % channels, i / channels);
            let (b, row, col) = (
                at / output[1] / output[0],
                at / output[1] % output[0],
                at % output[1],
            );
            let mut best: Option<usize> = None;
            for (r, q) in (0..kernel[0]).flat_map(|r| (0..kernel[1]).map(move |q| (r, q))) {
                let (row, col) = (row * stride[0] + r, col * stride[1] + q);
                let inside = |v: usize, axis: usize| {
                    v.checked_sub(padding[axis]).filter(|&v| v < input[axis])
                };
                if let (Some(row), Some(col)) = (inside(row, 0), inside(col, 1)) {
                    let at = ((b * input[0] + row) * input[1] + col) * channels + c;
                    best = best.filter(|&best| x[best] >= x[at]).or(Some(at));
                }
            }
            let best = best.unwrap();
            y.push(x[best]);
            dx[best] += g;
        }
        assert_eq!(pool.forward(&x), y);
        let sums = pool.backward(&x, &g);
        sums.iter()
            .zip(&dx)
            .for_each(|(got, want)| assert!((got - want).abs() < 1e-6));
    }
    let size @ [b, positions, c] = [3, 10, 7];
    let (x, g) = (numbers(b * positions * c, 1), numbers(b * positions * c, 2));
    let gates = numbers(b * c, 3);
    let at = |i: usize| i / (positions * c) * c + i % c;
    let (mut mean, mut dgate) = (vec![0.0; b * c], vec![0.0; b * c]);
    for i in 0..x.len() {
        mean[at(i)] += f64::from(x[i]) / positions as f64;
        dgate[at(i)] += f64::from(x[i]) * f64::from(g[i]);
    }
    close(&pool::mean(&x, size), &mean, positions, "mean");
    close(
        &pool::gate_backward(&x, &g, size),
        &dgate,
        positions,
        "gate",
    );
    let gated = pool::gate(&x, &gates, size);
    let spread = pool::mean_backward(&gates, size);
    for i in 0..x.len() {
        assert_eq!(gated[i], x[i] * gates[at(i)]);
        assert_eq!(spread[i], gates[at(i)] / positions as f32);
    }
}
