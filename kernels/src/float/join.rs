//! Channels of two tensors side by side, `[rows, C₁]`, `[rows, C₂]` → `[rows, C₁ + C₂]`, and apart again.

use rayon::prelude::*;

use super::share::written;

/// Rows of a task.
const ROWS: usize = 256;

/// Each row of `a`, then the same row of `b`.
///
/// # Panics
/// If the rows are not as many.
pub fn concat(a: &[f32], b: &[f32], [ca, cb]: [usize; 2]) -> Vec<f32> {
    let rows = a.len() / ca;
    assert_eq!([a.len(), b.len()], [rows * ca, rows * cb], "rows");
    written(rows * (ca + cb), |out| {
        let parts = out.par_chunks_mut(ROWS * (ca + cb));
        let parts = parts.zip(a.par_chunks(ROWS * ca).zip(b.par_chunks(ROWS * cb)));
        parts.for_each(|(out, (a, b))| {
            let rows = a.chunks_exact(ca).zip(b.chunks_exact(cb));
            for (out, (a, b)) in out.chunks_exact_mut(ca + cb).zip(rows) {
                out[..ca].copy_from_slice(a);
                out[ca..].copy_from_slice(b);
            }
        });
    })
}

/// Channels `from .. from + count` of rows of `channels`.
///
/// # Panics
/// If there are not as many channels.
pub fn slice(x: &[f32], channels: usize, from: usize, count: usize) -> Vec<f32> {
    assert!(from + count <= channels, "channels of a slice");
    let rows = x.len() / channels;
    written(rows * count, |out| {
        let parts = out.par_chunks_mut(ROWS * count);
        parts
            .zip(x.par_chunks(ROWS * channels))
            .for_each(|(out, x)| {
                for (out, x) in out.chunks_exact_mut(count).zip(x.chunks_exact(channels)) {
                    out.copy_from_slice(&x[from..from + count]);
                }
            });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_comes_apart() {
        for (rows, ca, cb) in [(1, 1, 1), (700, 3, 5), (256, 64, 16), (3, 1, 9)] {
            let a: Vec<f32> = (0..rows * ca).map(|i| i as f32).collect();
            let b: Vec<f32> = (0..rows * cb).map(|i| -1.0 - i as f32).collect();
            let both = concat(&a, &b, [ca, cb]);
            assert_eq!(both[(rows - 1) * (ca + cb) + ca], b[(rows - 1) * cb]);
            assert_eq!(slice(&both, ca + cb, 0, ca), a);
            assert_eq!(slice(&both, ca + cb, ca, cb), b);
        }
    }
}
