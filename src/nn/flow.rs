//! What the leaves and joints exchange.
//!
//! One type for everything between two layers, so that a chain of layers can later stay in 8 bits
//! without any model knowing. Pooling and reshaping belong to it because they keep the scale of
//! what they move; where two flows meet, see [`Joint`](super::Joint).

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// A batch of activations on its way from one layer to the next.
#[derive(Debug, Clone)]
pub enum Flow<const D: usize> {
    /// Plain floats.
    F32(Tensor<D>),
}

/// What a pooling window that does not fit at the right or bottom edge does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// It is left out.
    Floor,
    /// It is kept, cut off at the edge (PyTorch's `ceil_mode`).
    Ceil,
}

/// A square pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Side of the window.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Positions added on each side, never the maximum.
    pub padding: usize,
    /// Windows over the edge.
    pub rounding: Rounding,
}

impl<const D: usize> Flow<D> {
    /// The activations as floats; the way out for arithmetic that is never quantized.
    pub fn into_float(self) -> Tensor<D> {
        match self {
            Self::F32(x) => x,
        }
    }

    /// Sizes of the dimensions.
    pub fn dims(&self) -> [usize; D] {
        match self {
            Self::F32(x) => x.dims(),
        }
    }
}

impl Flow<4> {
    /// Maximum over windows, `[B, C, H, W]` → `[B, C, H', W']`.
    pub fn max_pool(self, window: Window) -> Self {
        let options = MaxPoolOptions::<2>::new([window.kernel; 2])
            .with_stride([window.stride; 2])
            .with_padding([window.padding; 2])
            .with_ceil_mode(window.rounding == Rounding::Ceil);
        match self {
            Self::F32(x) => Self::F32(max_pool2d(x, options)),
        }
    }

    /// Mean over all positions, `[B, C, H, W]` → `[B, C, 1, 1]`.
    pub fn global_avg_pool(self) -> Self {
        match self {
            Self::F32(x) => Self::F32(x.mean_dim(3).mean_dim(2)),
        }
    }

    /// Channels, positions flattened into them, `[B, C, H, W]` → `[B, C·H·W]`.
    pub fn flatten(self) -> Flow<2> {
        match self {
            Self::F32(x) => Flow::F32(x.flatten(1, 3)),
        }
    }

    /// One token per position, row by row, `[B, C, H, W]` → `[B, H·W, C]`.
    pub fn into_tokens(self) -> Flow<3> {
        match self {
            Self::F32(x) => Flow::F32(x.flatten::<3>(2, 3).swap_dims(1, 2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn ramp(h: usize, w: usize) -> Flow<4> {
        let n = (h * w) as i64;
        let x = Tensor::<1, burn::tensor::Int>::arange(0..n, &Device::flex()).float();
        Flow::F32(x.reshape([1, 1, h, w]))
    }

    fn values<const D: usize>(x: Flow<D>) -> Vec<f32> {
        x.into_float().to_data().try_to_vec().unwrap()
    }

    #[test]
    fn ceil_keeps_the_window_over_the_edge_and_floor_drops_it() {
        let window = |rounding| Window {
            kernel: 3,
            stride: 2,
            padding: 0,
            rounding,
        };
        // 4 × 4 ramp: one full window; with ceil three more are cut off at the edge.
        assert_eq!(values(ramp(4, 4).max_pool(window(Rounding::Floor))), [10.0]);
        assert_eq!(
            values(ramp(4, 4).max_pool(window(Rounding::Ceil))),
            [10.0, 11.0, 14.0, 15.0]
        );
    }

    #[test]
    fn tokens_run_row_by_row_and_pooling_averages() {
        let x = Tensor::<4>::from_data(
            [[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]],
            &Device::flex(),
        );
        assert_eq!(
            values(Flow::F32(x.clone()).into_tokens()),
            [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]
        );
        assert_eq!(values(Flow::F32(x).global_avg_pool().flatten()), [2.5, 6.5]);
    }
}
