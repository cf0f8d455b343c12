//! Looking at what passes through a leaf, without any model knowing: how calibration sees activations.

use std::fmt;
use std::sync::Arc;

use burn::tensor::Tensor;

use super::Act;

/// Where in a leaf or joint a tensor is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// What comes in.
    Input,
    /// The sum with its bias or normalization, before the activation.
    Sum,
    /// What goes out.
    Output,
}

/// What is called with the numbers of a tensor and its shape.
type See = dyn Fn(Site, &[f32], &[usize]) + Send + Sync;

/// Called with every tensor that passes: its numbers, image by image, and its shape.
#[derive(Clone)]
pub struct Watch(Arc<See>);

impl Watch {
    /// Calls `see` for each tensor.
    pub fn new(see: impl Fn(Site, &[f32], &[usize]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    /// Shows a tensor.
    pub(super) fn see<const D: usize>(&self, site: Site, x: &Tensor<D>) {
        let data = x.clone().into_data().convert::<f32>();
        let values: Vec<f32> = data.try_to_vec().expect("converted to f32");
        (self.0)(site, &values, &x.dims());
    }
}

impl Watch {
    /// A leaf under observation: `plain` is the leaf without its activation, so that the sum can be seen.
    pub(super) fn around<const D: usize>(
        &self,
        x: Tensor<D>,
        act: Act,
        plain: impl FnOnce(Tensor<D>) -> Tensor<D>,
    ) -> Tensor<D> {
        self.see(Site::Input, &x);
        let sum = plain(x);
        self.see(Site::Sum, &sum);
        let y = act.apply(sum);
        self.see(Site::Output, &y);
        y
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
