//! Dropout of elements (arXiv:1207.0580) and of whole residual branches per image
//! (stochastic depth, arXiv:1603.09382, torchvision's mode "row").
//!
//! Both act only on an autodiff device. The draws come from the device's generator in the order of
//! the forward pass, so a reseeded device repeats them.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::Flow;

/// What is dropped as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granule {
    /// Each element for itself.
    Element,
    /// All of an image's activations.
    Row,
}

/// Configuration of a [`RandomDrop`].
#[derive(Config, Debug)]
pub struct RandomDropConfig {
    /// Probability of dropping, in [0, 1).
    pub prob: f64,
    /// Elements or rows.
    pub granule: Granule,
}

/// Drops at random in training, scales what is kept by 1 / (1 − prob), does nothing otherwise.
#[derive(Module, Debug)]
pub struct RandomDrop {
    /// burn's dropout: probability, training flag, draw.
    pub dropout: Dropout,
    /// Elements or rows.
    #[module(skip)]
    pub granule: Granule,
}

impl RandomDropConfig {
    /// Creates the module.
    ///
    /// # Panics
    /// If the probability is outside [0, 1).
    pub fn init(&self) -> RandomDrop {
        RandomDrop {
            dropout: DropoutConfig::new(self.prob).init(),
            granule: self.granule,
        }
    }
}

impl RandomDrop {
    /// Same shape in and out.
    pub fn forward<const D: usize>(&self, input: Flow<D>) -> Flow<D> {
        // Codes and symbols are inference, where nothing is dropped.
        let x = match input {
            Flow::F32(x) => x,
            // Training with simulated quantization drops too; what is dropped or scaled leaves its grid.
            Flow::Grid(x) if x.device().is_autodiff() && self.dropout.prob > 0.0 => x,
            rounded => return rounded,
        };
        let device = x.device();
        if self.dropout.prob == 0.0 || !device.is_autodiff() {
            return Flow::F32(x);
        }
        Flow::F32(match self.granule {
            Granule::Element => self.dropout.forward(x),
            Granule::Row => {
                let mut shape = [1; D];
                shape[0] = x.dims()[0];
                x * self.dropout.forward(Tensor::ones(shape, &device))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn rows(device: &Device, prob: f64) -> Vec<f32> {
        let drop = RandomDropConfig::new(prob, Granule::Row).init();
        let x = Tensor::<4>::ones([1000, 2, 1, 3], device);
        drop.forward(Flow::F32(x))
            .into_float()
            .to_data()
            .try_to_vec()
            .unwrap()
    }

    #[test]
    fn rows_drop_whole_at_the_rate_and_only_in_training() {
        assert!(rows(&Device::flex(), 0.25).iter().all(|&v| v == 1.0));
        let device = Device::flex().autodiff();
        device.seed(3);
        let out = rows(&device, 0.25);
        let mut dropped = 0;
        for row in out.chunks(6) {
            assert!(
                row.iter().all(|v| *v == row[0]),
                "{row:?} is not one granule"
            );
            assert!(row[0] == 0.0 || (row[0] - 4.0 / 3.0).abs() < 1e-6);
            dropped += usize::from(row[0] == 0.0);
        }
        // Binomial(1000, 0.25): standard deviation 13.7, five of them allowed.
        assert!(
            (dropped as i64 - 250).abs() < 69,
            "{dropped} of 1000 dropped"
        );
        device.seed(3);
        assert_eq!(
            out,
            rows(&device, 0.25),
            "the same seed has to repeat the draw"
        );
    }
}
