//! What the leaves and joints exchange.
//!
//! One type for everything between two layers, so that a chain of layers can stay in 8 bits without any
//! model knowing. Four-dimensional flows are channels-last, `[B, H, W, C]`: a position is one
//! row, which is what the kernels for training and for integers read. Pooling and reshaping belong to it because they keep the scale of
//! what they move; where two flows meet, see [`Joint`](super::Joint).

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use fairbit_kernels::cpu::joints;
use fairbit_kernels::tensor::{QTensor, dequantize_rows, q_global_mean, q_max_pool2d};
use fairbit_kernels::train;

use super::{Symbol, record};

/// A batch of activations on its way from one layer to the next.
#[derive(Debug, Clone)]
pub enum Flow<const D: usize> {
    /// Plain floats.
    F32(Tensor<D>),
    /// Floats that a leaf or joint has rounded to the grid of its codes: quantization simulated, where
    /// gradients pass, or on a device whose numbers are not the host's.
    Grid(Tensor<D>),
    /// Codes of 8 bits, four to a word: of a packed leaf, or of one on its grid in evaluation.
    Q8(QTensor<D>),
    /// Nothing yet: the name of a value in a graph that is being recorded.
    Symbol(Symbol<D>),
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
    ///
    /// # Panics
    /// For a symbol, which has no numbers: what computes has to record it before it comes here.
    pub fn into_float(self) -> Tensor<D> {
        match self {
            Self::F32(x) | Self::Grid(x) => x,
            Self::Q8(x) => dequantize_rows(x),
            Self::Symbol(x) => panic!("{x:?} was to be recorded, not computed"),
        }
    }

    /// Sizes of the dimensions.
    pub fn dims(&self) -> [usize; D] {
        match self {
            Self::F32(x) | Self::Grid(x) => x.dims(),
            Self::Q8(x) => x.dims(),
            Self::Symbol(x) => x.dims(),
        }
    }
}

impl Window {
    /// The same window over codes.
    fn of_codes(self) -> joints::Pool {
        joints::Pool {
            kernel: [self.kernel; 2],
            stride: [self.stride; 2],
            padding: [self.padding; 2],
            rounding: match self.rounding {
                Rounding::Floor => joints::Rounding::Down,
                Rounding::Ceil => joints::Rounding::Up,
            },
        }
    }

    /// Output positions along an axis of `input` positions.
    fn output(self, input: usize) -> usize {
        let room = input + 2 * self.padding - self.kernel;
        let steps = match self.rounding {
            Rounding::Floor => room / self.stride,
            Rounding::Ceil => room.div_ceil(self.stride),
        };
        // A window that would begin beyond the image and its left padding is dropped, as in PyTorch.
        let beyond = steps * self.stride >= input + self.padding;
        steps + usize::from(!beyond)
    }
}

impl Flow<4> {
    /// Images as they come from a batch, `[B, C, H, W]`.
    pub fn from_images(images: Tensor<4>) -> Self {
        Self::F32(images.permute([0, 2, 3, 1]))
    }

    /// Maximum over windows, `[B, H, W, C]` → `[B, H', W', C]`.
    pub fn max_pool(self, window: Window) -> Self {
        match self {
            Self::F32(x) => Self::F32(max_pool(x, window)),
            Self::Grid(x) => Self::Grid(max_pool(x, window)),
            Self::Q8(x) => Self::Q8(q_max_pool2d(x, window.of_codes())),
            Self::Symbol(x) => {
                let [_, h, w, _] = x.dims();
                let size = [window.output(h), window.output(w)];
                Self::Symbol(record::max_pool(&x, window, size))
            }
        }
    }

    /// Mean over all positions, `[B, H, W, C]` → `[B, 1, 1, C]`.
    pub fn global_avg_pool(self) -> Self {
        let x = match self {
            Self::F32(x) | Self::Grid(x) => x,
            Self::Q8(x) => {
                let [batch, _, _, channels] = x.dims();
                return Self::F32(q_global_mean(x).reshape([batch, 1, 1, channels]));
            }
            Self::Symbol(x) => return Self::Symbol(record::global_avg_pool(&x)),
        };
        Self::F32(match train::runs_on(&x) {
            true => train::global_avg_pool(x),
            false => x.mean_dim(1).mean_dim(2),
        })
    }

    /// One vector per image, `[B, H, W, C]` → `[B, H·W·C]`.
    pub fn flatten(self) -> Flow<2> {
        match self {
            Self::Grid(x) => Flow::Grid(x.flatten(1, 3)),
            Self::Symbol(x) => Flow::Symbol(record::flatten(&x)),
            x => Flow::F32(x.into_float().flatten(1, 3)),
        }
    }

    /// One token per position, row by row, `[B, H, W, C]` → `[B, H·W, C]`.
    pub fn into_tokens(self) -> Flow<3> {
        match self {
            Self::F32(x) => Flow::F32(x.flatten::<3>(1, 2)),
            Self::Grid(x) => Flow::Grid(x.flatten::<3>(1, 2)),
            Self::Q8(x) => {
                let (channels, quant) = (x.channels(), x.quant());
                let words = x.into_words().flatten::<3>(1, 2);
                Flow::Q8(QTensor::new(words, channels, quant))
            }
            Self::Symbol(x) => Flow::Symbol(record::into_tokens(&x)),
        }
    }
}

fn max_pool(x: Tensor<4>, window: Window) -> Tensor<4> {
    let [batch, h, w, channels] = x.dims();
    if train::runs_on(&x) {
        let pool = train::Pool {
            batch,
            channels,
            input: [h, w],
            output: [window.output(h), window.output(w)],
            kernel: [window.kernel; 2],
            stride: [window.stride; 2],
            padding: [window.padding; 2],
        };
        return train::max_pool2d(x, pool);
    }
    let options = MaxPoolOptions::<2>::new([window.kernel; 2])
        .with_stride([window.stride; 2])
        .with_padding([window.padding; 2])
        .with_ceil_mode(window.rounding == Rounding::Ceil);
    let y = max_pool2d(x.permute([0, 3, 1, 2]), options);
    y.permute([0, 2, 3, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn ramp(h: usize, w: usize) -> Flow<4> {
        let n = (h * w) as i64;
        let x = Tensor::<1, burn::tensor::Int>::arange(0..n, &Device::flex()).float();
        Flow::F32(x.reshape([1, h, w, 1]))
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
        let images = Tensor::<4>::from_data(
            [[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]],
            &Device::flex(),
        );
        let x = Flow::from_images(images);
        assert_eq!(
            values(x.clone().into_tokens()),
            [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]
        );
        assert_eq!(values(x.global_avg_pool().flatten()), [2.5, 6.5]);
    }
}
