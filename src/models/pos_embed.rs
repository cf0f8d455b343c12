//! Position embeddings for another image size, as timm's `resample_abs_pos_embed` makes them: bicubic
//! with antialiasing.
//!
//! Keys' cubic convolution with a = −1/2 (IEEE TASSP 29(6), 1981, eq. 15), widened by the scale when
//! shrinking, which is what PyTorch's `interpolate(mode="bicubic", antialias=True)` computes.

use super::slots::HostTensor;

/// Resamples `[1, 1 + from², width]` to `[1, 1 + to², width]`; the class token is kept.
///
/// # Panics
/// If the shape is another one.
pub(super) fn resample(embedding: &HostTensor, from: usize, to: usize) -> HostTensor {
    let [1, tokens, width] = embedding.shape[..] else {
        panic!("[1, tokens, width]")
    };
    assert_eq!(tokens, 1 + from * from, "a class token and a square grid");
    let (class, grid) = embedding.values.split_at(width);
    // Along x: rows of `from` tokens, each `width` wide.
    let rows = along(grid, from, from, width, to);
    // Along y: one row, its tokens `to · width` wide.
    let grid = along(&rows, 1, from, to * width, to);
    let values = class.iter().copied().chain(grid).collect();
    HostTensor {
        shape: vec![1, 1 + to * to, width],
        values,
    }
}

/// Resamples the middle axis of `[outer, from, inner]` to `to`.
fn along(values: &[f32], outer: usize, from: usize, inner: usize, to: usize) -> Vec<f32> {
    let mut out = vec![0.0; outer * to * inner];
    for i in 0..to {
        let (first, weights) = taps(i, from, to);
        for o in 0..outer {
            let target = &mut out[(o * to + i) * inner..][..inner];
            for (k, weight) in weights.iter().enumerate() {
                let source = &values[(o * from + first + k) * inner..][..inner];
                for (t, s) in target.iter_mut().zip(source) {
                    *t += (weight * f64::from(*s)) as f32;
                }
            }
        }
    }
    out
}

/// First source position and normalized weights for output position `i`.
fn taps(i: usize, from: usize, to: usize) -> (usize, Vec<f64>) {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let center = scale * (i as f64 + 0.5);
    let first = (center - 2.0 * stretch + 0.5).max(0.0) as usize;
    let last = ((center + 2.0 * stretch + 0.5) as usize).min(from);
    let weights: Vec<f64> = (first..last)
        .map(|j| cubic((j as f64 - center + 0.5) / stretch))
        .collect();
    let sum: f64 = weights.iter().sum();
    (first, weights.iter().map(|w| w / sum).collect())
}

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(side: usize, width: usize) -> HostTensor {
        let n = (1 + side * side) * width;
        // Any irregular values will do; these are exact in f32.
        let values = (0..n).map(|i| (i * 37 % 101) as f32 / 8.0 - 6.0).collect();
        HostTensor {
            shape: vec![1, 1 + side * side, width],
            values,
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let e = embedding(4, 3);
        assert_eq!(resample(&e, 4, 4), e);
    }

    #[test]
    fn a_constant_grid_stays_constant_and_the_class_token_is_kept() {
        let mut e = embedding(14, 2);
        e.values[2..].fill(0.75);
        let out = resample(&e, 14, 4);
        assert_eq!(out.shape, [1, 17, 2]);
        assert_eq!(out.values[..2], e.values[..2]);
        assert!(out.values[2..].iter().all(|v| (v - 0.75).abs() < 1e-6));
    }
}
